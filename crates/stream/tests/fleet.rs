//! The fleet: the same as one by one, every skip counted, saved and restored bit for bit.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::snapshot::{Chain, to_bytes};
use bongsu_core::{ErrorKind, Score, StreamDetector as _, Timestamp};
use bongsu_stats::{Ewma, EwmaStream, RobustZ, RobustZStream};
use bongsu_stream::fleet::{Batch, BatchReport, Counts, Fleet, FleetQuery, Judged, QueryId, Skip};
use bongsu_stream::{HalfSpaceTrees, HalfSpaceTreesStream};
use proptest::prelude::*;

/// The fingerprint of series `i`.
fn fingerprint(i: u64) -> u64 {
    (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A value of series `i` at step `t`, the same whenever it is asked for.
fn value(i: u64, t: i64) -> f64 {
    let mixed = fingerprint(i ^ ((t as u64) << 20)) >> 33;
    100.0 * (i % 50 + 1) as f64 * (1.0 + 1e-10 * mixed as f64)
}

fn query(name: &str) -> FleetQuery<EwmaStream> {
    FleetQuery::new(name, Ewma::new().build().unwrap())
}

fn fleet(options: FleetQuery<EwmaStream>) -> (Fleet<EwmaStream>, QueryId) {
    let mut fleet = Fleet::new();
    let id = fleet.add_query(options).unwrap();
    (fleet, id)
}

/// Gives the fleet one sample a series at second `t`.
fn step(
    fleet: &mut Fleet<EwmaStream>,
    id: QueryId,
    series: std::ops::Range<u64>,
    t: i64,
) -> Vec<Judged> {
    let fingerprints: Vec<u64> = series.clone().map(fingerprint).collect();
    let times = vec![Timestamp::from_secs(t); fingerprints.len()];
    let values: Vec<f64> = series.map(|i| value(i, t)).collect();
    let mut out = Vec::new();
    let batch = Batch::new(&fingerprints, &times, &values).unwrap();
    fleet.update(id, &batch, &mut out).unwrap();
    out
}

/// A batch of one series.
fn give(
    fleet: &mut Fleet<EwmaStream>,
    id: QueryId,
    samples: &[(i64, f64)],
) -> (Vec<Judged>, BatchReport) {
    let times: Vec<_> = samples
        .iter()
        .map(|&(t, _)| Timestamp::from_secs(t))
        .collect();
    let values: Vec<f64> = samples.iter().map(|&(_, x)| x).collect();
    let series = vec![fingerprint(0); samples.len()];
    let mut out = Vec::new();
    let batch = Batch::new(&series, &times, &values).unwrap();
    let report = fleet.update(id, &batch, &mut out).unwrap();
    (out, report)
}

/// A series: its fingerprint, its newest moment and the bytes of its detector.
type Kept = (u64, Timestamp, Vec<u8>);

/// Everything that a fleet knows, in an order of its own.
fn state(fleet: &Fleet<EwmaStream>, id: QueryId) -> (u64, Counts, Vec<Kept>) {
    let mut series: Vec<_> = fleet
        .series(id)
        .unwrap()
        .map(|fingerprint| {
            let (detector, newest) = fleet.get(id, fingerprint).unwrap().unwrap();
            (fingerprint, newest, to_bytes(detector).unwrap())
        })
        .collect();
    series.sort();
    (fleet.batches(), fleet.counts(id).unwrap(), series)
}

#[test]
fn batches_are_judged_as_sample_by_sample() {
    const SERIES: u64 = 3_000;
    let (mut fleet, id) = fleet(query("q"));
    let mut alone = vec![Ewma::new().build().unwrap(); SERIES as usize];
    for t in 0..60 {
        // Every other batch brings each series twice.
        let out = step(&mut fleet, id, 0..SERIES, t);
        for (i, (detector, judged)) in (0..).zip(alone.iter_mut().zip(&out)) {
            let expected = match detector.score_then_learn(&[value(i, t)]).unwrap() {
                Score::Ready(score) => Judged::Scored {
                    score,
                    expectation: None,
                },
                Score::Warmup { remaining } => Judged::Warmup { remaining },
            };
            assert_eq!(*judged, expected);
        }
    }
    for (i, detector) in (0..).zip(&alone) {
        let (kept, newest) = fleet.get(id, fingerprint(i)).unwrap().unwrap();
        assert_eq!((kept, newest), (detector, Timestamp::from_secs(59)));
    }
    let counts = fleet.counts(id).unwrap();
    assert_eq!((counts.scored, counts.warmup), (30 * SERIES, 30 * SERIES));
    assert_eq!(counts.new_series, SERIES);
}

#[test]
fn threads_and_the_cut_of_batches_make_no_difference() {
    let run = |threads: usize, per_batch: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let (mut fleet, id) = fleet(query("q"));
            let mut samples = Vec::new();
            for t in 0..50 {
                samples.extend(
                    (0..900).map(|i| (fingerprint(i), Timestamp::from_secs(t), value(i, t))),
                );
            }
            let (mut judged, mut out) = (Vec::new(), Vec::new());
            for part in samples.chunks(per_batch) {
                let series: Vec<u64> = part.iter().map(|s| s.0).collect();
                let times: Vec<_> = part.iter().map(|s| s.1).collect();
                let values: Vec<f64> = part.iter().map(|s| s.2).collect();
                let batch = Batch::new(&series, &times, &values)
                    .unwrap()
                    .with_expectations(true);
                fleet.update(id, &batch, &mut out).unwrap();
                judged.extend_from_slice(&out);
            }
            (judged, state(&fleet, id).2)
        })
    };
    let expected = run(1, 1_000_000);
    assert!(expected.0.iter().any(|j| matches!(
        j,
        Judged::Scored {
            expectation: Some(_),
            ..
        }
    )));
    for (threads, per_batch) in [(4, 1_000_000), (3, 7_001), (1, 100)] {
        assert!(
            run(threads, per_batch) == expected,
            "{threads} threads, {per_batch}"
        );
    }
}

