//! The AWS services that are served here, peers over [`crate::protocol`]: one reaches another by a command, never over
//! its wire.

pub mod access;
pub mod cloudformation;
pub mod cloudwatch;
pub mod function_urls;
pub mod iam;
pub mod lambda;
pub mod logs;
pub mod sqs;
pub mod sts;

use std::sync::Arc;

use self::access::Access;
use crate::blobs::BlobStore;
use crate::clock;
use crate::environments::hot_reload::HotReload;
use crate::invoke::Invoker;
use crate::ledger::{Attachment, CommitError, Committed, Ledger};
use crate::messages::Messages;
use crate::model::command::Command;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Origin;
use crate::model::limits::Limits;
use crate::protocol::error::fault;
use crate::reactors::sources::Results;
use crate::runs::command::RunCommand;
use crate::upstream::{LayerLibrary, Upstream};

/// What operations work with.
#[derive(Debug)]
pub struct Services {
    /// The state and its history.
    pub ledger: Arc<Ledger>,
    /// Code packages.
    pub blobs: Arc<BlobStore>,
    /// Messages of queues.
    pub messages: Arc<Messages>,
    /// Runs functions.
    pub invoker: Arc<Invoker>,
    /// Quotas.
    pub limits: Limits,
    /// Who may call.
    pub access: Arc<Access>,
    /// Endpoints of other services.
    pub upstream: Arc<Upstream>,
    /// What went wrong with event sources.
    pub source_results: Arc<Results>,
    /// Folders that functions run from.
    pub hot_reload: Arc<HotReload>,
    /// Layers of other accounts.
    pub layer_library: Option<LayerLibrary>,
    /// Whether creations and updates are answered when they are done (`LAMBDA_SYNCHRONOUS_CREATE`).
    pub synchronous: bool,
}

impl Services {
    /// Commits a command; an unexpected fault is logged here, once, and told without its source.
    pub async fn commit(
        &self,
        command: impl Into<Command>,
        origin: Origin,
        attachment: Option<Attachment>,
    ) -> Result<Committed, ApiError> {
        self.ledger.commit(command.into(), origin, attachment).await.map_err(refusal)
    }

    /// Commits a command, and one on what is under way with it: both, or neither.
    pub async fn commit_both(
        &self,
        command: impl Into<Command>,
        runs: RunCommand,
        origin: Origin,
    ) -> Result<Committed, ApiError> {
        self.ledger.commit_both(command.into(), runs, origin, Vec::new()).await.map_err(refusal)
    }

    /// Commits a command on what is under way.
    pub async fn commit_run(&self, command: RunCommand) -> Result<Committed, ApiError> {
        self.ledger.commit_run(command).await.map_err(refusal)
    }
}

/// Why nothing was committed, as callers are told.
fn refusal(error: CommitError) -> ApiError {
    match error {
        CommitError::Refused(error) => error,
        CommitError::Closed => ApiError::new(ErrorCode::ServiceUnavailable, "The server is shutting down."),
        CommitError::Storage(_) => fault(&error),
    }
}

/// The day, `YYYYMMDD`, as signatures have it.
pub fn today() -> String {
    clock::now().date().replace('-', "")
}

#[cfg(test)]
mod tests {
    use super::{cloudwatch, iam, lambda, logs, sqs, sts};
    use crate::protocol::service::Service;
    use crate::protocol::shape::{Kind, Member};

    fn patterns<S>(service: &Service<S>) -> Vec<&'static str> {
        let mut found = Vec::new();
        service.operations().for_each(|operation| of_members(operation.request.members, &mut found));
        found
    }

    fn of_members(members: &'static [Member], found: &mut Vec<&'static str>) {
        for member in members {
            of_kind(&member.kind, found);
        }
    }

    fn of_kind(kind: &'static Kind, found: &mut Vec<&'static str>) {
        match kind {
            Kind::Text { pattern, .. } => found.extend(pattern),
            Kind::List { item: kind, .. } | Kind::NotNull(kind) | Kind::Judged { kind, .. } => of_kind(kind, found),
            Kind::Map { key, value, .. } => [*key, *value].into_iter().for_each(|kind| of_kind(kind, found)),
            Kind::Structure(members) => of_members(members, found),
            _ => {}
        }
    }

    #[test]
    fn every_pattern_compiles() {
        let found = [patterns(&lambda::SERVICE), patterns(&iam::SERVICE), patterns(&sts::SERVICE)].concat();
        let found = [found, patterns(&logs::SERVICE), patterns(&sqs::SERVICE), patterns(&cloudwatch::SERVICE)].concat();
        assert!(found.len() > 300, "{}", found.len());

        for pattern in found {
            if let Err(error) = fancy_regex::Regex::new(&format!("^(?:{pattern})$")) {
                panic!("{pattern}: {error}");
            }
        }
    }
}
