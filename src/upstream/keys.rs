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
    let members = members_of(&text, profile);
    let member = |name: &str| members.get(name).map(|value| (*value).to_owned()).filter(|value| !value.is_empty());

    match (member("aws_access_key_id"), member("aws_secret_access_key")) {
        (Some(access_key_id), Some(secret)) => {
            Ok(Keys { access_key_id, secret, session_token: member("aws_session_token") })
        }
        _ => Err(failed(format!(
            "the profile {profile} has no access key in it; keys of other kinds of profiles are written to a file by \
             `aws configure export-credentials --profile {profile} --format credentials-file`, if the CLI has them"
        ))),
    }
}

/// What the section of a profile says; `[profile NAME]` is its name in a config file.
fn members_of<'a>(text: &'a str, profile: &str) -> HashMap<&'a str, &'a str> {
    let mut is_within = false;
    let mut members = HashMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let has_keys = members.contains_key("aws_secret_access_key");
            let name = name.trim().trim_start_matches("profile ").trim();
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
