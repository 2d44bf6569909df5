//! The plan that the service makes by itself: when, of what, and what it found.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bongsu_capacity::{CapacityReport, ResourcePlan};
use bongsu_core::{Explanation, Labels, METRIC_NAME, Severity, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

use super::{CapacityRequest, ask, gather};
use crate::Error;
use crate::config::CapacityConfig;
use crate::judge::identity_of;
use crate::schedule::Schedule;
use crate::shard::Shard;
use crate::source::Source;

/// The name that stands in the label `query` of its alerts.
pub(crate) const QUERY: &str = "capacity";
/// The label of its alerts that names the resource.
const RESOURCE: &str = "resource";
/// The most series that are planned at once.
const MOST_SERIES: usize = 2_000;
/// The score of what is above its threshold.
const WORST_SCORE: f64 = 10.0;

/// What is planned, and when.
#[derive(Debug, Clone)]
pub(crate) struct CapacityJob {
    config: CapacityConfig,
    /// The series that this process plans.
    shard: Shard,
    pub(crate) schedule: Schedule,
    request: CapacityRequest,
    /// Another one means that what was planned is not what is asked for now.
    signature: String,
}

/// What a plan found; [kept](super::Kept) over restarts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// Of which configuration.
    pub(super) signature: String,
    pub(crate) at: Timestamp,
    pub(crate) report: CapacityReport,
    pub(super) known: Vec<Known>,
    /// Whether something was not answered, so that it is asked again soon.
    pub(crate) incomplete: bool,
}

/// A series that was planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    /// Its name in the report.
    name: String,
    /// The resource of the configuration.
    resource: String,
    labels: Labels,
    /// The labels of its alert.
    identity: Labels,
}

/// How an attempt to plan ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) at: Timestamp,
    pub(crate) heard: Heard,
    pub(crate) outcome: Result<Answer, Error>,
}

/// What the source told of series, whether they could be planned or not.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The fingerprints of the alerts of those that are there.
    pub(crate) there: BTreeSet<u64>,
    /// Resources that it did not answer for, or only in part.
    pub(crate) unanswered: BTreeSet<String>,
    /// Resources without a single series.
    pub(crate) empty: BTreeSet<String>,
}

/// What is known of a series whose alert no plan judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is there, or nobody knows: its alert goes on.
    GoesOn,
    /// Nothing of its resource is there, which may be a fault of what measures it.
    Missed,
    /// Others of its resource are there, or nothing is planned of the resource any more.
    Gone,
}

impl Heard {
    /// What is known of the series whose alert has the labels `identity`.
    pub(crate) fn standing(&self, identity: &Labels) -> Standing {
        let resource = identity.get(RESOURCE).unwrap_or_default();
        if self.unanswered.contains(resource) || self.there.contains(&identity.fingerprint()) {
            Standing::GoesOn
        } else if self.empty.contains(resource) {
            Standing::Missed
        } else {
            Standing::Gone
        }
    }
}

/// Whether these are the labels of an alert that a plan led to.
pub(crate) fn is_of_plan(identity: &Labels) -> bool {
    identity.get("query") == Some(QUERY)
}

/// What a plan says of a series, as a judgement.
#[derive(Debug, Clone)]
pub(crate) struct CapacityVerdict {
    pub(crate) identity: Labels,
    pub(crate) verdict: Verdict,
    pub(crate) severity: Severity,
}

impl CapacityJob {
    /// What `config` asks for.
    pub(crate) fn new(config: &CapacityConfig, shard: Shard) -> Result<Self, Error> {
        Ok(Self {
            shard,
            schedule: config.schedule()?,
            request: CapacityRequest::of(config)?,
            signature: format!("{:?} {:?}", config.resources, config.horizon),
            config: config.clone(),
        })
    }

    /// Whether `answer` is about what is asked for now.
    pub(crate) fn fits(&self, answer: &Answer) -> bool {
        self.signature == answer.signature
    }

