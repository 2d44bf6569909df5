//! VictoriaMetrics' JSON line export: a series a line.

use std::fmt;
use std::io::Read as _;

use bongsu_core::{Labels, Series, Timestamp};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use crate::{Error, ErrorKind};

/// The largest size of a recording after decompression.
pub(super) const MAX_BYTES: u64 = 256 << 20;

#[derive(Deserialize)]
struct Line {
    metric: Labels,
    values: Vec<LooseFloat>,
    timestamps: Vec<i64>,
}

/// A number, `null` for NaN, or a string such as `"NaN"` or `"-Inf"`.
struct LooseFloat(f64);

impl<'de> Deserialize<'de> for LooseFloat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Loose;
        impl Visitor<'_> for Loose {
            type Value = LooseFloat;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, null, or a string such as \"NaN\" or \"-Inf\"")
            }

            fn visit_f64<E>(self, value: f64) -> Result<LooseFloat, E> {
                Ok(LooseFloat(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<LooseFloat, E> {
                Ok(LooseFloat(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<LooseFloat, E> {
                Ok(LooseFloat(value as f64))
            }

            fn visit_unit<E>(self) -> Result<LooseFloat, E> {
                Ok(LooseFloat(f64::NAN))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<LooseFloat, E> {
                text.parse()
                    .map(LooseFloat)
                    .map_err(|_| E::custom(format!("`{text}` is not a number")))
            }
        }
        deserializer.deserialize_any(Loose)
    }
}

/// Decompresses gzip, which is known by its first bytes; other bytes are taken as they are.
pub(super) fn unpack(bytes: &[u8], max: u64) -> Result<Vec<u8>, Error> {
    let too_large = || {
        let limit = match max % (1 << 20) {
            0 => format!("{} MiB", max >> 20),
            _ => format!("{max} bytes"),
        };
        let message = format!("the recording is larger than the limit of {limit} (unpacked)");
        Error::plain(ErrorKind::TooLarge, message)
    };
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return if bytes.len() as u64 > max {
            Err(too_large())
        } else {
            Ok(bytes.to_vec())
        };
    }
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(max.saturating_add(1))
        .read_to_end(&mut text)
        .map_err(|e| {
            let message = format!("the recording's gzip data are damaged or cut short: {e}");
            Error::plain(ErrorKind::Recording, message)
        })?;
    if text.len() as u64 > max {
        return Err(too_large());
    }
    Ok(text)
}

/// What one line holds.
pub(super) struct Parsed {
    pub(super) labels: Labels,
    pub(super) points: Vec<(Timestamp, f64)>,
}

/// The series of all lines, in their order. Labels may repeat; time may be out of order.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Parsed>, Error> {
    let mut all = Vec::new();
    for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let failed = |message: String| {
            let message = format!("line {} of the recording: {message}", number + 1);
            Error::plain(ErrorKind::Recording, message)
        };
        let line: Line = serde_json::from_slice(line).map_err(|e| failed(e.to_string()))?;
        if line.values.len() != line.timestamps.len() {
            return Err(failed(format!(
                "{} has {} values but {} timestamps",
                line.metric,
                line.values.len(),
                line.timestamps.len()
            )));
        }
        let times = line.timestamps.into_iter().map(Timestamp::from_millis);
        let values = line.values.into_iter().map(|LooseFloat(value)| value);
        all.push(Parsed {
            labels: line.metric,
            points: times.zip(values).collect(),
        });
    }
    Ok(all)
}

/// Writes `series` as [`parse`] reads them.
pub(super) fn write(series: &[Series]) -> Vec<u8> {
    let mut out = Vec::new();
    for one in series {
        out.extend_from_slice(b"{\"metric\":");
        super::json::labels(&mut out, one.labels());
        out.extend_from_slice(b",\"values\":[");
        super::json::list(&mut out, one.values(), |out, &value| {
            if value.is_finite() {
                super::json::number(out, value);
            } else {
                super::json::value(out, value);
            }
        });
        out.extend_from_slice(b"],\"timestamps\":[");
        super::json::list(&mut out, one.timestamps(), |out, time| {
            out.extend_from_slice(time.as_millis().to_string().as_bytes());
        });
        out.extend_from_slice(b"]}\n");
    }
    out
}
