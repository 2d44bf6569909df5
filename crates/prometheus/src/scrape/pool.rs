//! Targets that are scraped again and again, and the newest of what they gave.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bongsu_core::{Labels, METRIC_NAME, Series, Timestamp};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::buffer::{Buffer, Grid, LOOKBACK_MS};
use super::{Exposition, Expression, Scraper};
use crate::{Answer, Error, ErrorKind, Quality, Range, Sample};

/// So many failing targets are named in a warning.
const NAMED: usize = 3;

/// How a [`Pool`] scrapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolOptions {
    /// The time from one scrape of a target to the next. Domain: at least a millisecond.
    pub interval: Duration,
    /// How long samples are kept, beside what expressions look back.
    pub keep: Duration,
    /// The most series of all targets together; more are refused and told as a warning.
    pub max_series: usize,
}

/// Scrapes targets at an interval and keeps, in memory, the newest samples of the series that its
/// expressions choose.
///
/// A series that a scrape does not have any more has ended, and when a scrape fails all series of
/// that target have, as with Prometheus; `up`, `scrape_duration_seconds` and
/// `scrape_samples_scraped` tell of every target. Each target is scraped at once and then at moments
/// of its own within the interval, so that not all are at the same time. Dropping the pool ends it.
///
/// Memory: 16 bytes a sample, `keep / interval` samples a series.
///
/// ```no_run
/// use std::time::Duration;
/// use bongsu_core::{Labels, Timestamp};
/// use bongsu_prometheus::scrape::{Pool, PoolOptions, Scraper};
/// use bongsu_prometheus::{ClientConfig, Range};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let labels = Labels::from_pairs([("job", "node"), ("instance", "localhost:9100")])?;
/// let node = Scraper::new(ClientConfig::new("http://localhost:9100/metrics")?, labels)?;
/// let options = PoolOptions {
///     interval: Duration::from_secs(15),
///     keep: Duration::from_secs(3_600),
///     max_series: 100_000,
/// };
/// let pool = Pool::start(vec![node], options, vec!["node_load1".parse()?]);
/// # let (start, end) = (Timestamp::MIN, Timestamp::MAX);
/// let answer = pool.query_range("node_load1", &Range { start, end, step_ms: 15_000 })?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    // Ends with it.
    _tasks: JoinSet<()>,
}

/// How the newest scrape of a target went.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TargetHealth {
    /// Its address, without secrets.
    pub url: String,
    /// The labels that its samples get.
    pub labels: Labels,
    /// When it was scraped; `None` before the first time.
    pub scraped: Option<Timestamp>,
    /// What was wrong.
    pub error: Option<String>,
}

#[derive(Debug)]
struct Shared {
    options: PoolOptions,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    expressions: Arc<[Expression]>,
    targets: Vec<TargetState>,
    /// The series of all pages together.
    n_series: usize,
    /// Since when every target has been scraped twice.
    complete_since: Option<Timestamp>,
}

#[derive(Debug)]
struct TargetState {
    /// What it said.
    page: Buffer,
    /// What is known of it: `up` and its like.
    own: Buffer,
    health: TargetHealth,
    /// New series that the newest scrape had no room for.
    refused: usize,
    /// Samples of the newest scrape whose series had one at that time already.
    duplicates: usize,
}

impl TargetState {
    fn new(target: &Scraper) -> Self {
        Self {
            page: Buffer::default(),
            own: Buffer::default(),
            health: TargetHealth {
                url: target.url(),
                labels: target.labels().clone(),
                scraped: None,
                error: None,
            },
            refused: 0,
            duplicates: 0,
        }
    }
}

/// What a scrape gave.
struct Scraped {
    page: Vec<Sample>,
    own: Vec<Sample>,
    duplicates: usize,
    error: Option<String>,
}

