//! Every detector on labelled data sets: the library side of `bongsu bench`.

mod history;
mod recording;
mod run;
mod store;
mod unlabelled;
mod walk;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bongsu_eval::{
    Collection, LabelledSeries, Leaderboard, NabCorpus, NabProfile, RunResult, RunStatus,
    SeriesKind, events,
};

pub use self::history::{HistoryRequest, KnownIncident, prometheus_history, read_incidents};
use self::run::{Runner, state_bytes};
use self::store::Store;
pub use self::walk::BenchWalk;
use crate::registry::{self, DetectorSpec, Learns, detectors};
use crate::{Error, open_input};

/// What is measured.
#[derive(Debug, Clone)]
pub struct BenchRequest {
    /// The detectors; all but the networks when empty.
    pub detectors: Vec<String>,
    /// A run that is foreseen to take longer is left out.
    pub limit: Duration,
    /// Detectors that run side by side, each on one thread; 0 for as many as there are processors.
    pub threads: usize,
    /// Where the result of each run is kept, so that a later call goes on; `None` keeps none.
    pub folder: Option<PathBuf>,
    /// The series have no labels: what is measured is how steady a judgement is when it begins a tenth
    /// of the series later, how often it alarms, and how much its band holds.
    pub unlabelled: bool,
    /// Series go through a query as they would have in the service, and alarms are its alerts; `None` is
    /// `detect`.
    pub walk: Option<BenchWalk>,
}

impl Default for BenchRequest {
    fn default() -> Self {
        Self {
            detectors: Vec::new(),
            limit: Duration::from_secs(30),
            threads: 0,
            folder: None,
            unlabelled: false,
            walk: None,
        }
    }
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchOutcome {
    /// The summary.
    pub leaderboard: Leaderboard,
    /// Every run.
    pub runs: Vec<RunResult>,
    /// Runs whose results were kept by an earlier call.
    pub resumed: usize,
}

/// How far it is: runs that ended, all runs, and the one that ended last.
pub type BenchProgress<'a> = &'a (dyn Fn(usize, usize, &str) + Sync);

impl BenchRequest {
    /// The detectors that are measured.
    ///
    /// # Errors
    /// When one is unknown.
    pub fn chosen(&self) -> Result<Vec<&'static DetectorSpec>, Error> {
        if self.detectors.is_empty() {
            return Ok(detectors()
                .filter(|spec| spec.learns() != Learns::Once)
                .collect());
        }
        self.detectors
            .iter()
            .map(|name| registry::find(name))
            .collect()
    }
}

/// Reads the labelled series below `folder`; see [`Collection::read`]. Packed files are read too, and
/// the project's own recordings: `NAME.jsonl` or `NAME.jsonl.gz` beside `NAME.labels.json`, of which each
/// series that shows a fault is one.
///
/// # Errors
/// When the folder cannot be read.
pub fn read_collection(folder: &std::path::Path) -> Result<Collection, Error> {
    let open = |path: &std::path::Path| {
        open_input(path).map_err(|e| bongsu_core::Error::input(e.to_string()))
    };
    let mut found = Collection::read(folder, &open)?;
    for (path, why) in std::mem::take(&mut found.skipped) {
        match recording::read(&path) {
            Ok(Some(series)) => found.series.extend(series),
            Ok(None) => found.skipped.push((path, why)),
            Err(error) => found.skipped.push((path, error.to_string())),
        }
    }
    found
        .series
        .sort_by(|a, b| (&a.set, &a.name).cmp(&(&b.set, &b.name)));
    Ok(found)
}

