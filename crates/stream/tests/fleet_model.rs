//! The fleet against a model of it: one series after the other, in plain maps.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::{BTreeMap, BTreeSet};

use bongsu_core::snapshot::Chain;
use bongsu_core::{Score, StreamDetector as _, Timestamp};
use bongsu_stats::{Ewma, EwmaStream};
use bongsu_stream::fleet::{Batch, Fleet, FleetQuery, Judged, Skip};
use proptest::prelude::*;

const CAP: usize = 12;
const IDLE: i64 = 50_000;
const AHEAD: i64 = 300_000;

#[derive(Debug, Clone, PartialEq)]
struct Known {
    detector: EwmaStream,
    newest: Timestamp,
    base: f64,
}

/// What the fleet should be.
#[derive(Debug, Clone, PartialEq, Default)]
struct Model {
    series: BTreeMap<u64, Known>,
    expired: u64,
}

/// A sample: its series, its moment in milliseconds and its value.
type Sample = (u64, i64, f64);

impl Model {
    fn expire(&mut self, now: Timestamp) {
        let before = self.series.len();
        let oldest = now.add_millis(-IDLE);
        self.series.retain(|_, known| known.newest >= oldest);
        self.expired += (before - self.series.len()) as u64;
    }

    fn unfit(&(_, time, x): &Sample, received: Option<Timestamp>) -> Option<Skip> {
        let ahead = |now: Timestamp| Timestamp::from_millis(time).millis_since(now) > AHEAD;
        if !x.is_finite() {
            Some(Skip::Missing)
        } else if received.is_some_and(ahead) {
            Some(Skip::Ahead)
        } else {
            None
        }
    }

    fn update(
        &mut self,
        samples: &[Sample],
        received: Option<Timestamp>,
        counter: bool,
    ) -> Vec<Judged> {
        let new = |model: &Self| {
            let fit = samples
                .iter()
                .filter(|sample| Self::unfit(sample, received).is_none());
            let new = fit.map(|s| s.0).filter(|s| !model.series.contains_key(s));
            new.collect::<BTreeSet<_>>().len()
        };
        if self.series.len() + new(self) > CAP
            && let Some(now) = received
        {
            self.expire(now);
        }
        let judge = |sample: &Sample| self.judge(sample, received, counter);
        samples.iter().map(judge).collect()
    }

