//! Alerts and messages, made again from verdicts by the rules of the configuration.

use std::collections::HashMap;
use std::str::FromStr as _;

use bongsu_alert::{Lifecycle, Policy, Suppressor, Transition};
use bongsu_core::{Alert, Explanation, Labels, Timestamp, Verdict};
use bongsu_prometheus::Selector;

use super::rows::Row;
use crate::config::Config;
use crate::{Error, judge, sinks};

/// So much before a period is looked at, for the alerts that it begins with.
pub(super) const LEAD_MS: i64 = 86_400_000;
/// The most alerts that are kept; more are counted.
const MAX_ALERTS: usize = 20_000;
/// A series that was normal for so long has no alert that could change.
const QUIET_MS: i64 = 2 * 86_400_000;

/// What came of the verdicts.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that fired in the period or still lasted in it, in order of their firing.
    pub(super) alerts: Vec<FoundAlert>,
    /// Those beyond what is kept.
    pub(super) more: usize,
    /// Messages to receivers; `None` where nothing sums alerts up.
    pub(super) pages: Option<u64>,
    counts: HashMap<String, HashMap<String, usize>>,
}

#[derive(Debug)]
pub(super) struct FoundAlert {
    pub(super) query: String,
    pub(super) series: String,
    pub(super) alert: Alert,
}

impl Found {
    /// The alerts of a series.
    pub(super) fn count(&self, query: &str, series: &str) -> usize {
        let of_query = self.counts.get(query);
        of_query
            .and_then(|all| all.get(series))
            .copied()
            .unwrap_or_default()
    }
}

/// A series on its way through the rules.
struct Line {
    labels: Labels,
    identity: Labels,
    last_odd: Option<Timestamp>,
    /// Its latest alert in `alerts`.
    latest: Option<usize>,
}

pub(super) struct Replay<'a> {
    config: Option<&'a Config>,
    from: Timestamp,
    to: Timestamp,
    policies: HashMap<String, Policy>,
    lifecycle: Lifecycle,
    suppressor: Option<Suppressor>,
    lines: HashMap<String, HashMap<String, Line>>,
    found: Found,
}

impl<'a> Replay<'a> {
    pub(super) fn new(
        config: Option<&'a Config>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, Error> {
        let mut policies = HashMap::new();
        for query in config.iter().flat_map(|config| &config.queries) {
            policies.insert(query.name.clone(), sinks::policy(&query.alert)?);
        }
        let alerting = config.and_then(Config::told);
        let suppressor = alerting.map(|alerting| alerting.suppressor()).transpose()?;
        let pages = suppressor.is_some().then_some(0);
        Ok(Self {
            config,
            from,
            to,
            policies,
            lifecycle: Lifecycle::new(),
            suppressor,
            lines: HashMap::new(),
            found: Found {
                pages,
                ..Found::default()
            },
        })
    }

