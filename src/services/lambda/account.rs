//! Account settings.

use axum::http::StatusCode;
use serde_json::json;

use crate::protocol::answer::{Answer, json as answer_json};
use crate::protocol::call::Call;
use crate::protocol::operation::{Operation, operation};
use crate::services::Services;
use crate::services::lambda::shapes::requests;

/// The operations of this file.
pub static OPERATIONS: &[Operation<Services>] = &[operation!(requests::GET_ACCOUNT_SETTINGS => settings)];

/// `GetAccountSettings`.
pub async fn settings(services: &Services, call: Call) -> Answer {
    let limits = &services.limits;
    let usage = services.ledger.state().usage(&call.scope);
    answer_json(
        StatusCode::OK,
        &json!({
            "AccountLimit": {
                "TotalCodeSize": limits.total_code_size,
                "CodeSizeUnzipped": limits.code_size_unzipped,
                "CodeSizeZipped": limits.code_size_zipped,
                "ConcurrentExecutions": limits.concurrent_executions,
                "UnreservedConcurrentExecutions":
                    u64::from(limits.concurrent_executions).saturating_sub(usage.concurrency()),
            },
            "AccountUsage": { "TotalCodeSize": usage.code_size, "FunctionCount": usage.functions },
        }),
    )
}
