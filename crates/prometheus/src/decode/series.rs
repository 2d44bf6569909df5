//! One series of an answer.

use bongsu_core::{Labels, Series, Timestamp};

use super::cursor::Cursor;
use super::{DecodeError, number};
use crate::Quality;

/// A point as servers write it nearly always: without white space, escapes, or more than 19
/// digits.
#[inline]
fn plain_point(text: &[u8]) -> Option<((Timestamp, f64), &[u8])> {
    let text = text.strip_prefix(b"[")?;
    let (time, text) = number::leading_timestamp(text)?;
    let text = text.strip_prefix(b",\"")?;
    let (value, text) = number::leading_decimal(text)?;
    let text = text.strip_prefix(b"\"]")?;
    Some(((time, value), text))
}

/// `[seconds, "value"]`
#[inline]
pub(crate) fn point(cursor: &mut Cursor<'_>) -> Result<(Timestamp, f64), DecodeError> {
    match cursor.take(plain_point) {
        Some(point) => Ok(point),
        None => any_point(cursor),
    }
}

fn any_point(cursor: &mut Cursor<'_>) -> Result<(Timestamp, f64), DecodeError> {
    cursor.expect(b'[', "a point `[time, \"value\"]`")?;
    let time = cursor.number()?;
    let time =
        number::timestamp(time).ok_or_else(|| cursor.expected("a time in seconds before this"))?;
    cursor.expect(b',', "`,` after the time")?;
    let value = if cursor.peek() == Some(b'"') {
        let text = cursor.string()?;
        number::value(&text)
    } else {
        // No known server writes bare numbers, but there is only one way to read them.
        number::value(cursor.number()?)
    };
    let value = value.ok_or_else(|| cursor.expected("a number before this"))?;
    cursor.expect(b']', "`]` after the value")?;
    Ok((time, value))
}

/// `{"name": "value", ...}`
fn labels(cursor: &mut Cursor<'_>) -> Result<Labels, DecodeError> {
    cursor.expect(b'{', "labels")?;
    let mut pairs = Vec::with_capacity(8);
    while cursor.next_element(pairs.is_empty(), b'}')? {
        let name = cursor.text()?;
        cursor.expect(b':', "`:`")?;
        let value = cursor.text()?;
        pairs.push((name, value));
    }
    Labels::from_pairs(pairs)
        .map_err(|e| cursor.expected(&format!("valid labels before this ({e})")))
}

/// An element of a vector or a matrix; `None` when it has no float samples. `size_hint` is the
/// number of points to make room for.
pub(crate) fn element(
    cursor: &mut Cursor<'_>,
    size_hint: usize,
    quality: &mut Quality,
) -> Result<Option<Series>, DecodeError> {
    let mut metric = Labels::empty();
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let (mut in_order, mut histograms) = (true, false);
    cursor.expect(b'{', "a series")?;
    let mut first_key = true;
    while let Some(key) = cursor.next_key(first_key)? {
        first_key = false;
        match &*key {
            b"metric" => metric = labels(cursor)?,
            b"value" => {
                let (time, value) = point(cursor)?;
                in_order &= times.is_empty();
                times.push(time);
                values.push(value);
            }
            b"values" => {
                cursor.expect(b'[', "points")?;
                // The shortest point has 7 bytes: a hint cannot ask for more than can be there.
                let room = size_hint.min(cursor.remaining() / 7);
                times.reserve(room);
                values.reserve(room);
                in_order &= times.is_empty();
                let mut last = None;
                let mut more = cursor.next_element(true, b']')?;
                while more {
                    let (time, value) = point(cursor)?;
                    in_order &= last.is_none_or(|last| time > last);
                    last = Some(time);
                    times.push(time);
                    values.push(value);
                    more = cursor.continues(b']')?;
                }
            }
            b"histogram" | b"histograms" => {
                histograms |= cursor.peek() != Some(b'n');
                cursor.skip_value()?;
            }
            _ => cursor.skip_value()?,
        }
    }
    quality.histogram_series += usize::from(histograms);
    if times.is_empty() {
        return Ok(None);
    }
    if !in_order {
        (times, values) = quality.repair(&times, &values);
    }
    Series::new(metric, times, values)
        .map(Some)
        .map_err(|e| cursor.expected(&format!("a valid series before this ({e})")))
}
