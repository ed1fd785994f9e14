//! Where forwarders call, and by what they may: each has credentials that let it invoke its own function and nothing else.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;

use crate::model::arn;
use crate::model::blob::BlobId;
use crate::model::credentials::session::{self, RoleSession, Session};
use crate::model::names::FunctionKey;

/// The program of a forwarder.
const SOURCE: &str = include_str!("forwarder.py");

/// What runs it.
pub const RUNTIME: &str = "python3.12";

/// Where it begins.
pub const HANDLER: &str = "forwarder.handler";

/// The role that shadows have at the upstream, and in whose session they call here. It is nobody's: what that session may do
/// is all that it may.
pub const ROLE: &str = "larder-shadow";

/// The variable that says where Larder is.
pub const ENDPOINT: &str = "LARDER_SHADOW_ENDPOINT";

/// Hex digits of a mark.
const MARK: usize = 16;

/// What forwarders are made of.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where they reach Larder.
    pub endpoint: String,
    /// The store whose functions they stand for.
    pub store: String,
    secret: Vec<u8>,
    package: Vec<u8>,
}

impl Target {
    /// Forwarders to the functions of a store.
    ///
    /// # Errors
    /// The package cannot be made.
    pub fn new(endpoint: String, store: &str, secret: &[u8]) -> Result<Self, ZipError> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        // The same bytes each time: a shadow is made anew where they differ.
        let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        zip.start_file("forwarder.py", options.unix_permissions(0o755))?;
        zip.write_all(SOURCE.as_bytes())?;
        let package = zip.finish()?.into_inner();
        Ok(Self { endpoint, store: store.to_owned(), secret: secret.to_vec(), package })
    }

    /// The package, as it is sent.
    pub fn package(&self) -> String {
        STANDARD.encode(&self.package)
    }

    /// The variables of a function's forwarder.
    pub fn variables(&self, key: &FunctionKey) -> Value {
        let function = arn::function(key);
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Action": "lambda:InvokeFunction",
                "Resource": [function, format!("{function}:*")],
            }],
        });
        let role = Self::role(key);
        let session = RoleSession::of_function(&role, key.name.as_str());
        let session =
            session.map(|session| Session::Role(RoleSession { policies: vec![policy.to_string()], ..session }));
        let credentials =
            session::credentials(&key.scope.account, session.as_ref(), &self.seed(&function), &self.secret);

        json!({
            ENDPOINT: self.endpoint,
            "LARDER_SHADOW_FUNCTION": function,
            "LARDER_SHADOW_KEY": credentials.access_key_id,
            "LARDER_SHADOW_SECRET": credentials.secret_access_key,
            "LARDER_SHADOW_TOKEN": credentials.session_token,
        })
    }

    /// ARN of the role that a function's shadow has.
    pub fn role(key: &FunctionKey) -> String {
        format!("arn:aws:iam::{}:role/{ROLE}", key.scope.account)
    }

    /// What changes with all that a shadow cannot be given later, as its versions keep it.
    pub fn mark(&self, key: &FunctionKey) -> String {
        let digest = Sha256::new_with_prefix(&self.package).chain_update(self.variables(key).to_string()).finalize();
        BlobId(digest.into()).hex().chars().take(MARK).collect()
    }

    /// The seed of a forwarder's credentials, which nobody without the store's secret can tell.
    fn seed(&self, function: &str) -> [u8; 32] {
        let inner = Sha256::new_with_prefix(&self.secret).chain_update(b"/shadow/").chain_update(function).finalize();
        Sha256::new_with_prefix(inner).chain_update(&self.secret).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::Scope;

    fn key(name: &str) -> FunctionKey {
        let scope = Scope { account: "123456789012".into(), region: "eu-west-1".into() };
        FunctionKey { scope, name: name.into() }
    }

    #[test]
    fn a_forwarder_may_invoke_its_function_and_nothing_else() {
        let target = Target::new("http://127.0.0.1:4566".to_owned(), "s", b"secret").expect("is made");
        let variables = target.variables(&key("f"));
        let token = variables["LARDER_SHADOW_TOKEN"].as_str().expect("text");
        let Some(Session::Role(session)) = Session::of_token(token) else { panic!("of a role") };
        let [policy] = session.policies.as_slice() else { panic!("one: {:?}", session.policies) };
        let policy: Value = serde_json::from_str(policy).expect("JSON");
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:f";
        assert_eq!(policy["Statement"][0]["Resource"], json!([function, format!("{function}:*")]));
        assert_eq!(policy["Statement"][0]["Action"], "lambda:InvokeFunction");
        // AWS's quota for variables is 4 KB.
        assert!(variables.to_string().len() < 4096, "{}", variables.to_string().len());
    }

    #[test]
    fn a_mark_is_the_same_until_something_differs() {
        let target = |endpoint: &str, secret: &[u8]| Target::new(endpoint.to_owned(), "s", secret).expect("is made");
        let mark = target("http://a", b"1").mark(&key("f"));
        assert_eq!(mark.len(), MARK);
        assert_eq!(target("http://a", b"1").mark(&key("f")), mark, "after a restart");
        for other in [target("http://b", b"1").mark(&key("f")), target("http://a", b"2").mark(&key("f"))] {
            assert_ne!(other, mark);
        }
        assert_ne!(target("http://a", b"1").mark(&key("g")), mark);
    }
}
