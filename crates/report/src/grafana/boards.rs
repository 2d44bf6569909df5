//! The overview.

use serde_json::json;

use super::panel::{Board, Panel, Target};
use super::{GrafanaBoards, GrafanaDashboard, query_uid};

pub(super) fn overview(all: &GrafanaBoards) -> GrafanaDashboard {
    let about = "What Bongsu watches and what it found.";
    let mut board = Board::new("bongsu-overview", "Bongsu / Overview", about)
        .pushed("Incidents", "red", &["bongsu", "incident"])
        .panel(
            Panel::number("Alerts firing", "short", 4, "sum(bongsu_alerts_firing)")
                .colours("green", &[(1.0, "orange"), (5.0, "red")]),
        )
        .panel(Panel::number(
            "Messages in a day",
            "short",
            4,
            "sum(increase(bongsu_pages_total[1d]))",
        ))
        .panel(
            Panel::number(
                "Open incidents",
                "short",
                4,
                "sum(bongsu_incidents_open) or vector(0)",
            )
            .colours("green", &[(1.0, "red")]),
        )
        .panel(Panel::number(
            "Queries",
            "short",
            4,
            "count(count by (query) (bongsu_query_series))",
        ))
        .panel(Panel::number(
            "Series",
            "short",
            4,
            "sum(bongsu_query_series)",
        ))
        .panel(
            Panel::number(
                "Furthest behind",
                "s",
                4,
                "time() - min(bongsu_query_judged_until_timestamp_seconds)",
            )
            .colours("green", &[(600.0, "orange"), (1_800.0, "red")]),
        );
    if all.scores {
        board = board
            .panel(
                Panel::timeline(
                    "Worst score of each query",
                    24,
                    vec![Target::line(
                        "max by (query) (bongsu_anomaly_score)",
                        "{{query}}",
                    )],
                )
                .colours("green", &[(0.8, "yellow"), (1.0, "orange"), (3.0, "red")])
                .describe("1 is the bound of normal."),
            )
            .panel(anomalous_table(all))
            .panel(
                Panel::lines(
                    "Share of anomalous series",
                    "percentunit",
                    12,
                    vec![Target::line(
                        "avg by (query) (bongsu_anomaly_score > bool 1)",
                        "{{query}}",
                    )],
                )
                .with(json!({"fieldConfig": {"defaults": {"min": 0}}})),
            );
    }
    board
        .panel(Panel::lines(
            "Alerts that fired and were resolved",
            "short",
            12,
            vec![
                Target::line(
                    "sum(increase(bongsu_alerts_fired_total[$__rate_interval]))",
                    "fired",
                ),
                Target::line(
                    "sum(increase(bongsu_alerts_resolved_total[$__rate_interval]))",
                    "resolved",
                ),
            ],
        ))
        .panel(Panel::lines(
            "Anomalous points",
            "short",
            12,
            vec![Target::line(
                "sum by (query) (increase(bongsu_anomalies_total[$__rate_interval]))",
                "{{query}}",
            )],
        ))
        .finish()
}

/// What is anomalous now; the name of a query leads to its dashboard.
fn anomalous_table(all: &GrafanaBoards) -> Panel {
    let mut panel = Panel::table(
        "Anomalous now",
        "short",
        12,
        "sort_desc(max by (query, metric) (bongsu_anomaly_score > 1))",
    );
    // One rule for each query, as their addresses differ; Grafana shows the ones that fit.
    let links: Vec<_> = all
        .queries
        .iter()
        .take(100)
        .map(|query| {
            json!({
                "title": query.name,
                "url": format!("/d/{}?${{__url_time_range}}", query_uid(&query.name)),
            })
        })
        .collect();
    if !links.is_empty() {
        panel = panel.with(json!({"links": links.iter().map(|link| {
            let mut link = link.clone();
            super::panel::merge(&mut link, json!({
                "type": "link", "icon": "dashboard", "tooltip": "", "tags": [],
                "asDropdown": false, "targetBlank": false, "includeVars": false, "keepTime": true,
            }));
            link
        }).collect::<Vec<_>>()}));
    }
    panel
}