    /// Takes in a row.
    pub(super) fn take(&mut self, row: &Row<'_>) {
        let at = row.point.timestamp;
        let of_query = match self.lines.get_mut(row.query) {
            Some(of_query) => of_query,
            None => self.lines.entry(row.query.to_owned()).or_default(),
        };
        let line = match of_query.get_mut(row.series) {
            Some(line) => line,
            // A series that was never odd has no alert.
            None if !row.point.anomalous => return,
            None => {
                let line = Line::new(self.config, row.query, row.series);
                of_query.entry(row.series.to_owned()).or_insert(line)
            }
        };
        if row.point.anomalous {
            line.last_odd = Some(at);
        } else if line
            .last_odd
            .is_none_or(|odd| at.millis_since(odd) > QUIET_MS)
        {
            return;
        }
        let explanation = (!row.why.is_empty()).then(|| Explanation {
            summary: row.why.to_owned(),
            ..Explanation::default()
        });
        let verdict = Verdict {
            value: row.point.value,
            score: row.point.score,
            expected: row.point.expected,
            lower: row.point.lower,
            upper: row.point.upper,
            anomalous: row.point.anomalous,
            explanation,
            ..Verdict::unjudged(at, line.labels.clone())
        };
        let policy = self.policies.get(row.query).copied().unwrap_or_default();
        // What is out of order was refused by the service, too.
        let Ok(transition) = self.lifecycle.observe(&line.identity, &policy, &verdict) else {
            return;
        };
        if let Some(suppressor) = &mut self.suppressor {
            let mut pages = 0;
            while let Some(due) = suppressor.next_due().filter(|due| *due < at) {
                pages += suppressor.tick(due).len() as u64;
            }
            suppressor.observe(&line.identity, &verdict, transition.as_ref());
            if let Some(all) = self.found.pages.as_mut().filter(|_| at >= self.from) {
                *all += pages;
            }
        }
        let Some(transition) = transition else { return };
        match transition {
            Transition::Fired(alert) => {
                line.latest = None;
                if self.found.alerts.len() < MAX_ALERTS {
                    line.latest = Some(self.found.alerts.len());
                    self.found.alerts.push(FoundAlert {
                        query: row.query.to_owned(),
                        series: row.series.to_owned(),
                        alert,
                    });
                } else {
                    self.found.more += usize::from(at >= self.from);
                }
            }
            Transition::Resolved(alert) => {
                let known = line
                    .latest
                    .and_then(|latest| self.found.alerts.get_mut(latest));
                if let Some(known) = known {
                    known.alert = alert;
                }
            }
            _ => {}
        }
    }

    /// What came of it all.
    pub(super) fn finish(mut self) -> Found {
        if let (Some(suppressor), Some(all)) = (&mut self.suppressor, &mut self.found.pages) {
            while let Some(due) = suppressor.next_due().filter(|due| *due < self.to) {
                *all += suppressor.tick(due).len() as u64;
            }
        }
        // Those that last were seen in their newest form by the lifecycle.
        let mut lasting: HashMap<u64, &Alert> = HashMap::new();
        for alert in self.lifecycle.active() {
            lasting.insert(alert.labels.fingerprint(), alert);
        }
        for found in &mut self.found.alerts {
            if found.alert.resolved_at.is_none()
                && let Some(alert) = lasting.get(&found.alert.labels.fingerprint())
            {
                found.alert = (*alert).clone();
            }
        }
        let from = self.from;
        self.found.alerts.retain(|found| {
            let fired = found.alert.fired_at.unwrap_or(found.alert.starts_at);
            fired >= from || found.alert.resolved_at.is_none_or(|end| end >= from)
        });
        for found in &self.found.alerts {
            let of_query = self.found.counts.entry(found.query.clone()).or_default();
            *of_query.entry(found.series.clone()).or_default() += 1;
        }
        self.found
    }
}

impl Line {
    fn new(config: Option<&Config>, query: &str, series: &str) -> Self {
        let labels = labels_of(series);
        let found = config.and_then(|config| config.queries.iter().find(|q| q.name == query));
        let more: Vec<(String, String)> = found
            .map(|query| query.alert.labels.clone().into_iter().collect())
            .unwrap_or_default();
        let identity = judge::identity_of(query, &more, &labels);
        Self {
            labels,
            identity,
            last_odd: None,
            latest: None,
        }
    }
}

/// The labels of a selector as the file writes it.
fn labels_of(series: &str) -> Labels {
    let selector = Selector::from_str(series).ok();
    let pairs = selector.iter().flat_map(Selector::matchers);
    let pairs: Vec<(&str, &str)> = pairs
        .map(|matcher| (matcher.name(), matcher.value()))
        .collect();
    let known = (!pairs.is_empty())
        .then(|| Labels::from_pairs(pairs).ok())
        .flatten();
    // Whatever it is, it stays told apart from others.
    known
        .or_else(|| Labels::from_pairs([("series", series)]).ok())
        .unwrap_or_else(Labels::empty)
}
