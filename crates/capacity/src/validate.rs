//! How well each candidate would have forecast, from moments of the past.

use bongsu_core::Result;
use rayon::prelude::{
    IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};

use crate::Candidate;
use crate::candidate::{Known, Shared};
use crate::error_model::ErrorModel;
use crate::report::CandidateScore;

/// The most origins.
const ORIGINS: usize = 12;

/// Candidates whose errors differ by less than this share are alike.
const TIE: f64 = 0.03;

/// When and how far is forecast.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    /// Known steps at each origin, ascending.
    pub(crate) known: Vec<usize>,
    /// Steps ahead.
    pub(crate) ahead: usize,
}

impl Origins {
    /// From two fifths of the history on (two blocks at least), up to `ahead` steps or a third of
    /// the history, whichever is less.
    pub(crate) fn plan(len: usize, block: usize, ahead: usize) -> Self {
        let ahead = ahead.min(len / 3).max(1);
        let last = len - ahead;
        let first = (2 * len / 5).max(2 * block).min(last);
        let room = last - first;
        let count = room.min(ORIGINS - 1);
        let known = (0..=count).map(|i| last - room * (count - i) / count.max(1));
        Self {
            known: known.collect(),
            ahead,
        }
    }

    /// The steps between the first and the last origin.
    pub(crate) fn span(&self) -> usize {
        match (self.known.first(), self.known.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0,
        }
    }
}

/// What a candidate did.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) candidate: Candidate,
    /// Actual less forecast for each origin and lead, NaN where a value was missing.
    pub(crate) errors: Vec<Vec<f64>>,
    pub(crate) score: CandidateScore,
}

/// Tries every candidate from every origin; also returns why candidates failed.
pub(crate) fn validate(
    all: &Shared<'_>,
    origins: &Origins,
    candidates: &[Candidate],
    level: f64,
) -> Result<(Vec<Trial>, Vec<String>)> {
    let known: Vec<Known<'_>> = origins
        .known
        .par_iter()
        .map(|&count| Known::until(all, count))
        .collect::<Result<_>>()?;
    let jobs: Vec<(Candidate, &Known<'_>)> = candidates
        .iter()
        .flat_map(|&candidate| known.iter().map(move |known| (candidate, known)))
        .collect();
    let done: Vec<Result<Vec<f64>>> = jobs
        .into_par_iter()
        .map(|(candidate, known)| {
            let mean = candidate.forecast(known, origins.ahead)?;
            let actual = all.values.iter().skip(known.len());
            Ok(actual.zip(&mean).map(|(a, f)| a - f).collect())
        })
        .collect();
    let mut done = done.into_iter();
    let mut trials = Vec::new();
    let mut failures = Vec::new();
    for &candidate in candidates {
        let part: Vec<_> = done.by_ref().take(origins.known.len()).collect();
        match part.into_iter().collect::<Result<Vec<Vec<f64>>>>() {
            Ok(errors) => trials.push(judge(all, origins, candidate, errors, level)),
            Err(error) => failures.push(format!("{} was left out: {error}", candidate.name())),
        }
    }
    Ok((trials, failures))
}

/// The candidates that are not clearly worse than the best, the best first: by less than 3 % of the
/// error, or by less than one standard error of the difference, origin by origin.
pub(crate) fn alike<'a>(trials: &'a [Trial], origins: &Origins) -> Vec<&'a Trial> {
    let mut order: Vec<&Trial> = trials.iter().collect();
    order.sort_by(|a, b| a.score.mae.total_cmp(&b.score.mae));
    let Some(&best) = order.first() else {
        return order;
    };
    order.retain(|trial| {
        let worse = trial.score.mae - best.score.mae;
        worse <= (best.score.mae * TIE).max(doubt(trial, best, origins))
    });
    order
}

/// The simplest of those whose errors are within 3 % of the first one's, but for the one without a
/// trend.
pub(crate) fn simplest<'a>(order: &[&'a Trial]) -> Option<&'a Trial> {
    let bound = order.first()?.score.mae * (1.0 + TIE);
    let good = order
        .iter()
        .filter(|trial| trial.score.mae <= bound && trial.candidate != Candidate::Level);
    good.min_by_key(|trial| trial.candidate).copied()
}

