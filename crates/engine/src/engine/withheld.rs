//! Silences where nobody is told by messages: they keep single alerts from the sinks.

use std::collections::BTreeMap;

use bongsu_alert::{Matcher, Silence, Subject};
use bongsu_core::{Alert, AlertState, Timestamp};

use super::Engine;

/// The alerts that fire and that no sink has heard of, since they are silenced; by fingerprint.
#[derive(Debug, Default)]
pub(super) struct Withheld(BTreeMap<u64, Alert>);

impl Withheld {
    pub(super) fn contains(&self, fingerprint: u64) -> bool {
        self.0.contains_key(&fingerprint)
    }
}

impl Engine {
    /// What sinks may hear of `news`. A silenced alert is withheld, and its end with it.
    pub(super) fn audible(&mut self, news: Vec<Alert>) -> Vec<Alert> {
        if self.suppressor.is_some() {
            // Messages heed them; who hears of single alerts beside those silences by itself.
            return news;
        }
        let now = self.present();
        let mut audible = Vec::with_capacity(news.len());
        for alert in news {
            let fingerprint = alert.labels.fingerprint();
            let fires = alert.state == AlertState::Firing;
            if fires && is_silenced(&self.state.silences, &alert, now) {
                self.withheld.0.insert(fingerprint, alert);
            } else if self.withheld.0.remove(&fingerprint).is_none() || fires {
                audible.push(alert);
            }
        }
        audible
    }

    /// Tells of the alerts whose silence is over, and which still fire.
    pub(super) fn tell_unsilenced(&mut self) {
        if self.withheld.0.is_empty() {
            return;
        }
        let (silences, now) = (&self.state.silences, self.present());
        let over = self.withheld.0.values();
        let over: Vec<u64> = over
            .filter(|alert| !is_silenced(silences, alert, now))
            .map(|alert| alert.labels.fingerprint())
            .collect();
        let mut news = Vec::new();
        for fingerprint in over {
            self.withheld.0.remove(&fingerprint);
            // As it is by now; one that ended in silence is nobody's concern.
            let latest = self.state.lifecycle.get(fingerprint);
            news.extend(
                latest
                    .filter(|alert| alert.state == AlertState::Firing)
                    .cloned(),
            );
        }
        self.courier.enqueue(&news);
    }
}

/// Whether one of `silences` holds for the alert at the moment `now`.
fn is_silenced(silences: &[Silence], alert: &Alert, now: Timestamp) -> bool {
    silences.iter().any(|silence| {
        let (from, to) = silence.span();
        // They were read when the silence was made.
        let meets = |text: &String| {
            let matchers = Matcher::parse_all(text).unwrap_or_default();
            !matchers.is_empty()
                && matchers
                    .iter()
                    .all(|m| m.matches_alert(Subject::new(alert)))
        };
        from <= now && now < to && silence.matchers().iter().all(meets)
    })
}
