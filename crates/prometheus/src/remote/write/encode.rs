//! A batch of samples as a request.

use std::collections::HashMap;

use bongsu_core::Labels;
use prost::Message as _;

use super::super::message::{self, Label, Metadata2, TimeSeries, TimeSeries2};
use super::super::message::{WriteRequest, WriteRequest2};
use super::super::pack;
use super::WriteProtocol;
use crate::client::Call;
use crate::{Error, Sample};

/// The NaN that Prometheus itself stores: others could be taken for the end of the series.
const NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

const GAUGE: i32 = 2;

const HEADERS_1: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];

const HEADERS_2: [(&str, &str); 3] = [
    (
        "content-type",
        "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    ),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "2.0.0"),
];

/// The request that writes `batch`.
pub(super) fn call(batch: &[Sample], protocol: WriteProtocol) -> Result<Call, Error> {
    let series = by_series(batch);
    let (message, headers) = match protocol {
        WriteProtocol::V1 => (first(series).encode_to_vec(), &HEADERS_1),
        WriteProtocol::V2 => (second(series).encode_to_vec(), &HEADERS_2),
    };
    Ok(Call::body("", pack(&message)?.into(), headers))
}

type Points = Vec<message::Sample>;

/// The samples of each series in their order, the series in the order of their first samples.
fn by_series(batch: &[Sample]) -> Vec<(&Labels, Points)> {
    let mut places: HashMap<&Labels, usize> = HashMap::with_capacity(batch.len());
    let mut series: Vec<(&Labels, Points)> = Vec::with_capacity(batch.len());
    for sample in batch {
        let place = *places.entry(&sample.labels).or_insert(series.len());
        if place == series.len() {
            series.push((&sample.labels, Points::new()));
        }
        if let Some((_, points)) = series.get_mut(place) {
            points.push(message::Sample {
                value: if sample.value.is_nan() {
                    NAN
                } else {
                    sample.value
                },
                timestamp: sample.timestamp.as_millis(),
            });
        }
    }
    series
}

fn first(series: Vec<(&Labels, Points)>) -> WriteRequest {
    let label = |(name, value): (&str, &str)| Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let timeseries = series
        .into_iter()
        .map(|(labels, samples)| TimeSeries {
            labels: labels.iter().map(label).collect(),
            samples,
            histograms: Vec::new(),
        })
        .collect();
    WriteRequest { timeseries }
}

fn second(series: Vec<(&Labels, Points)>) -> WriteRequest2 {
    let mut symbols = vec![String::new()];
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut timeseries = Vec::with_capacity(series.len());
    for (labels, samples) in series {
        let labels_refs = labels
            .iter()
            .flat_map(|(name, value)| [name, value])
            .map(|text| {
                *places.entry(text).or_insert_with(|| {
                    symbols.push(text.to_owned());
                    // A batch has at most 100,000 samples, whose labels cannot come to 2^32 texts.
                    u32::try_from(symbols.len() - 1).unwrap_or(u32::MAX)
                })
            })
            .collect();
        timeseries.push(TimeSeries2 {
            labels_refs,
            samples,
            metadata: Some(Metadata2 { kind: GAUGE }),
        });
    }
    WriteRequest2 {
        symbols,
        timeseries,
    }
}
