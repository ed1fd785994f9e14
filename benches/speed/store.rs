//! Stores with functions in them, made through the library: the same commands as over HTTP, without
//! its time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::future::try_join_all;
use larder::blobs;
use larder::ledger::{Attachment, Durability, Ledger, LedgerOptions};
use larder::model::event::Origin;
use larder::model::functions::command::{
    CreateFunction, FunctionCommand, Publication, PublishVersion, UpdateFunctionConfiguration,
};
use larder::model::functions::{ConfigPatch, Content, FunctionConfig};
use larder::model::limits::Limits;
use larder::model::names::{FunctionKey, Scope};
use larder::model::qualifier::Version;

use crate::{Outcome, package};

/// Functions that are on their way to the writer at once.
const AT_ONCE: usize = 500;

/// Options of a store in `folder`. Preparing one need not wait for the disk.
pub fn options(folder: &Path) -> LedgerOptions {
    let durability = Durability::Interval(Duration::from_millis(500));
    LedgerOptions { path: folder.to_owned(), durability, limits: Limits::default() }
}

/// Makes a store with `functions` active functions. Each has 2 + 2 × `updates` events: created,
/// settled, and for each update configured, settled.
pub fn prepare(folder: &Path, functions: usize, updates: usize) -> Outcome {
    with_each(folder, functions, &async |ledger, number| make(ledger, number, updates).await)
}

/// Publishes `versions` of each of the first `functions` functions of a store: each is configured anew, settled,
/// published, and the version settled.
pub fn publish(folder: &Path, functions: usize, versions: usize) -> Outcome {
    with_each(folder, functions, &async |ledger, number| publish_of(ledger, number, versions).await)
}

/// Does something with each function of a store, by its number.
fn with_each(folder: &Path, functions: usize, act: &impl AsyncFn(&Ledger, usize) -> Outcome) -> Outcome {
    let ledger = Ledger::open(options(folder))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for first in (0..functions).step_by(AT_ONCE) {
        let numbers = first..functions.min(first + AT_ONCE);
        runtime.block_on(try_join_all(numbers.map(|number| act(&ledger, number))))?;
    }
    ledger.close()?;
    Ok(())
}

/// The name of the function with this number.
pub fn name(number: usize) -> String {
    format!("function-{number:06}")
}

async fn make(ledger: &Ledger, number: usize, updates: usize) -> Outcome {
    let zip = package::zip(number);
    let (blob, size) = (blobs::digest(&zip), zip.len() as u64);
    let code = Content::Zip { blob, size }.into();
    let attachment = (blob, zip.into());
    let create = CreateFunction {
        key: key(number),
        code,
        config: config(),
        tags: BTreeMap::new(),
        publish: None,
        code_signing_config: None,
        signed: false,
    };
    commit(ledger, FunctionCommand::CreateFunction(Box::new(create)), Some(attachment)).await?;
    settle(ledger, number, Version::Latest).await?;
    for update in 0..updates {
        configure(ledger, number, format!("update {update}")).await?;
    }
    Ok(())
}

async fn publish_of(ledger: &Ledger, number: usize, versions: usize) -> Outcome {
    for version in 1..=versions as u64 {
        configure(ledger, number, format!("version {version}")).await?;
        let to = Publication::Numbered;
        let publish = PublishVersion { key: key(number), to, code_sha256: None, description: None, revision: None };
        commit(ledger, FunctionCommand::PublishVersion(publish), None).await?;
        settle(ledger, number, Version::Number(version)).await?;
    }
    Ok(())
}

async fn configure(ledger: &Ledger, number: usize, description: String) -> Outcome {
    let patch = ConfigPatch { description: Some(description), ..ConfigPatch::default() };
    let command = UpdateFunctionConfiguration { key: key(number), patch, revision: None };
    commit(ledger, FunctionCommand::UpdateFunctionConfiguration(Box::new(command)), None).await?;
    settle(ledger, number, Version::Latest).await
}

async fn settle(ledger: &Ledger, number: usize, version: Version) -> Outcome {
    let key = key(number);
    let state = ledger.state();
    let function = state.function(&key).ok_or("the function was created")?;
    let settled = match version {
        Version::Number(number) => function.versions.get(&number).ok_or("the version was published")?,
        _ => &function.latest,
    };
    let deployment = settled.deployment;
    commit(ledger, FunctionCommand::SettleFunction { key, version, deployment, failure: None }, None).await
}

async fn commit(ledger: &Ledger, command: FunctionCommand, attachment: Option<Attachment>) -> Outcome {
    let origin = Origin {
        request_id: "7b1c1f0e-6a3e-4f0e-9a55-0d6f4f3c2b1a".into(),
        access_key_id: "test".into(),
        user_agent: "speed".into(),
    };
    ledger.commit(command.into(), origin, attachment).await?;
    Ok(())
}

/// The key of the function with this number.
pub fn key(number: usize) -> FunctionKey {
    let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
    FunctionKey { scope, name: name(number).into() }
}

fn config() -> FunctionConfig {
    FunctionConfig::new(package::RUNTIME, "arn:aws:iam::000000000000:role/speed", "handler.handler", "/aws/lambda/f")
}
