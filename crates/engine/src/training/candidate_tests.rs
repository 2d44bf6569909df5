use bongsu_core::METRIC_NAME;

use super::*;
use crate::config::{ParameterValue, QueryConfig};

const STEP: i64 = 60;
const POINTS: i64 = 1_000;

fn query(max_alarm_rate: f64) -> QueryConfig {
    let mut query = QueryConfig::new("load", "load");
    query.step = Span::from_secs(60);
    query.detector = "zscore".to_owned();
    query.training = Some(TrainingConfig {
        window: Span::from_secs(POINTS.unsigned_abs() * 60),
        max_alarm_rate,
        ..TrainingConfig::default()
    });
    query
}

/// A metric of `host` that wiggles around what `level` says of each place.
fn series(host: &str, level: impl Fn(i64) -> f64) -> Series {
    let labels = Labels::from_pairs([(METRIC_NAME, "load"), ("host", host)]).unwrap();
    let mut series = Series::empty(labels);
    for i in 1..=POINTS {
        let wiggle = (i * 37 % 101) as f64 / 101.0;
        series
            .push(Timestamp::from_secs(i * STEP), level(i) + wiggle)
            .unwrap();
    }
    series
}

struct Trial {
    config: TrainingConfig,
    candidate: Candidate,
    serving: Vec<SeriesState>,
}

/// New detectors that learned `past`, and others that learned all of `served`.
fn trial(max_alarm_rate: f64, past: Vec<Series>, served: Vec<Series>) -> Trial {
    trial_of(&query(max_alarm_rate), past, served)
}

fn trial_of(query: &QueryConfig, past: Vec<Series>, served: Vec<Series>) -> Trial {
    let config = query.training.clone().unwrap();
    let judge = Judge::new(query, 100).unwrap();
    let to = Timestamp::from_secs(POINTS * STEP);
    let task = Task::new(judge.clone(), config.clone(), None, to);
    let candidate = task.run(past, served.clone()).unwrap();
    let mut serving = Vec::new();
    let all = Grid {
        from: Timestamp::from_secs(STEP),
        to,
    };
    let pieces = judge.gather(served);
    judge.judge(&mut serving, pieces, all, true, true, None);
    Trial {
        config,
        candidate,
        serving,
    }
}

impl Trial {
    fn objection(&self) -> Option<String> {
        self.candidate.objection(&self.config, &self.serving)
    }
}

/// What has begun to grow without bound, at the 931st point.
fn changed(i: i64) -> f64 {
    10.0 + 1.5_f64.powi(i32::try_from((i - 930).max(0)).unwrap()) - 1.0
}

#[test]
fn a_series_that_is_left_out_is_no_excuse_for_the_others() {
    let others = |level: f64| ["a", "c", "d"].map(|host| series(host, move |_| level));
    let with = |level: f64| Vec::from_iter(others(level).into_iter().chain([series("b", changed)]));
    let same = trial(0.2, with(10.0), with(10.0));
    assert_eq!(same.candidate.series.len(), 3);
    assert_eq!(
        same.candidate.left_out.len(),
        1,
        "{:?}",
        same.candidate.left_out
    );
    assert!(same.candidate.left_out[0].contains("host=\"b\""));
    assert_eq!(same.objection(), None);
    // Their points are those of the three that are put to work.
    assert_eq!(same.candidate.points, 2_700);

    let unlike = trial(1.0, with(10.4), with(10.0));
    let why = unlike.objection().unwrap();
    assert!(why.contains("in the middle of 3 series"), "{why}");
}

#[test]
fn a_large_series_does_not_decide_for_the_small_ones() {
    let served = || {
        let small = ["a", "b"].map(|host| series(host, |_| 10.0));
        Vec::from_iter(
            small
                .into_iter()
                .chain([series("large", |i| (i % 2) as f64 * 1e9)]),
        )
    };
    let past = || {
        let small = ["a", "b"].map(|host| series(host, |_| 10.4));
        Vec::from_iter(
            small
                .into_iter()
                .chain([series("large", |i| (i % 2) as f64 * 1e9)]),
        )
    };
    assert_eq!(trial(1.0, served(), served()).objection(), None);
    let why = trial(1.0, past(), served()).objection().unwrap();
    assert!(why.contains("times as much"), "{why}");
}