#[test]
fn what_cannot_be_learned_is_skipped_and_counted_and_changes_nothing() {
    let (mut fleet, id) = fleet(query("q"));
    let start: Vec<(i64, f64)> = (0..40).map(|t| (60 * t, value(0, t))).collect();
    give(&mut fleet, id, &start);
    let before = state(&fleet, id).2;
    let now = 60 * 39;
    // The clock jumps back an hour; values are missing; a moment is repeated.
    let odd = [
        (now - 3_600, 5.0),
        (now, 7.0),
        (now + 60, f64::NAN),
        (now + 60, f64::INFINITY),
        (now + 60, f64::NEG_INFINITY),
        (i64::MIN, 1.0),
    ];
    let (out, report) = give(&mut fleet, id, &odd);
    let skips = [
        Skip::Late,
        Skip::Repeated,
        Skip::Missing,
        Skip::Missing,
        Skip::Missing,
        Skip::Late,
    ];
    assert_eq!(out, skips.map(Judged::Skipped));
    assert_eq!(
        (
            report.counts.late,
            report.counts.repeated,
            report.counts.missing
        ),
        (2, 1, 3)
    );
    assert_eq!(
        report.to_string(),
        "query `q`: 2 late, 1 repeated, 3 without a number"
    );
    assert!(state(&fleet, id).2 == before);
    assert_eq!(fleet.counts(id).unwrap().skipped(), 6);
    // A missing value takes no moment: the next one is learned.
    assert!(
        give(&mut fleet, id, &[(now + 60, 100.0)]).0[0]
            .score()
            .is_some()
    );
}

#[test]
fn a_clock_that_runs_ahead_does_not_lock_a_series() {
    let (mut fleet, id) = fleet(query("q"));
    let mut out = Vec::new();
    let times = [0, 60, 400_000, 120].map(Timestamp::from_secs);
    let batch = Batch::new(&[7; 4], &times, &[1.0; 4]).unwrap();
    let batch = batch.received_at(Timestamp::from_secs(130));
    let report = fleet.update(id, &batch, &mut out).unwrap();
    assert_eq!((report.counts.ahead, report.counts.warmup), (1, 3));
    assert_eq!(out[2], Judged::Skipped(Skip::Ahead));
}

