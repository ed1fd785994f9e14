//! Log groups: made, changed, removed.

use super::named::{group, group_of};
use super::{Logs, invalid, shapes};
use crate::model::error::ApiError;
use crate::model::logs::command::{CreateLogGroup, GroupChange, LogsCommand};
use crate::model::logs::decide::log_group_not_found;
use crate::model::logs::{LogGroupKey, MAX_TAGS, RETENTION_DAYS, STANDARD};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::shape::{Kind, Member};

/// `CreateLogGroup`.
pub const CREATE: &[Member] = &[
    shapes::GROUP_NAME,
    Member::body("kmsKeyId", shapes::KMS_KEY),
    Member::body("tags", shapes::TAGS),
    Member::body("logGroupClass", shapes::CLASS),
    Member::body("deletionProtectionEnabled", Kind::Boolean),
];

/// A request that names a group alone.
pub const GROUP: &[Member] = &[shapes::GROUP_NAME];

/// `PutRetentionPolicy`.
pub const RETENTION: &[Member] =
    &[shapes::GROUP_NAME, Member::body("retentionInDays", Kind::Integer(i64::MIN, i64::MAX)).required()];

/// `PutLogGroupDeletionProtection`.
pub const PROTECTION: &[Member] = &[
    Member::body("logGroupIdentifier", shapes::IDENTIFIER).required(),
    Member::body("deletionProtectionEnabled", Kind::Boolean).required(),
];

/// `AssociateKmsKey`.
pub const ASSOCIATE_KMS_KEY: &[Member] = &[
    Member::body("logGroupName", shapes::GROUP),
    Member::body("kmsKeyId", shapes::KMS_KEY).required(),
    Member::body("resourceIdentifier", shapes::IDENTIFIER),
];

/// `DisassociateKmsKey`.
pub const DISASSOCIATE_KMS_KEY: &[Member] =
    &[Member::body("logGroupName", shapes::GROUP), Member::body("resourceIdentifier", shapes::IDENTIFIER)];

/// `CreateLogGroup`.
pub async fn create(logs: &Logs, call: Call) -> Answer {
    let tags = call.map("tags").unwrap_or_default();
    if tags.len() > MAX_TAGS {
        // The code is the model's; the text is a guess.
        return Err(invalid(format!("A log group can have at most {MAX_TAGS} tags.")));
    }
    let create = CreateLogGroup {
        key: group(&call),
        class: call.text("logGroupClass").unwrap_or(STANDARD).to_owned(),
        kms_key: call.text("kmsKeyId").map(str::to_owned),
        protected: call.flag("deletionProtectionEnabled").unwrap_or_default(),
        tags,
    };
    logs.commit(LogsCommand::CreateGroup(create), call.origin()).await?;

    call.done()
}

/// `DeleteLogGroup`. The lines go after the group: who is answered sees none of them.
pub async fn delete(logs: &Logs, call: Call) -> Answer {
    let key = group(&call);
    let id = logs.ledger.state().log_groups.get(&key).ok_or_else(log_group_not_found)?.id;
    logs.commit(LogsCommand::DeleteGroup(key), call.origin()).await?;
    logs.on_lines(move |lines| {
        lines.remove_group(id);
        Ok(())
    })
    .await?;

    call.done()
}

/// `PutRetentionPolicy`.
pub async fn put_retention(logs: &Logs, call: Call) -> Answer {
    let days = call.number("retentionInDays").and_then(|days| u32::try_from(days).ok());
    let Some(days) = days.filter(|days| RETENTION_DAYS.contains(days)) else {
        return Err(no_such_retention(&call));
    };
    let key = group(&call);
    change(logs, call, key, GroupChange::Retention(Some(days))).await
}

/// The words are the model's; that the values are checked as an enum is a guess.
fn no_such_retention(call: &Call) -> ApiError {
    let values: Vec<_> = RETENTION_DAYS.iter().map(u32::to_string).collect();
    invalid(format!(
        "1 validation error detected: Value '{}' at 'retentionInDays' failed to satisfy constraint: \
         Member must satisfy enum value set: [{}]",
        call.shown("retentionInDays"),
        values.join(", ")
    ))
}

/// `DeleteRetentionPolicy`.
pub async fn delete_retention(logs: &Logs, call: Call) -> Answer {
    let key = group(&call);
    change(logs, call, key, GroupChange::Retention(None)).await
}

/// `PutLogGroupDeletionProtection`.
pub async fn put_protection(logs: &Logs, call: Call) -> Answer {
    let key = group_of(&call, call.text("logGroupIdentifier").unwrap_or_default());
    let protected = call.flag("deletionProtectionEnabled").unwrap_or_default();
    change(logs, call, key, GroupChange::Protection(protected)).await
}

/// `AssociateKmsKey`: remembered, and nothing is encrypted with it.
pub async fn associate_kms_key(logs: &Logs, call: Call) -> Answer {
    let kms_key = call.text("kmsKeyId").map(str::to_owned);
    let key = keyed_group(&call)?;
    change(logs, call, key, GroupChange::KmsKey(kms_key)).await
}

/// `DisassociateKmsKey`.
pub async fn disassociate_kms_key(logs: &Logs, call: Call) -> Answer {
    let key = keyed_group(&call)?;
    change(logs, call, key, GroupChange::KmsKey(None)).await
}

fn keyed_group(call: &Call) -> Result<LogGroupKey, ApiError> {
    match (call.text("logGroupName"), call.text("resourceIdentifier")) {
        (Some(_), None) => Ok(group(call)),
        (None, Some(identifier)) => Ok(group_of(call, identifier)),
        // The rule is in the model's documentation; the text is a guess.
        _ => Err(invalid("Specify either logGroupName or resourceIdentifier.")),
    }
}

/// Changes a group.
pub async fn change(logs: &Logs, call: Call, key: LogGroupKey, change: GroupChange) -> Answer {
    logs.commit(LogsCommand::ChangeGroup(key, change), call.origin()).await?;
    call.done()
}
