//! What surrounds the series of an answer.

use bongsu_core::{Labels, Series};

use super::DecodeError;
use super::cursor::Cursor;
use super::series::{element, point};
use crate::{Answer, Quality};

/// A decoded body: an answer, or Prometheus' own account of an error.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Decoded {
    /// The field `status`: `success` or `error`; empty when it is missing.
    pub status: String,
    /// The field `errorType`, such as `bad_data`.
    pub error_type: Option<String>,
    /// The field `error`: the server's message.
    pub error: Option<String>,
    /// The series with at least one float sample.
    pub series: Vec<Series>,
    /// Warnings, remarks, and what was repaired.
    pub quality: Quality,
}

impl Decoded {
    /// The answer without status and error.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        Answer {
            series: self.series,
            quality: self.quality,
        }
    }
}

/// How warnings begin that are about the query (`PromQL warning: ...`, and `PromQL info: ...` of
/// servers that did not tell remarks apart): nothing is missing from an answer because of them.
const OF_THE_QUERY: &str = "PromQL ";

/// Decodes the body of `/api/v1/query` or `/api/v1/query_range`: vector, matrix or scalar. A
/// scalar becomes one series without labels.
///
/// Points that are out of order or occur twice are repaired and counted in the quality; native
/// histograms are counted and left out.
///
/// # Errors
/// When the body is not JSON, is cut short, is followed by more, is nested deeper than 64 levels,
/// or does not have the fields of a query answer: a success without a list as its result is none.
///
/// Cost: one pass over the body; memory for the samples alone, 16 bytes each.
pub fn decode(body: &[u8]) -> Result<Decoded, DecodeError> {
    let mut cursor = Cursor::new(body);
    let mut decoded = Decoded::default();
    cursor.expect(b'{', "a JSON object")?;
    let (mut first, mut has_result) = (true, false);
    while let Some(key) = cursor.next_key(first)? {
        first = false;
        match &*key {
            b"status" => decoded.status = cursor.text()?.into_owned(),
            b"errorType" => decoded.error_type = Some(cursor.text()?.into_owned()),
            b"error" => decoded.error = Some(cursor.text()?.into_owned()),
            b"warnings" => decoded.quality.warnings = texts(&mut cursor)?,
            b"infos" => decoded.quality.infos = texts(&mut cursor)?,
            b"isPartial" if cursor.eat_word(b"true") => decoded.quality.partial = true,
            // No known server quotes it, but a partial answer must never pass for a whole one.
            b"isPartial" if cursor.eat_word(b"\"true\"") => decoded.quality.partial = true,
            b"data" if cursor.peek() == Some(b'{') => {
                has_result |= data(&mut cursor, &mut decoded)?;
            }
            _ => cursor.skip_value()?,
        }
    }
    if cursor.peek().is_some() {
        return Err(cursor.expected("the end of the answer"));
    }
    // Thanos and Prometheus' own remote read say only so that a part did not answer.
    let mut warnings = decoded.quality.warnings.iter();
    decoded.quality.partial |= warnings.any(|warning| !warning.starts_with(OF_THE_QUERY));
    if decoded.status == "success" && !has_result {
        return Err(DecodeError::no_result(body.len()));
    }
    Ok(decoded)
}

/// Reads the data; false when they hold no result.
fn data(cursor: &mut Cursor<'_>, decoded: &mut Decoded) -> Result<bool, DecodeError> {
    cursor.expect(b'{', "the data")?;
    let (mut first, mut has_result) = (true, false);
    while let Some(key) = cursor.next_key(first)? {
        first = false;
        match &*key {
            b"result" if cursor.peek() == Some(b'[') => {
                result(cursor, decoded)?;
                has_result = true;
            }
            _ => cursor.skip_value()?,
        }
    }
    Ok(has_result)
}

fn result(cursor: &mut Cursor<'_>, decoded: &mut Decoded) -> Result<(), DecodeError> {
    // A scalar's result is one point, which starts with a number instead of a series.
    let mut ahead = cursor.clone();
    ahead.expect(b'[', "the result")?;
    if matches!(ahead.peek(), Some(b'-' | b'0'..=b'9')) {
        let (time, value) = point(cursor)?;
        let scalar = Series::new(Labels::empty(), vec![time], vec![value])
            .map_err(|e| cursor.expected(&format!("a valid point before this ({e})")))?;
        decoded.series.push(scalar);
        return Ok(());
    }
    *cursor = ahead;
    let (mut first, mut size_hint) = (true, 0);
    while cursor.next_element(first, b']')? {
        first = false;
        if let Some(series) = element(cursor, size_hint, &mut decoded.quality)? {
            // Series of one answer tend to have the same length.
            size_hint = series.len();
            decoded.series.push(series);
        }
    }
    Ok(())
}

/// A list of strings, or null.
fn texts(cursor: &mut Cursor<'_>) -> Result<Vec<String>, DecodeError> {
    let mut texts = Vec::new();
    if cursor.eat_word(b"null") {
        return Ok(texts);
    }
    cursor.expect(b'[', "a list of texts")?;
    while cursor.next_element(texts.is_empty(), b']')? {
        texts.push(cursor.text()?.into_owned());
    }
    Ok(texts)
}
