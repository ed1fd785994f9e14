//! Lambda: one file a resource.

pub mod account;
pub mod aliases;
pub mod capacity_providers;
pub mod code;
pub mod code_signing;
pub mod concurrency;
pub mod configuration;
pub mod durable_executions;
pub mod event_invoke;
pub mod event_sources;
pub mod function_modes;
mod function_request;
pub mod function_settings;
pub mod functions;
pub mod invocations;
pub mod layers;
mod needs;
mod neighbours;
mod paging;
pub mod policies;
pub mod resource_policies;
pub mod scaling;
mod shapes;
pub mod tags;
pub mod urls;
pub mod versions;

use super::Services;
use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::call::Call;
use crate::protocol::codec::Dialect;
use crate::protocol::service::Service;
use crate::protocol::shape;

/// Lambda. A new operation is a row in one of these tables, its shape, its function and its tests.
pub static SERVICE: Service<Services> = Service {
    dialect: Dialect::RestJson,
    tables: &[
        account::OPERATIONS,
        aliases::OPERATIONS,
        capacity_providers::OPERATIONS,
        code_signing::OPERATIONS,
        concurrency::OPERATIONS,
        durable_executions::OPERATIONS,
        event_invoke::OPERATIONS,
        event_sources::OPERATIONS,
        function_settings::OPERATIONS,
        functions::OPERATIONS,
        invocations::OPERATIONS,
        layers::OPERATIONS,
        policies::OPERATIONS,
        resource_policies::OPERATIONS,
        tags::OPERATIONS,
        urls::OPERATIONS,
        versions::OPERATIONS,
    ],
    check: shape::check,
    admit,
};

fn admit(services: &Services, call: &Call) -> Result<(), ApiError> {
    check_account(services, call)?;
    services.access.admit(call, || needs::of_call(&services.ledger.state(), call))
}

/// Refuses a function of another account, unless it is there: a caller cannot tell whether such a
/// function exists that it has no permission for (recorded in `test_function_arns`). Larder verifies
/// no identities, so one that exists may be used (`test_cross_region_arn_function_access`).
fn check_account(services: &Services, call: &Call) -> Result<(), ApiError> {
    if call.text("FunctionName").is_none() {
        return Ok(());
    }
    let key = call.function()?.key;
    if key.scope.account != call.scope.account && services.ledger.state().function(&key).is_none() {
        return Err(ApiError::silent(ErrorCode::AccessDenied));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::http::Method;

    use super::SERVICE;
    use super::shapes::requests;
    use crate::model::error::ErrorCode;
    use crate::protocol::router::Router;

    #[test]
    fn every_operation_is_served_and_no_other() {
        let served: BTreeSet<&str> = SERVICE.operations().map(|operation| operation.request.name).collect();
        assert_eq!(served, requests::ALL.iter().map(|request| request.name).collect());
    }

    #[test]
    fn names_are_decoded_after_the_path_is_split() {
        let path = "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af%2Fx/code";
        let (operation, params) = Router::new(&SERVICE).find(&Method::PUT, path, "").expect("is a path");
        assert_eq!(operation.request.name, "UpdateFunctionCode");
        assert_eq!(params[0].1, "arn:aws:lambda:us-east-1:000000000000:function:f/x");
    }

    #[test]
    fn unknown_paths_and_methods_are_told_apart() {
        let find = |method, path| Router::new(&SERVICE).find(&method, path, "").map(|_| ()).map_err(|error| error.code);
        assert_eq!(find(Method::GET, "/nothing"), Err(ErrorCode::UnknownOperation));
        assert_eq!(find(Method::PATCH, "/2015-03-31/functions"), Err(ErrorCode::MethodNotAllowed));
        assert_eq!(find(Method::GET, "/2015-03-31/functions/"), Ok(()));
        let has = |path| Router::new(&SERVICE).has_path(path);
        assert!(has("/2015-03-31/functions/") && has("/2015-03-31/functions/f/code"));
        assert!(!has("/2013-04-01/hostedzone") && !has("/"));
    }
}
