//! The state of the upstream in pods: the calls that made it, where an endpoint has recorded them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::pods::PodsError;
use crate::pods::read::Pod;
use crate::pods::upstream_calls::{self, UpstreamCall};
use crate::upstream::{Endpoint, RecorderError, Upstream};

/// Calls that no other upstream shall get: those that only look, those that would wait for messages, and those of Lambda,
/// whose functions there are shadows of the ones here.
const LOOKS: [&str; 2] = ["GET", "HEAD"];
const WAITS: &str = "AmazonSQS.ReceiveMessage";
const LAMBDA: &str = "/lambda/aws4_request";

/// A header that is a part of credentials.
const TOKEN: &str = "x-amz-security-token";

/// The calls that the upstream has recorded, for a pod.
///
/// # Errors
/// An endpoint does not answer, or none has recorded any.
pub async fn taken(upstream: &Upstream) -> Result<Vec<UpstreamCall>, PodsError> {
    let mut taken = Vec::new();
    let mut has_recorded = false;
    for (service, endpoint) in upstream.each_endpoint() {
        let Some(calls) = upstream.recorded(endpoint).await.map_err(RecorderError::from)? else { continue };
        has_recorded = true;
        let service = service.map(str::to_owned);
        let calls = calls.iter().filter_map(|call| kept(call));
        taken.extend(calls.map(|call| UpstreamCall { service: service.clone(), call }));
    }

    if has_recorded { Ok(taken) } else { Err(nothing_recorded(upstream)) }
}

fn nothing_recorded(upstream: &Upstream) -> PodsError {
    PodsError::Invalid(match upstream.summary() {
        given if given.is_empty() => "this server has no upstream whose state could come along (--upstream)".to_owned(),
        given => format!(
            "the upstream ({given}) has recorded no call, and offers nothing else of its state: moto records them where \
             it is started with MOTO_ENABLE_RECORDING=true"
        ),
    })
}

/// A recorded call as it goes into a pod; `None` where it shall not.
fn kept(call: &str) -> Option<String> {
    let mut recorded: Value = serde_json::from_str(call).ok()?;
    if recorded["method"].as_str().is_none_or(|method| LOOKS.contains(&method)) {
        return None;
    }

    let headers = recorded["headers"].as_object_mut()?;
    headers.retain(|name, _| !name.eq_ignore_ascii_case(TOKEN));
    let is_left_out = headers.values().filter_map(Value::as_str).any(|value| value == WAITS || value.contains(LAMBDA));
    (!is_left_out).then(|| recorded.to_string())
}

/// Has the upstream answer the calls of a pod. A dry run only looks whether it could.
///
/// # Errors
/// The pod has none, the upstream is none that takes them, or it does not answer.
pub async fn hand_back(upstream: &Upstream, pod: &Pod, dry_run: bool) -> Result<(), PodsError> {
    let missing = "the pod has nothing of an upstream: `larder pod save --with-upstream` takes it along";
    let calls = upstream_calls::of(pod)?.ok_or_else(|| PodsError::Invalid(missing.to_owned()))?;
    let mut of_endpoints: BTreeMap<String, (&Endpoint, Vec<&str>)> = BTreeMap::new();
    for UpstreamCall { service, call } in &calls {
        let endpoint = match service {
            Some(service) => upstream.endpoint(service),
            None => upstream.default_endpoint(),
        };
        let endpoint = endpoint.ok_or_else(|| no_endpoint(service.as_deref()))?;
        of_endpoints.entry(endpoint.to_string()).or_insert_with(|| (endpoint, Vec::new())).1.push(call);
    }

    if !dry_run {
        for (endpoint, calls) in of_endpoints.values() {
            upstream.play(endpoint, calls).await?;
        }
    }
    Ok(())
}

fn no_endpoint(service: Option<&str>) -> PodsError {
    let (what, option) = match service {
        Some(service) => (service.to_owned(), format!("--upstream {service}=URL")),
        None => ("all services".to_owned(), "--upstream URL".to_owned()),
    };
    PodsError::Invalid(format!("the pod has the state of an upstream for {what}, and this server has none ({option})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_calls_that_change_something_come_along_and_no_token() {
        let call = |method: &str, headers: Value| {
            kept(&json!({ "method": method, "url": "http://moto/", "headers": headers }).to_string())
        };
        let put = call("PUT", json!({ "X-Amz-Security-Token": "t0ken", "Host": "moto" })).expect("is kept");
        assert!(put.contains("moto") && !put.contains("t0ken"), "{put}");
        assert_eq!(call("GET", json!({})), None);
        assert_eq!(call("POST", json!({ "X-Amz-Target": WAITS })), None);
        let of_lambda = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host";
        assert_eq!(call("POST", json!({ "Authorization": of_lambda })), None);
        for other in ["", "{}", "no JSON"] {
            assert_eq!(kept(other), None);
        }
    }
}
