//! Resource-based policies of functions, statement by statement.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::error::ApiError;
use crate::model::policies::command::{Place, PolicyCommand};
use crate::model::policies::{Grant, Policy, Target};
use crate::model::reference::FunctionReference;
use crate::protocol::answer::{Answer, json as answer_json, no_content};
use crate::protocol::call::Call;
use crate::protocol::error::fault;
use crate::protocol::operation::{Operation, operation};
use crate::services::Services;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[
    operation!(requests::ADD_PERMISSION => add),
    operation!(requests::GET_POLICY => get),
    operation!(requests::REMOVE_PERMISSION => remove),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PermissionRequest {
    statement_id: String,
    action: String,
    principal: String,
    source_arn: Option<String>,
    function_url_auth_type: Option<String>,
    invoked_via_function_url: Option<bool>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    revision_id: Option<String>,
    #[serde(rename = "PrincipalOrgID")]
    principal_org_id: Option<String>,
}

impl From<PermissionRequest> for Grant {
    fn from(request: PermissionRequest) -> Self {
        Self {
            sid: request.statement_id,
            action: request.action,
            principal: request.principal,
            source_account: request.source_account,
            url_auth_type: request.function_url_auth_type,
            organization: request.principal_org_id,
            event_source_token: request.event_source_token,
            via_url: request.invoked_via_function_url,
            source_arn: request.source_arn,
        }
    }
}

/// A policy as answers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShownPolicy {
    policy: String,
    revision_id: String,
}

impl ShownPolicy {
    /// Shows a policy.
    pub fn new(policy: &Policy) -> Self {
        Self { policy: policy.document(), revision_id: policy.revision.to_string() }
    }
}

/// `AddPermission`.
pub async fn add(services: &Services, mut call: Call) -> Answer {
    let FunctionReference { key, qualifier } = call.function()?;
    let request: PermissionRequest = call.parse()?;
    let sid = request.statement_id.clone();
    let target = Target::of(qualifier.as_ref());
    let place = Place { key: key.clone(), qualifier, revision: request.revision_id.clone() };
    let command = PolicyCommand::AddPermission { place, grant: request.into() };
    let committed = services.commit(command, call.origin(), None).await?;
    let policy = committed.state.function(&key).and_then(|function| function.policies.get(&target));
    let (statement, _) = added(policy.map(|policy| &**policy), &sid)?;

    answer_json(StatusCode::CREATED, &json!({ "Statement": statement }))
}

/// The text of a statement that was just added, and its policy's revision.
pub fn added<'a>(policy: Option<&'a Policy>, sid: &str) -> Result<(&'a str, String), ApiError> {
    let found = policy.and_then(|policy| Some((&*policy.statement(sid)?.text, policy.revision.to_string())));
    // A commit of a statement leaves it in the state.
    found.ok_or_else(|| fault(&ApiError::no_such_resource()))
}

/// `GetPolicy`.
pub async fn get(services: &Services, call: Call) -> Answer {
    let reference = call.function()?;
    show(services, &reference)
}

/// Answers with the policy of a function, version or alias.
pub fn show(services: &Services, reference: &FunctionReference) -> Answer {
    let state = services.ledger.state();
    let function = state
        .function(&reference.key)
        .ok_or_else(|| ApiError::function_not_found(&crate::model::arn::function(&reference.key)))?;
    let policy =
        function.policies.get(&Target::of(reference.qualifier.as_ref())).ok_or_else(ApiError::no_such_resource)?;
    answer_json(StatusCode::OK, &ShownPolicy::new(policy))
}

/// `RemovePermission`.
pub async fn remove(services: &Services, call: Call) -> Answer {
    let FunctionReference { key, qualifier } = call.function()?;
    let text = |name| call.text(name).map(str::to_owned);
    let place = Place { key, qualifier, revision: text("RevisionId") };
    let command = PolicyCommand::RemovePermission { place, sid: text("StatementId").unwrap_or_default() };
    services.commit(command, call.origin(), None).await?;
    no_content()
}
