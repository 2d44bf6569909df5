//! The incidents of a period, with their likely causes.

use std::io;
use std::path::Path;
use std::time::Duration;

use bongsu_core::{Severity, Timestamp, format_duration};
use bongsu_rca::RcaVerdict;
use bongsu_report::{Fact, Table};
use jiff::tz::TimeZone;

use super::csv_out::{inert, written};
use super::page::{MAX_ROWS, brief};
use super::period::zoned;
use crate::Error;
use crate::incident::{Incident, Saved, incidents_file};
use crate::older;

/// The most services that a row names.
const NAMED: usize = 4;

/// Those that the state knows and that were going on between two moments, by their beginning. `None`
/// where the state has no file of incidents; nothing in it is changed.
pub(super) fn of_period(
    state: &Path,
    from: Timestamp,
    to: Timestamp,
) -> Result<Option<Vec<Incident>>, Error> {
    let path = incidents_file(state);
    let failed = |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", path.display()));
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(&e)),
    };
    let saved: Saved = older::read(&bytes).map_err(|e| failed(&e))?;
    let goes_on = |incident: &Incident| {
        incident.onset < to && incident.closed_at.is_none_or(|closed| closed >= from)
    };
    let mut all: Vec<Incident> = saved.incidents.into_iter().filter(goes_on).collect();
    all.sort_by(|a, b| (a.onset, &a.id).cmp(&(b.onset, &b.id)));
    Ok(Some(all))
}

/// How many there were, and of how many a cause can be told.
pub(super) fn fact(all: &[Incident]) -> Fact {
    let told = all.iter().filter(|one| one.cause().is_some()).count();
    let open = all.iter().filter(|one| one.is_open()).count();
    let mut note = format!("{told} with a likely cause");
    if open > 0 {
        note.push_str(&format!(", {open} not over"));
    }
    Fact::new("Incidents", all.len()).note(note)
}

pub(super) fn table(all: &[Incident], zone: &TimeZone) -> Option<Table> {
    if all.is_empty() {
        return None;
    }
    let columns = [
        "Began",
        "Lasted",
        "Severity",
        "Alerts",
        "Services",
        "Likely cause",
    ];
    let rows = all.iter().rev().take(MAX_ROWS).rev().map(|one| {
        let began = zoned(one.onset, zone).map_or_else(
            |_| one.onset.to_string(),
            |at| at.strftime("%Y-%m-%d %H:%M").to_string(),
        );
        vec![
            began,
            lasted(one),
            worst(one).to_string(),
            one.members.len().to_string(),
            services(one),
            brief(&cause(one)),
        ]
    });
    let note = match all.len() {
        n if n > MAX_ROWS => {
            format!("The last {MAX_ROWS} of {n}; the CSV beside this page has all.")
        }
        _ => "Alerts that belong together, and what they probably began with.".to_owned(),
    };
    Some(Table {
        caption: "Incidents".to_owned(),
        note,
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.collect(),
    })
}

/// All of them as CSV; the header alone where nothing is known.
pub(super) fn csv(all: &[Incident]) -> Result<String, Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    let header = [
        "id",
        "onset",
        "closed_at",
        "severity",
        "alerts",
        "services",
        "cause",
        "likelihood",
        "evidence",
    ];
    out.write_record(header).map_err(Error::state)?;
    for one in all {
        let services: Vec<&str> = one.services.iter().map(String::as_str).collect();
        let of = one.cause();
        out.write_record([
            one.id.clone(),
            one.onset.to_string(),
            one.closed_at.map(|at| at.to_string()).unwrap_or_default(),
            worst(one).to_string(),
            one.members.len().to_string(),
            inert(&services.join(" ")),
            of.map(|cause| inert(&cause.service)).unwrap_or_default(),
            of.map(|cause| format!("{:.0}", cause.likelihood))
                .unwrap_or_default(),
            inert(&cause(one)),
        ])
        .map_err(Error::state)?;
    }
    written(out)
}

fn lasted(one: &Incident) -> String {
    let Some(closed) = one.closed_at else {
        return "not over".to_owned();
    };
    let seconds = closed.millis_since(one.onset).max(0).unsigned_abs() / 1_000;
    format_duration(Duration::from_secs(seconds))
}

fn worst(one: &Incident) -> Severity {
    let severities = one.members.values().map(|member| member.severity);
    severities.max().unwrap_or_default()
}

