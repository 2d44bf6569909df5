//! Writing JSON as Prometheus does, without intermediate values.

use std::io::Write as _;

use bongsu_core::{Labels, Timestamp};

/// The elements of `items` with commas between them.
pub(super) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(out, item);
    }
}

pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    // Writing to memory and serialising a string cannot fail.
    let _ = serde_json::to_writer(out, text);
}

pub(super) fn labels(out: &mut Vec<u8>, labels: &Labels) {
    let _ = serde_json::to_writer(out, labels);
}

/// Shortest decimal that reads back the same; an exponent below 1e-6 and from 1e21 on, as Go.
pub(super) fn number(out: &mut Vec<u8>, value: f64) {
    let magnitude = value.abs();
    let _ = if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        write!(out, "{mantissa}e{sign}{digits:0>2}")
    } else {
        write!(out, "{value}")
    };
}

/// A sample's value: a string.
pub(super) fn value(out: &mut Vec<u8>, value: f64) {
    out.push(b'"');
    if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        number(out, value);
    }
    out.push(b'"');
}

/// `[seconds,"value"]`
pub(super) fn point(out: &mut Vec<u8>, (time, sample): (Timestamp, f64)) {
    let _ = write!(out, "[{time},");
    value(out, sample);
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_as_go_spells_them() {
        for (number, expected) in [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e-7, "-1.5e-07"),
            (1e-6, "0.000001"),
            (1e-300, "1e-300"),
            (0.1, "0.1"),
        ] {
            let mut out = Vec::new();
            value(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{expected}\""));
        }
    }
}
