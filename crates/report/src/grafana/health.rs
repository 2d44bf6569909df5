//! The dashboard of the service itself.

use super::GrafanaDashboard;
use super::panel::{Board, Panel, Target};

pub(super) fn health() -> GrafanaDashboard {
    let one = |expr: &str, legend: &str| vec![Target::line(expr, legend)];
    Board::new("bongsu-health", "Bongsu / Health", "Whether Bongsu itself does its work.")
        .panel(Panel::number("Up since", "s", 4, "time() - min(bongsu_process_start_timestamp_seconds)"))
        .panel(
            Panel::number("Configuration at work", "short", 4, "min(bongsu_config_last_reload_successful)")
                .colours("red", &[(1.0, "green")])
                .describe("1 when the newest configuration is at work."),
        )
        .panel(
            Panel::number("Alerts given up in a day", "short", 4, "sum(increase(bongsu_sink_alerts_lost_total[1d])) or vector(0)")
                .colours("green", &[(1.0, "red")]),
        )
        .panel(
            Panel::number("Alerts waiting", "short", 4, "sum(bongsu_sink_queue) or vector(0)")
                .colours("green", &[(100.0, "orange")]),
        )
        .panel(
            Panel::number("Saves failed in a day", "short", 4, "sum(increase(bongsu_state_saves_total{outcome=\"failed\"}[1d])) or vector(0)")
                .colours("green", &[(1.0, "red")]),
        )
        .panel(Panel::number("Clock ahead", "s", 4, "max(abs(bongsu_source_clock_skew_seconds))"))
        .heading("Judging")
        .panel(Panel::lines("How far behind", "s", 12, one(
            "time() - bongsu_query_judged_until_timestamp_seconds",
            "{{query}}",
        )))
        .panel(Panel::lines("Time to fetch, judge and pass on (90 %)", "s", 12, one(
            "histogram_quantile(0.9, sum by (query, stage, le) (rate(bongsu_stage_duration_seconds_bucket[15m])))",
            "{{query}} {{stage}}",
        )))
        .panel(Panel::lines("Points judged", "cps", 12, one(
            "sum by (query) (rate(bongsu_verdicts_total[$__rate_interval]))",
            "{{query}}",
        )))
        .panel(Panel::lines("Share of points found anomalous", "percentunit", 12, one(
            "sum by (query) (rate(bongsu_anomalies_total[1h])) / sum by (query) (rate(bongsu_verdicts_total[1h]))",
            "{{query}}",
        )))
        .panel(Panel::lines("Series", "short", 12, one("bongsu_query_series", "{{query}}")))
        .panel(Panel::lines("Held by the budget, and late points", "short", 12, vec![
            Target::line("sum by (query) (increase(bongsu_held_by_budget_total[1h]))", "{{query}} held"),
            Target::line("sum by (query) (increase(bongsu_late_points_total[1h]))", "{{query}} late"),
        ]))
        .heading("Data")
        .panel(Panel::lines("Queries that failed", "short", 12, one(
            "sum by (query, kind) (increase(bongsu_query_failures_total[$__rate_interval])) > 0",
            "{{query}} {{kind}}",
        )))
        .panel(Panel::lines("Problems of data", "short", 12, one(
            "sum by (query, kind) (increase(bongsu_data_problems_total[$__rate_interval])) > 0",
            "{{query}} {{kind}}",
        )))
        .heading("Delivery")
        .panel(Panel::lines("Deliveries that failed", "short", 12, one(
            "sum by (sink) (increase(bongsu_sink_failures_total[$__rate_interval]))",
            "{{sink}}",
        )))
        .panel(Panel::lines("Alerts that wait for a sink", "short", 12, one("bongsu_sink_queue", "{{sink}}")))
        .panel(Panel::lines("Scores written back", "cps", 12, one(
            "rate(bongsu_remote_write_samples_total[$__rate_interval])",
            "{{outcome}}",
        )))
        .panel(Panel::lines("Waiting to be written", "short", 12, vec![
            Target::line("bongsu_remote_write_queue", "samples"),
            Target::line("bongsu_journal_unwritten_bytes", "journal, bytes"),
        ]))
        .heading("Training")
        .panel(Panel::lines("Trainings", "short", 8, one(
            "sum by (query, outcome) (increase(bongsu_trainings_total[1h]))",
            "{{query}} {{outcome}}",
        )))
        .panel(Panel::lines("Age of the model", "s", 8, one(
            "time() - bongsu_model_trained_timestamp_seconds > 0",
            "{{query}}",
        )))
        .panel(Panel::lines("Series that have drifted", "short", 8, one("bongsu_drifted_series", "{{query}}")))
        .heading("Process")
        .panel(Panel::lines("Memory", "bytes", 8, one("bongsu_process_resident_memory_bytes", "{{instance}}")))
        .panel(Panel::lines("Processor", "percentunit", 8, one(
            "rate(bongsu_process_cpu_seconds_total[$__rate_interval])",
            "{{instance}}",
        )))
        .panel(Panel::lines("Saved state", "bytes", 8, one("bongsu_state_bytes", "{{instance}}")))
        .finish()
}
