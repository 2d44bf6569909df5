//! Every measure of one series at once.

mod output;

use bongsu_core::{Error, Result, Timestamp};

use crate::metrics::{
    Bootstrap, Confusion, EventCounts, NabCorpus, NabProfile, RangeConfig, Ranking, affiliation,
    events, point_adjusted, vus,
};
pub use output::{Evaluation, Measure, ThresholdSource};

/// The scores and alarms of one series with its labels, one of each a row, in order of time.
#[derive(Debug, Clone, Copy)]
pub struct LabelledScores<'a> {
    /// When each row was observed.
    pub times: &'a [Timestamp],
    /// Higher is more anomalous; NaN where there is no score (a detector that warms up).
    pub scores: &'a [f64],
    /// Whether each row is flagged, where the detector says so itself.
    pub alarms: Option<&'a [bool]>,
    /// Whether each row is anomalous.
    pub labels: &'a [bool],
}

/// What is measured, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluate {
    vus_window: usize,
    threshold: Option<f64>,
    bootstrap: Option<Bootstrap>,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            vus_window: 100,
            threshold: None,
            bootstrap: None,
        }
    }
}

impl Evaluate {
    /// The largest tolerance of the volumes under the surfaces, in rows. Domain: [0, 100000].
    /// Default: 100.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn vus_window(mut self, rows: usize) -> Result<Self> {
        if rows > 100_000 {
            return Err(Error::parameter("vus_window", rows, "in [0, 100000]"));
        }
        self.vus_window = rows;
        Ok(self)
    }

    /// The score from which on a row is flagged, in place of the detector's own alarms. Domain: not
    /// NaN. Default: the alarms, and without them the threshold with the best F1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn threshold(mut self, threshold: Option<f64>) -> Result<Self> {
        if threshold.is_some_and(f64::is_nan) {
            return Err(Error::parameter("threshold", f64::NAN, "a number"));
        }
        self.threshold = threshold;
        Ok(self)
    }

    /// How confidence intervals are found. Default: none are.
    #[must_use]
    pub fn bootstrap(mut self, bootstrap: Option<Bootstrap>) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// Measures `rows`.
    ///
    /// A row without a score counts as not flagged and as the least anomalous: a detector that warms
    /// up has not spoken. Measures that do not exist (no row is anomalous, say) are given with the
    /// reason why.
    ///
    /// # Errors
    /// When lengths differ, there is no row, no row has a score, or times do not increase.
    ///
    /// Cost: that of [`vus`], and with a bootstrap O(n log n) a sample.
    ///
    /// ```
    /// use bongsu_core::Timestamp;
    /// use bongsu_eval::{Evaluate, LabelledScores};
    /// let times: Vec<_> = (0..200).map(|row| Timestamp::from_secs(60 * row)).collect();
    /// let labels: Vec<bool> = (0..200).map(|row| (100..110).contains(&row)).collect();
    /// let scores: Vec<f64> = labels.iter().map(|&on| f64::from(u8::from(on))).collect();
    /// let rows = LabelledScores { times: &times, scores: &scores, alarms: None, labels: &labels };
    /// let found = Evaluate::default().threshold(Some(0.5))?.measure(&rows)?;
    /// assert_eq!(found.value("f1"), Some(1.0));
    /// assert_eq!(found.value("detection_delay_seconds"), Some(0.0));
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn measure(&self, rows: &LabelledScores<'_>) -> Result<Evaluation> {
        let scores = filled(rows)?;
        let ranking = Ranking::of(&scores, rows.labels)?;
        let mut found = Evaluation::new(rows, self.vus_window);
        found.add("roc_auc", ranking.roc_auc());
        found.add("pr_auc", ranking.pr_auc());
        let best = ranking.best_f1();
        let best_threshold = best.as_ref().ok().map(|best| best.threshold);
        found.add("best_f1", best.map(|best| best.f1));
        found.best_threshold = best_threshold;
        let volumes = vus(&scores, rows.labels, self.vus_window);
        found.add_all(["vus_roc", "vus_pr"], volumes.map(|vus| [vus.roc, vus.pr]));
        found.add_nab(&scores, rows.labels);
        let alarms = self.alarms(rows, best_threshold, &mut found);
        match alarms {
            Some(alarms) => found.add_alarms(&alarms, rows)?,
            None => found.without_alarms(),
        }
        if let Some(bootstrap) = self.bootstrap {
            found.add_intervals(&bootstrap, &scores, rows.labels);
        }
        Ok(found)
    }

    /// The flagged rows, and where they come from.
    fn alarms(
        &self,
        rows: &LabelledScores<'_>,
        best: Option<f64>,
        found: &mut Evaluation,
    ) -> Option<Vec<bool>> {
        let above = |threshold: f64| {
            rows.scores
                .iter()
                .map(|score| *score >= threshold)
                .collect()
        };
        let (source, threshold) = match (self.threshold, rows.alarms, best) {
            (Some(threshold), _, _) => (ThresholdSource::Given, Some(threshold)),
            (None, Some(_), _) => (ThresholdSource::Detector, None),
            (None, None, Some(best)) => (ThresholdSource::BestF1, Some(best)),
            (None, None, None) => (ThresholdSource::None, None),
        };
        found.threshold_source = source;
        found.threshold = threshold;
        match source {
            ThresholdSource::Detector => rows.alarms.map(<[bool]>::to_vec),
            _ => threshold.map(above),
        }
    }
}

