//! An exporter.

use std::fmt;

use bongsu_core::{Labels, Timestamp};
use reqwest::header::CONTENT_TYPE;

use super::{Exposition, Format, parse};
use crate::client::{Call, Reply, Transport, anywhere};
use crate::{ClientConfig, Error, ErrorKind};

/// Fetches the metrics of one exporter.
///
/// ```no_run
/// use bongsu_core::{Labels, Timestamp};
/// use bongsu_prometheus::ClientConfig;
/// use bongsu_prometheus::scrape::Scraper;
///
/// # async fn example(now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
/// let labels = Labels::from_pairs([("job", "node"), ("instance", "localhost:9100")])?;
/// let node = Scraper::new(ClientConfig::new("http://localhost:9100/metrics")?, labels)?;
/// for sample in node.scrape(now).await?.samples {
///     println!("{} {}", sample.labels.selector(), sample.value);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Scraper {
    transport: Transport,
    labels: Labels,
}

impl Scraper {
    /// A scraper of the exporter at the whole address of `config`, whose samples get `labels` too.
    /// A label that the exporter sets as well is kept as `exported_<name>`, as by Prometheus.
    ///
    /// # Errors
    /// When a TLS file cannot be read or holds something else.
    pub fn new(config: ClientConfig, labels: Labels) -> Result<Self, Error> {
        let config = config.header(
            "accept",
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
        )?;
        let transport = Transport::new(config)?;
        Ok(Self { transport, labels })
    }

    /// Fetches the metrics, trying again after failures that may pass. A sample without a time of
    /// its own gets `now`.
    ///
    /// # Errors
    /// When the exporter cannot be reached after all retries or refuses, or when its answer breaks
    /// the format.
    pub async fn scrape(&self, now: Timestamp) -> Result<Exposition, Error> {
        let call = Call::get("", Vec::new());
        let name = self.transport.name(&call);
        let failed = |message: String| Error::request(ErrorKind::Decode, &name, message);
        let Reply { headers, body } = self.transport.retried(&call).await?;
        let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let format = Format::of(kind.unwrap_or_default());
        let read = move |body: &[u8]| {
            let text = std::str::from_utf8(body).map_err(|e| format!("it is no text: {e}"))?;
            parse(text, format, now).map_err(|e| e.to_string())
        };
        let mut exposition = anywhere(body, read).await.flatten().map_err(failed)?;
        for sample in &mut exposition.samples {
            sample.labels = self.labelled(&sample.labels).map_err(failed)?;
        }
        Ok(exposition)
    }

    /// The address, without a user name, a password and parameters.
    #[must_use]
    pub fn url(&self) -> String {
        self.transport.config.display_url()
    }

    /// The labels that its samples get.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    fn labelled(&self, labels: &Labels) -> Result<Labels, String> {
        if self.labels.is_empty() {
            return Ok(labels.clone());
        }
        let taken = |name: &str| self.labels.get(name).is_some();
        let own = labels.iter().map(|(name, value)| {
            let mut name = name.to_owned();
            while taken(&name) {
                name.insert_str(0, "exported_");
            }
            (name, value)
        });
        let added = self.labels.iter().map(|(n, v)| (n.to_owned(), v));
        Labels::from_pairs(own.chain(added)).map_err(|e| e.to_string())
    }
}

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scraper")
            .field("target", &self.transport.config)
            .field("labels", &self.labels)
            .finish()
    }
}
