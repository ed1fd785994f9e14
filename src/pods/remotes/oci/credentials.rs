//! Who we are to a registry.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use oci_client::secrets::RegistryAuth;
use serde_json::Value;

/// The credentials for a registry: `LARDER_OCI_USERNAME` and `LARDER_OCI_PASSWORD`, which go to no other than
/// `LARDER_OCI_REGISTRY` where that is set, else those that `docker login` wrote for it, else none.
pub(super) fn find(host: &str) -> RegistryAuth {
    if let Some(found) = of_variables(host, |name| std::env::var(name).ok()) {
        return found;
    }
    let file = docker_config().and_then(|path| std::fs::read(path).ok());
    let config = file.and_then(|file| serde_json::from_slice(&file).ok());
    config.and_then(|config| of_docker(&config, host)).unwrap_or(RegistryAuth::Anonymous)
}

fn of_variables(host: &str, variable: impl Fn(&str) -> Option<String>) -> Option<RegistryAuth> {
    let registry = variable("LARDER_OCI_REGISTRY").filter(|registry| !registry.is_empty());
    if registry.is_some_and(|registry| !registry.eq_ignore_ascii_case(host)) {
        return None;
    }
    Some(RegistryAuth::Basic(variable("LARDER_OCI_USERNAME")?, variable("LARDER_OCI_PASSWORD")?))
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
    fn credentials_go_to_no_other_registry_than_the_one_they_are_for() {
        let with = |registry: Option<&'static str>| {
            move |name: &str| match name {
                "LARDER_OCI_REGISTRY" => registry.map(str::to_owned),
                name => Some(name.to_owned()),
            }
        };
        let ours = Some(RegistryAuth::Basic("LARDER_OCI_USERNAME".into(), "LARDER_OCI_PASSWORD".into()));
        assert_eq!(of_variables("host:5000", with(Some("host:5000"))), ours);
        assert_eq!(of_variables("host:5000", with(Some("host"))), None);
        assert_eq!(of_variables("elsewhere", with(Some("host"))), None);

        assert_eq!(of_variables("host", with(None)), ours, "whoever gave them names the registry too");
    }

    #[test]
    fn docker_logins_are_read() {
        let config = serde_json::json!({"auths": {"host:5000": {"auth": BASE64_STANDARD.encode("me:a:b")}}});
        assert_eq!(of_docker(&config, "host:5000"), Some(RegistryAuth::Basic("me".into(), "a:b".into())));
        assert_eq!(of_docker(&config, "other"), None);
    }
}
