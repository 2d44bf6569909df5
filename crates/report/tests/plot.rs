//! Plots: any input gives a picture, and a known one gives a known picture.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use bongsu_core::{Labels, SeriesView, Timestamp};
use bongsu_report::{
    CorrelationMatrix, ErrorKind, Mark, Panels, ResidualPlot, Span, SpanKind, Theme,
    TimeSeriesPlot, Unit,
};
use jiff::tz::TimeZone;
use proptest::prelude::*;

fn minutes(n: i64) -> Vec<Timestamp> {
    (0..n)
        .map(|i| Timestamp::from_secs(1_709_596_800 + 60 * i))
        .collect()
}

fn small() -> TimeSeriesPlot {
    let values = (0..30).map(|i| match i {
        12 => 9.0,
        20..24 => f64::NAN,
        i => f64::from(i % 5),
    });
    TimeSeriesPlot::new("Queue & <backlog>", minutes(30), values.collect())
        .unwrap()
        .subtitle("sum(queue_length{job=\"shop\"})")
        .unit(Unit::from("jobs"))
        .band(vec![2.0; 30], vec![-0.5; 30], vec![4.5; 30])
        .unwrap()
        .mark(Mark {
            at: Timestamp::from_secs(1_709_596_800 + 720),
            value: 9.0,
            score: 2.8,
        })
        .span(Span {
            from: Timestamp::from_secs(1_709_596_800 + 660),
            to: Timestamp::from_secs(1_709_596_800 + 900),
            label: "stuck worker".to_owned(),
            kind: SpanKind::Fault,
        })
        .size(640, 320)
}

/// Set `BONGSU_BLESS=1` to accept a changed drawing after looking at it.
#[test]
fn a_small_plot_is_as_recorded() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/small.svg");
    let drawn = small().to_svg();
    if std::env::var_os("BONGSU_BLESS").is_some() {
        std::fs::write(path, &drawn).unwrap();
    }
    let recorded = std::fs::read_to_string(path).unwrap();
    assert!(drawn == recorded, "the drawing differs from {path}");
}

#[test]
fn every_part_of_a_plot_has_its_words() {
    let svg = small()
        .time_zone(TimeZone::get("Asia/Seoul").unwrap())
        .to_svg();
    for words in [
        "Queue &amp; &lt;backlog&gt;",
        "observed",
        "expected",
        "normal range",
        "anomaly",
        "stuck worker",
        "jobs",
        "Asia/Seoul",
        "Tue 5 Mar 2024",
        "09:10",
        "26 values between 0 jobs and 9 jobs, 1 of them anomalous. fault: stuck worker.",
    ] {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn themes_differ_and_auto_follows_the_reader() {
    let svg = |theme| small().theme(theme).to_svg();
    assert_ne!(svg(Theme::Light), svg(Theme::Dark));
    assert!(svg(Theme::Auto).contains("prefers-color-scheme:dark"));
}

#[test]
fn lengths_and_order_are_checked() {
    let wrong = TimeSeriesPlot::new("x", minutes(3), vec![1.0]).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
    let mut times = minutes(2);
    times.reverse();
    assert!(TimeSeriesPlot::new("x", times, vec![1.0; 2]).is_err());
    assert!(
        small()
            .band(vec![1.0], vec![1.0; 30], vec![1.0; 30])
            .is_err()
    );
}

#[test]
fn nothing_to_draw_is_said() {
    let empty = TimeSeriesPlot::new("x", Vec::new(), Vec::new()).unwrap();
    assert!(empty.to_svg().contains("no data"));
    let labels = Labels::from_pairs([("__name__", "up")]).unwrap();
    let times = minutes(2);
    let series = SeriesView::new(&labels, &times, &[f64::NAN; 2]).unwrap();
    let svg = TimeSeriesPlot::from_series(series).to_svg();
    assert!(svg.contains("no data") && svg.contains(">up<"));
    assert!(Panels::new(Vec::new()).to_svg().ends_with("</svg>"));
}

#[test]
fn plots_beyond_the_longest_side_are_counted() {
    let drawn = |n: usize, height: u32| {
        let plots = (1..=n).map(|i| {
            let times = minutes(3);
            TimeSeriesPlot::new(format!("plot {i}."), times, vec![1.0, 2.0, 3.0]).unwrap()
        });
        Panels::new(plots.collect())
            .subtitle("all of them")
            .panel_height(height)
            .to_svg()
    };
    let all = drawn(26, 300);
    assert!(all.contains(">plot 26.<") && !all.contains("not shown"));
    assert!(all.contains("height=\"7910\""));
    let cut = drawn(40, 300);
    assert!(cut.contains(">plot 26.<") && !cut.contains("plot 27."));
    assert!(cut.contains("14 more not shown; all of them"));
    // Heights without sense are brought to some.
    assert!(drawn(100, 0).contains("2 more not shown"));
    assert!(drawn(2, u32::MAX).contains("1 more not shown"));
}

#[test]
fn values_beyond_the_edge_are_named() {
    let mut values: Vec<f64> = (0..100).map(|i| f64::from(i % 7)).collect();
    values[50] = f64::INFINITY;
    let svg = TimeSeriesPlot::new("x", minutes(100), values)
        .unwrap()
        .to_svg();
    assert!(svg.contains("+∞"));
}

#[cfg(feature = "png")]
#[test]
fn a_png_that_follows_nobody_is_light() {
    let png = |theme| small().theme(theme).to_png().unwrap();
    assert!(png(Theme::Auto) == png(Theme::Light));
}

#[cfg(feature = "png")]
#[test]
fn a_png_has_the_size_asked_for_and_shows_text() {
    let png = small().to_png().unwrap();
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!((number(16), number(20)), (640, 320));
    let plain = small().subtitle("").to_png().unwrap();
    assert!(
        png.len() > plain.len() + 200,
        "the subtitle is missing: no font?"
    );
    let panels = Panels::new(vec![small(), small()])
        .title("Two")
        .to_png()
        .unwrap();
    assert!(panels.len() > png.len());
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1e3..1e3_f64,
        1 => any::<f64>(),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(f64::MAX),
        1 => Just(f64::MIN_POSITIVE),
        1 => Just(0.0),
    ]
}

fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 1_700_000_000_000..1_700_100_000_000_i64,
        1 => any::<i64>(),
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
    ]
}

