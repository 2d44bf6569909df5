//! Answers to a remote read: a stream of frames with chunks, or one message with samples.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bongsu_core::{Labels, Series, Timestamp};
use prost::Message;

use super::message::{ChunkedReadResponse, ChunkedSeries, Label, ReadResponse};
use crate::decode::decode_chunk;
use crate::{Answer, ErrorKind, Quality};

/// The encodings of chunks that hold floats or histograms, by their numbers.
const XOR: i32 = 1;
const HISTOGRAMS: [i32; 2] = [2, 3];

/// The bits of the NaN that ends a series: an absent point, unlike any other NaN.
pub(super) const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Why a stream cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It holds chunks of an encoding that is not known here.
    Encoding(i32),
    /// It is cut short, damaged, too large or something else.
    Broken(ErrorKind, String),
}

fn broken(message: impl Into<String>) -> Unreadable {
    Unreadable::Broken(ErrorKind::Decode, message.into())
}

/// The first and the last moment asked for: chunks hold more.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

/// Reads frames: the length of the message as a varint, its CRC32C, the message.
pub(super) fn frames(mut rest: &[u8], span: Span) -> Result<Answer, Unreadable> {
    let len = rest.len();
    let mut answer = Gathered::new(span);
    while !rest.is_empty() {
        let at = len - rest.len();
        let cut = || broken(format!("at byte {at} of {len}: the frame is cut short"));
        let size = prost::decode_length_delimiter(&mut rest).map_err(|_| cut())?;
        let (sum, body) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let (message, next) = body.split_at_checked(size).ok_or_else(cut)?;
        if crc32c::crc32c(message) != u32::from_be_bytes(*sum) {
            let message = format!("at byte {at} of {len}: the frame's checksum is wrong");
            return Err(broken(message));
        }
        let frame = ChunkedReadResponse::decode(message)
            .map_err(|e| broken(format!("at byte {at} of {len}: {e}")))?;
        for series in &frame.chunked_series {
            answer.add(series)?;
        }
        rest = next;
    }
    answer.finish()
}

/// Reads one message with samples, a snappy block of at most `cap` bytes when unpacked.
pub(super) fn samples(block: &[u8], cap: u64, span: Span) -> Result<Answer, Unreadable> {
    let message = unpack(block, cap)?;
    let response = ReadResponse::decode(&*message).map_err(|e| broken(e.to_string()))?;
    let mut answer = Gathered::new(span);
    for series in response.results.iter().flat_map(|r| &r.timeseries) {
        let points = answer.points(&series.labels)?;
        points.histograms |= !series.histograms.is_empty();
        for sample in &series.samples {
            points.push(span, Timestamp::from_millis(sample.timestamp), sample.value);
        }
    }
    answer.finish()
}

fn unpack(block: &[u8], cap: u64) -> Result<Vec<u8>, Unreadable> {
    let damaged = |e: snap::Error| broken(format!("the body cannot be decompressed: {e}"));
    // The length stands before the data and is checked before it is believed.
    let len = snap::raw::decompress_len(block).map_err(damaged)?;
    if len as u64 > cap {
        let message = format!("the answer has {len} bytes unpacked, more than the cap of {cap}");
        return Err(Unreadable::Broken(ErrorKind::TooLarge, message));
    }
    let unpacked = snap::raw::Decoder::new().decompress_vec(block);
    unpacked.map_err(damaged)
}

/// The points of one series so far.
#[derive(Default)]
struct Points {
    labels: Labels,
    times: Vec<Timestamp>,
    values: Vec<f64>,
    unordered: bool,
    histograms: bool,
}

impl Points {
    #[inline]
    fn push(&mut self, span: Span, time: Timestamp, value: f64) {
        if time < span.start || time > span.end || value.to_bits() == STALE {
            return;
        }
        self.unordered |= self.times.last().is_some_and(|&last| time <= last);
        self.times.push(time);
        self.values.push(value);
    }
}

/// The series of a stream, which may go on from frame to frame.
struct Gathered {
    span: Span,
    series: Vec<Points>,
    places: HashMap<Labels, usize>,
}

impl Gathered {
    fn new(span: Span) -> Self {
        Self {
            span,
            series: Vec::new(),
            places: HashMap::new(),
        }
    }

    fn points(&mut self, labels: &[Label]) -> Result<&mut Points, Unreadable> {
        let pairs = labels.iter().map(|l| (l.name.as_str(), l.value.as_str()));
        let labels = Labels::from_pairs(pairs).map_err(|e| broken(e.to_string()))?;
        let place = match self.places.entry(labels.clone()) {
            Entry::Occupied(place) => *place.get(),
            Entry::Vacant(place) => {
                let points = Points {
                    labels,
                    ..Points::default()
                };
                self.series.push(points);
                *place.insert(self.series.len() - 1)
            }
        };
        self.series
            .get_mut(place)
            .ok_or_else(|| broken("a series without a place"))
    }

    fn add(&mut self, series: &ChunkedSeries) -> Result<(), Unreadable> {
        let span = self.span;
        let points = self.points(&series.labels)?;
        for chunk in &series.chunks {
            match chunk.encoding {
                XOR => decode_chunk(&chunk.data, |time, value| points.push(span, time, value))
                    .map(drop)
                    .map_err(|e| broken(format!("{}: {e}", points.labels)))?,
                encoding if HISTOGRAMS.contains(&encoding) => points.histograms = true,
                encoding => return Err(Unreadable::Encoding(encoding)),
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Answer, Unreadable> {
        let mut quality = Quality::default();
        let mut series = Vec::with_capacity(self.series.len());
        for points in self.series {
            quality.histogram_series += usize::from(points.histograms);
            let (mut times, mut values) = (points.times, points.values);
            if times.is_empty() {
                continue;
            }
            if points.unordered {
                (times, values) = quality.repair(&times, &values);
            }
            let one = Series::new(points.labels, times, values);
            series.push(one.map_err(|e| broken(e.to_string()))?);
        }
        Ok(Answer { series, quality })
    }
}
