//! The HTML report: what reaches the reader, and what must not.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use base64::Engine as _;
use bongsu_core::{Severity, Timestamp};
use bongsu_report::{
    AlertRow, CorrelationMatrix, Fact, Mark, QualityRow, RunReport, Span, SpanKind, Table,
    TimeSeriesPlot, Unit,
};
use sha2::Digest as _;

const HOSTILE: &str =
    "</title></style></script>\"'><script>alert(1)</script><img src=x onerror=alert(1)>";

fn at(i: i64) -> Timestamp {
    Timestamp::from_secs(1_709_593_200 + i)
}

fn plot(n: i64) -> TimeSeriesPlot {
    let values = (0..n).map(|i| ((i * 7_919) % 1_013) as f64).collect();
    TimeSeriesPlot::new("Requests", (0..n).map(at).collect(), values).unwrap()
}

fn row(summary: &str, severity: Severity, to: Option<Timestamp>) -> AlertRow {
    AlertRow {
        summary: summary.to_owned(),
        severity,
        from: at(60),
        to,
        ..AlertRow::default()
    }
}

/// Every text from outside is hostile.
fn hostile() -> RunReport {
    let text = || HOSTILE.to_owned();
    let mut report = RunReport::new(HOSTILE, at(0), at(600));
    report.generated_by = text();
    report.headline = Some(text());
    report
        .summary
        .push(Fact::new(HOSTILE, HOSTILE).note(HOSTILE));
    report.alerts.push(AlertRow {
        series: text(),
        explanation: text(),
        unit: Unit::Named(text()),
        value: Some(1.0),
        panel: Some(0),
        ..row(HOSTILE, Severity::Critical, None)
    });
    report.tables.push(Table {
        caption: text(),
        note: text(),
        columns: vec![text()],
        rows: vec![vec![text()]],
    });
    report.matrices.push(
        CorrelationMatrix::new(HOSTILE, vec![text(); 2], vec![vec![1.0; 2]; 2])
            .unwrap()
            .subtitle(HOSTILE),
    );
    let span = |kind| Span {
        from: at(10),
        to: at(400),
        label: text(),
        kind,
    };
    let times = (0..600).map(at).collect();
    report.panels.push(
        TimeSeriesPlot::new(HOSTILE, times, vec![1.0; 600])
            .unwrap()
            .subtitle(HOSTILE)
            .unit(Unit::Named(text()))
            .mark(Mark {
                at: at(5),
                value: 1.0,
                score: 2.0,
            })
            .spans([SpanKind::Fault, SpanKind::Benign, SpanKind::Alert].map(span)),
    );
    report.quality.push(QualityRow {
        series: text(),
        note: text(),
        ..QualityRow::default()
    });
    report.settings.push((text(), text()));
    report
}

/// The contents of every element `name` without attributes.
fn elements<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    html.split(&format!("<{name}>"))
        .skip(1)
        .map(|rest| rest.split(&format!("</{name}>")).next().unwrap())
        .collect()
}

#[test]
fn hostile_texts_are_inert() {
    let html = hostile().to_html().unwrap();
    assert!(!html.contains("<script>alert"));
    assert!(!html.contains("<img"));
    assert!(!html.contains("\u{27}><"), "an attribute was closed");
    assert_eq!(
        elements(&html, "script").len(),
        1,
        "only the page's own script"
    );
    assert_eq!(
        elements(&html, "style").len(),
        1,
        "only the page's own style"
    );
    let data = html.matches("<script").count() - 1;
    assert_eq!(data, 1, "one data block a plot");
}

#[test]
fn the_policy_allows_exactly_the_pages_own_style_and_script() {
    let html = hostile().to_html().unwrap();
    for name in ["style", "script"] {
        let digest = sha2::Sha256::digest(elements(&html, name)[0]);
        let hash = base64::engine::general_purpose::STANDARD.encode(digest);
        assert!(
            html.contains(&format!("{name}-src 'sha256-{hash}'")),
            "set the constant for `{name}` in src/html/page.rs to {hash}"
        );
    }
    assert!(
        !html.contains(" style=\""),
        "the policy forbids style attributes"
    );
    assert!(
        !html.contains("http://")
            || html.matches("http://").count()
                == html.matches("http://www.w3.org/2000/svg").count()
    );
    assert!(!html.contains("https://"));
}

#[test]
fn the_headline_says_what_happened() {
    let mut report = RunReport::new("Checkout", at(0), at(600));
    let headline = |report: &RunReport| elements(&report.to_html().unwrap(), "h1")[0].to_owned();
    assert_eq!(
        headline(&report),
        "No alerts: everything stayed within what was expected."
    );
    report.quality.push(QualityRow {
        expected: 10,
        missing: 9,
        ..QualityRow::default()
    });
    assert_eq!(
        headline(&report),
        "No alerts, but one series had many missing points."
    );
    report
        .alerts
        .push(row("Slow", Severity::Info, Some(at(90))));
    assert_eq!(headline(&report), "One info alert: Slow.");
    report.alerts.push(row("Down.", Severity::Critical, None));
    assert_eq!(
        headline(&report),
        "2 alerts, the worst critical: Down. One is still firing."
    );
}