/// Runs detectors on labelled series and sums up accuracy and cost.
///
/// Every detector has its defaults and no part of the labels. One that learns point by point judges
/// each row before it learns it; any other is fitted on all rows and judges these, as `detect` does.
/// Scores are the calibrated ones, so that those of several channels and files can be compared. Rows
/// that are for learning only are not measured. Detectors of shapes are left out on tables.
///
/// A detector goes through the series from the shortest to the longest. A run is left out when the
/// time of an earlier one, grown with the square of the rows, is beyond the limit; it is listed as
/// such.
///
/// # Errors
/// When a detector is unknown, there is no series, or a result cannot be kept.
pub fn bench(
    series: &[LabelledSeries],
    request: &BenchRequest,
    progress: BenchProgress<'_>,
) -> Result<BenchOutcome, Error> {
    let chosen = request.chosen()?;
    if series.is_empty() {
        return Err(Error::input("there is no labelled series"));
    }
    if request.walk.is_some() && request.unlabelled {
        return Err(Error::config(
            "what is walked through a query is measured by labels, and there are none",
        ));
    }
    let salt = request
        .walk
        .as_ref()
        .map_or(0, |walk| crc32c::crc32c(format!("{walk:?}").as_bytes()));
    let folder = request.folder.clone();
    let store = folder.map(|folder| Store::new(folder, salt));
    let mut ordered: Vec<&LabelledSeries> = series.iter().collect();
    ordered.sort_by_key(|one| (one.values.len(), &one.set, &one.name));
    let judges = |spec: &DetectorSpec, one: &LabelledSeries| {
        one.kind != SeriesKind::Tabular || !spec.input.is_sequence()
    };
    let total = chosen
        .iter()
        .map(|spec| ordered.iter().filter(|one| judges(spec, one)).count())
        .sum();
    let queue: Mutex<VecDeque<&DetectorSpec>> = Mutex::new(chosen.iter().copied().collect());
    let ended = AtomicUsize::new(0);
    let work = || -> Result<Vec<(RunResult, bool)>, Error> {
        let mut found = Vec::new();
        // Its own pool, so that times are those of one thread.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.map_err(Error::input)?;
        while let Some(spec) = next(&queue) {
            let mut runner = Runner::new(spec, request, store.as_ref());
            for one in ordered.iter().filter(|one| judges(spec, one)) {
                let run = pool.install(|| runner.run(one))?;
                let count = ended.fetch_add(1, Ordering::Relaxed) + 1;
                progress(
                    count,
                    total,
                    &format!("{} on {}/{}", spec.name, one.set, one.name),
                );
                found.push(run);
            }
        }
        Ok(found)
    };
    let threads = match request.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let parts: Vec<Result<Vec<(RunResult, bool)>, Error>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker
                .join()
                .unwrap_or_else(|_| Err(Error::input("a detector panicked")))
        };
        workers.into_iter().map(join).collect()
    });
    let mut runs = Vec::new();
    let mut resumed = 0;
    for part in parts {
        for (run, kept) in part? {
            resumed += usize::from(kept);
            runs.push(run);
        }
    }
    runs.sort_by(|a, b| (&a.detector, &a.set, &a.series).cmp(&(&b.detector, &b.set, &b.series)));
    let states = chosen
        .iter()
        .filter_map(|spec| Some((spec.name.to_owned(), state_bytes(spec)?)));
    let nab = store
        .as_ref()
        .map_or_else(BTreeMap::new, |store| nab_scores(series, &chosen, store));
    let notes = notes(&runs, request, threads, resumed);
    Ok(BenchOutcome {
        leaderboard: Leaderboard::of(&runs, &states.collect(), &nab, notes),
        runs,
        resumed,
    })
}

fn next<'a>(queue: &Mutex<VecDeque<&'a DetectorSpec>>) -> Option<&'a DetectorSpec> {
    let mut queue = queue
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    queue.pop_front()
}

/// Whether the series is one of the Numenta benchmark, whose score is of the whole corpus.
fn is_nab(one: &LabelledSeries) -> bool {
    one.set.eq_ignore_ascii_case("nab")
}

/// The three scores of detectors that judged every file of the benchmark.
fn nab_scores(
    series: &[LabelledSeries],
    chosen: &[&DetectorSpec],
    store: &Store,
) -> BTreeMap<(String, String), [f64; 3]> {
    let files: Vec<&LabelledSeries> = series.iter().filter(|one| is_nab(one)).collect();
    let sets: BTreeSet<&str> = files.iter().map(|one| one.set.as_str()).collect();
    let mut found = BTreeMap::new();
    for spec in chosen {
        let scores: Option<Vec<Vec<f64>>> = files
            .iter()
            .map(|one| store.scores(spec.name, one))
            .collect();
        let windows: Vec<_> = files.iter().map(|one| events(&one.labels)).collect();
        let Some(scores) = scores.filter(|scores| !scores.is_empty()) else {
            continue;
        };
        let rows = scores.iter().zip(&windows);
        let corpus =
            NabCorpus::new(rows.map(|(scores, windows)| (scores.as_slice(), windows.as_slice())));
        let Ok(corpus) = corpus else { continue };
        let profiles = [
            NabProfile::STANDARD,
            NabProfile::REWARD_LOW_FP,
            NabProfile::REWARD_LOW_FN,
        ];
        let scores =
            profiles.map(|profile| corpus.sweep(&profile).map_or(f64::NAN, |best| best.score));
        for set in &sets {
            found.insert(((*set).to_owned(), spec.name.to_owned()), scores);
        }
    }
    found
}

