//! A build without encryption: whoever wants it is told how to get it.

use std::convert::Infallible;
use std::io::{self, BufRead, Write};
use std::marker::PhantomData;

use crate::pods::PodError;

fn left_out() -> PodError {
    let reason = "this larder was built without encryption: build it with `--features encryption`";
    PodError::Encryption(reason.to_owned())
}

/// A lock that nobody has.
#[derive(Debug, Clone)]
pub struct Lock(Infallible);

/// A writer that nobody has.
pub struct SealedWriter<W>(Infallible, PhantomData<W>);

/// Keys that open nothing.
#[derive(Debug, Default)]
pub struct Keys(());

impl Lock {
    /// # Errors
    /// Always.
    pub fn for_passphrase(_passphrase: String) -> Result<Self, PodError> {
        Err(left_out())
    }

    /// # Errors
    /// Always.
    pub fn for_recipients(_texts: &[String]) -> Result<Self, PodError> {
        Err(left_out())
    }

    /// # Errors
    /// None: there is no lock.
    pub fn seal<W: Write>(&self, _target: W) -> Result<SealedWriter<W>, PodError> {
        match self.0 {}
    }
}

impl Keys {
    /// Adds nothing.
    pub fn add_passphrase(&mut self, _passphrase: String) {}

    /// # Errors
    /// Always.
    pub fn add_identities(&mut self, _file: impl BufRead) -> Result<(), PodError> {
        Err(left_out())
    }

    /// # Errors
    /// Always.
    pub fn unseal<R: BufRead>(&self, _source: R) -> Result<io::Empty, PodError> {
        Err(left_out())
    }
}

impl<W> SealedWriter<W> {
    /// # Errors
    /// None: there is no writer.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {}
    }
}

impl<W> Write for SealedWriter<W> {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}
