//! Plots within messages.

use std::fmt::Debug;
use std::sync::Arc;

use bongsu_core::Alert;

use super::message::Message;

/// So many alerts of a message get a plot.
const MOST: usize = 3;
/// A plot that is larger is left out, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// Draws the series behind an alert, for sinks that can show it.
///
/// ```
/// use bongsu_alert::Plotter;
/// use bongsu_core::Alert;
///
/// #[derive(Debug)]
/// struct Blank;
///
/// impl Plotter for Blank {
///     fn png(&self, _alert: &Alert) -> Option<Vec<u8>> {
///         Some(b"\x89PNG\r\n\x1a\n".to_vec())
///     }
/// }
/// ```
pub trait Plotter: Debug + Send + Sync {
    /// The series with what was expected around the anomaly, as PNG of at most 1 MiB; `None` when
    /// there is nothing to show. It is called beside the delivery, on a thread that may block.
    fn png(&self, alert: &Alert) -> Option<Vec<u8>>;
}

/// Gives the first alerts of the message that fire their plots.
pub(super) async fn draw(
    message: &mut Message,
    alerts: &[Alert],
    plotter: Option<&Arc<dyn Plotter>>,
) {
    let Some(plotter) = plotter.map(Arc::clone) else {
        return;
    };
    let open = message.items.iter().filter(|item| !item.resolved);
    let wanted: Vec<Alert> = open
        .take(MOST)
        .filter_map(|item| {
            let same = |alert: &&Alert| alert.labels.fingerprint() == item.fingerprint;
            alerts.iter().find(same).cloned()
        })
        .collect();
    let drawn = tokio::task::spawn_blocking(move || {
        let plots = wanted.iter().map(|alert| {
            let png = plotter.png(alert).filter(|png| png.len() <= MAX_BYTES);
            (alert.labels.fingerprint(), png)
        });
        plots.collect::<Vec<_>>()
    });
    // A message without its plot is better than none.
    for (fingerprint, png) in drawn.await.unwrap_or_default() {
        let same = message
            .items
            .iter_mut()
            .find(|item| item.fingerprint == fingerprint && !item.resolved);
        if let Some(item) = same {
            item.plot = png;
        }
    }
}