    /// Asks the source, and plans on a thread of its own.
    pub(crate) async fn run(self, source: Arc<Source>, stop: Arc<AtomicBool>) -> Ran {
        let at = source.now();
        let mut asked = ask(&self.config, &source).await;
        asked.keep(|series| self.shard.owns(series.labels()));
        // Also those that are too many to be planned: they are there, so that their alerts go on.
        let series = asked.wanted.iter().zip(&asked.resources);
        let known: Vec<Known> = series
            .map(|(((name, _), series), resource)| self.known(name, resource, series.labels()))
            .collect();
        let heard = Heard {
            there: known.iter().map(|one| one.identity.fingerprint()).collect(),
            unanswered: asked.unanswered,
            empty: asked.empty,
        };
        let surplus = asked.wanted.len().saturating_sub(MOST_SERIES);
        if surplus > 0 {
            let message =
                format!("{surplus} series are not planned: there are more than {MOST_SERIES}");
            asked.failures.push(message);
            asked.wanted.truncate(MOST_SERIES);
        }
        let incomplete = !heard.unanswered.is_empty();
        let planned = tokio::task::spawn_blocking(move || {
            let stop = || stop.load(Ordering::Relaxed);
            let report = gather(&asked.wanted, asked.failures, &self.request, &stop)?.report;
            Ok(Answer {
                signature: self.signature,
                at,
                report,
                known,
                incomplete,
            })
        });
        let outcome = match planned.await {
            Ok(planned) => planned,
            Err(failure) => match failure.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::input("the plan was broken off")),
            },
        };
        Ran { at, heard, outcome }
    }

    fn known(&self, name: &str, resource: &str, labels: &Labels) -> Known {
        let own = self.config.labels.clone().into_iter();
        let added: Vec<(String, String)> = own
            .chain([(RESOURCE.to_owned(), resource.to_owned())])
            .collect();
        let bare = labels.iter().filter(|(name, _)| *name != METRIC_NAME);
        let bare = Labels::from_pairs(bare).unwrap_or_default();
        Known {
            name: name.to_owned(),
            resource: resource.to_owned(),
            identity: identity_of(QUERY, &added, &bare),
            labels: bare,
        }
    }
}

impl Answer {
    /// Each plan with the labels of its series' alert.
    pub(crate) fn plans(&self) -> impl Iterator<Item = (&Labels, &ResourcePlan)> {
        self.report.resources.iter().filter_map(|plan| {
            let known = self.known.iter().find(|one| one.name == plan.resource)?;
            Some((&known.identity, plan))
        })
    }

    /// What each plan means: anomalous is what has fewer than `alert_days` left. The score is these
    /// days over those left.
    pub(crate) fn verdicts(&self, alert_days: f64) -> Vec<CapacityVerdict> {
        let urgent = |plan: &ResourcePlan| {
            let mut alerts = self.report.alerts.iter();
            alerts.find(|alert| alert.resource == plan.resource)
        };
        let plans = self.report.resources.iter().filter_map(|plan| {
            let known = self.known.iter().find(|one| one.name == plan.resource)?;
            let alert = urgent(plan);
            let score = match (alert, plan.outlook.days_left) {
                (Some(_), left) => {
                    let ratio = alert_days / left.unwrap_or(0.0);
                    if ratio.is_finite() {
                        ratio.clamp(1.0 + 1e-9, WORST_SCORE)
                    } else {
                        WORST_SCORE
                    }
                }
                (None, Some(left)) if left > 0.0 => (alert_days / left).min(1.0),
                (None, Some(_)) => 1.0,
                (None, None) => {
                    let least = alert_days / self.report.horizon_days.max(1e-9);
                    plan.outlook.probability * least.min(1.0)
                }
            };
            let named = known
                .labels
                .iter()
                .chain([(METRIC_NAME, known.resource.as_str())]);
            let labels = Labels::from_pairs(named).unwrap_or_else(|_| known.labels.clone());
            let mut verdict = Verdict::unjudged(self.at, labels);
            verdict.value = Some(plan.current);
            verdict.upper = Some(plan.threshold);
            verdict.score = Some(score);
            verdict.anomalous = alert.is_some();
            verdict.explanation = Some(Explanation {
                summary: self.explain(plan),
                contributions: Vec::new(),
            });
            Some(CapacityVerdict {
                identity: known.identity.clone(),
                verdict,
                severity: alert.map_or(Severity::Warning, |alert| alert.severity),
            })
        });
        plans.collect()
    }

    /// Why, and what to do.
    fn explain(&self, plan: &ResourcePlan) -> String {
        let advice = self.report.recommendations.iter();
        let advice = advice.filter(|one| one.resource == plan.resource).take(2);
        let actions: Vec<&str> = advice.map(|one| one.action.as_str()).collect();
        format!(
            "{} It grows by {:.3} a day, and {:.3} are left below {}. {}",
            plan.summary(),
            plan.growth.per_day,
            plan.headroom,
            plan.threshold,
            actions.join(" ")
        )
        .trim_end()
        .to_owned()
    }
}