fn services(one: &Incident) -> String {
    let named: Vec<String> = one.services.iter().take(NAMED).map(|s| brief(s)).collect();
    match one.services.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What it probably began with, or why that cannot be told.
fn cause(one: &Incident) -> String {
    if let Some(cause) = one.cause() {
        return cause.to_string();
    }
    match (&one.analysis, &one.problem) {
        (Some(analysis), _) if analysis.verdict == RcaVerdict::NotProven => "not proven".to_owned(),
        (Some(analysis), _) => format!("not likely enough to be told: {}", analysis.summary),
        (None, Some(problem)) => format!("the analysis failed: {problem}"),
        (None, None) => "not analysed".to_owned(),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]
mod tests {

    use bongsu_core::snapshot;

    use super::*;
    use crate::incident::{Analysis, Cause};
    use crate::{Period, PeriodicRequest, VERDICT_HEADER, periodic_report};

    /// 2026-03-01.
    const DAY: i64 = 1_772_323_200_000;
    const HOUR: i64 = 3_600_000;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_millis(DAY + hour * HOUR)
    }

    /// One from the first hour to the second, of a kept file.
    fn incident(number: u32, from: i64, to: Option<i64>) -> Incident {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/incidents-v1.bngs"
        );
        let saved: Saved = older::read(&std::fs::read(path).unwrap()).unwrap();
        let mut one = saved.incidents[0].clone();
        one.id = format!("{number:016x}");
        (one.onset, one.closed_at) = (at(from), to.map(at));
        (one.analysis, one.problem) = (None, None);
        one
    }

    fn told(service: &str, evidence: &str) -> Option<Analysis> {
        Some(Analysis {
            until: at(3),
            verdict: RcaVerdict::Ranked,
            summary: "ranked".to_owned(),
            cause: Some(Cause {
                service: service.to_owned(),
                likelihood: 71.0,
                evidence: evidence.to_owned(),
            }),
        })
    }

    /// A state with these incidents, and the report of the day.
    fn reported(incidents: Vec<Incident>) -> crate::PeriodicReport {
        let folder = tempfile::tempdir().unwrap();
        let saved = Saved {
            incidents,
            ..Saved::default()
        };
        snapshot::save(&saved, incidents_file(folder.path())).unwrap();
        let verdicts = folder.path().join("verdicts.csv");
        std::fs::write(&verdicts, VERDICT_HEADER).unwrap();
        let report = periodic_report(&PeriodicRequest {
            period: Period::Daily,
            at: at(2),
            zone: TimeZone::UTC,
            verdicts,
            config: None,
            state: Some(folder.path().to_owned()),
        });
        report.unwrap()
    }

    #[test]
    fn a_day_has_its_incidents_and_what_they_began_with() {
        let mut cause = incident(1, 9, Some(11));
        cause.analysis = told("cart", "its latency moved first");
        let mut open = incident(2, 23, None);
        open.problem = Some("no data".to_owned());
        let report = reported(vec![
            open,
            cause,
            incident(3, -30, Some(-20)),
            incident(4, 25, Some(26)),
            incident(5, -2, Some(1)),
        ]);
        for words in [
            "Incidents",
            "2026-03-01 09:00",
            "cart (71 %): its latency moved first",
            "the analysis failed: no data",
            "not over",
            "1 with a likely cause, 1 not over",
        ] {
            assert!(report.html.contains(words), "{words}");
        }
        let lines: Vec<&str> = report.incidents.lines().collect();
        assert_eq!(
            lines.len(),
            4,
            "those of other days are left out: {lines:?}"
        );
        assert!(lines[1].starts_with("0000000000000005"), "{}", lines[1]);
        assert!(lines[2].contains(",cart,71,"), "{}", lines[2]);
    }

    #[test]
    fn hostile_and_long_causes_are_inert_and_cut() {
        let mut one = incident(1, 9, Some(11));
        one.analysis = told("<script>alert(1)</script>", &"=x<img src=x>".repeat(1_000));
        let report = reported(vec![one]);
        assert!(!report.html.contains("<script>alert") && !report.html.contains("<img"));
        assert!(report.html.len() < 100_000, "{}", report.html.len());
    }

    #[test]
    fn a_state_without_incidents_says_nothing_of_them() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of_period(folder.path(), at(0), at(24)).unwrap(), None);
        std::fs::write(incidents_file(folder.path()), b"no snapshot").unwrap();
        let error = of_period(folder.path(), at(0), at(24)).unwrap_err();
        assert!(error.to_string().contains("incidents.bngs"), "{error}");
        assert!(reported(Vec::new()).incidents.starts_with("id,onset,"));
    }
}
