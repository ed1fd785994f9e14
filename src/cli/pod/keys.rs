//! Encryption of pods on the command line: what locks one, and what opens one. A server never sees either.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Seek as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::error::{CliError, Kind, not_read};
use crate::pods::encryption::{Keys, Lock, SealedWriter, is_sealed};
use crate::pods::read::may_begin_a_pod;

/// Where scripts put the passphrase: an argument would be seen by every user of the machine.
const PASSPHRASE: &str = "LARDER_POD_PASSPHRASE";

/// Whether and how a pod is encrypted.
#[derive(Debug, Args)]
pub struct Seal {
    /// Encrypt the pod (age), with the passphrase in `LARDER_POD_PASSPHRASE` or one that is asked for
    #[arg(long)]
    encrypt: bool,
    /// Encrypt the pod for a recipient (age1…) instead; may be repeated
    #[arg(long, value_name = "RECIPIENT")]
    recipient: Vec<String>,
}

/// What opens encrypted pods.
#[derive(Debug, Args)]
pub struct Unseal {
    /// File with age identities, for a pod encrypted with --recipient; may be repeated
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
}

impl Seal {
    /// The lock that was asked for; `None`: the pod stays readable.
    pub fn lock(&self) -> Result<Option<Lock>, CliError> {
        if !self.recipient.is_empty() {
            return Ok(Some(Lock::for_recipients(&self.recipient).map_err(|error| error.to_string())?));
        }
        if !self.encrypt {
            return Ok(None);
        }
        Ok(Some(Lock::for_passphrase(passphrase(true)?).map_err(|error| error.to_string())?))
    }
}

impl Unseal {
    /// Opens a pod's file, decrypted if it is encrypted: into a file without a name, which ends with the process.
    pub fn open(&self, path: &Path) -> Result<File, CliError> {
        let problem = |error: io::Error| format!("{}: {error}", path.display());
        let mut file = BufReader::new(File::open(path).map_err(|error| not_read(path, &error))?);
        let beginning = file.fill_buf().map_err(problem)?;
        if !may_begin_a_pod(beginning) {
            let message = format!("{} is no whole pod: it does not begin as one", path.display());
            return Err(CliError::new(Kind::Damaged, message));
        }

        if !is_sealed(beginning) {
            file.rewind().map_err(problem)?;
            return Ok(file.into_inner());
        }

        let refused = |error: crate::pods::PodError| format!("{}: {error}", path.display());
        let mut reader = self.keys()?.unseal(file).map_err(refused)?;
        let mut plain = tempfile::tempfile().map_err(problem)?;
        io::copy(&mut reader, &mut plain).map_err(problem)?;
        plain.rewind().map_err(problem)?;

        Ok(plain)
    }

    fn keys(&self) -> Result<Keys, CliError> {
        let mut keys = Keys::default();
        for path in &self.identity {
            let problem = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let file = File::open(path).map_err(|error| problem(&error))?;
            keys.add_identities(BufReader::new(file)).map_err(|error| problem(&error))?;
        }

        if self.identity.is_empty() {
            keys.add_passphrase(passphrase(false)?);
        }
        Ok(keys)
    }
}

/// The passphrase, from the environment or the terminal; a new one is asked for twice.
fn passphrase(is_new: bool) -> Result<String, CliError> {
    if let Some(given) = std::env::var_os(PASSPHRASE).filter(|given| !given.is_empty()) {
        let text = given.into_string().map_err(|_| format!("{PASSPHRASE} is no text"))?;
        return Ok(text);
    }
    if !io::stdin().is_terminal() {
        return Err(format!("the pod needs a passphrase: set {PASSPHRASE}, or use --recipient and --identity").into());
    }
    let ask = |prompt: &str| {
        rpassword::prompt_password(prompt).map_err(|error| format!("cannot ask for the passphrase: {error}"))
    };
    let first = ask("Passphrase of the pod: ")?;
    if first.is_empty() {
        return Err("an empty passphrase locks nothing".to_owned().into());
    }
    if is_new && ask("Once more: ")? != first {
        return Err("the passphrases differ".to_owned().into());
    }
    Ok(first)
}

/// Where a pod is written: a file as it is, or encrypted on the way.
pub enum Sink<W: Write> {
    /// As it is.
    Plain(W),
    /// Encrypted.
    Sealed(SealedWriter<W>),
}

impl<W: Write> Sink<W> {
    /// A sink into `target`.
    pub fn new(target: W, lock: Option<&Lock>) -> Result<Self, CliError> {
        match lock {
            Some(lock) => Ok(Self::Sealed(lock.seal(target).map_err(|error| error.to_string())?)),
            None => Ok(Self::Plain(target)),
        }
    }

    /// Writes what is still held: an encrypted file is whole only then.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut target) => target.flush(),
            Self::Sealed(sealed) => sealed.finish().and_then(|mut target| target.flush()),
        }
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(target) => target.write(bytes),
            Self::Sealed(sealed) => sealed.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(target) => target.flush(),
            Self::Sealed(sealed) => sealed.flush(),
        }
    }
}
