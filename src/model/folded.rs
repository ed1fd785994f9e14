//! A value that lies in few bytes until somebody asks for it: most of a large state is not looked at for days.

use std::sync::OnceLock;

/// Makes a value of the bytes that it was folded into.
pub type Unfold<T> = fn(&[u8]) -> T;

/// A folded value. What its bytes are is the affair of whoever folds it.
pub struct Folded<T> {
    bytes: Box<[u8]>,
    unfold: Unfold<T>,
    /// Since somebody asked.
    opened: OnceLock<T>,
}

impl<T: Clone> Folded<T> {
    /// A value that nobody has asked for.
    pub fn new(bytes: Box<[u8]>, unfold: Unfold<T>) -> Self {
        Self { bytes, unfold, opened: OnceLock::new() }
    }

    /// What it was folded into.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value, which stays open.
    pub fn open(&self) -> &T {
        self.opened.get_or_init(|| (self.unfold)(&self.bytes))
    }

    /// The value, opened for the caller only: a walk through all of a state does not leave all of it open.
    pub fn read(&self) -> T {
        self.opened.get().cloned().unwrap_or_else(|| (self.unfold)(&self.bytes))
    }

    /// Whether it stays open.
    #[cfg(test)]
    pub fn is_open(&self) -> bool {
        self.opened.get().is_some()
    }
}
