//! Parameters of a detector, searched on a table: the library side of `bongsu tune`.

mod goal;
mod space;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bongsu_core::Error as CoreError;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

pub(crate) use self::goal::{later, same_top, weeks};
use self::space::{Space, SplitMix64};
use crate::registry::{self, DetectorSpec};
use crate::{DetectRequest, Error, Table, detect};

/// What is searched, by what, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct TuneRequest {
    /// The detector's name.
    pub detector: String,
    /// Parameters that stay as they are given.
    pub parameters: BTreeMap<String, String>,
    /// The parameters that are searched; when empty, all that the registry describes by a range of
    /// numbers or a list of names, but for seeds, time zones and lengths of histories.
    pub search: Vec<String>,
    /// With labels: the measure that is to be high. `vus_pr`, `pr_auc`, `roc_auc` or `best_f1`, which
    /// rank scores, or `f1`, `range_f1`, `affiliation_f1`, `event_recall` or `event_precision`, of the
    /// detector's own alarms, which search its threshold too. Default: `vus_pr`.
    pub measure: String,
    /// Without labels: the alarms a week that are aimed at. Domain: above 0. Default: 1.
    pub alarm_budget: f64,
    /// With labels: the share of the rows, the latest, that the search never sees. Domain: [0.1, 0.9].
    /// Default: 0.3.
    pub test_share: f64,
    /// Sets of parameters that are tried, the given ones with defaults first. Domain: [1, 100000].
    /// Default: 60.
    pub trials: usize,
    /// No trial begins after this time; `None` sets no limit.
    pub time_limit: Option<Duration>,
    /// The seed of `SplitMix64`. Default: 0.
    pub seed: u64,
}

