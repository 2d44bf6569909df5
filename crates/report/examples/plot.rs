//! Draws a synthetic day with two incidents to the path given: `.svg`, `.png` or `.html`; without
//! one, to a file in the directory for temporary files.
//!
//! ```sh
//! cargo run -p bongsu-report --example plot -- day.png
//! ```

use std::error::Error;
use std::f64::consts::TAU;
use std::path::PathBuf;

use bongsu_core::{Severity, Timestamp};
use bongsu_report::{AlertRow, Fact, Mark, RunReport, Span, SpanKind, TimeSeriesPlot, Unit};

const START: i64 = 1_709_593_200;

fn minute(i: usize) -> Timestamp {
    Timestamp::from_secs(START).add_millis(i as i64 * 60_000)
}

/// A day of request latency: quiet nights, busy noons, some noise, a slow leak and a spike.
fn day() -> Result<TimeSeriesPlot, bongsu_report::Error> {
    let mut noise = 42_u64;
    let mut random = move || {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (noise >> 40) as f64 / (1_u64 << 24) as f64 - 0.5
    };
    let n = 1_440;
    let (mut expected, mut lower, mut upper) = (Vec::new(), Vec::new(), Vec::new());
    let mut values = Vec::new();
    let mut marks = Vec::new();
    for i in 0..n {
        let hour = i as f64 / 60.0;
        let normal = 0.120 - 0.055 * ((hour - 3.0) / 24.0 * TAU).cos();
        let width = 0.02 + 0.12 * normal;
        let fault = match i {
            560..=604 => 0.09 * (i - 560) as f64 / 45.0,
            1_090..=1_102 => 0.16,
            _ => 0.0,
        };
        let value = normal + fault + random() * width * 1.1;
        let score = (value - normal).abs() / width;
        if score > 1.0 {
            marks.push(Mark {
                at: minute(i),
                value,
                score,
            });
        }
        expected.push(normal);
        lower.push(normal - width);
        upper.push(normal + width);
        // An exporter restarts.
        values.push(if (845..870).contains(&i) {
            f64::NAN
        } else {
            value
        });
    }
    let span = |from, to, label: &str, kind| Span {
        from: minute(from),
        to: minute(to),
        label: label.to_owned(),
        kind,
    };
    Ok(TimeSeriesPlot::new("Checkout latency", (0..n).map(minute).collect(), values)?
        .subtitle("histogram_quantile(0.99, sum by (le) (rate(checkout_duration_seconds_bucket[5m])))")
        .unit(Unit::Seconds)
        .band(expected, lower, upper)?
        .marks(marks)
        .span(span(560, 605, "connection leak", SpanKind::Fault))
        .span(span(1_090, 1_103, "cache lost", SpanKind::Fault))
        .span(span(845, 870, "deployment", SpanKind::Benign))
        .span(span(584, 612, "CheckoutLatency", SpanKind::Alert))
        .span(span(1_092, 1_110, "CheckoutLatency", SpanKind::Alert)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map_or_else(
        || std::env::temp_dir().join("bongsu-plot.svg"),
        PathBuf::from,
    );
    let plot = day()?;
    let bytes = match path.extension().and_then(|extension| extension.to_str()) {
        #[cfg(feature = "png")]
        Some("png") => plot.to_png()?,
        Some("html") => {
            let mut report = RunReport::new("Checkout", minute(0), minute(1_440));
            report.summary.push(Fact::new("Series watched", 1));
            report.alerts.push(AlertRow {
                summary: "Checkout answers slowly".to_owned(),
                series: "checkout_duration_seconds".to_owned(),
                severity: Severity::Major,
                from: minute(584),
                to: Some(minute(612)),
                unit: Unit::Seconds,
                panel: Some(0),
                ..AlertRow::default()
            });
            report.panels.push(plot);
            report.to_html()?.into_bytes()
        }
        _ => plot.to_svg().into_bytes(),
    };
    std::fs::write(&path, bytes)?;
    Ok(())
}