fn unit() -> impl Strategy<Value = Unit> {
    prop::sample::select(vec!["", "percent", "ratio", "s", "B", "B/s", "<x>"]).prop_map(Unit::from)
}

prop_compose! {
    fn plots()(
        times in prop::collection::btree_set(moment(), 0..40),
        numbers in prop::collection::vec((number(), number(), number(), number()), 40),
        marks in prop::collection::vec((moment(), number(), number()), 0..6),
        spans in prop::collection::vec((moment(), moment(), ".{0,20}"), 0..6),
        range in prop::option::of((moment(), moment())),
        (title, unit, width, height) in (".{0,60}", unit(), 0..700_u32, 0..400_u32),
    ) -> TimeSeriesPlot {
        let times: Vec<Timestamp> = times.into_iter().map(Timestamp::from_millis).collect();
        let n = times.len();
        let column = |pick: fn(&(f64, f64, f64, f64)) -> f64| numbers.iter().take(n).map(pick).collect();
        let kinds = [SpanKind::Fault, SpanKind::Benign, SpanKind::Alert];
        let plot = TimeSeriesPlot::new(title.clone(), times, column(|n| n.0))
            .unwrap()
            .subtitle(title)
            .unit(unit)
            .band(column(|n| n.1), column(|n| n.2), column(|n| n.3))
            .unwrap()
            .marks(marks.into_iter().map(|(at, value, score)| Mark {
                at: Timestamp::from_millis(at),
                value,
                score,
            }))
            .spans(spans.into_iter().zip(kinds.into_iter().cycle()).map(
                |((from, to, label), kind)| Span {
                    from: Timestamp::from_millis(from),
                    to: Timestamp::from_millis(to),
                    label,
                    kind,
                },
            ))
            .time_zone(TimeZone::get("America/New_York").unwrap())
            .size(width, height);
        match range {
            Some((from, to)) => plot.range(Timestamp::from_millis(from), Timestamp::from_millis(to)),
            None => plot,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_input_gives_a_well_formed_picture(plot in plots()) {
        let svg = plot.to_svg();
        prop_assert!(svg.ends_with("</svg>"));
        for path in svg.split(" d=\"").skip(1) {
            let path = path.split('"').next().unwrap();
            prop_assert!(!path.contains("NaN") && !path.contains("inf"), "{path}");
        }
        prop_assert!(svg.len() < 200_000);
        // The reader of SVG is strict about markup.
        #[cfg(feature = "png")]
        prop_assert!(plot.to_png().is_ok());
    }

    #[test]
    fn any_panels_give_a_picture(plots in prop::collection::vec(plots(), 0..4)) {
        prop_assert!(Panels::new(plots).title("x").to_svg().ends_with("</svg>"));
    }
}

#[test]
fn residuals_are_drawn_over_time_by_size_and_by_lag() {
    let left: Vec<f64> = (0..400).map(|i| f64::from(i * 37 % 101) - 50.0).collect();
    let plot = ResidualPlot::new("a < b", minutes(400), left)
        .unwrap()
        .subtitle("<model>")
        .unit(Unit::from("req/s"))
        .lags(12);
    let svg = plot.clone().theme(Theme::Dark).to_svg();
    for words in [
        "a &lt; b",
        "&lt;model&gt;: 400 residuals",
        "of 12 autocorrelations",
        "95 % of noise",
        "req/s",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    assert!(!svg.contains("NaN"));
    #[cfg(feature = "png")]
    assert!(plot.to_png().unwrap().starts_with(b"\x89PNG"));
    let late = ResidualPlot::new("t", minutes(2), vec![1.0]);
    assert_eq!(late.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn odd_residuals_are_drawn() {
    for values in [
        vec![],
        vec![1.0],
        vec![0.0; 50],
        vec![f64::NAN; 50],
        vec![f64::INFINITY, 1.0, f64::NEG_INFINITY, 2.0],
        vec![1e308, -1e308, 1e308, -1e308, 0.0],
        vec![1e-320; 9],
    ] {
        let times = minutes(values.len() as i64);
        let svg = ResidualPlot::new("t", times, values.clone())
            .unwrap()
            .to_svg();
        assert!(
            svg.ends_with("</svg>") && !svg.contains("NaN"),
            "{values:?}"
        );
    }
    let many = (0..200_000).map(|i| f64::from(i * 37 % 1_009));
    let svg = ResidualPlot::new("t", minutes(200_000), many.collect())
        .unwrap()
        .to_svg();
    assert!(svg.len() < 300_000, "{}", svg.len());
}

#[test]
#[cfg(feature = "png")]
fn a_matrix_becomes_pixels() {
    let names = (0..5).map(|i| format!("metric {i}")).collect();
    let rows = (0..5).map(|i| (0..5).map(|j| f64::from(i * j) / 16.0).collect());
    let matrix = CorrelationMatrix::new("t", names, rows.collect()).unwrap();
    assert!(matrix.to_png().unwrap().starts_with(b"\x89PNG"));
}