/// The scores, the lowest in place of those that are missing.
fn filled(rows: &LabelledScores<'_>) -> Result<Vec<f64>> {
    let n = rows.labels.len();
    for (what, found) in [
        ("number of scores", rows.scores.len()),
        ("number of times", rows.times.len()),
        ("number of alarms", rows.alarms.map_or(n, <[bool]>::len)),
    ] {
        if found != n {
            return Err(Error::shape(what, found, n));
        }
    }
    if n == 0 {
        return Err(Error::not_enough_data("an evaluation", 1, 0));
    }
    if let Some(row) = rows
        .times
        .windows(2)
        .position(|pair| pair.first() > pair.last())
    {
        return Err(Error::input(format!(
            "row {} is earlier than the one before",
            row + 1
        )));
    }
    let present = rows.scores.iter().copied().filter(|score| !score.is_nan());
    let lowest = present.reduce(f64::min);
    let lowest = lowest.ok_or_else(|| Error::input("no row has a score"))?;
    let fill = |score: &f64| if score.is_nan() { lowest } else { *score };
    Ok(rows.scores.iter().map(fill).collect())
}

impl Evaluation {
    fn add_nab(&mut self, scores: &[f64], labels: &[bool]) {
        let windows = events(labels);
        let corpus = NabCorpus::new([(scores, windows.as_slice())]);
        for (name, profile) in [
            ("nab_standard", NabProfile::STANDARD),
            ("nab_reward_low_fp", NabProfile::REWARD_LOW_FP),
            ("nab_reward_low_fn", NabProfile::REWARD_LOW_FN),
        ] {
            let score = match &corpus {
                Ok(corpus) => corpus.sweep(&profile).map(|best| best.score),
                Err(error) => Err(Error::unsupported(error.to_string())),
            };
            self.add(name, score);
        }
    }

    fn add_alarms(&mut self, alarms: &[bool], rows: &LabelledScores<'_>) -> Result<()> {
        let labels = rows.labels;
        let counts = Confusion::of(alarms, labels)?;
        self.confusion = Some(counts);
        self.add("precision", counts.precision());
        self.add("recall", counts.recall());
        self.add("f1", counts.f1());
        self.add("accuracy", counts.accuracy());
        let near = affiliation(alarms, labels);
        let names = [
            "affiliation_precision",
            "affiliation_recall",
            "affiliation_f1",
        ];
        self.add_all(names, near.map(|a| [a.precision, a.recall, a.f1]));
        let ranges = RangeConfig::default().measure(alarms, labels);
        let names = ["range_precision", "range_recall", "range_f1"];
        self.add_all(names, ranges.map(|r| [r.precision, r.recall, r.f1]));
        let adjusted = point_adjusted(alarms, labels)?;
        self.add("point_adjusted_f1", adjusted.f1());
        let met = EventCounts::of(alarms, labels)?;
        self.add("event_recall", met.recall());
        self.add("event_precision", met.precision());
        self.add("detection_delay_seconds", delay(alarms, rows));
        let seconds = duration(rows.times);
        self.add(
            "false_alerts_per_week",
            seconds.and_then(|s| met.false_alerts_per_week(s)),
        );
        self.events = Some(met);
        Ok(())
    }

    fn add_intervals(&mut self, bootstrap: &Bootstrap, scores: &[f64], labels: &[bool]) {
        let resampled = |rows: &[usize]| {
            let pick = |row: &usize| Some((*scores.get(*row)?, *labels.get(*row)?));
            let (scores, labels): (Vec<f64>, Vec<bool>) = rows.iter().filter_map(pick).unzip();
            Ranking::of(&scores, &labels)
        };
        let mut intervals = Vec::new();
        let roc = bootstrap.interval(scores.len(), |rows| resampled(rows)?.roc_auc());
        let pr = bootstrap.interval(scores.len(), |rows| resampled(rows)?.pr_auc());
        for (name, interval) in [("roc_auc", roc), ("pr_auc", pr)] {
            intervals.extend(interval.ok().map(|interval| (name, interval)));
        }
        self.intervals = intervals;
    }
}

/// The mean time from the start of an event to its first alarm.
fn delay(alarms: &[bool], rows: &LabelledScores<'_>) -> Result<f64> {
    let delays = events(rows.labels).into_iter().filter_map(|event| {
        let first = alarms.get(event.clone())?.iter().position(|&on| on)?;
        let began = rows.times.get(event.start)?;
        let told = rows.times.get(event.start + first)?;
        Some(told.as_secs_f64() - began.as_secs_f64())
    });
    let delays: Vec<f64> = delays.collect();
    if delays.is_empty() {
        return Err(Error::unsupported(
            "the detection delay does not exist: no labelled event was found",
        ));
    }
    Ok(delays.iter().sum::<f64>() / delays.len() as f64)
}

/// The seconds that the rows cover, the last one as long as the median step.
fn duration(times: &[Timestamp]) -> Result<f64> {
    let mut steps: Vec<f64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(a, b)| b.as_secs_f64() - a.as_secs_f64())
        .collect();
    steps.sort_unstable_by(f64::total_cmp);
    let whole: f64 = steps.iter().sum();
    let middle = steps.get(steps.len() / 2).copied();
    let middle = middle.filter(|_| whole > 0.0).ok_or_else(|| {
        Error::unsupported("false alerts a week do not exist: the rows cover no time")
    })?;
    Ok(whole + middle)
}
