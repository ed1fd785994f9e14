//! Encryption by the crate `age`.

use std::io::{BufRead, Write};

use age::secrecy::SecretString;
use age::stream::{StreamReader, StreamWriter};
use age::{DecryptError, Decryptor, Encryptor, Identity, IdentityFile, Recipient, scrypt, x25519};

use crate::pods::{PodError, io_error};

/// Work of a passphrase when a pod is encrypted, as a power of two: what `age` uses, about a second.
const WORK: u8 = 18;

/// Work that a stranger's file may ask for: what `age` allows, some seconds.
const MAX_WORK: u8 = 22;

/// Who can read a pod that is encrypted with it.
#[derive(Debug, Clone)]
pub enum Lock {
    /// Whoever knows the passphrase.
    Passphrase(SecretString),
    /// Whoever has the identity of one of these recipients.
    Recipients(Vec<x25519::Recipient>),
}

/// Encrypts what is written to it.
pub type SealedWriter<W> = StreamWriter<W>;

impl Lock {
    /// A lock for whoever knows the passphrase.
    ///
    /// # Errors
    /// None here; a build without encryption has one.
    #[allow(clippy::unnecessary_wraps)]
    pub fn for_passphrase(passphrase: String) -> Result<Self, PodError> {
        Ok(Self::Passphrase(passphrase.into()))
    }

    /// A lock for recipients, each written as `age1…`.
    ///
    /// # Errors
    /// One of them is none; the message says which and why.
    pub fn for_recipients(texts: &[String]) -> Result<Self, PodError> {
        let read = |text: &String| {
            text.trim().parse().map_err(|reason| PodError::Encryption(format!("{text:?} is no recipient: {reason}")))
        };
        texts.iter().map(read).collect::<Result<_, _>>().map(Self::Recipients)
    }

    /// A writer that encrypts into `target`. Without [`StreamWriter::finish`] the file is not whole.
    ///
    /// # Errors
    /// There is no recipient, or the target cannot be written.
    pub fn seal<W: Write>(&self, target: W) -> Result<StreamWriter<W>, PodError> {
        let by_passphrase = if let Self::Passphrase(passphrase) = self {
            let mut recipient = scrypt::Recipient::new(passphrase.clone());
            recipient.set_work_factor(WORK);
            Some(recipient)
        } else {
            None
        };
        let listed = if let Self::Recipients(recipients) = self { recipients.as_slice() } else { &[] };
        let one = by_passphrase.iter().map(|recipient| recipient as &dyn Recipient);
        let all = one.chain(listed.iter().map(|recipient| recipient as &dyn Recipient));
        let encryptor = Encryptor::with_recipients(all).map_err(|error| PodError::Encryption(error.to_string()))?;

        encryptor.wrap_output(target).map_err(io_error("the encrypted pod cannot be written"))
    }
}

/// What opens an encrypted pod.
#[derive(Default)]
pub struct Keys {
    identities: Vec<Box<dyn Identity + Send + Sync>>,
}

impl std::fmt::Debug for Keys {
    /// How many, and nothing of what they are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("identities", &self.identities.len()).finish()
    }
}

impl Keys {
    /// Adds a passphrase.
    pub fn add_passphrase(&mut self, passphrase: String) {
        let mut identity = scrypt::Identity::new(passphrase.into());
        identity.set_max_work_factor(MAX_WORK);
        self.identities.push(Box::new(identity));
    }

    /// Adds the identities of a file as `age-keygen` writes it.
    ///
    /// # Errors
    /// It holds something else.
    pub fn add_identities(&mut self, file: impl BufRead) -> Result<(), PodError> {
        let wrong = |reason: String| PodError::Encryption(format!("the identity file cannot be read: {reason}"));
        let read = IdentityFile::from_buffer(file).map_err(|error| wrong(error.to_string()))?;
        self.identities.extend(read.into_identities().map_err(|error| wrong(error.to_string()))?);
        Ok(())
    }

    /// A reader of the pod that is encrypted in `source`.
    ///
    /// # Errors
    /// None of these keys opens it, or it is no whole age file.
    pub fn unseal<R: BufRead>(&self, source: R) -> Result<StreamReader<R>, PodError> {
        let refused = |error: DecryptError| {
            PodError::Encryption(match error {
                DecryptError::NoMatchingKeys | DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
                    "neither the passphrase nor an identity that was given opens the pod".to_owned()
                }
                other => other.to_string(),
            })
        };
        let decryptor = Decryptor::new_buffered(source).map_err(refused)?;
        decryptor.decrypt(self.identities.iter().map(|identity| &**identity as &dyn Identity)).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use age::secrecy::ExposeSecret as _;

    use super::*;
    use crate::pods::encryption::{MARK, is_sealed};

    fn sealed(lock: &Lock) -> Vec<u8> {
        let mut writer = lock.seal(Vec::new()).expect("encrypts");
        writer.write_all(b"a pod").expect("writes");
        writer.finish().expect("ends")
    }

    fn opened(bytes: &[u8], keys: &Keys) -> Result<String, String> {
        let mut text = String::new();
        let mut reader = keys.unseal(bytes).map_err(|error| error.to_string())?;
        reader.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    #[test]
    fn recipients_open_what_is_theirs_and_no_one_else_does() {
        let own = x25519::Identity::generate();
        let other = x25519::Identity::generate();
        let lock = Lock::for_recipients(&[own.to_public().to_string()]).expect("is a recipient");
        let bytes = sealed(&lock);
        let keys = |identity: &x25519::Identity| {
            let mut keys = Keys::default();
            keys.add_identities(identity.to_string().expose_secret().as_bytes()).expect("are identities");
            keys
        };
        assert!(is_sealed(&bytes) && !is_sealed(b"a pod"));
        assert_eq!(opened(&bytes, &keys(&own)).as_deref(), Ok("a pod"));
        assert!(opened(&bytes, &keys(&other)).is_err_and(|error| error.contains("neither the passphrase")));
        assert!(opened(&bytes, &Keys::default()).is_err());
        for end in 0..bytes.len() {
            assert!(opened(&bytes[..end], &keys(&own)).is_err(), "cut at {end}");
        }

        assert!(Lock::for_recipients(&["age1x".into()]).is_err_and(|error| error.to_string().contains("age1x")));
    }

    #[test]
    fn a_file_may_not_ask_for_any_amount_of_work() {
        let mut recipient = scrypt::Recipient::new("open".to_owned().into());
        recipient.set_work_factor(2);
        let encryptor = Encryptor::with_recipients(std::iter::once(&recipient as &dyn Recipient)).expect("encrypts");
        let mut writer = encryptor.wrap_output(Vec::new()).expect("writes");
        writer.write_all(b"a pod").expect("writes");
        let bytes = writer.finish().expect("ends");
        let mut keys = Keys::default();
        keys.add_passphrase("open".to_owned());
        assert_eq!(opened(&bytes, &keys).as_deref(), Ok("a pod"));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let line = text.lines().nth(1).expect("a stanza").to_owned();
        let greedy = line.strip_suffix('2').expect("the work is the last").to_owned() + "40";
        let at = MARK.len();
        let bytes = [&bytes[..at], greedy.as_bytes(), &bytes[at + line.len()..]].concat();

        assert!(opened(&bytes, &keys).is_err());
    }
}