/// What several candidates say together: the mean weighted by the inverse squares of their errors.
/// Nothing where there is none.
pub(crate) fn combined(parts: &[(&Trial, Vec<f64>)]) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
    let least = parts.iter().map(|(trial, _)| trial.score.mae);
    let least = least.fold(f64::INFINITY, f64::min);
    let weight = |trial: &Trial| {
        if least > 0.0 {
            (least / trial.score.mae).powi(2)
        } else {
            f64::from(u8::from(trial.score.mae <= 0.0))
        }
    };
    let total: f64 = parts.iter().map(|(trial, _)| weight(trial)).sum();
    let (first, _) = parts.first()?;
    let steps = parts.first().map_or(0, |(_, mean)| mean.len());
    let mut mean = vec![0.0; steps];
    let mut errors: Vec<Vec<f64>> = first.errors.iter().map(|e| vec![0.0; e.len()]).collect();
    for (trial, forecast) in parts {
        let share = weight(trial) / total;
        for (sum, value) in mean.iter_mut().zip(forecast) {
            *sum += share * value;
        }
        for (sums, own) in errors.iter_mut().zip(&trial.errors) {
            for (sum, error) in sums.iter_mut().zip(own) {
                *sum += share * error;
            }
        }
    }
    Some((mean, errors))
}

/// The standard error of the difference of two candidates' mean absolute errors, with as many
/// observations as horizons fit into the time of the origins: those that overlap are nearly the same.
fn doubt(one: &Trial, other: &Trial, origins: &Origins) -> f64 {
    let of = |errors: &[f64]| {
        let mut mean = Mean::default();
        for error in errors.iter().filter(|error| error.is_finite()) {
            mean.add(error.abs());
        }
        mean.some()
    };
    let pairs = one.errors.iter().zip(&other.errors);
    let apart = pairs.filter_map(|(one, other)| Some(of(one)? - of(other)?));
    let apart: Vec<f64> = apart.collect();
    let count = apart.len() as f64;
    if count < 2.0 {
        return 0.0;
    }
    let mean = apart.iter().sum::<f64>() / count;
    let squares: f64 = apart.iter().map(|d| (d - mean).powi(2)).sum();
    let stretches = (1.0 + origins.span() as f64 / origins.ahead as f64).min(count);
    (squares / (count - 1.0) / stretches).sqrt()
}

fn judge(
    all: &Shared<'_>,
    origins: &Origins,
    candidate: Candidate,
    errors: Vec<Vec<f64>>,
    level: f64,
) -> Trial {
    let mut absolute = Mean::default();
    let mut squares = Mean::default();
    let mut actual = Mean::default();
    let mut actual_squares = Mean::default();
    for (count, errors) in origins.known.iter().zip(&errors) {
        for (value, error) in all.values.iter().skip(*count).zip(errors) {
            if error.is_finite() {
                absolute.add(error.abs());
                squares.add(error * error);
                actual.add(*value);
                actual_squares.add(value * value);
            }
        }
    }
    let variance = actual_squares.get() - actual.get() * actual.get();
    let r2 = (variance > 1e-14 * actual_squares.get()).then(|| 1.0 - squares.get() / variance);
    let (coverage, pinball) = leave_one_out(all.block, origins, &errors, level);
    Trial {
        candidate,
        score: CandidateScore {
            model: candidate,
            mae: absolute.get(),
            r2,
            coverage,
            pinball,
        },
        errors,
    }
}

/// The coverage and the mean pinball loss of the bounds at each origin, calibrated on the errors of the
/// other origins.
fn leave_one_out(
    block: usize,
    origins: &Origins,
    errors: &[Vec<f64>],
    level: f64,
) -> (Option<f64>, Option<f64>) {
    if errors.len() < 3 {
        return (None, None);
    }
    let tail = (1.0 - level) / 2.0;
    let (mut inside, mut loss) = (Mean::default(), Mean::default());
    for (left_out, judged) in errors.iter().enumerate() {
        let others: Vec<&[f64]> = errors
            .iter()
            .enumerate()
            .filter_map(|(i, errors)| (i != left_out).then_some(errors.as_slice()))
            .collect();
        let model = ErrorModel::fit(&others, block, origins.span(), level);
        for (lead, error) in judged.iter().enumerate().filter(|(_, e)| e.is_finite()) {
            let half = model.half_width(lead + 1, level);
            inside.add(f64::from(error.abs() <= half));
            for bound in [-half, half] {
                let q = if bound < 0.0 { tail } else { 1.0 - tail };
                let over = error - bound;
                loss.add((q * over).max((q - 1.0) * over));
            }
        }
    }
    (inside.some(), loss.some())
}

