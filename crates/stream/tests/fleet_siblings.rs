//! New series of the fleet, and what they take from their siblings.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod fleets;

use bongsu_core::StreamDetector as _;
use bongsu_stats::{Ewma, EwmaStream};
use bongsu_stream::fleet::{Fleet, FleetQuery, Judged, QueryId};
use fleets::{fingerprint, fleet, query, step};

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
fn eight_siblings_say_something_of_a_new_series_and_seven_do_not() {
    let (fleet, id) = siblings(17);
    let of = |n: u64| {
        let of = |i: u64| fleet.get(id, fingerprint(i)).unwrap().unwrap().0;
        bongsu_stream::fleet::scale_of_siblings((0..n).map(of))
    };
    assert!(of(7).is_none() && of(8).is_some());
}
