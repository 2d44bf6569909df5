//! A lifecycle and a suppressor that are fed by hand, and what they tell in short words.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use bongsu_alert::{
    Lifecycle, Page, Policy, RoutingConfig, RoutingTree, SuppressConfig, Suppressor, Transition,
};
use bongsu_core::{AlertState, Labels, Timestamp, Verdict};

pub(crate) struct World {
    pub(crate) lifecycle: Lifecycle,
    pub(crate) suppressor: Suppressor,
    pub(crate) policy: Policy,
    pub(crate) now: i64,
    /// What was told, one line a page.
    pub(crate) told: Vec<String>,
    pub(crate) pages: Vec<Page>,
}

pub(crate) fn tree(yaml: &str) -> RoutingTree {
    let config: RoutingConfig = serde_saphyr::from_str(yaml).unwrap();
    RoutingTree::new(&config).unwrap()
}

pub(crate) fn suppress(yaml: &str) -> SuppressConfig {
    serde_saphyr::from_str(yaml).unwrap()
}

/// Everything to one receiver, grouped by `job`, looked at 30 seconds after the first alert and
/// then every five minutes.
pub(crate) const SIMPLE: &str = "
route: { receiver: r, group_by: [job] }
receivers: [ { name: r } ]
";

pub(crate) fn identity(name: &str) -> Labels {
    let (job, instance) = name.split_once('/').unwrap_or((name, ""));
    let pairs = [("__name__", "m"), ("job", job), ("instance", instance)];
    Labels::from_pairs(pairs).unwrap()
}

/// The judgement of a point: the value is the score, and normal up to 1.
pub(crate) fn verdict(labels: &Labels, at: Timestamp, score: f64) -> Verdict {
    Verdict {
        value: Some(score),
        score: Some(score),
        expected: Some(0.5),
        lower: Some(0.0),
        upper: Some(1.0),
        anomalous: score > 1.0,
        ..Verdict::unjudged(at, labels.clone())
    }
}

impl World {
    pub(crate) fn new(config: &SuppressConfig, tree: RoutingTree) -> Self {
        Self {
            lifecycle: Lifecycle::new(),
            suppressor: Suppressor::new(config, tree).unwrap(),
            policy: Policy::default(),
            now: 0,
            told: Vec::new(),
            pages: Vec::new(),
        }
    }

    pub(crate) fn simple() -> Self {
        Self::new(&SuppressConfig::default(), tree(SIMPLE))
    }

    /// A point of the series `job/instance` at this second.
    pub(crate) fn point(&mut self, second: i64, name: &str, score: f64) {
        let labels = identity(name);
        self.judged(
            second,
            &verdict(&labels, Timestamp::from_secs(second), score),
        );
    }

    pub(crate) fn judged(&mut self, second: i64, verdict: &Verdict) {
        self.tick_to(second - 1);
        let labels = &verdict.labels;
        let transition = self
            .lifecycle
            .observe(labels, &self.policy, verdict)
            .unwrap();
        self.suppressor
            .observe(labels, verdict, transition.as_ref());
        self.now = self.now.max(second);
    }

    pub(crate) fn fire(&mut self, second: i64, name: &str) {
        self.point(second, name, 4.0);
    }

    pub(crate) fn end(&mut self, second: i64, name: &str) {
        self.point(second, name, 0.2);
    }

    /// Ticks at every moment at which something is due, up to this second.
    pub(crate) fn tick_to(&mut self, second: i64) {
        let until = Timestamp::from_secs(second);
        while let Some(due) = self.suppressor.next_due().filter(|&due| due <= until) {
            let pages = self.suppressor.tick(due);
            self.hear(pages);
        }
        self.now = self.now.max(second);
    }

    pub(crate) fn hear(&mut self, pages: Vec<Page>) {
        self.told.extend(pages.iter().map(spell));
        self.pages.extend(pages);
    }

    /// What was told since the last question.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.told)
    }

    /// The stages and outcomes of what happened to an alert.
    pub(crate) fn path(&self, name: &str) -> Vec<String> {
        let steps = self.suppressor.explain(identity(name).fingerprint());
        let short = |step: &bongsu_alert::Step| {
            format!(
                "{} {}: {}",
                step.stage.as_str(),
                step.outcome.as_str(),
                step.reason
            )
        };
        steps.map(short).collect()
    }

    pub(crate) fn lifecycle_end(&mut self, second: i64, name: &str) {
        let at = Timestamp::from_secs(second);
        self.tick_to(second - 1);
        if let Some(transition) = self.lifecycle.end(&identity(name), at) {
            self.suppressor.transition(at, &transition);
        }
    }

    pub(crate) fn for_duration(&mut self, seconds: u64) {
        self.policy = self.policy.for_duration(Duration::from_secs(seconds));
    }

    pub(crate) fn refire(&mut self, alert: &bongsu_core::Alert) {
        let at = alert.fired_at.unwrap();
        let transition = Transition::Fired(alert.clone());
        self.suppressor.transition(at, &transition);
    }
}

/// `second receiver occasion +firing -ended`.
pub(crate) fn spell(page: &Page) -> String {
    let mut text = format!(
        "{} {} {}",
        page.at.as_millis() / 1000,
        page.receiver,
        page.occasion.as_str()
    );
    for alert in &page.alerts {
        let sign = if alert.state == AlertState::Resolved {
            '-'
        } else {
            '+'
        };
        let job = alert.labels.get("job").unwrap_or_default();
        let instance = alert.labels.get("instance").unwrap_or_default();
        let slash = if instance.is_empty() { "" } else { "/" };
        text.push_str(&format!(" {sign}{job}{slash}{instance}"));
        for note in page.notes_on(&alert.labels) {
            text.push_str(&format!(" ({})", note.kind));
        }
    }
    text
}