#[test]
fn counters_are_judged_by_their_increase_and_resets_are_skipped() {
    let (mut fleet, id) = fleet(query("q").counter(true));
    let mut samples: Vec<(i64, f64)> = (0..60).map(|t| (10 * t, 50.0 * t as f64)).collect();
    samples.push((600, 12.0));
    samples.push((610, 62.0));
    let (out, report) = give(&mut fleet, id, &samples);
    assert_eq!(out[0], Judged::Skipped(Skip::CounterStart));
    assert_eq!(out[60], Judged::Skipped(Skip::CounterReset));
    assert!(out[61].score().unwrap() < 1e-6, "5 a second, as before");
    assert_eq!(
        (report.counts.counter_starts, report.counts.counter_resets),
        (1, 1)
    );
    let (detector, _) = fleet.get(id, fingerprint(0)).unwrap().unwrap();
    assert_eq!(detector.seen(), 60);
}

#[test]
fn series_beyond_the_cap_are_refused_in_the_order_of_the_batch() {
    let (mut fleet, id) = fleet(query("q").max_series(10).unwrap());
    step(&mut fleet, id, 0..6, 0);
    let fingerprints: Vec<u64> = [20, 21, 3, 21, 22, 23, 24, 25].map(fingerprint).to_vec();
    let times = vec![Timestamp::from_secs(1); 8];
    let mut values = [1.0; 8];
    // Its only sample has no number: it takes no room.
    values[4] = f64::NAN;
    let mut out = Vec::new();
    let batch = Batch::new(&fingerprints, &times, &values).unwrap();
    let report = fleet.update(id, &batch, &mut out).unwrap();
    assert_eq!(fleet.len(), 10);
    assert_eq!(report.refused, [fingerprint(25)]);
    assert_eq!(out[7], Judged::Skipped(Skip::Refused));
    assert_eq!(
        (report.counts.new_series, report.counts.refused_series),
        (4, 1)
    );
    let text = report.to_string();
    assert!(
        text.contains("1 series refused; at most 10 series are kept"),
        "{text}"
    );
}

#[test]
fn idle_series_are_forgotten_and_make_room() {
    let options = query("q")
        .max_series(10)
        .unwrap()
        .idle_after_secs(100)
        .unwrap();
    let (mut fleet, id) = fleet(options);
    step(&mut fleet, id, 0..10, 0);
    step(&mut fleet, id, 0..4, 150);
    assert_eq!(fleet.clone().expire(Timestamp::from_secs(100)), 0);
    assert_eq!(fleet.clone().expire(Timestamp::from_secs(101)), 6);
    // A batch that says when it was received makes room by itself.
    let batch_of = [fingerprint(99)];
    let times = [Timestamp::from_secs(160)];
    let mut out = Vec::new();
    let batch = Batch::new(&batch_of, &times, &[1.0]).unwrap();
    let refused = fleet.clone().update(id, &batch, &mut out).unwrap();
    assert_eq!(refused.counts.refused, 1);
    let report = fleet
        .update(id, &batch.received_at(times[0]), &mut out)
        .unwrap();
    assert_eq!(
        (report.counts.expired_series, report.counts.new_series),
        (6, 1)
    );
    assert_eq!(fleet.len(), 5);
    assert!(fleet.remove(id, batch_of[0]).unwrap() && !fleet.remove(id, batch_of[0]).unwrap());
    // One that comes back starts anew.
    step(&mut fleet, id, 9..10, 200);
    assert_eq!(fleet.get(id, fingerprint(9)).unwrap().unwrap().0.seen(), 1);
}