#[test]
fn times_are_in_the_zone_of_the_report() {
    let mut report = RunReport::new("Checkout", at(0), at(600));
    report.time_zone = jiff::tz::TimeZone::get("Asia/Seoul").unwrap();
    let html = report.to_html().unwrap();
    assert!(
        html.contains("2024-03-05 08:00 to 2024-03-05 08:10"),
        "{html}"
    );
    assert!(html.contains("Asia/Seoul"));
}

#[test]
fn plots_that_an_alert_names_are_open_and_the_rest_is_folded_or_counted() {
    let mut report = RunReport::new("Checkout", at(0), at(600));
    report.panels = vec![plot(9); 6];
    report.max_panels = 4;
    report.alerts.push(AlertRow {
        panel: Some(5),
        ..row("Slow", Severity::Minor, None)
    });
    report.alerts.push(AlertRow {
        panel: Some(99),
        ..row("Lost", Severity::Minor, None)
    });
    let html = report.to_html().unwrap();
    assert!(html.contains("<article id=\"plot-5\">"));
    assert!(html.contains("<a href=\"#plot-5\">Slow</a>"));
    assert!(!html.contains("#plot-99"));
    assert_eq!(html.matches("<details").count(), 3);
    assert!(html.contains("2 more series are not drawn."));
}

#[test]
fn a_million_points_stay_small() {
    let n = 1_000_000;
    let plot = plot(n)
        .band(
            vec![500.0; n as usize],
            vec![0.0; n as usize],
            vec![1e3; n as usize],
        )
        .unwrap()
        .marks((0..n).step_by(3).map(|i| Mark {
            at: at(i),
            value: ((i * 7_919) % 1_013) as f64,
            score: 1.5,
        }));
    let svg = plot.to_svg().len();
    assert!(svg < 500_000, "the SVG has {svg} bytes");
    let mut report = RunReport::new("Checkout", at(0), at(n));
    report.panels.push(plot);
    let html = report.to_html().unwrap().len();
    assert!(html < 2_000_000, "the HTML has {html} bytes");
}

/// A page stays small whatever is in it.
#[test]
fn a_million_points_and_long_labels_are_a_small_page() {
    let mut report = RunReport::new("Requests", at(0), at(1_000_000));
    let long = HOSTILE.repeat(10_240 / HOSTILE.len() + 1);
    let n = 1_000_000;
    let values: Vec<f64> = (0..n).map(|i| ((i * 7_919) % 1_013) as f64).collect();
    let band = |by: f64| values.iter().map(|value| value + by).collect::<Vec<_>>();
    let marks = (0..n).step_by(50).map(|i| Mark {
        at: at(i),
        value: 1_000.0,
        score: 2.0,
    });
    let plot = TimeSeriesPlot::new(&long, (0..n).map(at).collect(), values.clone())
        .unwrap()
        .subtitle(&long)
        .band(values.clone(), band(-9.0), band(9.0))
        .unwrap()
        .marks(marks);
    report.panels.push(plot);
    report.alerts.push(AlertRow {
        series: long.clone(),
        panel: Some(0),
        ..row(&long, Severity::Major, None)
    });
    let html = report.to_html().unwrap();
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    assert!(!html.contains("<script>alert"));
}

/// What is shown of a long label is its beginning, wherever it is shown.
#[test]
fn a_long_label_does_not_fill_the_page() {
    let long = "label ".repeat(1_700);
    let mut report = RunReport::new(&long, at(0), at(600));
    report.panels.push(plot(600));
    report.panels.push(
        TimeSeriesPlot::new(&long, vec![at(1), at(2)], vec![1.0, 2.0])
            .unwrap()
            .subtitle(&long),
    );
    report.alerts.push(AlertRow {
        series: long.clone(),
        explanation: long.clone(),
        panel: Some(1),
        ..row(&long, Severity::Major, None)
    });
    report.summary.push(Fact::new(&long, &long).note(&long));
    report.settings.push((long.clone(), long.clone()));
    let html = report.to_html().unwrap();
    // Neither as text, nor as a title.
    for part in html.split(['<', '>']) {
        assert!(
            part.matches("label ").count() < 400,
            "{} characters",
            part.len()
        );
    }
    let drawn = html.split('<').filter_map(|part| part.split_once('>'));
    // The name of a drawing is read, not shown.
    for (_, text) in drawn.filter(|(tag, _)| !tag.starts_with("title")) {
        assert!(text.matches("label ").count() <= 90, "{text}");
    }
    let svg = report.panels[1].to_svg();
    for part in svg.split(['<', '>']) {
        assert!(
            part.matches("label ").count() < 400,
            "{} characters",
            part.len()
        );
    }
}

#[test]
fn a_plot_says_which_time_it_shows_so_that_it_can_be_zoomed() {
    let mut report = RunReport::new("Requests", at(0), at(600));
    report.time_zone = jiff::tz::TimeZone::get("Asia/Seoul").unwrap();
    report.panels.push(plot(600));
    let html = report.to_html().unwrap();
    let figure =
        "<figure data-from=\"1709593200000\" data-to=\"1709593800000\" data-zone=\"Asia/Seoul\">";
    assert!(html.contains(figure), "{html}");
    for part in ["grid", "times", "marks"] {
        assert!(html.contains(&format!("data-part=\"{part}\"")), "{part}");
    }
}
