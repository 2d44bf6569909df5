//! How the most suspicious metrics go together, as tables.

use bongsu_rca::{RcaReport, Relation, Relations};
use bongsu_report::Table;

use super::{ROWS, table};

/// Who moves first, what followed from what, and what independences leave; each where there is any.
pub(super) fn tables(report: &RcaReport) -> Vec<Table> {
    let found = report.relations.iter();
    let tables = found.flat_map(|found| [chains(found), correlations(found), causal_graph(found)]);
    tables.filter(|table| !table.rows.is_empty()).collect()
}

fn chains(found: &Relations) -> Table {
    let mut rows = Vec::new();
    for (number, chain) in (1..).zip(&found.chains) {
        rows.extend(chain.links.iter().map(|link| {
            vec![
                number.to_string(),
                link.cause.to_string(),
                link.effect.to_string(),
                format!("{:.2}", link.correlation),
                lag(link.lag_minutes),
                format!("{:.0} %", link.confidence),
            ]
        }));
    }
    let note = "Each effect follows its cause, along the dependencies where these are known. Correlated \
                is not caused.";
    let columns = ["Chain", "Cause", "Effect", "r", "Lag", "Confidence"];
    table("What followed from what", note, &columns, rows)
}

fn correlations(found: &Relations) -> Table {
    let significant = found.correlations.iter().filter(|one| one.is_significant());
    let count = significant.clone().count();
    let cells = |one: &Relation| {
        vec![
            one.first.to_string(),
            one.second.to_string(),
            format!("{:.2}", one.r),
            lag(one.lag_minutes),
            format!("{:.2}", one.lag_r),
            chance(one.adjusted_p_value),
            one.granger_p_value.map_or_else(String::new, chance),
        ]
    };
    let note = format!(
        "{count} of {} pairs of the {} most suspicious metrics that are stronger than chance explains at \
         {} moments; p-values are those at the lag, adjusted for the number of lags (Bonferroni) and \
         of pairs (Benjamini and Hochberg), and take moments for independent of each other, which they \
         are not.",
        found.correlations.len(),
        found.metrics.len(),
        found.points
    );
    let columns = ["First", "Second", "r", "Lag", "r at lag", "p", "Granger p"];
    let rows = significant.take(ROWS).map(cells).collect();
    table("Who moves first", &note, &columns, rows)
}

fn causal_graph(found: &Relations) -> Table {
    let rows = found.causal_graph.iter().map(|edge| {
        vec![
            edge.first.to_string(),
            if edge.directed { "causes" } else { "goes with" }.to_owned(),
            edge.second.to_string(),
        ]
    });
    let note = "Dependences at the same moment that no one or two of the other metrics explain (PC); as far \
                as independences tell, with their direction.";
    let columns = ["Metric", "", "Metric"];
    table("What independences leave", note, &columns, rows.collect())
}

fn lag(minutes: f64) -> String {
    if minutes == 0.0 {
        "at once".to_owned()
    } else {
        format!("{minutes:.1} min")
    }
}

fn chance(p_value: f64) -> String {
    if p_value < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p_value:.3}")
    }
}
