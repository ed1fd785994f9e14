//! Which permissions SQS's operations take.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html>.

use super::queue_urls;
use crate::model::policies::evaluation::document::{Document, PolicyKind};
use crate::model::queues::QueueKey;
use crate::model::state::State;
use crate::protocol::call::Call;
use crate::services::access::Need;
use crate::services::access::need::tags;

/// What a call takes.
pub fn of_call(state: &State, call: &Call) -> Vec<Need> {
    // A batch takes what its entries take.
    let name = call.operation.strip_suffix("Batch").unwrap_or(call.operation);
    // AWS tells them in small letters; policies do not mind.
    let action = format!("sqs:{}", name.to_ascii_lowercase());
    let key = match call.operation {
        "ListQueues" => QueueKey { scope: call.scope.clone(), name: "".into() },
        _ => queue(call),
    };
    if call.text("SourceArn").is_some() {
        return vec![of_queue(state, &action, call.text_or_empty("SourceArn").to_owned(), None)];
    }

    let need = of_queue(state, &action, key.arn(), Some(&key));
    let untagged = call.texts("TagKeys").unwrap_or_default();
    let given = call.input.get("Tags").or_else(|| call.input.get("tags"));
    vec![need.with_tags(tags(given)).with_many("aws:TagKeys", untagged)]
}

fn queue(call: &Call) -> QueueKey {
    if call.text("QueueUrl").is_some() {
        return queue_urls::key(call);
    }
    let mut scope = call.scope.clone();
    if let Some(owner) = call.text("QueueOwnerAWSAccountId") {
        scope.account = owner.into();
    }
    QueueKey { scope, name: call.text_or_empty("QueueName").into() }
}

/// The permission for a queue, whose own policy counts.
fn of_queue(state: &State, action: &str, arn: String, key: Option<&QueueKey>) -> Need {
    let queue = key.and_then(|key| state.queues.get(key));
    let policy = queue.and_then(|queue| queue.settings.policy.as_deref());
    let document = policy.map(|policy| Document::parse(policy, PolicyKind::Resource).named(format!("of {arn}")));
    Need::new(action, arn).with_policy(document).on_tagged(queue.iter().flat_map(|queue| &queue.tags))
}
