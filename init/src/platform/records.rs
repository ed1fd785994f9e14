//! What the events of an invocation say. Several are made for each invocation, so they are written as they are, without a
//! tree of JSON in between.

use serde::Serialize;

use super::{Status, milliseconds};

/// `record` of an invocation's event.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvocationRecord<'a> {
    pub(super) request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<Figures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tracing: Option<Tracing<'a>>,
}

impl<'a> InvocationRecord<'a> {
    /// That of an invocation that is over.
    pub(super) fn ended(request_id: &'a str, figures: Figures, status: Status<'a>, trace: Option<&'a str>) -> Self {
        Self {
            request_id,
            version: None,
            metrics: Some(figures),
            status: Some(status.word()),
            error_type: status.error_type(),
            tracing: trace.map(Tracing::of),
        }
    }
}

/// The trace header of an invocation.
#[derive(Serialize)]
pub(super) struct Tracing<'a> {
    r#type: &'static str,
    value: &'a str,
}

impl<'a> Tracing<'a> {
    pub(super) fn of(value: &'a str) -> Self {
        Self { r#type: "X-Amzn-Trace-Id", value }
    }
}

/// `metrics` of an invocation's record.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    pub(super) duration_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) produced_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) billed_duration_ms: Option<u64>,
    #[serde(rename = "memorySizeMB", skip_serializing_if = "Option::is_none")]
    pub(super) memory_size_mb: Option<u64>,
    #[serde(rename = "maxMemoryUsedMB", skip_serializing_if = "Option::is_none")]
    pub(super) max_memory_used_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) init_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) restore_duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) billed_restore_duration_ms: Option<u64>,
}

impl Figures {
    pub(super) fn of(duration_us: u64) -> Self {
        Self { duration_ms: milliseconds(duration_us), ..Self::default() }
    }
}
