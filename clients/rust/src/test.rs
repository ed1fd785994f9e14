//! One test, from its begin to its end.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::thread;

use crate::calls::Error;
use crate::{Larder, now_ms};

/// The mark at which a test began.
const BEGIN: &str = "test-begins";

/// A test of a suite. When it is dropped, what was done to the state is undone; where the test panicked, what happened
/// is left as a pod under its name.
#[derive(Debug)]
pub struct Test<'a> {
    larder: &'a Larder,
    begin: String,
    _turn: MutexGuard<'a, ()>,
}

impl<'a> Test<'a> {
    pub(crate) fn begin(larder: &'a Larder) -> Result<Self, Error> {
        // That another test failed is no matter of this one.
        let turn = larder.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = larder.mark(BEGIN)?;
        larder.since.store(now_ms(), Ordering::Relaxed);
        Ok(Self { larder, begin, _turn: turn })
    }

    /// Writes what happened, and says so.
    fn keep(&self, pod: &Path) {
        let written = make_folder(&self.larder.failures).and_then(|()| self.larder.save_pod(pod));
        let pod = pod.display();
        match written {
            Ok(()) => eprintln!(
                "larder: what happened is in {pod}; `larder reproduce {pod}` runs it again, here or elsewhere"
            ),
            Err(error) => eprintln!("larder: there is no pod of what happened: {error}"),
        }
    }
}

impl Deref for Test<'_> {
    type Target = Larder;

    fn deref(&self) -> &Larder {
        self.larder
    }
}

impl Drop for Test<'_> {
    fn drop(&mut self) {
        let pod = pod_of(&self.larder.failures);
        let failed = thread::panicking();
        if failed {
            self.keep(&pod);
        } else {
            // One of a run before this would tell of what is no more.
            let _ = fs::remove_file(&pod);
        }

        let undone = self.larder.rewind(&self.begin);
        assert!(failed || undone.is_ok(), "what the test did is not undone: {undone:?}");
    }
}

/// The file of this test, by the name that its thread has of it.
fn pod_of(failures: &Path) -> PathBuf {
    let name = thread::current().name().unwrap_or("test").replace("::", ".");
    let failures = std::path::absolute(failures).unwrap_or_else(|_| failures.to_owned());
    failures.join(format!("{name}.pod"))
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        return Ok(());
    }
    let made = fs::create_dir_all(folder).and_then(|()| fs::write(folder.join(".gitignore"), "*\n"));
    made.map_err(|error| Error::of_file(folder, &error))
}
