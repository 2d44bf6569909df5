//! A process that saves its fleet is killed at any moment: what is restored is one checkpoint, whole.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bongsu_core::Timestamp;
use bongsu_core::snapshot::{Chain, to_bytes};
use bongsu_stats::{Ewma, EwmaStream};
use bongsu_stream::fleet::{Batch, Fleet, FleetQuery};

/// Tells the test which is run by itself that it is the process to be killed, and where it saves.
const DIRECTORY: &str = "BONGSU_TEST_FLEET";

const SERIES: u64 = 2_000;

fn fresh() -> Fleet<EwmaStream> {
    let mut fleet = Fleet::new();
    let query = FleetQuery::new("q", Ewma::new().build().unwrap());
    fleet.add_query(query.idle_after_secs(40).unwrap()).unwrap();
    fleet
}

/// Batch number `n`: every tenth brings all series, the others a part.
fn step(fleet: &mut Fleet<EwmaStream>) {
    let n = fleet.batches();
    let series: Vec<u64> = (0..SERIES)
        .filter(|i| n.is_multiple_of(10) || i % 10 == n % 10)
        .map(|i| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect();
    let times = vec![Timestamp::from_secs(n as i64); series.len()];
    let values: Vec<f64> = series
        .iter()
        .map(|f| ((f >> 40) + n * n % 101) as f64)
        .collect();
    let id = fleet.query("q").unwrap();
    let batch = Batch::new(&series, &times, &values).unwrap();
    fleet.update(id, &batch, &mut Vec::new()).unwrap();
}

fn state(fleet: &Fleet<EwmaStream>) -> Vec<(u64, Timestamp, Vec<u8>)> {
    let id = fleet.query("q").unwrap();
    let mut series: Vec<_> = fleet
        .series(id)
        .unwrap()
        .map(|fingerprint| {
            let (detector, newest) = fleet.get(id, fingerprint).unwrap().unwrap();
            (fingerprint, newest, to_bytes(detector).unwrap())
        })
        .collect();
    series.sort();
    series
}

/// Goes on from what is saved, with a checkpoint a batch, until it is killed.
#[test]
fn process_to_be_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let mut chain = Chain::open(Path::new(&directory)).unwrap();
    let mut fleet = Fleet::load(&chain).unwrap().unwrap_or_else(fresh);
    loop {
        step(&mut fleet);
        let full = chain.wants_full();
        fleet.checkpoint(full).save(&mut chain).unwrap();
    }
}

#[test]
fn killed_fifty_times_it_is_restored_to_one_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = fresh();
    let (mut delay, mut moved) = (1_u64, 0);
    for round in 0..50 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process_to_be_killed"])
            .env(DIRECTORY, dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Until it has begun to write, then for a few milliseconds more, each time others.
        let count = || std::fs::read_dir(dir.path()).unwrap().count();
        let (files, start) = (count(), Instant::now());
        while count() == files && start.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        delay = delay * 31 % 67;
        std::thread::sleep(Duration::from_micros(300 * delay));
        child.kill().unwrap();
        child.wait().unwrap();

        let chain = Chain::open(dir.path()).unwrap();
        assert!(
            chain.damage().is_empty(),
            "round {round}: {:?}",
            chain.damage()
        );
        let Some(restored) = Fleet::<EwmaStream>::load(&chain).unwrap() else {
            continue;
        };
        assert!(restored.batches() >= expected.batches(), "round {round}");
        moved += u32::from(restored.batches() > expected.batches());
        while expected.batches() < restored.batches() {
            step(&mut expected);
        }
        assert!(state(&restored) == state(&expected), "round {round}");
    }
    // How many depends on the machine: a loaded one is killed earlier in its work.
    assert!(moved >= 20, "{moved} of 50 rounds came to a checkpoint");
}