    fn judge(&mut self, sample: &Sample, received: Option<Timestamp>, counter: bool) -> Judged {
        if let Some(why) = Self::unfit(sample, received) {
            return Judged::Skipped(why);
        }
        let &(series, time, x) = sample;
        let time = Timestamp::from_millis(time);
        if !self.series.contains_key(&series) {
            if self.series.len() == CAP {
                return Judged::Skipped(Skip::Refused);
            }
            let known = Known {
                detector: Ewma::new().warmup(5).unwrap().build().unwrap(),
                newest: Timestamp::MIN,
                base: f64::NAN,
            };
            self.series.insert(series, known);
        }
        let known = self.series.get_mut(&series).unwrap();
        if time < known.newest {
            return Judged::Skipped(Skip::Late);
        } else if time == known.newest {
            return Judged::Skipped(Skip::Repeated);
        }
        let seconds = time.millis_since(known.newest) as f64 / 1e3;
        let before = std::mem::replace(&mut known.base, if counter { x } else { f64::NAN });
        known.newest = time;
        let x = match counter {
            false => x,
            true if before.is_nan() => return Judged::Skipped(Skip::CounterStart),
            true if x < before => return Judged::Skipped(Skip::CounterReset),
            true => (x - before) / seconds,
        };
        known.detector.set_time(time);
        match known.detector.score_then_learn(&[x]).unwrap() {
            Score::Ready(score) => Judged::Scored {
                score,
                expectation: None,
            },
            Score::Warmup { remaining } => Judged::Warmup { remaining },
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Batch(Vec<Sample>, Option<i64>),
    Remove(u64),
    Expire(i64),
    /// A checkpoint that is saved to one of two chains.
    Save(usize),
    /// A checkpoint that is lost.
    Lose,
    /// The process is killed, and starts again from the chain.
    Restart(usize),
}

/// The fingerprint of series `i`: some share a shard.
fn fingerprint(i: u64) -> u64 {
    (i % 3) << 58 | i
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop_oneof![
        20 => 0.0..100.0_f64,
        1 => Just(f64::NAN),
        1 => Just(f64::NEG_INFINITY),
    ];
    let sample = (0..20_u64, 0..200_000_i64, value);
    let sample = sample.prop_map(|(i, time, x)| (fingerprint(i), time, x));
    let batch = proptest::collection::vec(sample, 0..40);
    let received = proptest::option::of(-250_000..250_000_i64);
    let step = prop_oneof![
        10 => (batch, received).prop_map(|(mut samples, received)| {
            // Mostly in order.
            let half = samples.len() / 2;
            samples[half..].sort_by_key(|sample| sample.1);
            Step::Batch(samples, received)
        }),
        2 => (0..20_u64).prop_map(|i| Step::Remove(fingerprint(i))),
        1 => (0..300_000_i64).prop_map(Step::Expire),
        4 => (0..2_usize).prop_map(Step::Save),
        1 => Just(Step::Lose),
        1 => (0..2_usize).prop_map(Step::Restart),
    ];
    proptest::collection::vec(step, 1..60)
}

fn options(counter: bool) -> FleetQuery<EwmaStream> {
    let detector = Ewma::new().warmup(5).unwrap().build().unwrap();
    FleetQuery::new("q", detector)
        .max_series(CAP)
        .unwrap()
        .idle_after_secs(IDLE / 1_000)
        .unwrap()
        .counter(counter)
}

fn same(fleet: &Fleet<EwmaStream>, model: &Model) {
    let Some(id) = fleet.query("q") else {
        assert!(model.series.is_empty());
        return;
    };
    let series: BTreeSet<u64> = fleet.series(id).unwrap().collect();
    assert!(series.iter().eq(model.series.keys()));
    for (&fingerprint, known) in &model.series {
        let (detector, newest) = fleet.get(id, fingerprint).unwrap().unwrap();
        assert_eq!((detector, newest), (&known.detector, known.newest));
    }
    assert_eq!(fleet.counts(id).unwrap().expired_series, model.expired);
}

fn fresh(counter: bool) -> Fleet<EwmaStream> {
    let mut fleet = Fleet::new();
    fleet.add_query(options(counter)).unwrap();
    fleet
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_fleet_is_what_its_model_is(steps in steps(), counter: bool) {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let open = |i: usize| Chain::open(dirs[i].path()).unwrap();
        let mut chains = [open(0), open(1)];
        let mut saved = [Model::default(), Model::default()];
        let (mut fleet, mut model) = (fresh(counter), Model::default());
        let mut out = Vec::new();
        for step in steps {
            match step {
                Step::Batch(samples, received) => {
                    let series: Vec<u64> = samples.iter().map(|s| s.0).collect();
                    let times: Vec<_> = samples.iter().map(|s| Timestamp::from_millis(s.1)).collect();
                    let values: Vec<f64> = samples.iter().map(|s| s.2).collect();
                    let received = received.map(Timestamp::from_millis);
                    let mut batch = Batch::new(&series, &times, &values).unwrap();
                    if let Some(now) = received {
                        batch = batch.received_at(now);
                    }
                    let id = fleet.query("q").unwrap();
                    let report = fleet.update(id, &batch, &mut out).unwrap();
                    let expected = model.update(&samples, received, counter);
                    prop_assert_eq!(&out, &expected);
                    prop_assert_eq!(report.counts.samples(), samples.len() as u64);
                    let refused: BTreeSet<u64> = samples.iter().zip(&out)
                        .filter(|(_, judged)| **judged == Judged::Skipped(Skip::Refused))
                        .map(|(sample, _)| sample.0)
                        .collect();
                    prop_assert_eq!(report.counts.refused_series, refused.len() as u64);
                }
                Step::Remove(fingerprint) => {
                    let known = model.series.remove(&fingerprint).is_some();
                    let id = fleet.query("q").unwrap();
                    prop_assert_eq!(fleet.remove(id, fingerprint).unwrap(), known);
                }
                Step::Expire(now) => {
                    fleet.expire(Timestamp::from_millis(now));
                    model.expire(Timestamp::from_millis(now));
                }
                Step::Save(i) => {
                    let full = chains[i].wants_full();
                    if fleet.checkpoint(full).save(&mut chains[i]).is_err() {
                        // It knew another checkpoint: changes since then would be a mixture.
                        prop_assert!(!full && chains[i].wants_full());
                        fleet.checkpoint(true).save(&mut chains[i]).unwrap();
                    }
                    saved[i] = model.clone();
                }
                Step::Lose => drop(fleet.checkpoint(false)),
                Step::Restart(i) => {
                    // The lock must be free.
                    let other = tempfile::tempdir().unwrap();
                    chains[i] = Chain::open(other.path()).unwrap();
                    chains[i] = open(i);
                    prop_assert!(chains[i].damage().is_empty());
                    fleet = Fleet::load(&chains[i]).unwrap().unwrap_or_else(|| fresh(counter));
                    model = saved[i].clone();
                    same(&fleet, &model);
                }
            }
        }
        same(&fleet, &model);
    }
}
