//! Keys with which requests are signed, from a file of credentials as AWS's clients have it.

use std::collections::HashMap;
use std::path::Path;

use super::access_error::AccessError;

/// An access key. Its secret is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Its id.
    pub access_key_id: String,
    /// The secret.
    pub secret: String,
    /// The token of temporary ones.
    pub session_token: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// The profile that stands for any: the first that has keys.
pub const ANY: &str = "";

/// What the file is called in a folder of AWS Emulator's.
const IN_FOLDER: [&str; 2] = ["emulator_credentials", "credentials"];

/// Reads the keys of a profile from a file, or from the one in a folder of AWS Emulator's.
pub fn read(path: &Path, profile: &str) -> Result<Keys, AccessError> {
    let failed = |reason: String| AccessError::Keys { path: path.to_owned(), reason };
    let within = IN_FOLDER.iter().map(|name| path.join(name)).find(|file| file.is_file());
    let file = within.as_deref().unwrap_or(path);
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;

    Keys::of(&members_of(&text, profile)).ok_or_else(|| {
        failed(format!(
            "the profile {profile} has no access key in it; keys of other kinds of profiles are written to a file by \
             `aws configure export-credentials --profile {profile} --format credentials-file`, if the CLI has them"
        ))
    })
}

/// The keys of all profiles of a file, each with its account where the file says it (`aws_account_id`).
pub fn all(path: &Path) -> Result<Vec<(Keys, Option<String>)>, AccessError> {
    let failed = |reason: String| AccessError::Keys { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let found: Vec<_> = profiles(&text)
        .filter_map(|profile| {
            let members = members_of(&text, profile);
            Some((Keys::of(&members)?, members.get("aws_account_id").map(|account| (*account).to_owned())))
        })
        .collect();

    if found.is_empty() { Err(failed("no profile has an access key in it".to_owned())) } else { Ok(found) }
}

impl Keys {
    fn of(members: &HashMap<&str, &str>) -> Option<Self> {
        let member = |name: &str| members.get(name).map(|value| (*value).to_owned()).filter(|value| !value.is_empty());
        Some(Self {
            access_key_id: member("aws_access_key_id")?,
            secret: member("aws_secret_access_key")?,
            session_token: member("aws_session_token"),
        })
    }
}

/// The names of the profiles of a file.
fn profiles(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(profile_of)
}

/// The profile whose section begins with a line; `[profile NAME]` is its name in a config file.
fn profile_of(line: &str) -> Option<&str> {
    let name = line.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
    Some(name.trim_start_matches("profile ").trim())
}

/// What the section of a profile says.
fn members_of<'a>(text: &'a str, profile: &str) -> HashMap<&'a str, &'a str> {
    let mut is_within = false;
    let mut members = HashMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = profile_of(line) {
            let has_keys = members.contains_key("aws_secret_access_key");
            is_within = if profile == ANY { !has_keys } else { name == profile };
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_within) {
            members.insert(name.trim(), value.trim());
        }
    }

    members
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
# keys
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key=secret+/=
[profile other]
aws_access_key_id = ASIAOTHER
aws_secret_access_key = s
aws_session_token = token==
[roles]
role_arn = arn:aws:iam::1:role/r
";

    #[test]
    fn all_profiles_with_keys_are_found() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(
            file.path(),
            format!("{FILE}[team]\naws_access_key_id = A\naws_secret_access_key = b\naws_account_id = 123456789012\n"),
        )
        .expect("writes");
        let found = all(file.path()).expect("has keys");
        let found: Vec<_> =
            found.iter().map(|(keys, account)| (keys.access_key_id.as_str(), account.as_deref())).collect();
        assert_eq!(found, [("AKIADEFAULT", None), ("ASIAOTHER", None), ("A", Some("123456789012"))]);
        std::fs::write(file.path(), "[roles]\nrole_arn = arn:aws:iam::1:role/r\n").expect("writes");
        assert!(all(file.path()).expect_err("has none").to_string().contains("no profile has an access key"));
    }

    #[test]
    fn profiles_are_read_and_secrets_are_not_shown() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), FILE).expect("writes");
        let default = read(file.path(), "default").expect("is there");
        let keys = (default.access_key_id.as_str(), default.secret.as_str(), &default.session_token);
        assert_eq!(keys, ("AKIADEFAULT", "secret+/=", &None));
        assert_eq!(format!("{default:?}"), "Keys { access_key_id: \"AKIADEFAULT\", .. }");
        let other = read(file.path(), "other").expect("is there");
        assert_eq!(other.session_token.as_deref(), Some("token=="));
        for missing in ["roles", "none"] {
            let error = read(file.path(), missing).expect_err("has no keys").to_string();
            assert!(error.contains(&format!("profile {missing}")) && !error.contains("secret+"), "{error}");
        }
    }
}
