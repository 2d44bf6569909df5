//! The data of a plot as the page's script reads it.

use std::fmt::Write as _;

use bongsu_core::Timestamp;
use jiff::tz::TimeZone;

use crate::describe::moment;
use crate::{TimeSeriesPlot, Unit};

/// As many stops as a reader can tell apart by pointing.
const STOPS: usize = 600;

/// What lies between two stops.
struct Stop {
    at: Timestamp,
    lowest: f64,
    highest: f64,
    expected: f64,
    lower: f64,
    upper: f64,
    score: Option<f64>,
}

/// A JSON array of `[place, text]`: the place from 0 to 1 along the time axis, the text what is to
/// be read there. Safe inside a `script` element.
pub(super) fn json(plot: &TimeSeriesPlot, zone: &TimeZone) -> String {
    let Some((from, to)) = plot.time_range().filter(|(from, to)| to > from) else {
        return "[]".to_owned();
    };
    let share = |at: Timestamp| {
        (at.as_millis() as f64 - from.as_millis() as f64)
            / (to.as_millis() as f64 - from.as_millis() as f64)
    };
    let mut out = String::from("[");
    for stop in stops(plot, from, to, share) {
        if out.len() > 1 {
            out.push(',');
        }
        let _infallible = write!(out, "[{:.4},", share(stop.at));
        push_string(&mut out, &text(&stop, &plot.unit, zone));
        out.push(']');
    }
    out.push(']');
    out
}

fn stops(
    plot: &TimeSeriesPlot,
    from: Timestamp,
    to: Timestamp,
    share: impl Fn(Timestamp) -> f64,
) -> Vec<Stop> {
    let mut marks: Vec<_> = plot
        .marks
        .iter()
        .map(|mark| (mark.at, mark.score))
        .collect();
    marks.sort_by_key(|&(at, _)| at);
    let mut marks = marks.into_iter().peekable();
    let band = plot.band.as_ref();
    let nth = |values: Option<&Vec<f64>>, i: usize| {
        values
            .and_then(|values| values.get(i).copied())
            .unwrap_or(f64::NAN)
    };
    let mut stops: Vec<Stop> = Vec::new();
    let mut bucket = usize::MAX;
    for (i, (&at, &value)) in plot.timestamps.iter().zip(&plot.values).enumerate() {
        if at < from || at > to {
            continue;
        }
        let mut score = None;
        while let Some((marked, new)) = marks.next_if(|&(marked, _)| marked <= at) {
            if marked == at {
                score = Some(new);
            }
        }
        let here = (share(at) * STOPS as f64) as usize;
        match stops.last_mut().filter(|_| here == bucket) {
            Some(stop) => {
                stop.lowest = stop.lowest.min(value);
                stop.highest = stop.highest.max(value);
                stop.lower = stop.lower.min(nth(band.map(|band| &band.lower), i));
                stop.upper = stop.upper.max(nth(band.map(|band| &band.upper), i));
                stop.score = match (stop.score, score) {
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                };
            }
            None => stops.push(Stop {
                at,
                lowest: value,
                highest: value,
                expected: nth(band.map(|band| &band.expected), i),
                lower: nth(band.map(|band| &band.lower), i),
                upper: nth(band.map(|band| &band.upper), i),
                score,
            }),
        }
        bucket = here;
    }
    stops
}

fn text(stop: &Stop, unit: &Unit, zone: &TimeZone) -> String {
    let range = |a: f64, b: f64| {
        let (a, b) = (unit.format(a), unit.format(b));
        if a == b { a } else { format!("{a} to {b}") }
    };
    let mut text = format!(
        "{}  {}",
        moment(stop.at, zone),
        range(stop.lowest, stop.highest)
    );
    if !stop.expected.is_nan() {
        let _infallible = write!(text, ", expected {}", unit.format(stop.expected));
    }
    match (stop.lower.is_finite(), stop.upper.is_finite()) {
        (true, true) => {
            let _infallible = write!(text, ", normal {}", range(stop.lower, stop.upper));
        }
        (true, false) => {
            let _infallible = write!(text, ", normal from {}", unit.format(stop.lower));
        }
        (false, true) => {
            let _infallible = write!(text, ", normal up to {}", unit.format(stop.upper));
        }
        (false, false) => {}
    }
    if let Some(score) = stop.score {
        let _infallible = write!(text, ", anomaly, score {score:.1}");
    }
    text
}

/// Appends `text` as a JSON string without any character that HTML reads as markup.
fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '<' | '>' | '&' | '\'' | '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                let _infallible = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_cannot_leave_their_script_element() {
        let mut out = String::new();
        push_string(&mut out, "</script>\"\\&\u{2028}");
        assert_eq!(out, r#""\u003c/script\u003e\u0022\u005c\u0026\u2028""#);
    }
}