#[test]
fn new_series_start_from_their_siblings_where_the_query_says_so() {
    let mut warm = Vec::new();
    for start in [false, true] {
        let (mut fleet, id) = fleet(query("q").start_from_siblings(start));
        for t in 0..60 {
            step(&mut fleet, id, 0..40, t);
        }
        let mut scored = 0;
        for t in 60..80 {
            let out = step(&mut fleet, id, 40..41, t);
            scored += u32::from(out[0].score().is_some());
        }
        warm.push(scored);
    }
    assert_eq!(warm[0], 0, "a cold start takes 30 points");
    assert!(warm[1] >= 10, "{} of 20 points were judged", warm[1]);
}

#[test]
fn batches_that_do_not_fit_are_errors_and_change_nothing() {
    let times = [Timestamp::from_secs(1); 2];
    assert_eq!(
        Batch::new(&[1], &times, &[1.0]).unwrap_err().kind(),
        ErrorKind::Shape
    );
    assert_eq!(
        Batch::new(&[1, 2], &times, &[1.0; 3]).unwrap_err().kind(),
        ErrorKind::Shape
    );
    assert_eq!(
        Batch::new(&[1, 2], &times, &[]).unwrap_err().kind(),
        ErrorKind::Shape
    );
    let (mut fleet, id) = fleet(query("q"));
    let mut out = Vec::new();
    let two = Batch::new(&[1, 2], &times, &[1.0; 4]).unwrap();
    let error = fleet.update(id, &two, &mut out).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("number of values of a sample is 2"),
        "{error}"
    );
    assert!(fleet.is_empty() && fleet.batches() == 0);
    fleet
        .update(id, &Batch::new(&[], &[], &[]).unwrap(), &mut out)
        .unwrap();
    assert!(out.is_empty());
    let (other, _) = (Fleet::<EwmaStream>::new(), ());
    assert!(other.counts(id).is_err());
}

