//! Reports of days, weeks and months.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use bongsu_core::{Labels, Timestamp, Verdict};
use bongsu_engine::{Period, PeriodicReport, PeriodicRequest, VERDICT_HEADER, config, verdict_row};
use jiff::tz::TimeZone;

/// 2026-03-01, a Sunday.
const START: i64 = 1_772_323_200;
const DAY: i64 = 86_400;

fn verdict(series: &str, second: i64, value: Option<f64>, anomalous: bool) -> Verdict {
    let labels = Labels::from_pairs([("__name__", "load"), ("host", series)]).unwrap();
    Verdict {
        value,
        score: Some(if anomalous { 4.0 } else { 0.2 }),
        expected: Some(10.0),
        lower: Some(5.0),
        upper: Some(15.0),
        anomalous,
        ..Verdict::unjudged(Timestamp::from_secs(second), labels)
    }
}

fn request(period: Period, verdicts: &Path) -> PeriodicRequest {
    PeriodicRequest {
        period,
        at: Timestamp::from_secs(START + 7_200),
        zone: TimeZone::UTC,
        verdicts: verdicts.to_owned(),
        config: None,
        state: None,
    }
}

fn report(request: &PeriodicRequest) -> PeriodicReport {
    bongsu_engine::periodic_report(request).unwrap()
}

/// The lines of a table below its header.
fn lines(csv: &str) -> Vec<&str> {
    csv.lines().skip(1).collect()
}

/// Minutes of two days: host `a` is odd for ten minutes each of the days and from before the first.
fn two_days() -> String {
    let mut text = VERDICT_HEADER.to_owned();
    for minute in -20..2 * 1_440 {
        let odd = minute < 5 || (600..610).contains(&(minute % 1_440));
        let value = if odd { 40.0 } else { 10.0 };
        let at = START + 60 * minute;
        text.push_str(&verdict_row("q", &verdict("a", at, Some(value), odd)));
        let there = (minute % 100 != 0).then_some(10.0);
        text.push_str(&verdict_row("q", &verdict("b", at, there, false)));
    }
    text
}

#[test]
fn a_day_has_its_alerts_and_those_it_began_with() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("verdicts.csv");
    // A row that is just written has no end yet.
    std::fs::write(&path, format!("{}177232", two_days())).unwrap();
    let daily = report(&request(Period::Daily, &path));
    assert_eq!(daily.name, "daily-2026-03-01");
    let alerts = lines(&daily.alerts);
    assert_eq!(alerts.len(), 2, "{alerts:?}");
    let begins = START - 20 * 60;
    assert!(alerts[0].contains(&format!(",{begins},")), "{}", alerts[0]);
    let series = lines(&daily.series);
    assert_eq!(series.len(), 2);
    assert!(
        series
            .iter()
            .any(|line| line.contains("host=\"\"b\"\"") && line.contains(",1440,15,")),
        "{series:?}"
    );
    for part in [
        "2 alerts",
        "Data quality",
        "Queries",
        "Brief alerts",
        "<svg",
    ] {
        assert!(daily.html.contains(part), "{part}");
    }
    let weekly = report(&request(Period::Weekly, &path));
    assert_eq!(
        (weekly.name.as_str(), lines(&weekly.alerts).len()),
        ("weekly-2026-W09", 2)
    );
    let monthly = report(&request(Period::Monthly, &path));
    assert_eq!(
        (monthly.name.as_str(), lines(&monthly.alerts).len()),
        ("monthly-2026-03", 3)
    );
    assert!(monthly.html.contains("Noisy series") && monthly.html.contains("2026-03-02 Mon"));
    let page = monthly.write(&dir.path().join("out")).unwrap();
    assert!(page.ends_with("monthly-2026-03.html") && page.exists());
    let written = std::fs::read_dir(dir.path().join("out")).unwrap();
    let names = written.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    let expected = ["-alerts.csv", "-incidents.csv", "-series.csv", ".html"];
    assert_eq!(names, expected.map(|end| format!("monthly-2026-03{end}")));
}

#[test]
fn the_rules_of_the_configuration_make_the_alerts_and_the_messages() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("verdicts.csv");
    std::fs::write(&path, two_days()).unwrap();
    let with = |policy: &str| {
        let yaml = format!(
            "source: {{type: prometheus, url: 'http://h'}}
queries: [{{name: q, expr: load, unit: seconds, alert: {{{policy}}}}}]
alerting: {{routing: {{route: {{receiver: log, group_wait: 1s}}, receivers: [{{name: log, sinks: [{{type: log}}]}}]}}}}"
        );
        let config = Some(config::parse(&yaml, None).unwrap());
        report(&PeriodicRequest {
            config,
            ..request(Period::Monthly, &path)
        })
    };
    let major = with("severity: major");
    assert_eq!(lines(&major.alerts).len(), 3);
    assert!(major.alerts.contains(",major,") && major.html.contains("by the rules of"));
    assert_eq!(lines(&with("for: 1h").alerts).len(), 0);
    assert_eq!(lines(&with("for: 15m").alerts).len(), 1);
}

