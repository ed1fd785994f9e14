//! A pager on a terminal, so that a long history begins with what is newest.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use anstream::{AutoStream, ColorChoice};

use super::terminal::print;

/// The pager where nobody named one: it ends at once where all fits on the screen, and shows colours.
const LESS: [&str; 2] = ["less", "-FRX"];

/// Where lines go.
#[derive(Debug)]
pub struct Output(Option<Pager>);

#[derive(Debug)]
struct Pager {
    process: Child,
    input: ChildStdin,
    colours: ColorChoice,
}

impl Output {
    /// To a pager, if that is wanted and somebody looks; else to standard output.
    pub fn new(pager: bool) -> Self {
        let somebody_looks = pager && std::io::stdout().is_terminal();
        Self(if somebody_looks { start(&command()) } else { None })
    }

    /// Prints a line; `false` when nobody reads any more.
    pub fn print(&mut self, line: &str) -> bool {
        let Some(pager) = &mut self.0 else { return print(line) };
        let mut text = AutoStream::new(Vec::new(), pager.colours);
        writeln!(text, "{line}").is_ok() && pager.input.write_all(&text.into_inner()).is_ok()
    }

    /// Waits until the reader is done.
    pub fn end(self) {
        let Some(Pager { mut process, input, .. }) = self.0 else { return };
        drop(input);
        // How the pager ended says nothing about what was printed.
        let _ = process.wait();
    }
}

/// The pager's words: `LARDER_PAGER`, `PAGER`, or `less`; none where it is empty, or `cat`.
fn command() -> Vec<OsString> {
    let named = ["LARDER_PAGER", "PAGER"].iter().find_map(|name| std::env::var(name).ok());
    match named {
        Some(text) if text == "cat" => Vec::new(),
        Some(text) => shlex::split(&text).unwrap_or_default().into_iter().map(Into::into).collect(),
        None => LESS.map(Into::into).to_vec(),
    }
}

/// Starts a pager; `None` where it is not there.
fn start(words: &[OsString]) -> Option<Pager> {
    let (program, arguments) = words.split_first()?;
    let mut process = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn().ok()?;
    let input = process.stdin.take()?;

    Some(Pager { process, input, colours: AutoStream::choice(&std::io::stdout()) })
}
