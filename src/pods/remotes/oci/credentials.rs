//! Who we are to a registry.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use oci_client::secrets::RegistryAuth;
use serde_json::Value;

/// The credentials for a registry: `LARDER_OCI_USERNAME` and `LARDER_OCI_PASSWORD`, else those that
/// `docker login` wrote, else none.
pub(super) fn find(host: &str) -> RegistryAuth {
    let variables = (std::env::var("LARDER_OCI_USERNAME"), std::env::var("LARDER_OCI_PASSWORD"));
    if let (Ok(name), Ok(password)) = variables {
        return RegistryAuth::Basic(name, password);
    }
    let file = docker_config().and_then(|path| std::fs::read(path).ok());
    let config = file.and_then(|file| serde_json::from_slice(&file).ok());
    config.and_then(|config| of_docker(&config, host)).unwrap_or(RegistryAuth::Anonymous)
}

fn docker_config() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| std::env::home_dir().map(|home| home.join(".docker")))?;
    Some(folder.join("config.json"))
}

fn of_docker(config: &Value, host: &str) -> Option<RegistryAuth> {
    let auths = config["auths"].as_object()?;
    let keys = [host.to_owned(), format!("https://{host}"), format!("http://{host}")];
    let entry = keys.iter().find_map(|key| auths.get(key))?;
    let decoded = BASE64_STANDARD.decode(entry["auth"].as_str()?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    Some(RegistryAuth::Basic(name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_logins_are_read() {
        let config = serde_json::json!({"auths": {"host:5000": {"auth": BASE64_STANDARD.encode("me:a:b")}}});
        assert_eq!(of_docker(&config, "host:5000"), Some(RegistryAuth::Basic("me".into(), "a:b".into())));
        assert_eq!(of_docker(&config, "other"), None);
    }
}