#[test]
fn options_outside_their_domain_are_refused_by_name() {
    let mut fleet = Fleet::new();
    fleet.add_query(query("q")).unwrap();
    let errors = [
        (query("a").max_series(0).unwrap_err(), "max_series"),
        (
            query("a").idle_after_secs(0).unwrap_err(),
            "idle_after_secs",
        ),
        (query("a").max_ahead_secs(-1).unwrap_err(), "max_ahead_secs"),
        (query("a").features(0).unwrap_err(), "features"),
        (
            fleet
                .add_query(query("a").counter(true).features(2).unwrap())
                .unwrap_err(),
            "features",
        ),
        (fleet.add_query(query("q")).unwrap_err(), "name"),
    ];
    for (error, name) in errors {
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
    let mut used = Ewma::new().build().unwrap();
    used.learn(&[1.0]).unwrap();
    let error = fleet.add_query(FleetQuery::new("a", used)).unwrap_err();
    assert!(error.to_string().contains("detector"), "{error}");
}

#[test]
fn several_values_a_sample_go_to_the_trees_together() {
    let trees = HalfSpaceTrees::small()
        .window(50)
        .unwrap()
        .build(3)
        .unwrap();
    let mut fleet: Fleet<HalfSpaceTreesStream> = Fleet::new();
    let id = fleet
        .add_query(FleetQuery::new("q", trees).features(3).unwrap())
        .unwrap();
    let series: Vec<u64> = (0..20).map(fingerprint).collect();
    let mut out = Vec::new();
    for t in 0..120 {
        let times = vec![Timestamp::from_secs(t); 20];
        let values: Vec<f64> = (0..60)
            .map(|i| 0.3 + 0.001 * ((i * 7 + t) % 13) as f64)
            .collect();
        fleet
            .update(id, &Batch::new(&series, &times, &values).unwrap(), &mut out)
            .unwrap();
    }
    let times = [Timestamp::from_secs(200); 2];
    let batch = Batch::new(&series[..2], &times, &[0.3, 0.3, 0.3, 0.9, 0.9, 0.1]).unwrap();
    fleet.update(id, &batch, &mut out).unwrap();
    assert!(out[1].score() > out[0].score());
}

#[test]
fn a_restored_fleet_goes_on_as_if_nothing_had_happened() {
    let options = || {
        query("q")
            .idle_after_secs(1)
            .unwrap()
            .start_from_siblings(true)
    };
    let dir = tempfile::tempdir().unwrap();
    let (mut lasting, id) = fleet(options());
    let (mut restored, _) = fleet(options());
    let mut changed = 0;
    for t in 0..100 {
        // New series come, some only for a while.
        let series = match t % 3 {
            0 => 0..200,
            1 => 0..(2 * t as u64 + 150),
            _ => 50..60,
        };
        let a = step(&mut lasting, id, series.clone(), t);
        let b = step(&mut restored, id, series, t);
        assert!(a == b, "step {t}");
        for fleet in [&mut lasting, &mut restored] {
            fleet.expire(Timestamp::from_secs(t));
        }
        let mut chain = Chain::open(dir.path()).unwrap();
        let checkpoint = restored.checkpoint(chain.wants_full());
        if !checkpoint.is_full() && t % 3 == 2 {
            assert_eq!(checkpoint.series(), 10, "only what has changed");
            changed += 1;
        }
        checkpoint.save(&mut chain).unwrap();
        restored = Fleet::load(&chain).unwrap().unwrap();
        assert!(state(&restored, id) == state(&lasting, id), "step {t}");
        assert_eq!(restored.query("q"), Some(id));
    }
    assert!(changed > 10);
    assert!(lasting.counts(id).unwrap().expired_series > 10);
}

#[test]
fn a_fleet_of_other_detectors_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    assert!(Fleet::<EwmaStream>::load(&chain).unwrap().is_none());
    let (mut fleet, id) = fleet(query("q"));
    step(&mut fleet, id, 0..5, 0);
    fleet.checkpoint(true).save(&mut chain).unwrap();
    let error = Fleet::<RobustZStream>::load(&chain).unwrap_err();
    assert!(
        error.to_string().contains("a fleet of `stats.ewma`"),
        "{error}"
    );
    assert!(
        FleetQuery::new("a", RobustZ::new().build().unwrap())
            .validate()
            .is_ok()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes, each sample has a result, all are counted, and moments only move on.
    #[test]
    fn nothing_is_lost(samples in prop::collection::vec((0_u64..6, -20_i64..60, any::<f64>()), 0..300), cap in 1_usize..6) {
        let (mut fleet, id) = fleet(query("q").max_series(cap).unwrap());
        let series: Vec<u64> = samples.iter().map(|s| fingerprint(s.0)).collect();
        let times: Vec<_> = samples.iter().map(|s| Timestamp::from_secs(s.1)).collect();
        let values: Vec<f64> = samples.iter().map(|s| s.2).collect();
        let mut out = Vec::new();
        for part in 0..3 {
            let range = part * samples.len() / 3..(part + 1) * samples.len() / 3;
            let batch = Batch::new(&series[range.clone()], &times[range.clone()], &values[range.clone()]).unwrap();
            let report = fleet.update(id, &batch, &mut out).unwrap();
            prop_assert_eq!(out.len(), range.len());
            prop_assert_eq!(report.counts.samples(), range.len() as u64);
            prop_assert!(out.iter().all(|judged| judged.score().is_none_or(|score| !score.is_nan())));
        }
        prop_assert!(fleet.len() <= cap);
        prop_assert_eq!(fleet.counts(id).unwrap().samples(), samples.len() as u64);
    }
}

#[test]
fn changes_are_saved_only_on_top_of_what_they_are_changes_of() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut a, mut b) = (
        Chain::open(a.path()).unwrap(),
        Chain::open(b.path()).unwrap(),
    );
    let (mut fleet, id) = fleet(query("q"));
    step(&mut fleet, id, 0..10, 0);
    fleet.checkpoint(true).save(&mut a).unwrap();
    fleet.checkpoint(true).save(&mut b).unwrap();
    step(&mut fleet, id, 0..5, 60);
    // The first chain has not had the second checkpoint.
    let error = fleet.checkpoint(false).save(&mut a).unwrap_err();
    assert!(error.to_string().contains("since another one"), "{error}");
    assert!(a.wants_full());
    // One that was taken and not saved is missing.
    step(&mut fleet, id, 5..10, 60);
    assert!(fleet.checkpoint(false).save(&mut b).is_err());
    fleet.checkpoint(true).save(&mut b).unwrap();
    step(&mut fleet, id, 0..3, 120);
    fleet.checkpoint(false).save(&mut b).unwrap();
    let loaded = Fleet::load(&b).unwrap().unwrap();
    assert!(state(&loaded, id) == state(&fleet, id));
    // A fleet that has never seen the chain cannot go on from it.
    let (mut other, _) = self::fleet(query("q"));
    assert!(other.checkpoint(false).save(&mut b).is_err());
}