impl Default for TuneRequest {
    fn default() -> Self {
        Self {
            detector: String::new(),
            parameters: BTreeMap::new(),
            search: Vec::new(),
            measure: "vus_pr".to_owned(),
            alarm_budget: 1.0,
            test_share: 0.3,
            trials: 60,
            time_limit: None,
            seed: 0,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// The parameters that differ from the defaults: those given, and those found.
    pub parameters: BTreeMap<String, String>,
    /// The parameters that were searched.
    pub searched: Vec<&'static str>,
    /// What was to be high: the measure, or `steadiness` without labels.
    pub goal: String,
    /// The goal with the parameters found, and with the given ones alone, where it exists, on the
    /// rows that were searched on.
    pub found: f64,
    /// See [`Tuned::found`].
    pub before: Option<f64>,
    /// The same on the rows that the search never saw; `None` without labels.
    pub test: Option<TestPart>,
    /// Trials that ended.
    pub trials: usize,
    /// Those of them that the detector refused, or for which the goal does not exist.
    pub failed: usize,
    /// Whether the time ended the search before the number of trials did.
    pub out_of_time: bool,
}

/// The rows that the search never saw, judged once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestPart {
    /// How many they are.
    pub rows: usize,
    /// The goal with the parameters found; `None` where it does not exist.
    pub found: Option<f64>,
    /// The goal with the given parameters alone; `None` where it does not exist.
    pub before: Option<f64>,
}

/// How far it is: trials that ended, all trials, and the best goal until then.
pub type TuneProgress<'a> = &'a (dyn Fn(usize, usize, Option<f64>) + Sync);

/// Searches parameters of a detector at random, within a factor of ten of each default.
///
/// With labels the table is split in time. The earlier rows are judged with each set of parameters, as
/// [`detect`] does, and measured. The later ones are judged at the end, once with what was found and
/// once with what was given; a detector that is fitted on many rows is fitted on the earlier ones.
///
/// Without labels the goal is `s min(r, 1/r)`. `s` tells how steady the judgement is: the rows among
/// the highest hundredth of the scores both of the whole table and of its last nine tenths alone, as a
/// share of those among either. `r = (alarms + 1/2) / (wanted + 1/2)`.
///
/// The parameters given are kept unless others are better. The result is the same for any number of
/// threads, when no time ends the search.
///
/// # Errors
/// When the detector or a parameter is unknown or outside its domain, there is nothing to search, no
/// earlier row is labelled anomalous or all are, or the detector refuses every trial.
///
/// ```
/// use bongsu_engine::{Table, TuneRequest, tune};
/// let mut csv = String::from("timestamp,load\n");
/// let mut labels = Vec::new();
/// for i in 0..600 {
///     labels.push(i % 200 == 150);
///     csv += &format!("{},{}\n", 60 * i, if i % 200 == 150 { 30.0 } else { f64::from(i * 7 % 13) });
/// }
/// let table = Table::read(csv.as_bytes())?;
/// let request = TuneRequest { detector: "ewma".into(), trials: 8, ..TuneRequest::default() };
/// let tuned = tune(&table, Some(&labels), &request, &|_, _, _| {})?;
/// assert!(tuned.found >= tuned.before.unwrap());
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
pub fn tune(
    table: &Table,
    labels: Option<&[bool]>,
    request: &TuneRequest,
    progress: TuneProgress<'_>,
) -> Result<Tuned, Error> {
    let bound_counts = request.check(labels.is_some())?;
    let spec = registry::find(&request.detector)?;
    request.detect(&BTreeMap::new()).validate()?;
    let space = request.space(spec, bound_counts)?;
    let rows = table.timestamps.len();
    let split = match labels {
        Some(labels) => split(labels, rows, request.test_share)?,
        None => rows,
    };
    let known = table.rows(0, split);
    let later_part = later(&known);
    let judge = |drawn: &BTreeMap<String, String>| -> Result<Option<f64>, Error> {
        let how = request.detect(drawn);
        match labels {
            Some(labels) => {
                let judged = detect(&known, &how)?;
                let labels = labels.get(..split).unwrap_or_default();
                goal::agreement(&known, &judged, labels, 0, &request.measure)
            }
            None => goal::steadiness(&known, &later_part, &how, request.alarm_budget).map(Some),
        }
    };
    let mut search = Search::new(request, &space);
    search.run(&judge, progress)?;
    let (drawn, found) = search.best()?;
    let test = match labels {
        Some(labels) => Some(TestPart {
            rows: rows - split,
            found: on_test(table, labels, split, request, spec, &drawn)?,
            before: on_test(table, labels, split, request, spec, &BTreeMap::new())?,
        }),
        None => None,
    };
    Ok(Tuned {
        parameters: request.detect(&drawn).parameters,
        searched: space.names(),
        goal: labels.map_or("steadiness".to_owned(), |_| request.measure.clone()),
        found,
        before: search.before,
        test,
        trials: search.ended,
        failed: search.failed,
        out_of_time: search.out_of_time,
    })
}

impl TuneRequest {
    /// Whether the detector's bound counts in what is searched by.
    fn check(&self, labelled: bool) -> Result<bool, Error> {
        if !(1..=100_000).contains(&self.trials) {
            return Err(CoreError::parameter("trials", self.trials, "in [1, 100000]").into());
        }
        if !(0.1..=0.9).contains(&self.test_share) {
            return Err(
                CoreError::parameter("test_share", self.test_share, "in [0.1, 0.9]").into(),
            );
        }
        if !(self.alarm_budget > 0.0 && self.alarm_budget.is_finite()) {
            let domain = "finite, above 0";
            return Err(CoreError::parameter("alarm_budget", self.alarm_budget, domain).into());
        }
        let mut measures = goal::MEASURES.iter();
        if let Some((_, bound_counts)) = measures.find(|(name, _)| *name == self.measure) {
            return Ok(*bound_counts || !labelled);
        }
        let names: Vec<&str> = goal::MEASURES.iter().map(|(name, _)| *name).collect();
        Err(CoreError::parameter("measure", &self.measure, names.join(", ")).into())
    }

    fn space(&self, spec: &DetectorSpec, bound_counts: bool) -> Result<Space, Error> {
        let mut space = if self.search.is_empty() {
            Space::of(spec, &self.parameters, bound_counts)
        } else {
            Space::empty()
        };
        for (place, name) in self.search.iter().enumerate() {
            let parameter = spec.all_parameters().find(|p| p.name == name);
            let Some(parameter) = parameter else {
                let names: Vec<&str> = spec.all_parameters().map(|p| p.name).collect();
                return Err(Error::config(format!(
                    "detector `{}` has no parameter `{name}`; it has: {}",
                    spec.name,
                    names.join(", ")
                )));
            };
            let twice = self.search.iter().take(place).any(|other| other == name);
            if twice || self.parameters.contains_key(name) {
                return Err(Error::config(format!(
                    "parameter `{name}` can be searched once, or set, but not both"
                )));
            }
            space.add(parameter).ok_or_else(|| {
                Error::config(format!(
                    "parameter `{name}` cannot be searched: it is {}, {} by default",
                    parameter.domain, parameter.default
                ))
            })?;
        }
        if space.names().is_empty() {
            return Err(Error::config(format!(
                "there is no parameter of `{}` to search; name some that move its threshold, or take another measure",
                spec.name
            )));
        }
        Ok(space)
    }

