//! Hot reload: the function's files have changed, and the runtime is started again in the same environment.

use larder_init::link::FromInit;

use super::Supervisor;

/// The changes of the code that the server told of.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// For which the runtime has to be started again.
    asked: Option<u64>,
    /// For which it was started, and has not read its code yet.
    loading: Option<u64>,
}

impl Changes {
    /// Takes one; it covers those before.
    pub(super) fn ask(&mut self, change: u64) {
        self.asked = Some(change);
    }

    /// The runtime is being started, with all that was asked for.
    pub(super) fn begin(&mut self) {
        self.loading = self.asked.take().or(self.loading);
    }
}

impl Supervisor {
    /// Starts the runtime again if its files have changed, unless an invocation runs: that ends on the code it
    /// began with.
    pub(super) async fn reload_when_idle(&mut self) {
        if self.changes.asked.is_none() || self.invocation.is_some() || self.start.is_none() {
            return;
        }
        self.changes.begin();
        self.stop_runtime().await;
        if let Err(reason) = self.start_runtime() {
            // The next invocation tries again, and tells its caller.
            eprintln!("larder-init: start the runtime with changed code: {reason}");
            self.note_loaded();
        }
    }

    /// The runtime has read its code, well or not: tells a server that waits for that.
    pub(super) fn note_loaded(&mut self) {
        if let Some(change) = self.changes.loading.take() {
            self.send(&FromInit::Loaded { change });
        }
    }
}
