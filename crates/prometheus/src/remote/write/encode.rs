//! A batch of samples as a request.

use std::collections::HashMap;

use bongsu_core::Labels;
use prost::Message as _;
use prost::encoding::{self, WireType};

use super::super::message::{self, Metadata2, TimeSeries2, WriteRequest2};
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
    let order = by_series(batch);
    let series = order.chunk_by(|a, b| a.0 == b.0);
    let (message, headers) = match protocol {
        WriteProtocol::V1 => (first(series), &HEADERS_1),
        WriteProtocol::V2 => (second(series).encode_to_vec(), &HEADERS_2),
    };
    Ok(Call::body("", pack(&message)?.into(), headers))
}

/// A sample, and the place of its series among those of the batch.
type Placed<'a> = (usize, &'a Sample);

/// The samples of each series in their order, the series in the order of their first samples.
fn by_series(batch: &[Sample]) -> Vec<Placed<'_>> {
    let mut places: HashMap<&Labels, usize> = HashMap::with_capacity(batch.len());
    let mut order: Vec<Placed<'_>> = batch
        .iter()
        .map(|sample| {
            let next = places.len();
            (*places.entry(&sample.labels).or_insert(next), sample)
        })
        .collect();
    order.sort_by_key(|(place, _)| *place);
    order
}

fn point(sample: &Sample) -> message::Sample {
    message::Sample {
        value: if sample.value.is_nan() {
            NAN
        } else {
            sample.value
        },
        timestamp: sample.timestamp.as_millis(),
    }
}

/// A `prometheus.WriteRequest`, written without copying a text into a message of its own first: a
/// tick of a large service writes a million of them.
fn first<'a>(series: impl Iterator<Item = &'a [Placed<'a>]>) -> Vec<u8> {
    let (mut message, mut timeseries, mut label) = (Vec::new(), Vec::new(), Vec::new());
    for samples in series {
        timeseries.clear();
        for (name, value) in samples.iter().take(1).flat_map(|(_, s)| s.labels.iter()) {
            label.clear();
            put(&mut label, 1, name.as_bytes());
            put(&mut label, 2, value.as_bytes());
            put(&mut timeseries, 1, &label);
        }
        for (_, sample) in samples {
            encoding::message::encode(2, &point(sample), &mut timeseries);
        }
        put(&mut message, 1, &timeseries);
    }
    message
}

/// Appends the field `tag` of a message, which has a length.
fn put(message: &mut Vec<u8>, tag: u32, field: &[u8]) {
    encoding::encode_key(tag, WireType::LengthDelimited, message);
    encoding::encode_varint(field.len() as u64, message);
    message.extend_from_slice(field);
}

fn second<'a>(series: impl Iterator<Item = &'a [Placed<'a>]>) -> WriteRequest2 {
    let mut symbols = vec![String::new()];
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut timeseries = Vec::new();
    for samples in series {
        let labels = samples.iter().take(1).flat_map(|(_, s)| s.labels.iter());
        let labels_refs = labels
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
            samples: samples.iter().map(|(_, sample)| point(sample)).collect(),
            metadata: Some(Metadata2 { kind: GAUGE }),
        });
    }
    WriteRequest2 {
        symbols,
        timeseries,
    }
}

#[cfg(test)]
mod tests {
    use bongsu_core::Timestamp;
    use proptest::prelude::*;

    use super::super::super::message::{Label, TimeSeries};
    use super::*;

    /// `prometheus.WriteRequest`
    #[derive(Clone, PartialEq, prost::Message)]
    struct WriteRequest {
        #[prost(message, repeated, tag = "1")]
        timeseries: Vec<TimeSeries>,
    }

    fn sample(name: &str, value: f64, at: i64) -> Sample {
        let long = "long ".repeat(100);
        Sample {
            labels: Labels::from_pairs([("__name__", name), ("of", &long)]).unwrap(),
            timestamp: Timestamp::from_millis(at),
            value,
        }
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_the_message(
            samples in prop::collection::vec((0..4_usize, any::<f64>(), any::<i64>()), 0..20)
        ) {
            let names = ["a", "", "c\u{301}", "d_total"];
            let batch: Vec<Sample> =
                samples.iter().map(|(n, value, at)| sample(names[*n], *value, *at)).collect();
            let order = by_series(&batch);
            let bytes = first(order.chunk_by(|a, b| a.0 == b.0));
            let message = WriteRequest::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(&message.encode_to_vec(), &bytes);

            let mut expected: Vec<TimeSeries> = Vec::new();
            for sample in &batch {
                let pair = |(name, value): (&str, &str)| Label {
                    name: name.to_owned(),
                    value: value.to_owned(),
                };
                let labels: Vec<Label> = sample.labels.iter().map(pair).collect();
                let new = expected.iter().all(|series| series.labels != labels);
                if new {
                    let (samples, histograms) = (Vec::new(), Vec::new());
                    expected.push(TimeSeries { labels: labels.clone(), samples, histograms });
                }
                let mut of = expected.iter_mut().filter(|series| series.labels == labels);
                of.next().unwrap().samples.push(point(sample));
            }
            // Not by their values, of which NaN is none.
            prop_assert_eq!(WriteRequest { timeseries: expected }.encode_to_vec(), bytes);
        }
    }
}