    /// The detector with the given parameters and those drawn.
    fn detect(&self, drawn: &BTreeMap<String, String>) -> DetectRequest {
        let mut parameters = self.parameters.clone();
        parameters.extend(drawn.clone());
        DetectRequest {
            detector: self.detector.clone(),
            parameters,
            ..DetectRequest::default()
        }
    }
}

/// The first row that the search does not see.
fn split(labels: &[bool], rows: usize, test_share: f64) -> Result<usize, Error> {
    if labels.len() != rows {
        return Err(CoreError::shape("number of labels", labels.len(), rows).into());
    }
    let split = rows - (test_share * rows as f64).round() as usize;
    let known = labels.get(..split).unwrap_or_default();
    let anomalous = known.iter().filter(|on| **on).count();
    if anomalous == 0 || anomalous == known.len() {
        let which = if anomalous == 0 {
            "no row"
        } else {
            "every row"
        };
        return Err(Error::input(format!(
            "{which} of the first {split}, on which parameters are searched, is labelled anomalous; there must be some of both kinds"
        )));
    }
    Ok(split)
}

/// The measure on the rows from `split` on.
fn on_test(
    table: &Table,
    labels: &[bool],
    split: usize,
    request: &TuneRequest,
    spec: &DetectorSpec,
    drawn: &BTreeMap<String, String>,
) -> Result<Option<f64>, Error> {
    let mut how = request.detect(drawn);
    // One that learns point by point judges each row before it learns it.
    if spec.learns() != registry::Learns::PointByPoint {
        how.train_rows = Some(split);
    }
    let judged = detect(table, &how)?;
    goal::agreement(table, &judged, labels, split, &request.measure)
}

/// The goal with parameters that were drawn.
type Judge<'a> = &'a (dyn Fn(&BTreeMap<String, String>) -> Result<Option<f64>, Error> + Sync);

/// The trials so far.
struct Search<'a> {
    request: &'a TuneRequest,
    space: &'a Space,
    random: SplitMix64,
    best: Option<(BTreeMap<String, String>, f64)>,
    before: Option<f64>,
    refusal: Option<Error>,
    ended: usize,
    failed: usize,
    out_of_time: bool,
}

/// Draws for one trial before a set that the detector refuses is taken to it nevertheless.
const DRAWS: usize = 50;

impl<'a> Search<'a> {
    const fn new(request: &'a TuneRequest, space: &'a Space) -> Self {
        Self {
            request,
            space,
            random: SplitMix64(request.seed),
            best: None,
            before: None,
            refusal: None,
            ended: 0,
            failed: 0,
            out_of_time: false,
        }
    }

    fn run(&mut self, judge: Judge<'_>, progress: TuneProgress<'_>) -> Result<(), Error> {
        let start = Instant::now();
        let trials = self.request.trials;
        let side_by_side = rayon::current_num_threads().max(1);
        while self.ended < trials {
            let limit = self.request.time_limit;
            // The first trial is what everything else is compared with.
            if self.ended > 0 && limit.is_some_and(|limit| start.elapsed() >= limit) {
                self.out_of_time = true;
                break;
            }
            let count = side_by_side.min(trials - self.ended);
            let drawn: Vec<_> = (0..count).map(|i| self.draw(self.ended + i)).collect();
            let judged: Vec<_> = drawn
                .into_par_iter()
                .map(|drawn| (judge(&drawn), drawn))
                .collect();
            for (value, drawn) in judged {
                self.take(value, drawn);
            }
            progress(
                self.ended,
                trials,
                self.best.as_ref().map(|(_, value)| *value),
            );
        }
        Ok(())
    }

    fn draw(&mut self, trial: usize) -> BTreeMap<String, String> {
        if trial == 0 {
            return BTreeMap::new();
        }
        let mut drawn = self.space.draw(&mut self.random);
        for _ in 1..DRAWS {
            if self.request.detect(&drawn).validate().is_ok() {
                break;
            }
            drawn = self.space.draw(&mut self.random);
        }
        drawn
    }

    fn take(&mut self, value: Result<Option<f64>, Error>, drawn: BTreeMap<String, String>) {
        let first = self.ended == 0;
        self.ended += 1;
        match value {
            Ok(Some(value)) if value.is_finite() => {
                if first {
                    self.before = Some(value);
                }
                if self.best.as_ref().is_none_or(|(_, best)| value > *best) {
                    self.best = Some((drawn, value));
                }
            }
            Ok(_) => self.failed += 1,
            Err(error) => {
                self.failed += 1;
                self.refusal.get_or_insert(error);
            }
        }
    }

    fn best(&mut self) -> Result<(BTreeMap<String, String>, f64), Error> {
        match (self.best.clone(), self.refusal.take()) {
            (Some(best), _) => Ok(best),
            (None, Some(error)) => Err(error),
            (None, None) => Err(Error::input(
                "the measure exists for no trial: no row has a score, or none was flagged",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
