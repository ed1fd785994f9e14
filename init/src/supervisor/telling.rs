//! What is told of the environment: output and events of Lambda's, to the server and to subscribers.

use std::sync::Arc;

use bytes::Bytes;
use larder_init::link::{FromInit, FunctionFacts};
use larder_init::platform::{self, PlatformEvent};

use super::{Run, Supervisor, now_ms};
use crate::lines::Lines;
use crate::output::Output;
use crate::telemetry::{Stream, Telemetry};

/// Bytes that a drain reads at most. A pipe holds 64 KiB, or 1 MiB where the function enlarged it:
/// so all that was there is read, though a background process may write without end.
const DRAIN_LIMIT: usize = 1024 * 1024;

impl Supervisor {
    /// Sends an event of Lambda's to the server, which logs it, and to the subscribers.
    pub(super) fn tell(&mut self, event: &PlatformEvent) {
        self.telemetry.platform(event);
        self.send(&FromInit::Platform(event.clone()));
    }

    /// Tells how each extension came through the init phase.
    pub(super) fn tell_extensions(&mut self) {
        let Some(run) = &self.run else {
            return;
        };
        let events: Vec<_> = run
            .extensions
            .all
            .iter()
            .map(|extension| {
                let name = extension.name.as_str();
                let state = extension.state.name();
                let names = extension.subscriptions.names();
                platform::extension(now_ms(), name, state, &names, extension.error_type.as_deref())
            })
            .collect();
        for event in events {
            self.tell(&event);
        }
    }

    /// The facts that events name.
    pub(super) fn facts(&self) -> Arc<FunctionFacts> {
        Arc::clone(&self.function)
    }

    /// Sends one piece of output of each. The rest of the output lets other events go first.
    pub(super) fn on_output(&mut self) {
        let Some(mut run) = self.run.take() else {
            return;
        };
        let Run { runtime, lines, extensions, .. } = &mut run;
        if let Some(piece) = runtime.as_mut().and_then(|runtime| runtime.output.take()) {
            self.function_output(piece, lines);
        }
        for extension in &mut extensions.all {
            if let Some(piece) = extension.output.as_mut().and_then(Output::take) {
                self.extension_output(piece, &mut extension.lines);
            }
        }

        self.run = Some(run);
    }

    /// Sends everything that was written before now.
    pub(super) fn drain_output(&mut self) {
        let Some(mut run) = self.run.take() else {
            return;
        };
        let Run { runtime, lines, extensions, .. } = &mut run;
        if let Some(runtime) = runtime {
            drain(&mut runtime.output, |piece| self.function_output(piece, lines));
        }
        for extension in &mut extensions.all {
            let lines = &mut extension.lines;
            if let Some(output) = &mut extension.output {
                drain(output, |piece| self.extension_output(piece, lines));
            }
        }

        self.run = Some(run);
    }

    /// Sends the lines that have no end.
    pub(super) fn end_lines(&mut self) {
        let Some(mut run) = self.run.take() else {
            return;
        };
        if let Some(line) = run.lines.rest() {
            self.telemetry.line(Stream::Function, now_ms(), &line);
        }
        for extension in &mut run.extensions.all {
            if let Some(mut line) = extension.lines.rest() {
                line.push(b'\n');
                self.extension_line(line);
            }
        }

        self.run = Some(run);
    }

    fn function_output(&mut self, piece: &[u8], lines: &mut Lines) {
        let time_ms = now_ms();
        tell_lines(&mut self.telemetry, time_ms, piece, lines);
        self.send(&FromInit::Log { time_ms, data: Bytes::copy_from_slice(piece) });
    }

    fn extension_output(&mut self, piece: &[u8], lines: &mut Lines) {
        for line in lines.push(piece) {
            self.extension_line(line);
        }
    }

    fn extension_line(&mut self, line: Vec<u8>) {
        let time_ms = now_ms();
        self.telemetry.line(Stream::Extension, time_ms, &line);
        self.send(&FromInit::Line { time_ms, data: line.into() });
    }
}

/// Tells the lines of the function to whoever subscribed to them; a line is put together for them only.
fn tell_lines(telemetry: &mut Telemetry, time_ms: u64, piece: &[u8], lines: &mut Lines) {
    if telemetry.wants_lines() {
        for line in lines.push(piece) {
            telemetry.line(Stream::Function, time_ms, &line);
        }
    }
}

fn drain(output: &mut Output, mut take: impl FnMut(&[u8])) {
    let mut count = 0;
    while count < DRAIN_LIMIT {
        let Some(piece) = output.take_now() else {
            return;
        };
        count += piece.len();
        take(piece);
    }
}
