//! Remote read: the stored samples of series, as they are.

use bongsu_core::Timestamp;
use prost::Message as _;
use reqwest::header::CONTENT_TYPE;

use super::message::{LabelMatcher, MatcherType, Query, ReadRequest, ResponseType};
use super::stream::{Span, Unreadable};
use super::{pack, stream};
use crate::client::{Call, Reply, anywhere};
use crate::{Answer, Client, Error, ErrorKind, MatchOp, Matcher, Selector};

const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-read-version", "0.1.0"),
];

impl Client {
    /// The stored samples of the series that match `selector` (such as `up{job="node"}`), from
    /// `start` to `end`, both included.
    ///
    /// Unlike [`Client::query_range`] this gives every sample at its own time, without a grid and
    /// without repeating old values: where a series ended there is a hole. Servers that can send
    /// their chunks as they lie on disk do so, at 1 to 2 bytes a sample; chunks of an unknown
    /// encoding make the client ask once more for plain samples. Native histograms are counted in
    /// [`Quality`](crate::Quality::histogram_series) and left out. VictoriaMetrics and Thanos'
    /// query front end do not speak this protocol: there, query `selector[5m]` instead.
    ///
    /// Cost: the whole answer is held before it is decoded, up to
    /// [`ClientConfig::max_response_bytes`](crate::ClientConfig::max_response_bytes).
    ///
    /// # Errors
    /// When `selector` cannot be read, or has a range or an offset; when the range is reversed;
    /// else as [`Client::query`].
    pub async fn remote_read(
        &self,
        selector: &str,
        start: Timestamp,
        end: Timestamp,
    ) -> Result<Answer, Error> {
        let selector: Selector = selector.parse()?;
        if selector.range().is_some() || selector.offset_ms() != 0 {
            let domain = "without a range and an offset: `start` and `end` tell the time";
            return Err(Error::parameter("selector", "one with them", domain));
        }
        if end < start {
            let message = format!("the range ends at {end} before it starts at {start}");
            return Err(Error::plain(ErrorKind::Range, message));
        }
        let query = Query {
            start_timestamp_ms: start.as_millis(),
            end_timestamp_ms: end.as_millis(),
            matchers: selector.matchers().iter().map(matcher).collect(),
        };
        let span = Span { start, end };
        let best = [ResponseType::StreamedXorChunks, ResponseType::Samples];
        match self.read(&query, span, &best).await? {
            Ok(answer) => Ok(answer),
            Err(_unknown) => {
                let plain = self.read(&query, span, &[ResponseType::Samples]).await?;
                plain.map_err(|encoding| {
                    let message = format!(
                        "the server sends chunks of encoding {encoding} also when asked for samples"
                    );
                    Error::plain(ErrorKind::Decode, message)
                })
            }
        }
    }

    /// Asks for `query` in one of the `accepted` forms; the inner error is an unknown encoding.
    async fn read(
        &self,
        query: &Query,
        span: Span,
        accepted: &[ResponseType],
    ) -> Result<Result<Answer, i32>, Error> {
        let request = ReadRequest {
            queries: vec![query.clone()],
            accepted_response_types: accepted.iter().map(|&kind| kind as i32).collect(),
        };
        let body = pack(&request.encode_to_vec())?;
        let call = Call::body("api/v1/read", body.into(), &HEADERS);
        let name = self.0.name(&call);
        let failed = |kind, message: String| Error::request(kind, &name, message);
        let Reply { headers, body } = self.0.retried(&call).await?;
        let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        let is_stream = kind.starts_with("application/x-streamed-protobuf");
        if !is_stream && !kind.starts_with("application/x-protobuf") {
            let message = format!("the answer is of type `{kind}`, not of remote read");
            return Err(failed(ErrorKind::ContentType, message));
        }
        let cap = self.0.config.max_response_bytes;
        let read = move |body: &[u8]| {
            if is_stream {
                stream::frames(body, span)
            } else {
                stream::samples(body, cap, span)
            }
        };
        match anywhere(body, read).await {
            Ok(Ok(answer)) => Ok(Ok(answer)),
            Ok(Err(Unreadable::Encoding(encoding))) => Ok(Err(encoding)),
            Ok(Err(Unreadable::Broken(kind, message))) => Err(failed(kind, message)),
            Err(message) => Err(failed(ErrorKind::Decode, message)),
        }
    }
}

fn matcher(matcher: &Matcher) -> LabelMatcher {
    let kind = match matcher.op() {
        MatchOp::Equal => MatcherType::Equal,
        MatchOp::NotEqual => MatcherType::NotEqual,
        MatchOp::Matches => MatcherType::Matches,
        MatchOp::MatchesNot => MatcherType::MatchesNot,
    };
    LabelMatcher {
        kind: kind as i32,
        name: matcher.name().to_owned(),
        value: matcher.value().to_owned(),
    }
}
