//! Hot reload: the function's files have changed, and the runtime is started again in the same environment.

use larder_init::link::FromInit;
use larder_init::platform::Phase;

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
        let is_idle = self.invocation.is_none() && self.ending.is_none();
        if self.changes.asked.is_none() || !is_idle || self.start.is_none() {
            return;
        }
        self.changes.begin();
        self.stop_all().await;
        // What goes wrong the next invocation meets again, and its caller is told.
        self.begin(Phase::Invoke).await;
    }

    /// The runtime has read its code, well or not: tells a server that waits for that.
    pub(super) fn note_loaded(&mut self) {
        if let Some(change) = self.changes.loading.take() {
            self.send(&FromInit::Loaded { change });
        }
    }
}
