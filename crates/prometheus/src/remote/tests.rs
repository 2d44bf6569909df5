//! Remote read from servers that speak the protocol as documented, and from those that do not.

use bongsu_core::Timestamp;
use bytes::Bytes;
use prost::Message;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::message::{
    Chunk, ChunkedReadResponse, ChunkedSeries, Label, QueryResult, ReadRequest, ReadResponse,
    Sample, TimeSeries, Unread,
};
use super::stream::{Span, Unreadable, frames, samples};
use super::{pack, stream};
use crate::decode::chunk::tests::encode;
use crate::{Client, ClientConfig, ErrorKind};

const ALL: Span = Span {
    start: Timestamp::MIN,
    end: Timestamp::MAX,
};
const STREAM: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

fn labels(name: &str) -> Vec<Label> {
    let label = |name: &str, value: &str| Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    vec![label("__name__", name), label("job", "a")]
}

fn chunk(encoding: i32, samples: &[(i64, f64)]) -> Chunk {
    Chunk {
        encoding,
        data: encode(samples).into(),
    }
}

fn frame(series: &[(&str, Vec<Chunk>)]) -> Vec<u8> {
    let chunked_series = series
        .iter()
        .map(|(name, chunks)| ChunkedSeries {
            labels: labels(name),
            chunks: chunks.clone(),
        })
        .collect();
    let message = ChunkedReadResponse { chunked_series }.encode_to_vec();
    let mut frame = Vec::new();
    prost::encode_length_delimiter(message.len(), &mut frame).unwrap();
    frame.extend(crc32c::crc32c(&message).to_be_bytes());
    frame.extend(message);
    frame
}

fn plain() -> Bytes {
    let series = TimeSeries {
        labels: labels("plain"),
        samples: [(1_000, 1.0), (2_000, STALE), (3_000, 3.0)]
            .map(|(timestamp, value)| Sample { value, timestamp })
            .to_vec(),
        histograms: vec![Unread {}],
    };
    let results = vec![QueryResult {
        timeseries: vec![series],
    }];
    pack(&ReadResponse { results }.encode_to_vec())
        .unwrap()
        .into()
}

/// `name: (time, value)...` of every series.
fn shown(answer: &crate::Answer) -> Vec<String> {
    let line = |series: &bongsu_core::Series| {
        let points: Vec<_> = series.iter().map(|(t, v)| (t.as_millis(), v)).collect();
        format!("{} {points:?}", series.labels().metric_name().unwrap())
    };
    answer.series.iter().map(line).collect()
}

#[test]
fn series_go_on_over_frames_and_chunks_are_trimmed() {
    let mut stream = frame(&[
        ("a", vec![chunk(1, &[(10, 1.0), (20, 2.0)])]),
        (
            "b",
            vec![chunk(1, &[(10, 5.0), (20, STALE), (30, f64::NAN)])],
        ),
    ]);
    // Overlapping and out of order, as after backfilling.
    stream.extend(frame(&[
        ("b", vec![chunk(1, &[(40, 7.0)])]),
        (
            "a",
            vec![chunk(1, &[(30, 4.0)]), chunk(1, &[(20, 9.0), (25, 3.0)])],
        ),
        ("c", vec![chunk(2, &[]), chunk(3, &[])]),
    ]));
    let answer = frames(&stream, ALL).unwrap();
    assert_eq!(
        shown(&answer),
        [
            "a [(10, 1.0), (20, 2.0), (25, 3.0), (30, 4.0)]",
            "b [(10, 5.0), (30, NaN), (40, 7.0)]"
        ]
    );
    let quality = &answer.quality;
    assert_eq!(quality.histogram_series, 1);
    assert_eq!((quality.duplicate_points, quality.unordered_points), (1, 2));
    let span = Span {
        start: Timestamp::from_millis(20),
        end: Timestamp::from_millis(25),
    };
    assert_eq!(
        shown(&frames(&stream, span).unwrap()),
        ["a [(20, 2.0), (25, 3.0)]"]
    );
    assert_eq!(frames(&[], ALL).unwrap(), crate::Answer::default());
}

#[test]
fn streams_cut_short_or_damaged_are_refused() {
    let stream = frame(&[("a", vec![chunk(1, &[(10, 1.0), (20, 2.0)])])]);
    for end in 1..stream.len() {
        let error = frames(&stream[..end], ALL).unwrap_err();
        assert!(
            matches!(error, Unreadable::Broken(ErrorKind::Decode, _)),
            "{end}"
        );
    }
    for at in 0..stream.len() {
        for bit in 0..8 {
            let mut damaged = stream.clone();
            damaged[at] ^= 1 << bit;
            assert!(frames(&damaged, ALL).is_err(), "byte {at}, bit {bit}");
        }
    }
    let unknown = frame(&[("a", vec![chunk(4, &[])])]);
    assert_eq!(frames(&unknown, ALL), Err(Unreadable::Encoding(4)));
}

