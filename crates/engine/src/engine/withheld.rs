//! Silences where nobody is told by messages: they keep single alerts from the sinks.

use bongsu_alert::{Matcher, Silence, Subject};
use bongsu_core::{Alert, AlertState, Timestamp};

use super::Engine;

impl Engine {
    /// What sinks may hear of `news`. A silenced alert is withheld, and its end with it.
    pub(super) fn audible(&mut self, news: Vec<Alert>) -> Vec<Alert> {
        if self.suppressor.is_some() {
            // Messages heed them; who hears of single alerts beside those silences by itself. Of what
            // was withheld before there was suppression nobody hears the end.
            let withheld = &mut self.state.withheld;
            let told = |alert: &Alert| {
                let was_withheld = withheld.remove(&alert.labels.fingerprint()).is_some();
                !was_withheld || alert.state == AlertState::Firing
            };
            return news.into_iter().filter(told).collect();
        }
        if news.is_empty() {
            return news;
        }
        let heeded = heeded(&self.state.silences, self.source.present());
        let mut audible = Vec::with_capacity(news.len());
        for alert in news {
            let fingerprint = alert.labels.fingerprint();
            let fires = alert.state == AlertState::Firing;
            if fires && is_silenced(&heeded, &alert) {
                self.state.withheld.insert(fingerprint, alert);
            } else if self.state.withheld.remove(&fingerprint).is_none() || fires {
                audible.push(alert);
            }
        }
        audible
    }

    /// Tells of the alerts whose silence is over, and which still fire.
    pub(super) fn tell_unsilenced(&mut self) {
        if self.state.withheld.is_empty() {
            return;
        }
        let heeded = heeded(&self.state.silences, self.source.present());
        let over = self.state.withheld.values();
        let over: Vec<u64> = over
            .filter(|alert| !is_silenced(&heeded, alert))
            .map(|alert| alert.labels.fingerprint())
            .collect();
        let mut news = Vec::new();
        for fingerprint in over {
            self.state.withheld.remove(&fingerprint);
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

/// The matchers of the silences that hold at the moment `now`, read once for many alerts.
fn heeded(silences: &[Silence], now: Timestamp) -> Vec<Vec<Matcher>> {
    let holds = |silence: &&Silence| {
        let (from, to) = silence.span();
        from <= now && now < to
    };
    let read = |silence: &Silence| {
        // They were read when the silence was made.
        let texts = silence.matchers().iter();
        let all: Result<Vec<Vec<Matcher>>, _> =
            texts.map(|text| Matcher::parse_all(text)).collect();
        all.unwrap_or_default().concat()
    };
    let read = silences.iter().filter(holds).map(read);
    // One that cannot be read silences nothing.
    read.filter(|matchers| !matchers.is_empty()).collect()
}

/// Whether one of the silences, by their matchers, is about the alert.
fn is_silenced(heeded: &[Vec<Matcher>], alert: &Alert) -> bool {
    let meets = |matcher: &Matcher| matcher.matches_alert(Subject::new(alert));
    heeded.iter().any(|matchers| matchers.iter().all(meets))
}
