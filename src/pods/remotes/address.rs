//! Addresses of remotes.

use std::fmt;
use std::path::PathBuf;

use super::error::RemoteError;

/// Where a pod is on a remote, and which version of it. It holds no credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    place: Place,
    /// The pod's name: the last segment.
    name: String,
    version: Option<String>,
    text: String,
}

/// The place without the version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder that holds pods.
    Folder(PathBuf),
    /// A prefix in a bucket that holds pods.
    Objects {
        /// `s3`, `gs` or `az`.
        scheme: String,
        /// The bucket, or Azure's container.
        bucket: String,
        /// What stands before the pod's name, without slashes at its ends.
        prefix: String,
    },
    /// A repository of an OCI registry.
    Registry {
        /// Host and port.
        host: String,
        /// The repository.
        repository: String,
    },
    /// A file of a web server: its URL.
    Web(String),
}

impl Address {
    /// Reads an address: `s3://BUCKET/PREFIX/NAME:VERSION`, `gs://…`, `az://…`,
    /// `oci://HOST/NAME:TAG`, `https://HOST/FILE.pod`, `file:///FOLDER/NAME:VERSION` or a path.
    pub fn parse(text: &str) -> Result<Self, RemoteError> {
        let Some((scheme, rest)) = text.split_once("://") else { return Self::folder(text, text) };
        refuse_credentials(scheme, rest)?;
        match scheme {
            "file" => Self::folder(text, rest),
            "s3" | "gs" | "az" => Self::objects(text, scheme, rest),
            "oci" => Self::registry(text, rest),
            "http" | "https" => Self::web(text, rest),
            _ => Err(RemoteError::new(format!(
                "{text}: there are no remotes of the kind {scheme}://; there are s3://, gs://, az://, oci://, http://, https://, file:// and paths"
            ))),
        }
    }

    /// The place without the version.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The pod's name on the remote: its last segment.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that the address names.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether what is there comes and goes in one piece: a pod file, or whatever a web server has.
    pub fn is_one_file(&self) -> bool {
        self.is_file() || matches!(self.place, Place::Web(_))
    }

    /// Whether it is a pod file in one piece, rather than a pod in parts.
    pub fn is_file(&self) -> bool {
        matches!(self.place, Place::Web(_)) || has_pod_ending(&self.name)
    }

    /// Whether it is `within`, or below it: in the same bucket or registry, with the same first segments.
    pub fn is_below(&self, within: &Self) -> bool {
        let segments = |address: &Self| match &address.place {
            Place::Objects { prefix, .. } => Some(format!("{prefix}/{}", address.name)),
            Place::Registry { repository, .. } => Some(repository.clone()),
            Place::Folder(_) | Place::Web(_) => None,
        };
        let same_store = match (&self.place, &within.place) {
            (Place::Objects { scheme, bucket, .. }, Place::Objects { scheme: kind, bucket: other, .. }) => {
                (scheme, bucket) == (kind, other)
            }
            (Place::Registry { host, .. }, Place::Registry { host: other, .. }) => host.eq_ignore_ascii_case(other),
            _ => false,
        };
        let (Some(ours), Some(theirs)) = (segments(self), segments(within)) else { return false };
        let mut parts = ours.split('/').filter(|part| !part.is_empty());
        let is_first = theirs.split('/').filter(|part| !part.is_empty()).all(|part| parts.next() == Some(part));

        same_store && is_first && !ours.split('/').any(|part| part == "." || part == "..")
    }

    /// An error about this address.
    pub(super) fn refused(&self, reason: impl fmt::Display) -> RemoteError {
        RemoteError::new(format!("{self}: {reason}"))
    }

    fn folder(text: &str, path: &str) -> Result<Self, RemoteError> {
        let (folder, last) = path.rsplit_once('/').map_or((".", path), |(folder, last)| (folder, last));
        let folder = if folder.is_empty() { "/" } else { folder };
        Self::with_last(text, last, Place::Folder(PathBuf::from(folder)))
    }

    fn objects(text: &str, scheme: &str, rest: &str) -> Result<Self, RemoteError> {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() || key.is_empty() {
            return Err(RemoteError::new(format!(
                "{text}: write {scheme}://BUCKET/NAME or {scheme}://BUCKET/PREFIX/NAME:VERSION"
            )));
        }

        let (prefix, last) = key.rsplit_once('/').unwrap_or(("", key));
        let prefix = prefix.trim_matches('/').to_owned();
        Self::with_last(text, last, Place::Objects { scheme: scheme.to_owned(), bucket: bucket.to_owned(), prefix })
    }

    fn registry(text: &str, rest: &str) -> Result<Self, RemoteError> {
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (before, last) = path.rsplit_once('/').unwrap_or(("", path));
        let (name, version) = split_version(text, last)?;
        let repository = if before.is_empty() { name.to_owned() } else { format!("{before}/{name}") };
        let is_letter =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-/".contains(letter);

        if host.is_empty() || !repository.chars().all(is_letter) || repository.split('/').any(str::is_empty) {
            return Err(RemoteError::new(format!(
                "{text}: write oci://HOST/REPOSITORY:TAG; a repository has small letters, digits, '.', '_', '-' and '/'"
            )));
        }

        let name = name.to_owned();
        Ok(Self { place: Place::Registry { host: host.to_owned(), repository }, name, version, text: text.to_owned() })
    }