/// A running mean.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn get(&self) -> f64 {
        self.sum / self.count.max(1.0)
    }

    fn some(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.get())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]
mod tests {
    use bongsu_core::Timestamp;
    use bongsu_stats::calendar::Clock;

    use super::*;
    use crate::features::Calendar;

    /// The forecasts of every candidate after `known` steps of `values`.
    fn forecasts(values: &[f64], known: usize) -> Vec<Vec<f64>> {
        let clock = Clock::new("UTC").unwrap();
        let times: Vec<_> = (1..=values.len() as i64)
            .map(|i| Timestamp::from_secs(3_600 * i))
            .collect();
        let calendar: Vec<_> = (1..=values.len() as i64 + 48)
            .map(|i| Calendar::of(&clock, Timestamp::from_secs(3_600 * i)).unwrap())
            .collect();
        let all = Shared {
            times: &times,
            values,
            calendar: &calendar,
            clock: &clock,
            step: 3_600_000,
            block: 24,
            timezone: "UTC",
            seed: 1,
        };
        let known = Known::until(&all, known).unwrap();
        let all = Candidate::ALL.iter();
        all.map(|model| model.forecast(&known, 48).unwrap())
            .collect()
    }

    #[test]
    fn no_candidate_knows_what_comes_after_the_origin() {
        let value = |i: u32| f64::from(i % 24) + 0.05 * f64::from(i) + f64::from(i * 7 % 5);
        let past: Vec<f64> = (0..240).map(value).collect();
        let follow = |f: fn(u32) -> f64| -> Vec<f64> {
            past.iter().copied().chain((0..60).map(f)).collect()
        };
        let calm = forecasts(&follow(|_| 10.0), 240);
        let wild = forecasts(&follow(|i| 1e6 * f64::from(i)), 240);
        for ((model, calm), wild) in Candidate::ALL.iter().zip(calm).zip(wild) {
            assert_eq!(calm, wild, "{}", model.name());
        }
    }

    #[test]
    fn every_candidate_continues_a_trend_and_a_rhythm() {
        // Trees among them, which cannot extrapolate by themselves.
        let value = |i: u32| {
            0.1 * f64::from(i) + 4.0 * f64::from(i % 24 / 12) + 0.01 * f64::from(i * 7 % 5)
        };
        let values: Vec<f64> = (0..480).map(value).collect();
        let coming: Vec<f64> = (480..528).map(value).collect();
        let greatest = values.iter().copied().fold(0.0, f64::max);
        let with_trends = Candidate::ALL.iter().zip(forecasts(&values, 480));
        for (model, found) in with_trends.filter(|(model, _)| **model != Candidate::Level) {
            let errors = found.iter().zip(&coming).map(|(a, b)| (a - b).abs());
            let mae = errors.sum::<f64>() / 48.0;
            assert!(mae < 0.6, "{}: {mae}", model.name());
            let last = found.iter().copied().fold(0.0, f64::max);
            assert!(last > greatest + 2.0, "{}: {last}", model.name());
        }
    }

    #[test]
    fn origins_leave_a_horizon_and_a_beginning() {
        for (len, block, ahead) in [(720, 24, 720), (720, 24, 48), (20, 4, 30), (8, 2, 1)] {
            let origins = Origins::plan(len, block, ahead);
            assert!(origins.known.is_sorted() && origins.known.len() <= ORIGINS);
            assert_eq!(*origins.known.last().unwrap(), len - origins.ahead);
            assert!(origins.known.first().unwrap() >= &(2 * len / 5));
            assert!(origins.ahead <= ahead && origins.ahead <= len / 3);
        }
    }
}
