//! The dashboard of one query: its series with their bands, scores and anomalies.

use serde_json::{Value, json};

use super::panel::{Board, Panel, Target, unit_name};
use super::promql::{newest, quoted};
use super::{GrafanaBoards, GrafanaDashboard, GrafanaQuery, query_uid};

/// Finds the labels in `bongsu_anomaly_score{...} VALUE TIME`.
const LABELS: &str = r"/^bongsu_anomaly_score\{(.*)\} /";
const BOUND: [(f64, &str); 1] = [(1.0, "orange")];

/// The dashboard of `query`.
pub(super) fn board(all: &GrafanaBoards, query: &GrafanaQuery) -> GrafanaDashboard {
    let name = quoted(&query.name);
    let score = newest(
        &format!("bongsu_anomaly_score{{query={name}}}"),
        query.period_seconds,
    );
    let description = format!(
        "Query {} of Bongsu, judged by {}. A score of 1 is at the bound, above 1 anomalous.",
        query.name, query.detector
    );
    let title = format!("Bongsu / {}", query.name);
    Board::new(&query_uid(&query.name), &title, &description)
        .choice(
            "series",
            "Series",
            &format!("query_result(sort_desc({score}))"),
            LABELS,
        )
        .mark(
            "Anomalies",
            "orange",
            &format!("bongsu_anomaly_score{{query={name},${{series:raw}}}} > 1"),
        )
        .pushed("Incidents", "red", &["bongsu", "incident"])
        .panel(
            Panel::number(
                "Anomalous now",
                "short",
                4,
                format!("count({score} > 1) or vector(0)"),
            )
            .colours("green", &[(1.0, "orange")]),
        )
        .panel(Panel::number(
            "Series",
            "short",
            4,
            format!("sum(bongsu_query_series{{query={name}}})"),
        ))
        .panel(
            Panel::number("Highest score", "short", 4, format!("max({score})"))
                .colours("green", &BOUND),
        )
        .panel(
            Panel::number(
                "Judged up to",
                "s",
                4,
                format!(
                    "time() - max(bongsu_query_judged_until_timestamp_seconds{{query={name}}})"
                ),
            )
            .describe("How long ago the newest judged moment is."),
        )
        .panel(
            Panel::number(
                "Failures in an hour",
                "short",
                4,
                format!(
                    "sum(increase(bongsu_query_failures_total{{query={name}}}[1h])) or vector(0)"
                ),
            )
            .colours("green", &[(1.0, "red")]),
        )
        .panel(Panel::number(
            "Held by the budget in a day",
            "short",
            4,
            format!("sum(increase(bongsu_held_by_budget_total{{query={name}}}[1d])) or vector(0)"),
        ))
        .panel(value_panel(all, query))
        .panel(
            Panel::lines(
                "Scores",
                "short",
                12,
                vec![Target::line(format!("topk(20, {score})"), "")],
            )
            .describe("The highest at each moment, 20 at most. 1 is the bound.")
            .bounds(&BOUND),
        )
        .panel(
            Panel::table(
                "Anomalous series",
                "short",
                12,
                format!("sort_desc({score} > 1)"),
            )
            .describe("Those above the bound now, with their scores."),
        )
        .finish()
}

/// The chosen series in its band.
fn value_panel(all: &GrafanaBoards, query: &GrafanaQuery) -> Panel {
    let name = quoted(&query.name);
    let of_series = |metric: &str| {
        let selector = format!("{metric}{{query={name},${{series:raw}}}}");
        newest(&selector, query.period_seconds)
    };
    let mut targets = Vec::new();
    if let (Some(expr), false) = (&query.expr, query.grouped) {
        let score = of_series("bongsu_anomaly_score");
        let added = all.added_labels.iter().map(String::as_str);
        let ignored: Vec<&str> = ["query", "metric"].into_iter().chain(added).collect();
        let ignored = ignored.join(", ");
        // All labels but those that Bongsu adds are those of the judged series.
        let value = format!("({expr}\n) and ignoring ({ignored}) ({score})");
        targets.push(Target::line(value, "value"));
    }
    for (metric, legend) in [
        ("bongsu_expected", "expected"),
        ("bongsu_lower", "lower"),
        ("bongsu_upper", "upper"),
    ] {
        targets.push(Target::line(of_series(metric), legend));
    }
    let colour = |name: &str| json!({"mode": "fixed", "fixedColor": name});
    let dashed = json!({"fill": "dash", "dash": [6, 6]});
    let thin = |name: &str| -> Vec<(&str, Value)> {
        vec![("color", colour(name)), ("custom.lineWidth", json!(0))]
    };
    let mut upper = thin("light-blue");
    upper.push(("custom.fillBelowTo", json!("lower")));
    upper.push(("custom.fillOpacity", json!(18)));
    Panel::lines("Value and band", &unit_name(&query.unit), 24, targets)
        .high(10)
        .describe(
            "The series chosen at the top, what was expected of it, and the bounds of normal.",
        )
        .field(
            "byName",
            "value",
            &[("color", colour("blue")), ("custom.lineWidth", json!(2))],
        )
        .field(
            "byName",
            "expected",
            &[("color", colour("text")), ("custom.lineStyle", dashed)],
        )
        .field("byName", "upper", &upper)
        .field("byName", "lower", &thin("light-blue"))
}
