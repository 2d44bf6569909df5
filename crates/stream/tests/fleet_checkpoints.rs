//! Checkpoints of the fleet: what has changed is saved, and restored bit for bit.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod fleets;

use bongsu_core::Timestamp;
use bongsu_core::snapshot::Chain;
use bongsu_stats::{EwmaStream, RobustZ, RobustZStream};
use bongsu_stream::fleet::{Batch, Fleet, FleetQuery};
use bongsu_stream::{HalfSpaceTrees, HalfSpaceTreesStream};
use fleets::{fleet, query, state, step};

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
