use std::time::Duration;

use crate::{Error, Result};

/// The units, largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration as Prometheus spells it: whole numbers with the units `y w d h m s ms`, from
/// large to small, each at most once, such as `1h30m` or `500ms`; `0` needs no unit.
///
/// # Errors
/// When the text is anything else, or longer than an `i64` of milliseconds.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(bongsu_core::parse_duration("1h30m")?, Duration::from_secs(5_400));
/// assert!(bongsu_core::parse_duration("30m1h").is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn parse_duration(text: &str) -> Result<Duration> {
    let refused = || {
        Error::parameter(
            "duration",
            format!("`{text}`"),
            "whole numbers with units y, w, d, h, m, s, ms from large to small, such as 1h30m",
        )
    };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut units = UNITS.iter();
    let mut rest = text;
    let mut millis = 0_u64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .ok_or_else(refused)?;
        let (number, tail) = rest.split_at_checked(digits).ok_or_else(refused)?;
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit_len).ok_or_else(refused)?;
        let number: u64 = number.parse().map_err(|_| refused())?;
        // The iterator only moves on, so units must come in order and once each.
        let &(_, scale) = units.find(|(name, _)| *name == unit).ok_or_else(refused)?;
        millis = number
            .checked_mul(scale)
            .and_then(|part| millis.checked_add(part))
            .filter(|&total| i64::try_from(total).is_ok())
            .ok_or_else(refused)?;
        rest = tail;
    }
    if text.is_empty() {
        return Err(refused());
    }
    Ok(Duration::from_millis(millis))
}

/// Spells a duration as [`parse_duration`] reads it, without its part below a millisecond.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, scale) in UNITS {
        // Days read better than weeks and years.
        if millis >= scale && !matches!(unit, "y" | "w") {
            text.push_str(&format!("{}{unit}", millis / scale));
            millis %= scale;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_round_trip() {
        for text in ["1d", "1h30m", "5s", "500ms", "2d3h4m5s6ms", "0s"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
        assert_eq!(parse_duration("1w").unwrap(), parse_duration("7d").unwrap());
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "5",
            "m",
            "1.5h",
            "-1s",
            "1m1m",
            "1s1m",
            "1 m",
            "99999999999999999999s",
            "9999999999y",
            "5µs",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
