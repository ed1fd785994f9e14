//! `GetMetricData`: values of many metrics.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::CloudWatch;
use super::dimensions::Dimension;
use super::errors::invalid;
use super::metric::{Stretch, Wanted};
use super::statistic::Statistic;
use super::time::moment;
use crate::invoke::metrics::Sample;
use crate::model::error::{ApiError, ErrorCode};
use crate::protocol::answer::Answer;
use crate::protocol::call::Call;
use crate::protocol::page::{read_token, token};

/// Metrics of a request, and values of an answer, at most.
///
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>
const QUERIES: usize = 500;
const VALUES: usize = 100_800;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    metric_data_queries: Vec<Query>,
    start_time: Value,
    end_time: Value,
    next_token: Option<String>,
    scan_by: Option<String>,
    max_datapoints: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
    expression: Option<String>,
    label: Option<String>,
    return_data: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: Named,
    period: u64,
    stat: String,
    unit: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    namespace: Option<String>,
    metric_name: Option<String>,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response {
    metric_data_results: Vec<Found>,
    messages: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    id: String,
    label: String,
    timestamps: Vec<u64>,
    values: Vec<f64>,
    status_code: &'static str,
}

/// The operation.
pub async fn get(cloudwatch: &CloudWatch, mut call: Call) -> Answer {
    let request: Request = call.parse()?;
    let (start, end) = (moment("StartTime", &request.start_time)?, moment("EndTime", &request.end_time)?);
    let from = request.next_token.as_deref().filter(|token| !token.is_empty()).map(place).transpose()?.unwrap_or(0);
    check(&request.metric_data_queries)?;
    cloudwatch.recall().await;

    let is_ascending = request.scan_by.as_deref() == Some("TimestampAscending");
    let mut results = Vec::new();
    for (index, query) in (1..).zip(request.metric_data_queries) {
        let is_shown = query.return_data.unwrap_or(true);
        let mut found = cloudwatch.found(&call, query, (index, start, end))?;
        if !is_ascending {
            found.timestamps.reverse();
            found.values.reverse();
        }
        if is_shown {
            results.push(found);
        }
    }

    let most = request.max_datapoints.filter(|most| *most > 0).unwrap_or(VALUES).min(VALUES);
    let next_token = cut(&mut results, from, most).map(|next| token(&next.to_string()));
    call.answer(&Response { metric_data_results: results, messages: [], next_token })
}

/// What is wrong with queries as a whole.
fn check(queries: &[Query]) -> Result<(), ApiError> {
    let problem = |message: String| Err(ApiError::new(ErrorCode::ValidationError, message));
    if queries.is_empty() || queries.len() > QUERIES {
        return problem(format!("The collection MetricDataQueries must have from 1 to {QUERIES} items."));
    }
    let mut seen = std::collections::HashSet::new();
    for Query { id, .. } in queries {
        let mut letters = id.bytes();
        let is_name = letters.next().is_some_and(|first| first.is_ascii_lowercase())
            && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return problem(format!(
                "The value {id} for parameter MetricDataQueries.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$."
            ));
        }
        if !seen.insert(id) {
            return problem(format!("The values for parameter id in MetricDataQueries are not unique: {id}."));
        }
    }
    Ok(())
}

impl CloudWatch {
    /// What a query finds.
    fn found(&self, call: &Call, query: Query, (index, start, end): (usize, u64, u64)) -> Result<Found, ApiError> {
        let name = format!("MetricDataQueries.member.{index}");
        let Some(MetricStat { metric, period, stat, unit }) = query.metric_stat else {
            let message = match query.expression {
                Some(_) => format!("Larder's CloudWatch evaluates no expressions: {name} has one."),
                None => format!("The parameter {name} must have a MetricStat or an Expression."),
            };
            return Err(ApiError::new(ErrorCode::ValidationError, message));
        };
        if query.expression.is_some() {
            let message =
                format!("The parameters {name}.MetricStat and {name}.Expression cannot be specified together.");
            return Err(ApiError::new(ErrorCode::ValidationError, message));
        }
        let statistic = Statistic::parse(&stat).ok_or_else(|| {
            invalid(format!(
                "The value {stat} for parameter {name}.MetricStat.Stat is no statistic that is known here."
            ))
        })?;
        let stretch = Stretch::new(&format!("{name}.MetricStat.Period"), (start, end), period)?;

        let metric_name = metric.metric_name.unwrap_or_default();
        let namespace = metric.namespace.unwrap_or_default();
        let wanted = Wanted::of(&namespace, &metric_name, &metric.dimensions, unit.as_deref());
        let values = wanted.map_or_else(BTreeMap::new, |wanted| self.values(&call.scope, &wanted, stretch));
        let told = values.into_iter().map(|(time, sample): (u64, Sample)| (time, statistic.of(&sample)));
        let (timestamps, values) = told.unzip();
        Ok(Found {
            id: query.id,
            label: query.label.unwrap_or(metric_name),
            timestamps,
            values,
            status_code: "Complete",
        })
    }
}

/// Leaves the values of a page, from a place on; the place of the next page, if there is one.
fn cut(results: &mut [Found], from: usize, most: usize) -> Option<usize> {
    let mut at = 0;
    let mut is_cut = false;
    for found in results {
        let places = at..at + found.values.len();
        at = places.end;
        let kept = from.clamp(places.start, places.end)..(from + most).clamp(places.start, places.end);
        let kept = kept.start - places.start..kept.end - places.start;
        if kept.end < found.values.len() {
            found.status_code = "PartialData";
            is_cut = true;
        }
        found.timestamps = found.timestamps[kept.clone()].to_vec();
        found.values = found.values[kept].to_vec();
    }
    is_cut.then_some(from + most)
}

fn place(token: &str) -> Result<usize, ApiError> {
    let place = read_token(token).and_then(|text| text.parse::<u32>().ok());
    let place = place.and_then(|place| usize::try_from(place).ok());
    place.ok_or_else(|| ApiError::new(ErrorCode::InvalidNextToken, "The next token is invalid."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_all_values_once() {
        let all = |values: &[f64]| Found {
            id: "a".into(),
            label: String::new(),
            timestamps: (0..).take(values.len()).collect(),
            values: values.to_vec(),
            status_code: "Complete",
        };
        let (mut from, mut seen) = (0, vec![Vec::<f64>::new(), Vec::new()]);
        loop {
            let mut page = [all(&[1.0, 2.0, 3.0]), all(&[4.0, 5.0])];
            let next = cut(&mut page, from, 2);
            for (seen, found) in seen.iter_mut().zip(&page) {
                assert_eq!(found.values.len(), found.timestamps.len());
                seen.extend(&found.values);
            }
            let Some(next) = next else { break };
            from = next;
        }
        assert_eq!(seen, [vec![1.0, 2.0, 3.0], vec![4.0, 5.0]]);
    }
}
