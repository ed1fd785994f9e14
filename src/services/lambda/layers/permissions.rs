//! Policies of layer versions: who else may use them.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{layer, own_layer};
use crate::model::layers::command::LayerCommand;
use crate::model::layers::decide::{layer_not_found, no_layer_policy};
use crate::model::policies::Grant;
use crate::protocol::answer::{Answer, json as answer_json, no_content};
use crate::protocol::call::Call;
use crate::services::Services;
use crate::services::lambda::policies::{ShownPolicy, added};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PermissionRequest {
    statement_id: String,
    action: String,
    principal: String,
    organization_id: Option<String>,
    revision_id: Option<String>,
}

/// `AddLayerVersionPermission`.
pub async fn add(services: &Services, mut call: Call) -> Answer {
    let key = own_layer(&call, "AddLayerVersionPermission")?;
    let number = number(&call);
    let request: PermissionRequest = call.parse()?;
    let sid = request.statement_id.clone();
    let grant = Grant {
        sid: request.statement_id,
        action: request.action,
        principal: request.principal,
        organization: request.organization_id,
        ..Grant::default()
    };
    let revision = request.revision_id;
    let command = LayerCommand::AddLayerVersionPermission { key: key.clone(), number, grant, revision };
    let committed = services.commit(command, call.origin(), None).await?;
    let policy = committed.state.layer_version(&key, number).and_then(|version| version.policy.as_ref());
    let (statement, revision) = added(policy.map(|policy| &**policy), &sid)?;

    answer_json(StatusCode::CREATED, &json!({ "Statement": statement, "RevisionId": revision }))
}

/// `GetLayerVersionPolicy`.
pub async fn get(services: &Services, call: Call) -> Answer {
    let key = own_layer(&call, "GetLayerVersionPolicy")?;
    let number = number(&call);
    let state = services.ledger.state();
    let version = state.layer_version(&key, number).ok_or_else(|| layer_not_found(&layer(&call), number))?;
    let policy = version.policy.as_ref().ok_or_else(no_layer_policy)?;
    answer_json(StatusCode::OK, &ShownPolicy::new(policy))
}

/// `RemoveLayerVersionPermission`.
pub async fn remove(services: &Services, call: Call) -> Answer {
    let key = own_layer(&call, "RemoveLayerVersionPermission")?;
    let number = number(&call);
    let text = |name| call.text(name).map(str::to_owned);
    let sid = text("StatementId").unwrap_or_default();
    let revision = text("RevisionId");
    let command = LayerCommand::RemoveLayerVersionPermission { key, number, sid, revision };
    services.commit(command, call.origin(), None).await?;
    no_content()
}

/// The version; 0, which never exists, for what is no version.
fn number(call: &Call) -> u64 {
    call.number("VersionNumber").unwrap_or(0)
}
