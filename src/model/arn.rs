//! ARNs of Lambda's resources.

use sha2::{Digest as _, Sha256};

use super::blob::BlobId;
use super::names::{FunctionKey, LayerKey, Region};

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
    let (partition, region, account) = (partition(&scope.region), &scope.region, &scope.account);
    format!("arn:{partition}:lambda:{region}:{account}:function:{}", key.name)
}

/// The ARN of a function with a qualifier.
pub fn qualified(key: &FunctionKey, qualifier: &impl std::fmt::Display) -> String {
    format!("{}:{qualifier}", function(key))
}

/// The ARN of a layer.
pub fn layer(key: &LayerKey) -> String {
    let scope = &key.scope;
    let (partition, region, account) = (partition(&scope.region), &scope.region, &scope.account);
    format!("arn:{partition}:lambda:{region}:{account}:layer:{}", key.name)
}

/// The ARN of a version of a layer.
pub fn layer_version(key: &LayerKey, number: u64) -> String {
    format!("{}:{number}", layer(key))
}

/// The ARN of a runtime's version, stable per runtime: Larder has one version of each.
pub fn runtime_version(region: &Region, runtime: &str) -> String {
    let (partition, version) = (partition(region), BlobId(Sha256::digest(runtime.as_bytes()).into()).hex());
    format!("arn:{partition}:lambda:{region}::runtime:{version}")
}
