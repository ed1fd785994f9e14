//! ARNs: their parts, and those of Lambda's resources.

use sha2::{Digest as _, Sha256};

use super::blob::BlobId;
use super::names::{FunctionKey, LayerKey, Region, Scope};

/// The parts of an ARN. (No `FromStr`: they are parts of the text.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, ….
    pub partition: &'a str,
    /// The service, such as `lambda`.
    pub service: &'a str,
    /// The region; empty where there is none.
    pub region: &'a str,
    /// The account; empty where there is none.
    pub account: &'a str,
    /// The rest, such as `function:NAME`.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Reads an ARN; `None` where a text is none.
    pub fn parse(text: &'a str) -> Option<Self> {
        let parts: [&str; 6] = text.splitn(6, ':').collect::<Vec<_>>().try_into().ok()?;
        let ["arn", partition, service, region, account, resource] = parts else { return None };
        Some(Self { partition, service, region, account, resource })
    }

    /// Its account and region.
    pub fn scope(&self) -> Scope {
        Scope { account: self.account.into(), region: self.region.into() }
    }

    /// What its resource is called, where it is of a kind that is told by a word and a colon: `NAME` of `function:NAME`.
    pub fn named(&self, kind: &str) -> Option<&'a str> {
        self.resource.strip_prefix(kind)?.strip_prefix(':')
    }

    /// The place of the function that it names, if it names one without a qualifier.
    pub fn function_key(&self) -> Option<FunctionKey> {
        let name = self.named("function").filter(|name| !name.contains(':'))?;
        Some(FunctionKey { scope: self.scope(), name: name.into() })
    }
}

impl std::fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The partition a region belongs to: `aws`, `aws-cn` or `aws-us-gov`.
pub fn partition(region: &Region) -> &'static str {
    match region.as_str() {
        name if name.starts_with("cn-") => "aws-cn",
        name if name.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The ARN of a function, unqualified.
pub fn function(key: &FunctionKey) -> String {
    let scope = &key.scope;
    let partition = partition(&scope.region);
    let region = &scope.region;
    let account = &scope.account;
    format!("arn:{partition}:lambda:{region}:{account}:function:{}", key.name)
}

/// The ARN of a function with a qualifier.
pub fn qualified(key: &FunctionKey, qualifier: &impl std::fmt::Display) -> String {
    format!("{}:{qualifier}", function(key))
}

/// The ARN of a layer.
pub fn layer(key: &LayerKey) -> String {
    let scope = &key.scope;
    let partition = partition(&scope.region);
    let region = &scope.region;
    let account = &scope.account;
    format!("arn:{partition}:lambda:{region}:{account}:layer:{}", key.name)
}

/// The ARN of a version of a layer.
pub fn layer_version(key: &LayerKey, number: u64) -> String {
    format!("{}:{number}", layer(key))
}

/// The ARN of a runtime's version, stable per runtime: Larder has one version of each.
pub fn runtime_version(region: &Region, runtime: &str) -> String {
    let partition = partition(region);
    let version = BlobId(Sha256::digest(runtime.as_bytes()).into()).hex();
    format!("arn:{partition}:lambda:{region}::runtime:{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_and_put_together_again() {
        let text = "arn:aws:lambda:us-east-1:000000000000:function:f:1";
        let arn = Arn::parse(text).expect("is one");
        assert_eq!((arn.service, arn.named("function"), arn.named("layer")), ("lambda", Some("f:1"), None));
        assert_eq!(arn.to_string(), text);
        for none in ["", "f", "arn:aws:sqs:us-east-1:queue", "urn:aws:s3:::bucket"] {
            assert_eq!(Arn::parse(none), None, "{none}");
        }
        assert_eq!(Arn::parse("arn:aws:s3:::bucket").expect("is one").resource, "bucket");
    }
}
