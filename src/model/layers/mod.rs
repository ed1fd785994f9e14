//! Layers: zips that functions share, in numbered versions that never change.

pub mod command;
pub mod decide;
pub mod event;

use std::sync::Arc;

use imbl::OrdMap;

use super::arn::Arn;
use super::blob::BlobId;
use super::functions::Content;
use super::hot_folder::HotFolder;
use super::names::{LayerKey, Scope};
use super::policies::Policy;
use super::time::Timestamp;
use crate::model::runtimes::Architecture;

/// A layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Its versions by number.
    pub versions: OrdMap<u64, Arc<LayerVersion>>,
    /// The highest number ever given; numbers of deleted versions are not given again.
    pub last_version: u64,
}

impl Layer {
    /// Bytes of zips that count towards the account's limit.
    pub fn code_size(&self) -> u64 {
        self.versions.values().map(|version| version.size).sum()
    }
}

/// One version of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerVersion {
    /// Its number, from 1.
    pub number: u64,
    /// Free text.
    pub description: String,
    /// The licence, in whatever form.
    pub license: Option<String>,
    /// Runtimes it says it works with; `None`: it says nothing.
    pub runtimes: Option<Vec<String>>,
    /// Architectures it says it works with.
    pub architectures: Option<Vec<Architecture>>,
    /// The zip; of a folder the digest of its name.
    pub blob: BlobId,
    /// Bytes of the zip; 0 for a folder.
    pub size: u64,
    /// When it was published.
    pub created: Timestamp,
    /// Who else may use it.
    pub policy: Option<Arc<Policy>>,
    /// The folder that its files are in, instead of a zip (hot reload).
    pub folder: Option<HotFolder>,
}

impl LayerVersion {
    /// Its content, as a function's code would be.
    pub fn content(&self) -> Content {
        match &self.folder {
            Some(folder) => Content::Folder(folder.clone()),
            None => Content::Zip { blob: self.blob, size: self.size },
        }
    }
}

/// A layer as a caller names it: by name or ARN, in an ARN perhaps with a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerArn {
    /// The layer.
    pub key: LayerKey,
    /// The version.
    pub number: Option<u64>,
}

impl LayerArn {
    /// Reads a name or an ARN, for a caller in `scope`. The text must have passed the pattern of the model.
    pub fn parse(scope: &Scope, text: &str) -> Self {
        let Some((scope, layer)) = Arn::parse(text).and_then(|arn| Some((arn.scope(), arn.named("layer")?))) else {
            return Self { key: LayerKey { scope: scope.clone(), name: text.into() }, number: None };
        };
        let mut parts = layer.split(':');
        let name = parts.next().unwrap_or_default().into();
        // A number beyond u64 names no version that could exist; 0 stands for it.
        let number = parts.next().map(|number| number.parse().unwrap_or(0));
        Self { key: LayerKey { scope, name }, number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_name_layers() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let arn = "arn:aws:lambda:us-east-1:000000000000:layer:l";
        let by_name = LayerArn::parse(&scope, "l");
        assert_eq!(crate::model::arn::layer(&by_name.key), arn);
        assert_eq!(LayerArn::parse(&scope, arn), by_name);
        assert_eq!(LayerArn::parse(&scope, &format!("{arn}:3")), LayerArn { number: Some(3), ..by_name });
        let other = LayerArn::parse(&scope, "arn:aws:lambda:eu-west-1:111111111111:layer:l:99999999999999999999999");
        assert_eq!((other.key.scope.region.as_str(), other.number), ("eu-west-1", Some(0)));
    }
}