#[test]
fn files_of_days_are_found_and_others_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("verdicts.csv");
    let text = two_days();
    let mut days = vec![VERDICT_HEADER.to_owned(); 3];
    for line in text.lines().skip(1) {
        let at: i64 = line.split(',').next().unwrap().parse().unwrap();
        let day = (at - START).div_euclid(DAY) + 1;
        writeln!(days[usize::try_from(day).unwrap()], "{line}").unwrap();
    }
    for (name, text) in ["2026-02-28", "2026-03-01", "2026-03-02"].iter().zip(&days) {
        std::fs::write(dir.path().join(format!("verdicts-{name}.csv")), text).unwrap();
    }
    std::fs::write(dir.path().join("verdicts-2026-01-01.csv"), "not read").unwrap();
    let single = dir.path().join("single.csv");
    std::fs::write(&single, &text).unwrap();
    let from_days = report(&request(Period::Daily, &path));
    let from_one = report(&request(Period::Daily, &single));
    assert_eq!(
        (from_days.alerts, from_days.series),
        (from_one.alerts, from_one.series)
    );
    let missing = PeriodicRequest {
        at: Timestamp::from_secs(START - 300 * DAY),
        ..request(Period::Daily, &path)
    };
    let error = bongsu_engine::periodic_report(&missing)
        .unwrap_err()
        .to_string();
    assert!(error.contains("output.verdicts"), "{error}");
    std::fs::write(&single, format!("{VERDICT_HEADER}what,is,this\n")).unwrap();
    let error = bongsu_engine::periodic_report(&request(Period::Daily, &single)).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[test]
fn what_comes_from_outside_is_inert_and_short() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("verdicts.csv");
    let mut text = VERDICT_HEADER.to_owned();
    let long = "x".repeat(10_000);
    let bad = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`";
    for (query, series) in [(bad, bad), ("=1+1", &long), (&long, "</script>")] {
        for minute in 0..60 {
            let mut verdict = verdict(series, START + 60 * minute, Some(9.0), minute > 50);
            verdict.explanation = Some(bongsu_core::Explanation {
                summary: bad.to_owned(),
                ..bongsu_core::Explanation::default()
            });
            text.push_str(&verdict_row(query, &verdict));
        }
    }
    std::fs::write(&path, text).unwrap();
    let daily = report(&request(Period::Daily, &path));
    assert!(!daily.html.contains("<script>alert") && !daily.html.contains("<img"));
    assert!(
        daily.html.contains("&#60;script&#62;alert(1)")
            || daily.html.contains("&lt;script&gt;alert(1)")
    );
    assert!(!daily.html.contains(&"x".repeat(300)), "names are cut");
    assert!(daily.html.len() < 1_000_000, "{}", daily.html.len());
    assert!(daily.alerts.contains("'=1+1,"), "no formula");
}

#[test]
fn a_million_points_make_a_small_page_quickly() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("verdicts.csv");
    let mut text = VERDICT_HEADER.to_owned();
    for i in 0..1_000_000_i64 {
        let odd = i == 654_321;
        let value = if odd { 900.0 } else { 10.0 + (i % 7) as f64 };
        let at = START * 1_000 + i * 86;
        let _ = writeln!(
            text,
            "{}.{:03},q,\"load{{host=\"\"a\"\"}}\",{value},{},10,5,17,{},",
            at / 1_000,
            at % 1_000,
            if odd { 9.0 } else { 0.5 },
            u8::from(odd)
        );
    }
    std::fs::write(&path, text).unwrap();
    let begun = Instant::now();
    let daily = report(&request(Period::Daily, &path));
    let took = begun.elapsed();
    assert!(daily.html.len() < 2_000_000, "{}", daily.html.len());
    assert!(daily.html.contains("900"), "the extreme is there");
    assert_eq!(lines(&daily.alerts).len(), 1);
    // Two seconds in a build with optimisation; a test build is given more.
    let limit = if cfg!(debug_assertions) { 30 } else { 2 };
    assert!(took.as_secs() < limit, "{took:?}");
}
