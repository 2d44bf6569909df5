//! Scores and bands as series of their own, written where the metrics come from.

use std::time::Duration;

use bongsu_core::{Labels, METRIC_NAME, Verdict, format_duration};
use bongsu_prometheus::{RemoteWriter, Sample, WriteOptions, WriteProtocol, WriteStatus};

use crate::Error;
use crate::config::{RemoteWriteConfig, RemoteWriteVersion};
use crate::connection::Connection;

/// Where the judged series' own name and its query are found.
const METRIC: &str = "metric";
const QUERY: &str = "query";

/// For so long a receiver that is not configured any more is sent what waits for it.
const LAST_DELIVERY: Duration = Duration::from_secs(600);

/// A series that is written for every judged one, and its value.
type Written = (&'static str, fn(&Verdict) -> Option<f64>);

const SERIES: [Written; 4] = [
    ("bongsu_anomaly_score", |v| v.score),
    ("bongsu_expected", |v| v.expected),
    ("bongsu_lower", |v| v.lower),
    ("bongsu_upper", |v| v.upper),
];

/// A writer of verdicts.
#[derive(Debug)]
pub(crate) struct WriteBack {
    writer: RemoteWriter,
    labels: Vec<(String, String)>,
}

impl RemoteWriteConfig {
    fn connection(&self) -> Connection<'_> {
        Connection {
            url: &self.url,
            auth: &self.auth,
            tls: &self.tls,
            timeout: self.timeout,
            headers: &self.headers,
        }
    }

    fn options(&self) -> Result<WriteOptions, Error> {
        let protocol = match self.protocol {
            RemoteWriteVersion::V1 => WriteProtocol::V1,
            RemoteWriteVersion::V2 => WriteProtocol::V2,
        };
        let options = WriteOptions::default().protocol(protocol);
        let options = options.max_queue(self.queue);
        options.map_err(|e| Error::config(format!("{SECTION}.queue: {e}")))
    }

    /// Checks all that can be checked without the server.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        self.connection().check(SECTION)?;
        self.connection().client_config(SECTION)?;
        self.options().map(drop)
    }
}

const SECTION: &str = "output.remote_write";

impl WriteBack {
    pub(crate) fn start(config: &RemoteWriteConfig) -> Result<Self, Error> {
        let endpoint = config.connection().client_config(SECTION)?;
        let writer = RemoteWriter::start(endpoint, config.options()?)
            .map_err(|e| Error::config(format!("{SECTION}: {e}")))?;
        let labels = config.labels.clone().into_iter().collect();
        Ok(Self { writer, labels })
    }

    /// Queues what `verdicts` of `query` say. What a detector does not tell is not written.
    pub(crate) fn send<'a>(&self, query: &str, verdicts: impl Iterator<Item = &'a Verdict>) {
        self.writer
            .send(verdicts.flat_map(|v| self.samples(query, v)));
    }

    fn samples<'a>(
        &'a self,
        query: &'a str,
        verdict: &'a Verdict,
    ) -> impl Iterator<Item = Sample> + 'a {
        SERIES.iter().filter_map(move |(name, value)| {
            let value = value(verdict)?;
            // The names are distinct, as every one taken is left out of those that follow.
            let labels = self.series(name, query, &verdict.labels).ok()?;
            Some(Sample {
                labels,
                timestamp: verdict.timestamp,
                value,
            })
        })
    }

    /// The labels of the series `name` about `judged`.
    fn series(&self, name: &str, query: &str, judged: &Labels) -> bongsu_core::Result<Labels> {
        let mut own = vec![(METRIC_NAME, name), (QUERY, query)];
        own.extend(judged.metric_name().map(|name| (METRIC, name)));
        for (name, value) in &self.labels {
            if own.iter().all(|(taken, _)| taken != name) {
                own.push((name, value));
            }
        }
        let kept = judged
            .iter()
            .filter(|(name, _)| own.iter().all(|(taken, _)| taken != name));
        Labels::from_pairs(own.iter().copied().chain(kept))
    }

    /// Takes over what another writer has not delivered yet, before anything of its own.
    pub(crate) fn take_over(&self, other: Self) {
        let left = other.writer.hand_over();
        if !left.is_empty() {
            tracing::info!(
                samples = left.len(),
                "the new writer takes over what is not written yet"
            );
        }
        self.writer.send(left);
    }

    /// Delivers what is left, for at most [`LAST_DELIVERY`], where nothing comes after it.
    pub(crate) async fn finish(self) {
        let samples = self.status().queued;
        if samples == 0 {
            return;
        }
        tracing::info!(
            samples,
            "scores for the receiver of the old configuration are written for {} at most",
            format_duration(LAST_DELIVERY)
        );
        let status = self.writer.stop(LAST_DELIVERY).await;
        if status.dropped > 0 {
            tracing::error!(
                samples = status.dropped,
                error = status.last_error.as_deref().unwrap_or("it takes too long"),
                "scores for the receiver of the old configuration were given up"
            );
        } else {
            tracing::info!("the receiver of the old configuration has everything");
        }
    }

    pub(crate) fn status(&self) -> WriteStatus {
        self.writer.status()
    }

    /// Delivers what is queued, for at most `patience`.
    pub(crate) async fn flush(&self, patience: Duration) {
        if !self.writer.flush(patience).await {
            let status = self.writer.status();
            tracing::warn!(
                samples = status.queued,
                error = status.last_error.as_deref().unwrap_or("it takes too long"),
                "scores are not written yet"
            );
        }
    }
}