#[test]
fn samples_are_read_up_to_the_cap() {
    let answer = samples(&plain(), 1 << 20, ALL).unwrap();
    assert_eq!(shown(&answer), ["plain [(1000, 1.0), (3000, 3.0)]"]);
    assert_eq!(answer.quality.histogram_series, 1);
    let large = samples(&plain(), 10, ALL).unwrap_err();
    assert!(matches!(large, Unreadable::Broken(ErrorKind::TooLarge, _)));
    for damaged in [&b"no snappy"[..], &[0xff; 20], &[]] {
        assert!(samples(damaged, 1 << 20, ALL).is_err());
    }
}

/// The request that a server got.
fn asked(request: &Request) -> ReadRequest {
    let message = snap::raw::Decoder::new().decompress_vec(&request.body);
    ReadRequest::decode(&*message.unwrap()).unwrap()
}

async fn server(
    answer: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/v1/read"))
        .and(header("content-type", "application/x-protobuf"))
        .and(header("content-encoding", "snappy"))
        .and(header("x-prometheus-remote-read-version", "0.1.0"))
        .respond_with(answer)
        .mount(&server)
        .await;
    server
}

async fn read(server: &MockServer, selector: &str) -> Result<crate::Answer, crate::Error> {
    let client = Client::new(
        ClientConfig::new(&server.uri())
            .unwrap()
            .retries(0)
            .unwrap(),
    );
    let end = Timestamp::from_millis(10_000);
    client
        .unwrap()
        .remote_read(selector, Timestamp::from_millis(0), end)
        .await
}

#[tokio::test]
async fn conditions_travel_and_unknown_chunks_lead_to_samples() {
    let server = server(|request| {
        let asked = asked(request);
        assert_eq!(asked.queries.len(), 1);
        let query = &asked.queries[0];
        assert_eq!(
            (query.start_timestamp_ms, query.end_timestamp_ms),
            (0, 10_000)
        );
        let conditions: Vec<_> = query
            .matchers
            .iter()
            .map(|m| (m.kind, m.name.as_str(), m.value.as_str()))
            .collect();
        let expected = [
            (0, "__name__", "up"),
            (0, "a", "1"),
            (1, "b", "2"),
            (2, "c", "3.*"),
            (3, "d", "4|5"),
        ];
        assert_eq!(conditions, expected);
        if asked.accepted_response_types == [1, 0] {
            let stream = frame(&[("a", vec![chunk(4, &[])])]);
            return ResponseTemplate::new(200).set_body_raw(stream, STREAM);
        }
        assert_eq!(asked.accepted_response_types, [0]);
        ResponseTemplate::new(200)
            .insert_header("content-encoding", "snappy")
            .set_body_raw(plain(), "application/x-protobuf")
    })
    .await;
    let answer = read(&server, "up{a=\"1\",b!=\"2\",c=~\"3.*\",d!~\"4|5\"}")
        .await
        .unwrap();
    assert_eq!(shown(&answer), ["plain [(1000, 1.0), (3000, 3.0)]"]);
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    let page = || ResponseTemplate::new(200).set_body_raw("<html>", "text/html");
    let stubborn = || {
        let stream = frame(&[("a", vec![chunk(6, &[])])]);
        ResponseTemplate::new(200).set_body_raw(stream, STREAM)
    };
    let cut = || ResponseTemplate::new(200).set_body_raw(vec![200, 1], STREAM);
    let status = |status| move || ResponseTemplate::new(status);
    async fn kind(answer: impl Fn() -> ResponseTemplate + Send + Sync + 'static) -> ErrorKind {
        let server = server(move |_| answer()).await;
        read(&server, "up").await.unwrap_err().kind()
    }
    assert_eq!(kind(page).await, ErrorKind::ContentType);
    assert_eq!(kind(stubborn).await, ErrorKind::Decode);
    assert_eq!(kind(cut).await, ErrorKind::Decode);
    assert_eq!(kind(status(400)).await, ErrorKind::Query);
    assert_eq!(kind(status(404)).await, ErrorKind::NotFound);
    assert_eq!(kind(status(503)).await, ErrorKind::Unavailable);
    let server = server(move |_| page()).await;
    for bad in ["up[5m]", "up offset 5m", "rate(up[5m])", ""] {
        assert!(read(&server, bad).await.is_err(), "{bad}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[test]
fn stale_is_the_only_nan_that_ends_a_series() {
    assert_eq!(stream::STALE, STALE.to_bits());
    assert!(STALE.is_nan());
}