#[test]
fn series_that_were_never_saved_are_forgotten_without_a_trace() {
    let (mut fleet, id) = fleet(query("q").idle_after_secs(60).unwrap());
    step(&mut fleet, id, 0..100, 0);
    let once = fleet.memory_usage().index;
    for t in 1..200_i64 {
        fleet.expire(Timestamp::from_secs(100 * t));
        let start = 1_000 * t as u64;
        step(&mut fleet, id, start..start + 100, 100 * t);
    }
    assert_eq!(fleet.len(), 100);
    let index = fleet.memory_usage().index;
    assert!(index < 2 * once, "{once} bytes have become {index}");
}

#[test]
fn a_series_whose_only_sample_is_ahead_of_time_takes_no_room() {
    let (mut fleet, id) = fleet(query("q").max_series(1).unwrap());
    let times = [400_000, 10].map(Timestamp::from_secs);
    let series = [fingerprint(0), fingerprint(1)];
    let batch = Batch::new(&series, &times, &[1.0; 2]).unwrap();
    let mut out = Vec::new();
    let batch = batch.received_at(Timestamp::from_secs(10));
    fleet.update(id, &batch, &mut out).unwrap();
    assert_eq!(out[0], Judged::Skipped(Skip::Ahead));
    assert!(matches!(out[1], Judged::Warmup { .. }), "{:?}", out[1]);
}

#[test]
fn idle_series_stay_while_there_is_room() {
    let options = query("q").max_series(10).unwrap();
    let (mut fleet, id) = fleet(options.idle_after_secs(60).unwrap());
    step(&mut fleet, id, 0..10, 0);
    let mut give = |series: std::ops::Range<u64>| {
        let fingerprints: Vec<u64> = series.map(fingerprint).collect();
        let times = vec![Timestamp::from_secs(500); fingerprints.len()];
        let values = vec![1.0; fingerprints.len()];
        let batch = Batch::new(&fingerprints, &times, &values).unwrap();
        let batch = batch.received_at(Timestamp::from_secs(500));
        let report = fleet.update(id, &batch, &mut Vec::new()).unwrap();
        (fleet.len(), report.counts.expired_series)
    };
    // All are known: none has to go.
    assert_eq!(give(0..5), (10, 0));
    assert_eq!(give(10..11), (6, 5));
}

