//! Which permissions the operations of CloudWatch take: those on all resources, as its metrics have no ARNs.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html>.

use crate::protocol::call::Call;
use crate::services::access::Need;

/// What a call takes.
pub fn of_call(call: &Call) -> Vec<Need> {
    vec![Need::new(format!("cloudwatch:{}", call.operation), "*".to_owned())]
}