fn notes(
    runs: &[RunResult],
    request: &BenchRequest,
    threads: usize,
    resumed: usize,
) -> Vec<String> {
    let count = |status: RunStatus| runs.iter().filter(|run| run.status == status).count();
    let way = match &request.walk {
        None => "Every detector ran with its defaults and without labels. Those that learn point by point judged each row before they learned it; the others were fitted on all rows and judged these.".to_owned(),
        Some(walk) => format!("Every detector went through a query of the service from the first row to the last without labels, {}: each row was judged before it was learned, by detectors that were trained on what was known by then. Alarms are the alerts of the query while they fire.", walk.mode),
    };
    let mut notes = vec![
        way,
        format!(
            "{} runs: {} judged, {} refused by the detector (they count 0), {} left out because they were foreseen to take more than {} s (they do not count).",
            runs.len(), count(RunStatus::Done), count(RunStatus::Failed), count(RunStatus::Skipped), request.limit.as_secs_f64()
        ),
        format!("Times are wall-clock on one thread, {threads} detectors side by side. No series was shortened or downsampled."),
        "The state is that of the detector as a stream after 2,000 rows of one channel, as it is saved.".to_owned(),
    ];
    if request.unlabelled {
        notes.push("There are no labels. Stability: each detector runs again without the first tenth of the rows; the share of the rows that are among the highest hundredth (at least ten) of both runs' scores, of those that are among them in either. It ranks the detectors, and does not say that what they find matters: look at alarms a week beside it. Band coverage is the share of the values that lie within the band, of detectors that have one.".to_owned());
    } else {
        notes.push("VUS-PR is with tolerances up to 100 rows. Rows without a score count as the least anomalous.".to_owned());
        notes.push("NAB scores are at the best threshold over all files, as the benchmark defines them; only those of detectors that learn point by point are causal. Calibrated scores are taken.".to_owned());
    }
    if resumed > 0 {
        notes.push(format!("{resumed} runs were kept from an earlier call."));
    }
    let refused: BTreeSet<String> = runs
        .iter()
        .filter(|run| run.status == RunStatus::Failed)
        .map(|run| {
            format!(
                "{} on {}: {}",
                run.detector,
                run.set,
                run.reason.as_deref().unwrap_or_default()
            )
        })
        .collect();
    notes.extend(
        refused
            .into_iter()
            .take(20)
            .map(|line| format!("Refused: {line}")),
    );
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use bongsu_eval::Synthetic;

    fn quiet(_: usize, _: usize, _: &str) {}

    #[test]
    fn a_bench_is_summed_up_and_goes_on_where_it_was() {
        let series: Vec<_> = Synthetic::default()
            .rows(600)
            .unwrap()
            .generate()
            .into_iter()
            .take(6)
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let request = BenchRequest {
            detectors: ["ewma", "sub-pca", "zscore"].map(str::to_owned).to_vec(),
            folder: Some(folder.path().to_owned()),
            ..BenchRequest::default()
        };
        let first = bench(&series, &request, &quiet).unwrap();
        assert_eq!((first.runs.len(), first.resumed), (18, 0));
        let set = first.leaderboard.of_set("synthetic");
        assert_eq!(set.len(), 3);
        for (detector, score) in set {
            assert_eq!(score.series, 6, "{}", detector.name);
            assert!(score.accuracy.estimate > 0.0 && score.microseconds_per_value > 0.0);
            assert!(detector.state_bytes.is_some_and(|bytes| bytes > 0));
        }
        assert_eq!(first.leaderboard.recommendations.len(), 1);
        let again = bench(&series, &request, &quiet).unwrap();
        assert_eq!(again.resumed, 18);
        let one = |outcome: &BenchOutcome| {
            let set = outcome.leaderboard.of_set("synthetic");
            let cells = set
                .iter()
                .map(|(one, score)| (one.name.clone(), format!("{:.9}", score.accuracy.estimate)));
            cells.collect::<Vec<_>>()
        };
        assert_eq!(one(&again), one(&first));
        let html = again.leaderboard.to_html();
        assert!(html.contains("sub-pca") && again.leaderboard.to_markdown().contains("| `ewma` |"));
    }

    #[test]
    fn runs_beyond_the_limit_are_left_out_and_counted() {
        let series: Vec<_> = Synthetic::default()
            .rows(600)
            .unwrap()
            .generate()
            .into_iter()
            .take(3)
            .collect();
        let request = BenchRequest {
            detectors: vec!["lof".to_owned()],
            limit: Duration::from_nanos(1),
            ..BenchRequest::default()
        };
        let found = bench(&series, &request, &quiet).unwrap();
        let skipped = found
            .runs
            .iter()
            .filter(|run| run.status == RunStatus::Skipped)
            .count();
        assert_eq!(skipped, 2, "the first one tells how long the others take");
        let unknown = BenchRequest {
            detectors: vec!["loff".to_owned()],
            ..BenchRequest::default()
        };
        assert!(bench(&series, &unknown, &quiet).is_err());
    }
}
