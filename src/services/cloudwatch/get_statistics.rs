//! `GetMetricStatistics`: some statistics of a metric, period by period.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CloudWatch;
use super::dimensions::Dimension;
use super::errors::{combination, invalid};
use super::metric::{Stretch, Wanted};
use super::statistic::Statistic;
use super::time::moment;
use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;

/// Values of an answer at most.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html>
const MOST: u64 = 1440;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
    start_time: Value,
    end_time: Value,
    period: u64,
    #[serde(default)]
    statistics: Vec<String>,
    #[serde(default)]
    extended_statistics: Vec<String>,
    unit: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    label: String,
    datapoints: Vec<Datapoint>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Datapoint {
    timestamp: u64,
    #[serde(flatten)]
    statistics: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extended_statistics: BTreeMap<String, f64>,
    unit: &'static str,
}

/// The operation.
pub async fn get(cloudwatch: &CloudWatch, mut call: Call) -> Answer {
    let request: Request = call.parse()?;
    let stretch = request.stretch()?;
    let [statistics, extended] = [&request.statistics, &request.extended_statistics].map(|names| parsed(names));
    let (statistics, extended) = (statistics?, extended?);
    cloudwatch.recall().await;

    let Request { namespace, metric_name, dimensions, unit, .. } = &request;
    let wanted = Wanted::of(namespace, metric_name, dimensions, unit.as_deref());
    let datapoints = wanted.map_or_else(Vec::new, |wanted| {
        let unit = wanted.unit();
        let values = cloudwatch.values(&call.scope, &wanted, stretch).into_iter();
        let datapoint = |(timestamp, sample)| {
            let told =
                |of: &[(String, Statistic)]| of.iter().map(|(name, of)| (name.clone(), of.of(&sample))).collect();
            let (statistics, extended_statistics) = (told(&statistics), told(&extended));
            Datapoint { timestamp, statistics, extended_statistics, unit }
        };
        values.map(datapoint).collect()
    });
    call.answer(&Response { label: request.metric_name, datapoints })
}

impl Request {
    /// The stretch of time, checked.
    fn stretch(&self) -> Result<Stretch, ApiError> {
        let (start, end) = (moment("StartTime", &self.start_time)?, moment("EndTime", &self.end_time)?);
        let stretch = Stretch::new("Period", (start, end), self.period)?;
        if self.statistics.is_empty() && self.extended_statistics.is_empty() {
            let message = "At least one of the parameters Statistics and ExtendedStatistics must be specified.";
            return Err(ApiError::new(ErrorCode::MissingParameter, message));
        }
        if stretch.values() > MOST {
            return Err(combination(format!(
                "You have requested up to {} datapoints, which exceeds the limit of 1,440. You may reduce the datapoints \
                 requested by increasing Period, or decreasing the time range.",
                stretch.values()
            )));
        }
        Ok(stretch)
    }
}

fn parsed(names: &[String]) -> Result<Vec<(String, Statistic)>, ApiError> {
    let parsed = names.iter().map(|name| Statistic::parse(name).map(|statistic| (name.clone(), statistic)));
    let parsed: Option<_> = parsed.collect();
    parsed.ok_or_else(|| invalid("The value for parameter ExtendedStatistics is not valid: p0 to p100 are known here."))
}