    fn web(text: &str, rest: &str) -> Result<Self, RemoteError> {
        let path = rest.split(['?', '#']).next().unwrap_or_default();
        let last = path.split_once('/').and_then(|(_, path)| path.rsplit('/').next()).unwrap_or_default();
        if last.is_empty() {
            return Err(RemoteError::new(format!("{text}: write the URL of a pod file, as https://HOST/NAME.pod")));
        }
        // A query may be a signature that lets the reader in: it is no part of what is shown.
        let shown = text.split(['?', '#']).next().unwrap_or_default().to_owned();
        Ok(Self { place: Place::Web(text.to_owned()), name: last.to_owned(), version: None, text: shown })
    }

    fn with_last(text: &str, last: &str, place: Place) -> Result<Self, RemoteError> {
        let (name, version) = split_version(text, last)?;
        check_name(name).map_err(|reason| RemoteError::new(format!("{text}: {reason}")))?;
        Ok(Self { place, name: name.to_owned(), version, text: text.to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn has_pod_ending(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|ending| ending == "pod")
}

fn split_version<'a>(text: &str, last: &'a str) -> Result<(&'a str, Option<String>), RemoteError> {
    let Some((name, version)) = last.rsplit_once(':') else { return Ok((last, None)) };
    check_name(version).map_err(|reason| RemoteError::new(format!("{text}: the version: {reason}")))?;
    Ok((name, Some(version.to_owned())))
}

/// Checks the name of a pod or of a version: it becomes a file's name.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let is_name = !name.is_empty() && name.len() <= 128 && !name.starts_with(['.', '-']) && name.chars().all(is_letter);
    if is_name {
        return Ok(());
    }
    Err(format!(
        "\"{name}\" is no name: a name has 1 to 128 letters, digits, '.', '_' and '-', and begins with no '.' or '-'"
    ))
}

/// Refuses credentials in an address without repeating them: addresses get into shells' histories.
fn refuse_credentials(scheme: &str, rest: &str) -> Result<(), RemoteError> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let is_web = matches!(scheme, "http" | "https");
    if !authority.contains('@') && (query.is_empty() || is_web) {
        return Ok(());
    }
    let instead = match scheme {
        "s3" => "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        "gs" => "set GOOGLE_SERVICE_ACCOUNT to the path of a key file",
        "az" => "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        "oci" => "set LARDER_OCI_USERNAME and LARDER_OCI_PASSWORD, or use docker login",
        _ => "download the file with a client that takes credentials, and load the file",
    };

    Err(RemoteError::new(format!("{scheme}://…: an address holds no credentials and no options; {instead}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        Address::parse(text).expect_err("refused").to_string()
    }

    #[test]
    fn addresses_say_place_name_and_version() {
        let address = Address::parse("s3://bucket/team/pods/orders:3").expect("an address");
        let place = Place::Objects { scheme: "s3".into(), bucket: "bucket".into(), prefix: "team/pods".into() };
        assert_eq!((address.place(), address.name(), address.version()), (&place, "orders", Some("3")));
        let address = Address::parse("oci://127.0.0.1:5000/team/orders").expect("an address");
        let place = Place::Registry { host: "127.0.0.1:5000".into(), repository: "team/orders".into() };
        assert_eq!((address.place(), address.name(), address.version()), (&place, "orders", None));
        let address = Address::parse("file:///mnt/pods/orders:2").expect("an address");
        assert_eq!(address.place(), &Place::Folder("/mnt/pods".into()));

        assert!(Address::parse("gs://bucket/x.pod").expect("an address").is_file());
    }

    #[test]
    fn an_address_is_below_another_by_whole_segments() {
        let below = |text: &str, within: &str| {
            let parse = |text| Address::parse(text).expect("an address");
            parse(text).is_below(&parse(within))
        };
        assert!(below("s3://bucket/team/orders:3", "s3://bucket/team"));
        assert!(below("s3://bucket/team/pods/orders", "s3://bucket/team/pods/orders"));
        assert!(below("oci://host:5000/team/orders:3", "oci://HOST:5000/team"));

        for (text, within) in [
            ("s3://bucket/teammate/orders", "s3://bucket/team"),
            ("s3://other/team/orders", "s3://bucket/team"),
            ("gs://bucket/team/orders", "s3://bucket/team"),
            ("s3://bucket/team/../secret/orders", "s3://bucket/team"),
            ("oci://host.evil/team/orders", "oci://host/team"),
            ("oci://host/orders", "oci://host/orders/more"),
            ("https://host/team.pod", "https://host/team.pod"),
        ] {
            assert!(!below(text, within), "{text} in {within}");
        }
    }

    #[test]
    fn credentials_are_refused_and_not_repeated() {
        for text in [
            "s3://key:hidden@bucket/x",
            "s3://bucket/x?access_key_id=hidden",
            "oci://me:hidden@host/x",
            "https://me:hidden@host/x.pod",
        ] {
            let said = said(text);
            assert!(!said.contains("hidden") && said.contains("no credentials"), "{said}");
        }
        assert!(said("s3://key:hidden@bucket/x").contains("AWS_SECRET_ACCESS_KEY"));
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        assert!(said("ftp://host/x").contains("no remotes of the kind ftp://"));
        assert!(said("s3://bucket").contains("s3://BUCKET/NAME"));
        assert!(said("s3://bucket/..").contains("is no name"));
        assert!(said("oci://host/UPPER").contains("small letters"));
        assert!(said("https://host/").contains("URL of a pod file"));
    }

    #[test]
    fn a_signed_url_is_shown_without_its_signature() {
        let address = Address::parse("https://host/x.pod?X-Amz-Signature=hidden").expect("an address");
        assert_eq!(address.to_string(), "https://host/x.pod");
    }
}
