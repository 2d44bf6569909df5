//! The plan that the service makes by itself: when, of what, and what it found.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

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
const QUERY: &str = "capacity";
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

/// What a plan found; kept over restarts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Of which configuration.
    signature: String,
    pub(crate) at: Timestamp,
    pub(crate) report: CapacityReport,
    known: Vec<Known>,
    /// Whether something was not answered, so that it is asked again soon.
    #[serde(default)]
    pub(crate) incomplete: bool,
}

/// A series that was planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    /// Its name in the report.
    name: String,
    /// The resource of the configuration.
    resource: String,
    labels: Labels,
    /// The labels of its alert.
    identity: Labels,
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

    /// Asks the source, and plans on a thread of its own; `before` is the answer before this one.
    pub(crate) async fn run(
        self,
        source: Arc<Source>,
        before: Option<Arc<Answer>>,
        stop: Arc<AtomicBool>,
    ) -> Result<Answer, Error> {
        let at = source.now();
        let mut asked = ask(&self.config, &source).await;
        asked.keep(|series| self.shard.owns(series.labels()));
        // Also those that are too many to be planned: they are there, so that their alerts go on.
        let series = asked.wanted.iter().zip(&asked.resources);
        let mut known: Vec<Known> = series
            .map(|(((name, _), series), resource)| self.known(name, resource, series.labels()))
            .collect();
        let surplus = asked.wanted.len().saturating_sub(MOST_SERIES);
        if surplus > 0 {
            let message =
                format!("{surplus} series are not planned: there are more than {MOST_SERIES}");
            asked.failures.push(message);
            asked.wanted.truncate(MOST_SERIES);
        }
        let planned = tokio::task::spawn_blocking(move || {
            let stop = || stop.load(Ordering::Relaxed);
            let report = gather(&asked.wanted, asked.failures, &self.request, &stop)?.report;
            // Of what could not be planned this time the alert goes on.
            let failed = |one: &&Known| {
                let mut failures = report.failures.iter();
                let names = [&one.name, &one.resource];
                let about = |text: &String, name: &String| {
                    text.strip_prefix(name.as_str())
                        .is_some_and(|rest| rest.starts_with(": "))
                };
                failures.any(|text| names.iter().any(|name| about(text, name)))
            };
            let now: BTreeSet<u64> = known.iter().map(|one| one.identity.fingerprint()).collect();
            let before = before.iter().flat_map(|before| &before.known);
            let carried = before.filter(|one| !now.contains(&one.identity.fingerprint()));
            known.extend(carried.filter(failed).cloned());
            Ok(Answer {
                signature: self.signature,
                at,
                report,
                known,
                incomplete: asked.incomplete,
            })
        });
        match planned.await {
            Ok(planned) => planned,
            Err(failure) => match failure.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Error::input("the plan was broken off")),
            },
        }
    }

    fn known(&self, name: &str, resource: &str, labels: &Labels) -> Known {
        let own = self.config.labels.clone().into_iter();
        let added: Vec<(String, String)> = own
            .chain([("resource".to_owned(), resource.to_owned())])
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
    /// The answer of an earlier run, where there is one that can be read.
    pub(crate) fn load(path: &Path) -> Option<Self> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "the last plan cannot be read");
                return None;
            }
        };
        let read = serde_json::from_slice(&text);
        read.inspect_err(|error| {
            tracing::warn!(file = %path.display(), %error, "the last plan cannot be used; it is made again");
        })
        .ok()
    }

    /// Keeps it for the next start.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let failed = |e: &dyn std::fmt::Display| Error::state(format!("{}: {e}", path.display()));
        let text = serde_json::to_vec(self).map_err(|e| failed(&e))?;
        let draft = path.with_extension("json.tmp");
        fs::write(&draft, text).map_err(|e| failed(&e))?;
        fs::rename(&draft, path).map_err(|e| failed(&e))
    }

    /// The labels of the alerts that it may have led to.
    pub(crate) fn identities(&self) -> impl Iterator<Item = &Labels> {
        self.known.iter().map(|known| &known.identity)
    }

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
