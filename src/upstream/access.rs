//! How endpoints are reached: whose certificates are trusted, and with whose keys requests are signed.
//!
//! The files are read again when they change: AWS Emulator writes new ones each time it is started.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Endpoint;
use super::access_error::AccessError;
use super::client::{self, HttpClient};
use super::keys::{self, Keys};

/// What was given for all endpoints.
#[derive(Debug, Clone, Default)]
pub struct AccessOptions {
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca: Option<PathBuf>,
    /// A file of credentials, as AWS's clients have it.
    pub credentials: Option<PathBuf>,
    /// The profile in it.
    pub profile: Option<String>,
}

/// What is made of a file, as long as that is the same.
#[derive(Debug)]
struct Cached<T> {
    path: Option<PathBuf>,
    value: Mutex<Option<(Option<SystemTime>, Arc<T>)>>,
}

impl<T> Cached<T> {
    fn of(path: Option<PathBuf>) -> Self {
        Self { path, value: Mutex::default() }
    }

    fn get(&self, read: impl FnOnce(Option<&Path>) -> Result<T, AccessError>) -> Result<Arc<T>, AccessError> {
        let changed = self.path.as_ref().and_then(|path| path.metadata().ok()?.modified().ok());
        let mut value = self.value.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, made)) = &*value
            && *of == changed
        {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(read(self.path.as_deref())?);
        *value = Some((changed, Arc::clone(&made)));

        Ok(made)
    }
}

/// The way to some endpoints.
#[derive(Debug)]
struct Way {
    client: Cached<HttpClient>,
    /// `None`: requests stay signed as they came.
    keys: Option<(Cached<Keys>, String)>,
}

impl Way {
    fn new(ca: Option<PathBuf>, keys: Option<(PathBuf, String)>) -> Self {
        let keys = keys.map(|(path, profile)| (Cached::of(Some(path)), profile));
        Self { client: Cached::of(ca), keys }
    }
}

/// The ways to all endpoints.
#[derive(Debug)]
pub struct Access {
    all: Way,
    emulator: Way,
}

impl Access {
    /// The ways, as they were given; `home` is the user's.
    pub fn new(options: &AccessOptions, home: Option<&Path>) -> Self {
        let aws = home.unwrap_or(Path::new("/")).join(".aws");
        let profile = options.profile.clone().unwrap_or_else(|| "default".to_owned());
        let is_signed = options.credentials.is_some() || options.profile.is_some();
        let credentials = options.credentials.clone().unwrap_or_else(|| aws.join("credentials"));
        let keys = is_signed.then_some((credentials, profile));
        let folder = aws.join("emulator").join(Endpoint::EMULATOR_PORT.to_string());
        let emulator = Way::new(
            Some(options.ca.clone().unwrap_or_else(|| folder.join("ca.pem"))),
            Some(keys.clone().unwrap_or((folder, keys::ANY.to_owned()))),
        );
        Self { all: Way::new(options.ca.clone(), keys), emulator }
    }

    fn way(&self, endpoint: &Endpoint) -> &Way {
        if endpoint.is_emulator() { &self.emulator } else { &self.all }
    }

    /// The client for an endpoint.
    pub fn client(&self, endpoint: &Endpoint) -> Result<Arc<HttpClient>, AccessError> {
        self.way(endpoint).client.get(client::new)
    }

    /// The keys with which requests to an endpoint are signed; `None`: they stay as they came.
    pub fn keys(&self, endpoint: &Endpoint) -> Result<Option<Arc<Keys>>, AccessError> {
        let Some((keys, profile)) = &self.way(endpoint).keys else { return Ok(None) };
        let read = |path: Option<&Path>| keys::read(path.unwrap_or(Path::new("")), profile);
        keys.get(read).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulators_keys_are_found_and_read_again_when_it_starts_again() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join(".aws/emulator/9297");
        let access = Access::new(&AccessOptions::default(), Some(home.path()));
        let [emulator, other]: [Endpoint; 2] =
            ["aws-emulator", "http://moto:5000"].map(|text| text.parse().expect("an endpoint"));
        assert_eq!(access.keys(&other).expect("needs none"), None);
        let missing = access.keys(&emulator).expect_err("it was not started").to_string();
        assert!(missing.contains("/.aws/emulator/9297"), "{missing}");

        std::fs::create_dir_all(&folder).expect("a folder");
        for (key, name) in [("AKIAFIRST", "emulator_credentials"), ("AKIASECOND", "emulator_credentials")] {
            let text = format!("[emulator]\naws_access_key_id={key}\naws_secret_access_key=s\n");
            let _ = std::fs::remove_file(folder.join(name));
            std::fs::write(folder.join(name), text).expect("writes");
            let keys = access.keys(&emulator).expect("it runs").expect("has keys");
            assert_eq!(keys.access_key_id, key);
            // Times of files may be as coarse as this.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
