//! The fleet: the same as one by one, and every skip counted.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod fleets;

use bongsu_core::{ErrorKind, Score, StreamDetector as _, Timestamp};
use bongsu_stats::{Ewma, EwmaStream};
use bongsu_stream::fleet::{Batch, Fleet, FleetQuery, Judged, Skip};
use bongsu_stream::{HalfSpaceTrees, HalfSpaceTreesStream};
use fleets::{fingerprint, fleet, give, query, state, step, value};
use proptest::prelude::*;

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
