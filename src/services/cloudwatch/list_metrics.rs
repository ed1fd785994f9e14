//! `ListMetrics`: which metrics there are.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::dimensions::{Dimension, Part};
use super::metric::Metric;
use super::{CloudWatch, NAMESPACE};
use crate::clock;
use crate::invoke::metrics::MINUTE;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::names::Scope;
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::page::{Order, Page, Paging};

/// Pages have 500 metrics, however many a caller might want.
const PAGING: Paging = Paging { size: "MaxResults", token: "NextToken", default: 500, most: 500, unreadable };

/// Minutes within which a metric is called recently active.
const RECENT: u64 = 180;

fn unreadable(_token: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidQueryValue, "Request parameter NextToken is invalid")
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Filter>,
    recently_active: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    name: String,
    value: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    metrics: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    namespace: &'static str,
    metric_name: &'static str,
    dimensions: Vec<Dimension>,
}

/// The operation.
pub async fn list(cloudwatch: &CloudWatch, mut call: Call) -> Answer {
    let page = Page::of(&call, &PAGING)?;
    let request: Request = call.parse()?;
    cloudwatch.recall().await;

    let since = request.recently_active.as_ref().map_or(0, |_| (clock::now().0 / MINUTE).saturating_sub(RECENT));
    let is_ours = request.namespace.as_deref().is_none_or(|namespace| namespace == NAMESPACE);
    let parts = if is_ours { cloudwatch.parts(&call.scope, since) } else { BTreeSet::new() };
    let metrics = Metric::ALL.into_iter().map(Metric::name);
    let metrics = metrics.filter(|name| request.metric_name.as_deref().is_none_or(|wanted| wanted == *name));
    let mut listed: Vec<Listed> = metrics
        .flat_map(|metric_name| {
            let of_part =
                move |part: &Part| Listed { namespace: NAMESPACE, metric_name, dimensions: part.dimensions() };
            parts.iter().map(of_part)
        })
        .filter(|listed| request.dimensions.iter().all(|filter| filter.takes(&listed.dimensions)))
        .collect();

    listed.sort_by_cached_key(Listed::key);

    let (metrics, next_token) = page.take_sorted(listed.into_iter(), Listed::key, Order::Ascending);
    call.answer(&Response { metrics, next_token })
}

impl Listed {
    /// Its place in the list.
    fn key(&self) -> String {
        let dimensions = self.dimensions.iter().flat_map(|dimension| ["\n", &dimension.name, "=", &dimension.value]);
        [self.metric_name].into_iter().chain(dimensions).collect()
    }
}

impl Filter {
    fn takes(&self, dimensions: &[Dimension]) -> bool {
        let is_it = |dimension: &Dimension| {
            dimension.name == self.name && self.value.as_ref().is_none_or(|value| *value == dimension.value)
        };
        dimensions.iter().any(is_it)
    }
}

impl CloudWatch {
    /// The parts of an account's region of which there are values since a minute.
    fn parts(&self, scope: &Scope, since: u64) -> BTreeSet<Part> {
        self.services.invoker.metrics().with_series(|series| {
            let functions = series.functions().filter(|key| key.scope == *scope);
            let parts = functions.flat_map(|key| {
                let name = key.name.as_str();
                series.runs(key, since).flat_map(move |ran| Part::around(name, ran))
            });
            parts.collect()
        })
    }
}
