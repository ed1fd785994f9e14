//! Tells a collector of OpenTelemetry what was learnt of invocations: a trace of each, and their numbers.
//!
//! Nothing of a payload or a log goes there, only names and times. How often it is told, and with which headers, say the
//! variables of the specification (`OTEL_BSP_SCHEDULE_DELAY`, `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_EXPORTER_OTLP_HEADERS`).

mod collector;
mod instruments;
mod spans;

use std::fmt;
use std::sync::Arc;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanProcessor as _};

use self::collector::Client;
pub use self::collector::Collector;
use self::instruments::Instruments;
use self::spans::SCOPE;
use crate::invoke::record::learnt::Drafted;

/// Tells a collector.
#[derive(Clone)]
pub struct Telemetry(Arc<Shared>);

struct Shared {
    spans: BatchSpanProcessor,
    metrics: SdkMeterProvider,
    instruments: Instruments,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Telemetry")
    }
}

impl Telemetry {
    /// Begins to tell `collector`. To be called where tokio runs: what is sent is sent by it.
    ///
    /// # Errors
    /// The collector's address is none.
    pub fn start(collector: &Collector) -> Result<Self, ExporterBuildError> {
        let resource = Resource::builder()
            .with_service_name(SCOPE)
            .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let client = Client::new(collector);

        let exporter = SpanExporter::builder().with_http();
        let exporter =
            exporter.with_endpoint(collector.of_signal("traces")).with_http_client(client.clone()).build()?;
        let mut spans = BatchSpanProcessor::builder(exporter).build();
        spans.set_resource(&resource);
        let exporter = MetricExporter::builder().with_http();
        let exporter = exporter.with_endpoint(collector.of_signal("metrics")).with_http_client(client).build()?;
        let metrics = SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(exporter).build();

        let instruments = Instruments::new(&metrics.meter(SCOPE));
        Ok(Self(Arc::new(Shared { spans, metrics, instruments })))
    }

    /// Takes an invocation that ended. What comes faster than it can be told is left out.
    pub fn tell(&self, drafted: &Drafted) {
        self.0.instruments.count(drafted);
        for span in spans::of(drafted) {
            self.0.spans.on_end(span);
        }
    }

    /// Tells the rest, and no more. Blocks until it is told, for some seconds at most.
    pub fn close(&self) {
        let ended = [self.0.spans.shutdown(), self.0.metrics.shutdown()];
        for error in ended.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "the collector was not told of the last invocations");
        }
    }
}
