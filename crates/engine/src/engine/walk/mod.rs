//! A configuration on recorded series, as it would have run.

mod fast;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bongsu_alert::{Page, Transition};
use bongsu_core::{Alert, Series, Verdict};
use serde::{Deserialize, Serialize};

use super::{End, Engine, Options};
use crate::config::{AlertingConfig, Config, OutputConfig, QueryConfig, StateConfig};
use crate::source::Source;
use crate::{Error, Observer};

/// How a configuration goes through recorded series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalkMode {
    /// The engine itself, tick by tick by the clock of the data: every step of a query is fetched,
    /// judged and told before the next one is there. Trainings begin and end between two ticks.
    Exact,
    /// Judge, trainings and lives of alerts without the engine around them, in long stretches.
    Fast,
}

impl fmt::Display for WalkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Fast => "fast",
        })
    }
}

/// What would have come of recorded series.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Walked {
    /// Every verdict with the name of its query; of one query in order of time.
    pub verdicts: Vec<(String, Verdict)>,
    /// The alerts that fired, of one query in order of their firing, as they stood at the end.
    pub alerts: Vec<Alert>,
    /// The messages that receivers would have got after grouping and suppression; none of a fast walk.
    pub messages: Vec<Page>,
    /// How often the detectors of each query were exchanged for newly trained ones.
    pub trainings: Vec<(String, u64)>,
    /// What was wrong, with the name of the query.
    pub problems: Vec<(String, String)>,
}

/// Lets a configuration judge recorded series from the first point to the last, each before it is
/// learned, as the service would have done: detectors are trained on what was known by then, by schedule
/// and drift, and alerts wait, go on firing and end by the rules of their query.
///
/// A query takes the series of the metric that its `expr` names, or all where that is `*`. What reaches
/// outside is left out: source, state, outputs, server, reports, capacity, analysis of causes and
/// silences of an Alertmanager; nobody is told anything.
///
/// Both modes give the same verdicts and alerts but for three things, all due to the long stretches of
/// the fast one (1,000 moments where a query is trained): trainings that drift, a number of points or
/// new channels ask for begin at the end of a stretch; series are forgotten there; and there are no
/// messages. Trainings at the start and by schedule begin at the same moment in both.
///
/// # Errors
/// When the configuration is not valid. A query that cannot be judged is one of the problems.
///
/// ```
/// use bongsu_core::{Labels, Series, Timestamp};
/// use bongsu_engine::{WalkMode, config, walk_forward};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut load = Series::empty(Labels::from_pairs([("__name__", "load")])?);
/// for i in 0..200_i64 {
///     let value = if i == 150 { 90.0 } else { (i * 7 % 11) as f64 };
///     load.push(Timestamp::from_secs(60 * i), value)?;
/// }
/// let config = config::parse(
///     "source: {type: csv, path: none.csv}
/// queries: [{name: load, expr: load, step: 1m}]",
///     None,
/// )?;
/// let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
/// let walked = runtime.block_on(walk_forward(&config, vec![load], WalkMode::Exact))?;
/// assert_eq!(walked.alerts.len(), 1);
/// assert_eq!(walked.alerts[0].starts_at, Timestamp::from_secs(60 * 150));
/// # Ok(())
/// # }
/// ```
pub async fn walk_forward(
    config: &Config,
    series: Vec<Series>,
    mode: WalkMode,
) -> Result<Walked, Error> {
    config.validate()?;
    let config = alone(config);
    match mode {
        WalkMode::Exact => Box::pin(exact(config, series)).await,
        WalkMode::Fast => Box::pin(fast::walk(&config, series)).await,
    }
}

/// Without what reaches outside.
fn alone(config: &Config) -> Config {
    let alerting = config.alerting.clone();
    Config {
        alerting: alerting.map(|alerting| AlertingConfig {
            silences: None,
            ..alerting
        }),
        state: StateConfig::default(),
        output: OutputConfig::default(),
        reports: None,
        server: None,
        rca: None,
        capacity: None,
        ..config.clone()
    }
}

async fn exact(config: Config, series: Vec<Series>) -> Result<Walked, Error> {
    let seen = Seen::default();
    let options = Options { dry_run: true };
    let source = Source::Fixed(series);
    let mut engine = Engine::with_source(config, source, options, Box::new(seen.clone()))?;
    engine.stride = Some(1);
    match engine.run(std::future::pending()).await? {
        End::NoMoreData | End::Shutdown => {}
    }
    let mut walked = std::mem::take(&mut *seen.held());
    let states = engine.queries.iter().zip(&engine.state.queries);
    walked.trainings = states
        .map(|(query, state)| (query.config.name.clone(), state.training.version))
        .collect();
    engine.close().await;
    Ok(walked)
}

impl Walked {
    /// Takes note of what became of an alert.
    fn note(&mut self, transition: &Transition) {
        match transition {
            Transition::Fired(alert) => self.alerts.push(alert.clone()),
            Transition::Resolved(alert) => {
                let same =
                    |a: &&mut Alert| a.starts_at == alert.starts_at && a.labels == alert.labels;
                if let Some(known) = self.alerts.iter_mut().rev().find(same) {
                    *known = alert.clone();
                }
            }
            _ => {}
        }
    }
}

/// Sees everything.
#[derive(Debug, Clone, Default)]
struct Seen(Arc<Mutex<Walked>>);

impl Seen {
    fn held(&self) -> MutexGuard<'_, Walked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Seen {
    fn verdicts(&mut self, query: &QueryConfig, verdicts: &[Verdict]) {
        let named = verdicts.iter().map(|one| (query.name.clone(), one.clone()));
        self.held().verdicts.extend(named);
    }

    fn transition(&mut self, transition: &Transition) {
        self.held().note(transition);
    }

    fn messages(&mut self, pages: &[Page]) {
        self.held().messages.extend_from_slice(pages);
    }

    fn problem(&mut self, query: &str, message: &str) {
        let problem = (query.to_owned(), message.to_owned());
        self.held().problems.push(problem);
    }
}

#[cfg(test)]
mod tests;
