//! The tables behind a report.

use super::replay::Found;
use super::tracks::Tracks;
use crate::Error;

/// A text that no spreadsheet takes for a formula.
pub(super) fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

pub(super) fn written(writer: csv::Writer<Vec<u8>>) -> Result<String, Error> {
    let bytes = writer.into_inner().map_err(|e| Error::state(e.error()))?;
    String::from_utf8(bytes).map_err(Error::state)
}

pub(super) fn alerts(found: &Found) -> Result<String, Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let header = [
        "query",
        "series",
        "severity",
        "starts_at",
        "fired_at",
        "resolved_at",
        "peak_score",
        "value",
        "expected",
        "lower",
        "upper",
        "explanation",
    ];
    out.write_record(header).map_err(Error::state)?;
    for found in &found.alerts {
        let alert = &found.alert;
        let verdict = &alert.verdict;
        let time =
            |at: Option<bongsu_core::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        let why = verdict
            .explanation
            .as_ref()
            .map_or("", |why| why.summary.as_str());
        let row = [
            inert(&found.query),
            inert(&found.series),
            alert.severity.to_string(),
            alert.starts_at.to_string(),
            time(alert.fired_at),
            time(alert.resolved_at),
            number(verdict.score),
            number(verdict.value),
            number(verdict.expected),
            number(verdict.lower),
            number(verdict.upper),
            inert(why),
        ];
        out.write_record(&row).map_err(Error::state)?;
    }
    written(out)
}

pub(super) fn series(tracks: &Tracks, found: &Found) -> Result<String, Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let header = [
        "query",
        "series",
        "points",
        "missing",
        "longest_gap_seconds",
        "anomalous",
        "peak_score",
        "alerts",
    ];
    out.write_record(header).map_err(Error::state)?;
    for track in tracks.all() {
        let row = [
            inert(&track.query),
            inert(&track.series),
            track.points.to_string(),
            track.missing.to_string(),
            (track.longest_gap_ms as f64 / 1_000.0).to_string(),
            track.anomalies.to_string(),
            track.peak.to_string(),
            found.count(&track.query, &track.series).to_string(),
        ];
        out.write_record(&row).map_err(Error::state)?;
    }
    written(out)
}