#[test]
fn more_alarms_than_allowed_are_taken_only_where_there_were_twice_as_many() {
    let refused = trial(
        0.001,
        vec![series("a", |_| 100.0)],
        vec![series("a", |_| 10.0)],
    );
    let why = refused.objection().unwrap();
    let said = "more than the 0.1 % of training.max_alarm_rate, and more than half of the 0.0 % of \
                those at work";
    assert!(why.ends_with(said), "{why}");
    let without = Trial {
        serving: Vec::new(),
        ..refused
    };
    let why = without.objection().unwrap();
    assert!(
        why.ends_with("the 0.1 % of training.max_alarm_rate"),
        "{why}"
    );
}

#[test]
fn detectors_that_halve_the_alarms_are_taken_though_they_give_too_many() {
    // The newest point is beyond all, and others before it only for who has not seen the like.
    let spikes = |i: i64| match i {
        POINTS => 1e4,
        i if i > 900 && i % 8 == 0 => 60.0,
        _ => 10.0,
    };
    let wide = |i: i64| if i % 2 == 0 { 60.0 } else { -40.0 };
    let trial = trial(0.001, vec![series("a", wide)], vec![series("a", spikes)]);
    assert!(trial.candidate.tally.alarm_rate().unwrap() > 0.001);
    assert_eq!(trial.objection(), None);
    // Of a service that has judged little of the holdout nothing is known.
    let mut late = trial.serving.clone();
    late[0].outcomes = None;
    let why = Trial {
        serving: late,
        ..trial
    }
    .objection()
    .unwrap();
    assert!(
        why.ends_with("the 0.1 % of training.max_alarm_rate"),
        "{why}"
    );
}

#[test]
fn detectors_that_see_nothing_do_not_replace_those_that_do() {
    let hosts = || ["a", "b", "c"].map(|host| series(host, |_| 10.0)).to_vec();
    let sound = trial(1.0, hosts(), hosts());
    assert_eq!(sound.objection(), None);
    // Bounds that nothing reaches, and no expectation that could be compared.
    let mut numb = query(1.0);
    numb.parameters
        .insert("threshold".to_owned(), ParameterValue::Number(1e300));
    let numb = trial_of(&numb, hosts(), hosts());
    let why = Trial {
        serving: sound.serving,
        ..numb
    }
    .objection()
    .unwrap();
    assert!(
        why.ends_with("would not be anomalous in 3 of 3 series, where they are for those at work"),
        "{why}"
    );
    // Where those at work see no more, nothing is lost.
    let numb = trial_of(&query(1.0), hosts(), hosts());
    let serving = Vec::new();
    assert_eq!(Trial { serving, ..numb }.objection(), None);
}

#[test]
fn rounding_is_no_error_beside_none() {
    let steady = |level: f64| {
        let labels = Labels::from_pairs([(METRIC_NAME, "load"), ("host", "a")]).unwrap();
        let times = (1..=POINTS).map(|i| Timestamp::from_secs(i * STEP));
        vec![Series::new(labels, times.collect(), vec![level; POINTS as usize]).unwrap()]
    };
    // The mean of what was learned is off by rounding.
    let level = 0.1 + 0.2;
    assert_eq!(trial(1.0, steady(0.3), steady(level)).objection(), None);
    let why = trial(1.0, steady(0.31), steady(level)).objection();
    assert!(why.unwrap().contains("times as much"));
}

#[test]
fn a_series_whose_scores_are_no_numbers_keeps_no_other_from_its_detector() {
    let mut query = query(1.0);
    query.detector = "isolation-forest".to_owned();
    let config = query.training.clone().unwrap();
    let judge = Judge::new(&query, 100).unwrap();
    let task = Task::new(judge, config, None, Timestamp::from_secs(POINTS * STEP));
    let flat = {
        let with = series("flat", |_| 0.0);
        let value = |i: usize| if i < 950 { 7.0 } else { 8.0 };
        let values = (0..with.len()).map(value).collect();
        Series::new(with.labels().clone(), with.timestamps().to_vec(), values).unwrap()
    };
    let data = vec![flat, series("a", |_| 10.0), series("b", |_| 20.0)];
    let candidate = task.run(data.clone(), data).unwrap();
    let hosts: Vec<&str> = candidate
        .series
        .iter()
        .filter_map(|one| one.labels.get("host"))
        .collect();
    assert!(
        hosts.starts_with(&["a", "b"]),
        "{hosts:?}: {:?}",
        candidate.left_out
    );
}
