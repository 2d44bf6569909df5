//! The dashboards of incidents and of capacity.

use super::panel::{Board, Panel, Target};
use super::{GrafanaBoards, GrafanaDashboard};

pub(super) fn incidents(all: &GrafanaBoards) -> GrafanaDashboard {
    let about = "Incidents, and what happened around them. `bongsu dashboard annotate` marks them.";
    let mut board = Board::new("bongsu-incidents", "Bongsu / Incidents", about)
        .pushed("Incidents", "red", &["bongsu", "incident"])
        .panel(
            Panel::number(
                "Open",
                "short",
                6,
                "sum(bongsu_incidents_open) or vector(0)",
            )
            .colours("green", &[(1.0, "red")]),
        )
        .panel(Panel::number(
            "Opened in a day",
            "short",
            6,
            "sum(increase(bongsu_incidents_opened_total[1d])) or vector(0)",
        ))
        .panel(Panel::number(
            "Alerts firing",
            "short",
            6,
            "sum(bongsu_alerts_firing)",
        ))
        .panel(Panel::number(
            "Groups that wait for the budget",
            "short",
            6,
            "sum(bongsu_held_groups)",
        ))
        .panel(Panel::lines(
            "Open incidents and firing alerts",
            "short",
            24,
            vec![
                Target::line("sum(bongsu_incidents_open)", "incidents"),
                Target::line("sum(bongsu_alerts_firing)", "alerts"),
            ],
        ));
    if all.scores {
        board = board.panel(
            Panel::timeline(
                "What was odd, when",
                24,
                vec![Target::line(
                    "topk(30, max by (query, metric) (bongsu_anomaly_score)) > 0.8",
                    "{{query}} {{metric}}",
                )],
            )
            .high(12)
            .colours("green", &[(0.8, "yellow"), (1.0, "orange"), (3.0, "red")])
            .describe("The worst series of each query and metric: what turned first stands out."),
        );
    }
    board
        .panel(Panel::lines("Analyses of causes", "short", 12, vec![Target::line(
            "sum by (outcome) (increase(bongsu_incident_analyses_total[$__rate_interval]))",
            "{{outcome}}",
        )]))
        .panel(Panel::lines("Time that an analysis takes", "s", 12, vec![Target::line(
            "histogram_quantile(0.9, sum by (le) (rate(bongsu_incident_analysis_duration_seconds_bucket[1h])))",
            "90 %",
        )]))
        .finish()
}

pub(super) fn capacity() -> GrafanaDashboard {
    let about = "When resources run out, as `capacity` of the configuration forecasts.";
    Board::new("bongsu-capacity", "Bongsu / Capacity", about)
        .panel(
            Panel::number("Resources below 7 days", "short", 8, "count(bongsu_capacity_days_left < 7) or vector(0)")
                .colours("green", &[(1.0, "red")]),
        )
        .panel(
            Panel::number("Resources below 30 days", "short", 8, "count(bongsu_capacity_days_left < 30) or vector(0)")
                .colours("green", &[(1.0, "orange")]),
        )
        .panel(Panel::number("Soonest", "d", 8, "min(bongsu_capacity_days_left)")
            .colours("red", &[(7.0, "orange"), (30.0, "green")]))
        .panel(
            Panel::table("Days left", "d", 24, "sort(bongsu_capacity_days_left)")
                .with(serde_json::json!({"options": {"sortBy": [{"displayName": "Value", "desc": false}]}}))
                .colours("red", &[(7.0, "orange"), (30.0, "green")]),
        )
        .panel(
            Panel::lines("Days left over time", "d", 24, vec![Target::line("bongsu_capacity_days_left", "")])
                .bounds(&[(7.0, "red"), (30.0, "orange")]),
        )
        .panel(Panel::lines("How likely within the horizon", "percentunit", 12, vec![Target::line("bongsu_capacity_probability", "")]))
        .panel(Panel::lines("Use, as a share of the threshold", "percentunit", 12, vec![Target::line("bongsu_capacity_current / (bongsu_capacity_threshold != 0)", "")]))
        .panel(
            Panel::number("Since the last plan", "s", 8, "time() - max(bongsu_capacity_planned_timestamp_seconds > 0)"),
        )
        .panel(
            Panel::number("Plans failed in a day", "short", 8, "sum(increase(bongsu_capacity_runs_total{outcome=\"failed\"}[1d])) or vector(0)")
                .colours("green", &[(1.0, "orange")]),
        )
        .panel(Panel::number("Resources not planned", "short", 8, "sum(bongsu_capacity_unplanned) or vector(0)")
            .colours("green", &[(1.0, "orange")]))
        .finish()
}
