//! Traces by the OpenTelemetry protocol over HTTP, for whoever names a collector in the environment.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// Either of these names the collector, as everywhere with OpenTelemetry.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// What sends traces; what it has not sent yet is sent when it is dropped.
#[derive(Debug)]
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins when a collector is named; an error when it cannot be spoken to in any case.
    pub(crate) fn start() -> Result<Option<Self>, String> {
        let named = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !ENDPOINTS.iter().any(|name| named(name)) {
            return Ok(None);
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may win the race, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let exporter = SpanExporter::builder().with_http().build();
        let exporter = exporter.map_err(|e| format!("traces cannot be sent: {e}"))?;
        let resource = Resource::builder();
        let resource = if std::env::var_os("OTEL_SERVICE_NAME").is_some() {
            resource
        } else {
            resource.with_service_name("bongsu")
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.build())
            .build();
        Ok(Some(Self(provider)))
    }

    /// Takes the spans of the service.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let ours = filter_fn(|metadata| metadata.target() == bongsu::engine::TRACE_TARGET);
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("bongsu"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(ours)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // The collector may be away, and there is nobody left to tell.
        let _ = self.0.shutdown();
    }
}
