//! Whom functions trust: the authority that vouches for the server under AWS's names, beside those that they trust anyway.

use std::io;
use std::path::{Path, PathBuf};

use larder_init::names::{Bundle, ROOTS};

/// The variable by which Node.js is told of one authority more.
const NODE: &str = "NODE_EXTRA_CA_CERTS";

/// Runtimes whose Node.js reads all authorities as soon as it starts when it is told of one more, which takes 20 ms of each
/// cold start (measured with 20.20; 22.23 waits until it needs them).
const EAGER: [&str; 4] = ["nodejs14.x", "nodejs16.x", "nodejs18.x", "nodejs20.x"];

/// Has such a one trust those of OpenSSL's file instead of its own, once it needs any.
const NODES_OTHER_WAY: (&str, &str) = ("NODE_OPTIONS", "--use-openssl-ca");

/// The variable with OpenSSL's file, and that with the name of the runtime.
const OPENSSLS: &str = "SSL_CERT_FILE";
const RUNTIME: &str = "AWS_EXECUTION_ENV";

/// Variables that replace all authorities that programs trust: OpenSSL and so Python and Ruby, Go, Rust and .NET; AWS's
/// SDKs for Python and its command line; Python's requests; curl.
const REPLACING: [&str; 4] = ["AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"];

/// Files with certificates.
#[derive(Debug, PartialEq, Eq)]
pub struct Trust {
    authority: PathBuf,
    /// Everybody else and the authority; `None` where nobody knows who everybody else is.
    bundle: Option<PathBuf>,
}

impl Trust {
    /// Makes the files that are not there yet. An environment whose bundle cannot be made does without.
    pub fn new(authority: &Path, bundle: &Bundle) -> Self {
        let bundle = match bundle {
            Bundle::Absent => None,
            Bundle::Made(bundle) => Some(bundle.clone()),
            Bundle::Own { into, instead } => match bundle_of_own(authority, into) {
                Ok(true) => Some(into.clone()),
                Ok(false) => Some(instead.clone()).filter(|instead| instead.is_file()),
                Err(error) => {
                    eprintln!("larder-init: put certificates together in {}: {error}", into.display());
                    None
                }
            },
        };
        Self { authority: authority.to_owned(), bundle }
    }

    /// Puts the files into the variables of the function, but for those that it sets itself.
    pub fn tell(&self, variables: &mut Vec<(String, String)>) {
        let is_set = |name: &str| variables.iter().any(|(known, _)| known == name);
        let node =
            if self.bundle.is_some() && is_eager(variables) && ![NODES_OTHER_WAY.0, OPENSSLS].into_iter().any(is_set) {
                (NODES_OTHER_WAY.0, NODES_OTHER_WAY.1.to_owned())
            } else {
                (NODE, self.authority.display().to_string())
            };
        let bundle = self.bundle.iter().map(|bundle| bundle.display().to_string());
        let replacing = bundle.flat_map(|bundle| REPLACING.map(|name| (name, bundle.clone())));
        let new: Vec<_> = [node].into_iter().chain(replacing).filter(|(name, _)| !is_set(name)).collect();
        variables.extend(new.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
}

/// Whether the runtime is one of [`EAGER`].
fn is_eager(variables: &[(String, String)]) -> bool {
    let runtime = variables.iter().find(|(name, _)| name == RUNTIME);
    let runtime = runtime.and_then(|(_, value)| value.strip_prefix("AWS_Lambda_"));
    runtime.is_some_and(|runtime| EAGER.contains(&runtime))
}

/// Writes the environment's own authorities and ours into a file; whether it has any of its own.
fn bundle_of_own(authority: &Path, into: &Path) -> io::Result<bool> {
    let Some(mut bundle) = ROOTS.iter().find_map(|path| std::fs::read(path).ok()) else { return Ok(false) };
    if !bundle.ends_with(b"\n") {
        bundle.push(b'\n');
    }
    bundle.extend(std::fs::read(authority)?);
    if let Some(folder) = into.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(into, bundle)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_keep_what_they_set() {
        let trust = Trust { authority: "/ca.pem".into(), bundle: Some("/all.pem".into()) };
        let mut variables = vec![("SSL_CERT_FILE".to_owned(), "/own.pem".to_owned())];
        trust.tell(&mut variables);
        let value = |name: &str| variables.iter().filter(|(known, _)| known == name).collect::<Vec<_>>();
        assert_eq!(value("SSL_CERT_FILE"), [&("SSL_CERT_FILE".to_owned(), "/own.pem".to_owned())]);
        assert_eq!(value("AWS_CA_BUNDLE")[0].1, "/all.pem");
        assert_eq!(value(NODE)[0].1, "/ca.pem");
        assert_eq!(variables.len(), 5);
    }

    #[test]
    fn old_node_is_told_in_a_way_that_costs_no_start() {
        let told = |more: &[(&str, &str)], bundle: Option<&str>| {
            let trust = Trust { authority: "/ca.pem".into(), bundle: bundle.map(PathBuf::from) };
            let mut variables: Vec<_> =
                more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            trust.tell(&mut variables);
            let has = |name: &str, value: &str| variables.contains(&(name.to_owned(), value.to_owned()));
            (has(NODES_OTHER_WAY.0, NODES_OTHER_WAY.1), has(NODE, "/ca.pem"))
        };
        let old = (RUNTIME, "AWS_Lambda_nodejs20.x");
        assert_eq!(told(&[old], Some("/all.pem")), (true, false));
        assert_eq!(told(&[(RUNTIME, "AWS_Lambda_nodejs22.x")], Some("/all.pem")), (false, true));
        assert_eq!(told(&[old], None), (false, true));
        assert_eq!(told(&[old, ("NODE_OPTIONS", "--enable-source-maps")], Some("/all.pem")), (false, true));
        assert_eq!(told(&[old, (OPENSSLS, "/own.pem")], Some("/all.pem")), (false, true));
    }

    #[test]
    fn nobody_is_trusted_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = folder.path().join("ca.pem");
        std::fs::write(&authority, "ours\n").expect("written");
        for bundle in [Bundle::Absent, Bundle::Own { into: "/proc/none/x".into(), instead: "/none".into() }] {
            let mut variables = Vec::new();
            Trust::new(&authority, &bundle).tell(&mut variables);
            let names: Vec<_> = variables.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, [NODE], "what replaces all others needs the others");
        }
    }

    #[test]
    fn a_bundle_has_the_environments_own_and_ours() {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = folder.path().join("ca.pem");
        std::fs::write(&authority, "ours\n").expect("written");
        let into = folder.path().join("new/bundle.pem");
        let has_own = ROOTS.iter().any(|path| std::fs::read(path).is_ok());
        assert_eq!(bundle_of_own(&authority, &into).expect("made"), has_own);
        if has_own {
            let bundle = std::fs::read_to_string(&into).expect("there");
            assert!(bundle.contains("-----BEGIN CERTIFICATE-----") && bundle.ends_with("\nours\n"));
        }
    }
}
