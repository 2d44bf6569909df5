mod catalog;
mod clock;
mod hidden;
mod parts;
pub(crate) mod retry;
mod status;
mod transport;

use std::fmt;
use std::sync::Arc;

use bongsu_core::{Timestamp, format_duration};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

pub use catalog::{Metadata, Target};

pub(crate) use self::hidden::Hidden;
pub(crate) use self::parts::join;
pub(crate) use self::status::cleaned as told_of;
pub(crate) use self::transport::{Call, Reply, Transport, failure_of, start_of_body};
use crate::decode::decode;
use crate::{Answer, ClientConfig, Error, ErrorKind, Range};

/// Bodies above this many bytes are decoded off the async threads.
const INLINE_DECODE: usize = 256 << 10;

/// A client of one Prometheus server, or of anything that speaks its query API.
///
/// Clones share connections, the concurrency limit and what was learned about the server. Methods
/// need a Tokio runtime. Each request is tried again, with growing and partly random pauses, after
/// failures that may pass (see [`Error::is_transient`]).
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Transport>);

impl Client {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// When a TLS file cannot be read or holds something else.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        Transport::new(config).map(|transport| Self(Arc::new(transport)))
    }

    /// How many milliseconds the server's clock is ahead of this machine's (negative: behind), at
    /// least, where its newest answer proves a difference, else 0; `None` before the first answer that tells the
    /// time.
    ///
    /// A difference below a second cannot be seen, and a cache on the way does not count.
    #[must_use]
    pub fn clock_ahead_ms(&self) -> Option<i64> {
        self.0.clock.ahead_ms()
    }

    /// Evaluates `promql` at one moment, by default now at the server. A vector gives series of
    /// one point, a scalar one series without labels, a range selector (`up[5m]`) series of raw
    /// samples.
    ///
    /// # Errors
    /// When the server refuses the query, cannot be reached after all retries, or answers with
    /// something else than a query result.
    pub async fn query(&self, promql: &str, at: Option<Timestamp>) -> Result<Answer, Error> {
        let mut form = self.query_form(promql);
        if let Some(at) = at {
            form.push(("time", at.to_string()));
        }
        self.evaluate(Call::post("api/v1/query", form)).await
    }

    /// Evaluates `promql` on a grid of moments.
    ///
    /// The range is [aligned](Range) to its step, and split where it has more points than
    /// [`ClientConfig::max_points`] allows; the parts are fetched at the same time and joined by
    /// timestamp. A range without a multiple of the step gives an empty answer.
    ///
    /// # Errors
    /// As [`Client::query`]; also when the range is reversed, its step is below a millisecond, or
    /// it needs more than 256 requests.
    pub async fn query_range(&self, promql: &str, range: &Range) -> Result<Answer, Error> {
        let Some((start, end)) = range.aligned()? else {
            return Ok(Answer::default());
        };
        let config = &self.0.config;
        let parts = parts::split(start, end, range.step_ms, config.max_points)?;
        let step = Timestamp::from_millis(range.step_ms).to_string();
        let answers = stream::iter(parts.into_iter().map(|(start, end)| {
            let mut form = self.query_form(promql);
            form.push(("start", start.to_string()));
            form.push(("end", end.to_string()));
            form.push(("step", step.clone()));
            self.evaluate(Call::post("api/v1/query_range", form))
        }))
        .buffered(config.max_concurrency)
        .try_collect::<Vec<Answer>>()
        .await?;
        Ok(join(answers))
    }

    fn query_form(&self, promql: &str) -> Vec<(&'static str, String)> {
        // The server gives up first, so that its account of the failure still comes in.
        let timeout = format_duration(self.0.config.server_timeout());
        vec![("query", promql.to_owned()), ("timeout", timeout)]
    }

    async fn evaluate(&self, call: Call) -> Result<Answer, Error> {
        let name = self.0.name(&call);
        let body = self.0.json(call).await?;
        let failed = |kind, message: String| Error::request(kind, &name, message);
        let decoded = anywhere(body, |body| decode(body).map_err(|e| e.to_string()))
            .await
            .flatten()
            .map_err(|message| failed(ErrorKind::Decode, message))?;
        if decoded.status != "success" {
            let message = status::unsuccessful(&decoded.status, decoded.error.as_deref());
            return Err(self.0.hidden.error(failed(ErrorKind::Decode, message)));
        }
        Ok(decoded.into_answer())
    }
}

/// Reads small bodies here and large ones on a thread where that holds nobody up. An error when that
/// was cancelled.
pub(crate) async fn anywhere<T: Send + 'static>(
    body: Bytes,
    read: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<T, String> {
    if body.len() <= INLINE_DECODE {
        return Ok(read(&body));
    }
    tokio::task::spawn_blocking(move || read(&body))
        .await
        .map_err(|e| format!("decoding was cancelled: {e}"))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.config).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_send<T: Send>(value: T) -> T {
        value
    }

    #[test]
    fn clients_and_their_futures_cross_threads() {
        fn assert_shared<T: Send + Sync + Clone + 'static>() {}
        assert_shared::<Client>();
        assert_shared::<ClientConfig>();
        let client = Client::new(ClientConfig::new("http://h").unwrap()).unwrap();
        let (at, range) = (
            Timestamp::MIN,
            Range {
                start: Timestamp::MIN,
                end: Timestamp::MAX,
                step_ms: 1,
            },
        );
        drop(assert_send(client.query("up", None)));
        drop(assert_send(client.query_range("up", &range)));
        drop(assert_send(client.series(&["up"], at, at)));
        drop(assert_send(client.labels(&[], at, at)));
        drop(assert_send(client.label_values("job", &[], at, at)));
        drop(assert_send(client.metadata(None)));
        drop(assert_send(client.targets()));
        drop(assert_send(client.ready()));
    }
}