#[test]
fn large_detectors_are_saved_in_records_of_moderate_size() {
    let mut fleet: Fleet<HalfSpaceTreesStream> = Fleet::new();
    let detector = HalfSpaceTrees::new().build(1).unwrap();
    let id = fleet.add_query(FleetQuery::new("q", detector)).unwrap();
    // All in one shard.
    let series: Vec<u64> = (0..200).collect();
    let times = vec![Timestamp::from_secs(0); 200];
    let values = vec![0.5; 200];
    let batch = Batch::new(&series, &times, &values).unwrap();
    fleet.update(id, &batch, &mut Vec::new()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    fleet.checkpoint(true).save(&mut chain).unwrap();
    let (mut records, mut largest) = (0, 0);
    let read = chain.read(|record| {
        records += 1;
        largest = largest.max(record.len());
        Ok(())
    });
    read.unwrap();
    assert!(largest < 4 << 20, "{largest}");
    assert!(records > 4, "{records}");
    assert_eq!(
        Fleet::<HalfSpaceTreesStream>::load(&chain)
            .unwrap()
            .unwrap()
            .len(),
        200
    );
}

/// A fleet of 10 series that have warmed up when they have told new ones of their scale, which they
/// have after 16 rounds.
fn siblings(rounds: i64) -> (Fleet<EwmaStream>, QueryId) {
    let detector = Ewma::new().warmup(10).unwrap().build().unwrap();
    let options = FleetQuery::new("q", detector).start_from_siblings(true);
    let (mut fleet, id) = fleet(options);
    for t in 0..rounds {
        step(&mut fleet, id, 0..10, 60 * t);
    }
    (fleet, id)
}

/// What becomes of a new series' first sample, and what is expected of it after five.
fn newcomer(fleet: &Fleet<EwmaStream>, id: QueryId) -> (Judged, Option<bongsu_core::Expectation>) {
    let mut fleet = fleet.clone();
    let first = step(&mut fleet, id, 50..51, 90_000)[0];
    for t in 1..5 {
        step(&mut fleet, id, 50..51, 90_000 + t);
    }
    let (detector, _) = fleet.get(id, fingerprint(50)).unwrap().unwrap();
    (first, detector.expectation())
}

#[test]
fn the_prior_is_renewed_after_sixteen_samples_a_series() {
    for rounds in 0..16 {
        let (fleet, id) = siblings(rounds);
        assert_eq!(newcomer(&fleet, id).0, Judged::Warmup { remaining: 10 });
    }
    // The next batch learns it, and 14 more leave it as it is.
    let (mut fleet, id) = siblings(17);
    let first = newcomer(&fleet, id);
    assert_eq!(first.0, Judged::Warmup { remaining: 5 });
    for t in 17..31 {
        step(&mut fleet, id, 0..10, 60 * t);
        assert_eq!(newcomer(&fleet, id), first, "{t}");
    }
}

#[test]
fn the_prior_stays_when_few_siblings_are_left() {
    let (mut fleet, id) = siblings(17);
    for i in 0..6 {
        fleet.remove(id, fingerprint(i)).unwrap();
    }
    for t in 17..40 {
        step(&mut fleet, id, 6..10, 60 * t);
    }
    assert_eq!(newcomer(&fleet, id).0, Judged::Warmup { remaining: 5 });
}

#[test]
fn a_checkpoint_of_changes_holds_what_has_changed() {
    let (mut fleet, id) = fleet(query("q"));
    step(&mut fleet, id, 0..10, 0);
    assert_eq!(fleet.checkpoint(true).series(), 10);
    assert_eq!(fleet.checkpoint(false).series(), 0);
    step(&mut fleet, id, 0..3, 60);
    // Late: nothing changes.
    step(&mut fleet, id, 5..7, 0);
    assert_eq!(fleet.checkpoint(false).series(), 3);
}

#[test]
fn a_sample_may_be_ahead_by_as_much_as_the_query_says() {
    let (mut fleet, id) = fleet(query("q").max_ahead_secs(10).unwrap());
    let times = [10_000, 10_001].map(Timestamp::from_millis);
    let batch = Batch::new(&[7; 2], &times, &[1.0; 2]).unwrap();
    let mut out = Vec::new();
    let batch = batch.received_at(Timestamp::from_secs(0));
    fleet.update(id, &batch, &mut out).unwrap();
    assert!(matches!(out[0], Judged::Warmup { .. }));
    assert_eq!(out[1], Judged::Skipped(Skip::Ahead));
}

#[test]
fn eight_siblings_say_something_of_a_new_series_and_seven_do_not() {
    let (fleet, id) = siblings(17);
    let of = |n: u64| {
        let of = |i: u64| fleet.get(id, fingerprint(i)).unwrap().unwrap().0;
        bongsu_stream::fleet::scale_of_siblings((0..n).map(of))
    };
    assert!(of(7).is_none() && of(8).is_some());
}
