//! CloudWatch's metrics of functions, in the namespace `AWS/Lambda`, to be read: what ran since this server started, and what
//! is remembered of invocations before it. All else is passed on to an upstream, where there is one.

mod dimensions;
mod errors;
mod get_data;
mod get_statistics;
mod list_metrics;
mod metric;
mod needs;
mod shapes;
mod statistic;
mod time;

use std::sync::Arc;

use axum::http::request::Parts;
pub use errors::{not_served, unreadable_body};
use tokio::sync::OnceCell;

use crate::desk::invocation_metrics;
use crate::model::error::ApiError;
use crate::protocol::call::Call;
use crate::protocol::codec::Dialect;
use crate::protocol::compatible::Compatible;
use crate::protocol::flat::Flat;
use crate::protocol::operation::{Operation, operation};
use crate::protocol::service::Service;
use crate::protocol::violations::check_showing_values;
use crate::services::Services;

/// Bytes of a request at most.
pub const MAX_REQUEST: usize = 1024 * 1024;

/// The service in `X-Amz-Target`, and in the path.
pub const TARGET: &str = "GraniteServiceVersion20100801";

/// The namespace of the metrics of functions.
const NAMESPACE: &str = "AWS/Lambda";

/// Whether a request names the metrics of functions: as text, in whichever protocol.
pub fn is_about_functions(parts: &Parts, body: &[u8]) -> bool {
    let names = |text: &[u8]| {
        let named = [NAMESPACE.as_bytes(), b"AWS%2FLambda", b"AWS%2fLambda"];
        named.into_iter().any(|name| text.windows(name.len()).any(|part| part == name))
    };
    names(body) || names(parts.uri.query().unwrap_or_default().as_bytes())
}

/// CloudWatch, as a service.
pub static SERVICE: Service<CloudWatch> =
    Service { dialect: Dialect::Compatible(&DIALECT), check: check_showing_values, admit, tables: &[OPERATIONS] };

static DIALECT: Compatible = Compatible {
    target: TARGET,
    types: "com.amazonaws.cloudwatch",
    shapes: errors::SHAPES,
    namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
    lists: &[
        ("Datapoints", Flat::Members),
        ("Dimensions", Flat::Members),
        ("ExtendedStatistics", Flat::Entries),
        ("Messages", Flat::Members),
        ("MetricDataResults", Flat::Members),
        ("Metrics", Flat::Members),
        ("Timestamps", Flat::Members),
        ("Values", Flat::Members),
    ],
    times: &["Timestamp", "Timestamps"],
};

static OPERATIONS: &[Operation<CloudWatch>] = &[
    operation!("GetMetricData" shapes::GET_METRIC_DATA => get_data::get),
    operation!("GetMetricStatistics" shapes::GET_METRIC_STATISTICS => get_statistics::get),
    operation!("ListMetrics" shapes::LIST_METRICS => list_metrics::list),
];

fn admit(cloudwatch: &CloudWatch, call: &Call) -> Result<(), ApiError> {
    cloudwatch.services.access.admit(call, || needs::of_call(call))
}

/// What its operations work with.
#[derive(Debug)]
pub struct CloudWatch {
    services: Arc<Services>,
    /// Done when what is remembered of invocations before this server was taken into the metrics.
    recalled: OnceCell<()>,
}

impl CloudWatch {
    /// The service over what all work with.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services, recalled: OnceCell::new() }
    }

    /// Takes what is remembered of invocations before this server into the metrics, when somebody asks for the first time.
    async fn recall(&self) {
        let recall = || async {
            let (ledger, invoker) = (Arc::clone(&self.services.ledger), Arc::clone(&self.services.invoker));
            let recalled = tokio::task::spawn_blocking(move || invocation_metrics::recall(&ledger, invoker.metrics()));
            match recalled.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "metrics lack what ran before this server"),
                Err(error) => tracing::error!(%error, "metrics lack what ran before this server"),
            }
        };
        self.recalled.get_or_init(recall).await;
    }
}
