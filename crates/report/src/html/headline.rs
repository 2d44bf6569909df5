//! The report in one sentence.

use super::{AlertRow, RunReport};

/// Above this share of missing points, silence proves little.
const WORRYING: f64 = 0.05;

/// What happened; `alerts` come with the worst first.
pub(super) fn sentence(report: &RunReport, alerts: &[&AlertRow]) -> String {
    if let Some(headline) = &report.headline {
        return headline.clone();
    }
    let holes = report
        .quality
        .iter()
        .filter(|row| row.missing as f64 > row.expected as f64 * WORRYING)
        .count();
    let Some(worst) = alerts.first() else {
        return match holes {
            0 => "No alerts: everything stayed within what was expected.".to_owned(),
            1 => "No alerts, but one series had many missing points.".to_owned(),
            n => format!("No alerts, but {n} series had many missing points."),
        };
    };
    let what = if worst.summary.is_empty() {
        &worst.series
    } else {
        &worst.summary
    };
    let what = what.trim_end_matches('.');
    let firing = alerts.iter().filter(|row| row.to.is_none()).count();
    let mut text = match alerts.len() {
        1 => format!("One {} alert: {what}.", worst.severity),
        n => format!("{n} alerts, the worst {}: {what}.", worst.severity),
    };
    match (firing, alerts.len()) {
        (0, _) => {}
        (1, 1) => text.push_str(" It is still firing."),
        (all, total) if all == total => text.push_str(" All are still firing."),
        (1, _) => text.push_str(" One is still firing."),
        (n, _) => text.push_str(&format!(" {n} are still firing.")),
    }
    text
}