impl Pool {
    /// Begins to scrape `targets`, inside a Tokio runtime. Only what `expressions` choose is kept.
    #[must_use]
    pub fn start(
        targets: Vec<Scraper>,
        options: PoolOptions,
        expressions: Vec<Expression>,
    ) -> Self {
        let shared = Arc::new(Shared {
            options,
            state: Mutex::new(State {
                expressions: expressions.into(),
                targets: targets.iter().map(TargetState::new).collect(),
                n_series: 0,
                complete_since: None,
            }),
        });
        let mut tasks = JoinSet::new();
        for (index, target) in targets.into_iter().enumerate() {
            tasks.spawn(follow(Arc::clone(&shared), index, target));
        }
        Self {
            shared,
            _tasks: tasks,
        }
    }

    /// Keeps from now on what `expressions` choose.
    pub fn watch(&self, expressions: Vec<Expression>) {
        self.shared.state().expressions = expressions.into();
    }

    /// Waits until every target has been scraped once, whether that went well or not.
    pub async fn scraped_once(&self) {
        self.scraped(1).await;
    }

    /// Waits until every target has been scraped twice, as rates need it.
    pub async fn scraped_twice(&self) {
        self.scraped(2).await;
    }

    async fn scraped(&self, times: u64) {
        let waiting = || {
            let state = self.shared.state();
            state
                .targets
                .iter()
                .any(|target| target.page.scrapes() < times)
        };
        while waiting() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The moment at which every target had been scraped twice, so that rates are known too, whether
    /// that went well or not; `None` before. What was before it cannot be told from what was absent.
    #[must_use]
    pub fn complete_since(&self) -> Option<Timestamp> {
        self.shared.state().complete_since
    }

    /// How the newest scrapes went.
    #[must_use]
    pub fn targets(&self) -> Vec<TargetHealth> {
        let state = self.shared.state();
        state
            .targets
            .iter()
            .map(|target| target.health.clone())
            .collect()
    }

    /// What `expression` gives on the multiples of the range's step, as far as samples are kept.
    /// Targets that cannot be scraped are named in the warnings.
    ///
    /// Values stand for 5 minutes unless their series ends before; windows of `rate` and `increase`
    /// include both their ends, as in Prometheus 2.
    ///
    /// # Errors
    /// When the expression is not understood, the range is reversed, its step is below a
    /// millisecond, or a rate gives two series the same labels.
    pub fn query_range(&self, expression: &str, range: &Range) -> Result<Answer, Error> {
        let expression: Expression = expression.parse()?;
        let Some((start, end)) = range.aligned()? else {
            return Ok(Answer::default());
        };
        let state = self.shared.state();
        // Beyond, there is nothing: all of time must not be walked step by step.
        let (now, reach) = (
            wall_clock(),
            self.shared.reach_ms(std::slice::from_ref(&expression)),
        );
        let (start, end) = (
            start.max(now.add_millis(-reach).align_up(range.step_ms)),
            end.min(now.add_millis(reach).align_down(range.step_ms)),
        );
        let grid = Grid {
            start,
            end,
            step_ms: range.step_ms,
        };
        let mut series = Vec::new();
        for target in &state.targets {
            series.extend(target.page.evaluate(&expression, grid));
            series.extend(target.own.evaluate(&expression, grid));
        }
        let quality = state.quality();
        drop(state);
        refuse_doubled(&series)?;
        Ok(Answer { series, quality })
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far back samples may matter.
    fn reach_ms(&self, expressions: &[Expression]) -> i64 {
        let kept = i64::try_from(self.options.keep.as_millis()).unwrap_or(i64::MAX);
        let reach = expressions.iter().map(Expression::reach_ms).max();
        kept.saturating_add(reach.unwrap_or(0).max(LOOKBACK_MS))
    }

    /// Takes in what a scrape of target `index` at `now` gave.
    fn take_in(&self, index: usize, now: Timestamp, scraped: Scraped) {
        let mut state = self.state();
        let since = now.add_millis(-self.reach_ms(&state.expressions));
        let room = self.options.max_series.saturating_sub(state.n_series);
        let Some(target) = state.targets.get_mut(index) else {
            return;
        };
        let (taken, refused) = target.page.take_in(scraped.page, now, room);
        let gone = target.page.forget(since);
        target.own.take_in(scraped.own, now, usize::MAX);
        target.own.forget(since);
        target.refused = refused;
        target.duplicates = scraped.duplicates;
        target.health.scraped = Some(now);
        target.health.error = scraped.error;
        state.n_series = (state.n_series + taken).saturating_sub(gone);
        let known = |target: &TargetState| target.page.scrapes() >= 2;
        if state.complete_since.is_none() && state.targets.iter().all(known) {
            state.complete_since = Some(now);
        }
    }
}

impl State {
    fn quality(&self) -> Quality {
        let targets = self.targets.iter();
        let failing: Vec<&String> = targets.filter_map(|t| t.health.error.as_ref()).collect();
        let mut warnings = Vec::new();
        if !failing.is_empty() {
            let more = match failing.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let named: Vec<&str> = failing.iter().take(NAMED).map(|e| e.as_str()).collect();
            let text = format!("targets cannot be scraped: {}{more}", named.join("; "));
            warnings.push(text);
        }
        if self.targets.iter().any(|target| target.refused > 0) {
            warnings.push("there are more series than are kept; new ones are refused".to_owned());
        }
        let doubled = self.targets.iter().filter(|target| target.duplicates > 0);
        for target in doubled.take(NAMED) {
            let url = &target.health.url;
            warnings.push(format!("{url} names a series twice; the first is taken"));
        }
        Quality {
            warnings,
            duplicate_points: self.targets.iter().map(|target| target.duplicates).sum(),
            ..Quality::default()
        }
    }
}

/// Scrapes one target for ever.
async fn follow(shared: Arc<Shared>, index: usize, target: Scraper) {
    let interval = shared.options.interval.max(Duration::from_millis(1));
    scrape(&shared, index, &target).await;
    let start = tokio::time::Instant::now() + until_its_turn(target.labels(), interval);
    let mut turns = tokio::time::interval_at(start, interval);
    turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        turns.tick().await;
        scrape(&shared, index, &target).await;
    }
}

/// Each target has its own place in the interval, which is the same after every start.
fn until_its_turn(labels: &Labels, interval: Duration) -> Duration {
    let interval = u64::try_from(interval.as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let now = u64::try_from(wall_clock().as_millis()).unwrap_or_default();
    let place = labels.fingerprint() % interval;
    Duration::from_millis((place + interval - now % interval) % interval)
}

async fn scrape(shared: &Shared, index: usize, target: &Scraper) {
    let (now, begun) = (wall_clock(), Instant::now());
    let outcome = target.scrape(now).await;
    let seconds = begun.elapsed().as_secs_f64();
    let (exposition, error) = match outcome {
        Ok(exposition) => (exposition, None),
        Err(error) => (Exposition::default(), Some(error.to_string())),
    };
    let (samples, duplicates) = (exposition.samples, exposition.duplicate_points);
    let own = [
        ("up", f64::from(u8::from(error.is_none()))),
        ("scrape_duration_seconds", seconds),
        ("scrape_samples_scraped", samples.len() as f64),
    ];
    let own = own.into_iter().filter_map(|(name, value)| {
        Some(Sample {
            labels: target.labels().with(METRIC_NAME, name).ok()?,
            timestamp: now,
            value,
        })
    });
    let expressions = Arc::clone(&shared.state().expressions);
    let wanted = |sample: &Sample| {
        let mut all = expressions.iter();
        all.any(|expression| expression.selector.matches(&sample.labels))
    };
    let scraped = Scraped {
        page: samples.into_iter().filter(wanted).collect(),
        own: own.filter(wanted).collect(),
        duplicates,
        error,
    };
    shared.take_in(index, now, scraped);
}

/// Without the metric's name two series may have the same labels.
fn refuse_doubled(series: &[Series]) -> Result<(), Error> {
    let mut seen = HashSet::with_capacity(series.len());
    match series.iter().find(|series| !seen.insert(series.labels())) {
        None => Ok(()),
        Some(series) => {
            let message = format!(
                "the expression gives two series the labels {}; name one metric",
                series.labels()
            );
            Err(Error::plain(ErrorKind::Query, message))
        }
    }
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
