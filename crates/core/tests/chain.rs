//! Chains of snapshots: what is read back is one moment, whatever happened to the files.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bongsu_core::snapshot::{Chain, Snapshot, from_bytes, to_bytes};
use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Changes(Vec<(u32, u64)>);

impl Snapshot for Changes {
    const KIND: &'static str = "test.changes";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// What the chain holds: the number of writes, under key 0, and the keys that they set.
fn read(chain: &Chain) -> BTreeMap<u32, u64> {
    let mut state = BTreeMap::new();
    let read = chain.read(|record| {
        state.extend(from_bytes::<Changes>(record)?.0);
        Ok(())
    });
    read.unwrap();
    state
}

/// Write `n`: one record says that it is the n-th, another sets some keys.
fn write(chain: &mut Chain, full: bool, n: u64) {
    let keys = if full {
        (1..20).map(|key| (key, 1_000 * n)).collect()
    } else {
        vec![(n as u32 % 20 + 1, 1_000 * n)]
    };
    let records = [Changes(vec![(0, n)]), Changes(keys)];
    chain.write(full, records.iter().map(to_bytes)).unwrap();
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "bngs"));
    files.sort();
    files
}

#[test]
fn changes_come_on_top_of_the_full_copy() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    assert!(chain.is_empty() && chain.wants_full());
    write(&mut chain, true, 1);
    write(&mut chain, false, 2);
    assert!(!chain.wants_full());
    drop(chain);
    let chain = Chain::open(dir.path()).unwrap();
    let state = read(&chain);
    assert_eq!((state[&0], state[&1], state[&3]), (2, 1_000, 2_000));
    let newest = chain.newest().unwrap().unwrap();
    assert_eq!(
        from_bytes::<Changes>(&newest).unwrap(),
        Changes(vec![(0, 2)])
    );
}

#[test]
fn full_copies_are_wanted_again_and_old_files_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    for n in 1..200 {
        let full = chain.wants_full();
        write(&mut chain, full, n);
    }
    let fulls = files(dir.path())
        .iter()
        .filter(|path| path.to_string_lossy().contains("full"))
        .count();
    assert_eq!(fulls, 2);
    assert!(files(dir.path()).len() < 20);
    assert_eq!(read(&chain)[&0], 199);
}

#[test]
fn a_damaged_file_takes_what_follows_it_along() {
    for damage in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let mut chain = Chain::open(dir.path()).unwrap();
        write(&mut chain, true, 1);
        for n in 2..6 {
            write(&mut chain, false, n);
        }
        drop(chain);
        let path = &files(dir.path())[3];
        let mut bytes = fs::read(path).unwrap();
        match damage {
            0 => bytes.truncate(bytes.len() / 2),
            1 => bytes[70] ^= 1,
            2 => bytes.push(0),
            _ => bytes.clear(),
        }
        fs::write(path, bytes).unwrap();
        let mut chain = Chain::open(dir.path()).unwrap();
        assert_eq!(read(&chain)[&0], 3, "damage {damage}");
        assert_eq!(chain.damage().len(), 2);
        assert!(chain.damage()[0].path.exists());
        assert!(chain.wants_full());
        assert!(chain.write(false, []).is_err());
        write(&mut chain, true, 9);
        drop(chain);
        let chain = Chain::open(dir.path()).unwrap();
        assert_eq!(read(&chain)[&0], 9);
        assert!(!chain.wants_full() && chain.damage().is_empty());
    }
}

#[test]
fn without_the_newest_full_copy_the_one_before_counts() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    for (full, n) in [(true, 1), (false, 2), (true, 3), (false, 4)] {
        write(&mut chain, full, n);
    }
    drop(chain);
    fs::write(&files(dir.path())[2], b"BNGS").unwrap();
    let chain = Chain::open(dir.path()).unwrap();
    assert_eq!(read(&chain)[&0], 2);
    assert_eq!(chain.damage().len(), 2);
}

#[test]
fn files_of_two_chains_do_not_mix() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (dir, first) in [(&a, 10), (&b, 20)] {
        let mut chain = Chain::open(dir.path()).unwrap();
        write(&mut chain, true, first);
        write(&mut chain, false, first + 1);
    }
    fs::copy(&files(b.path())[1], &files(a.path())[1]).unwrap();
    let chain = Chain::open(a.path()).unwrap();
    assert_eq!(read(&chain)[&0], 10);
    assert_eq!(chain.damage().len(), 1);
}

#[test]
fn a_failed_write_leaves_the_chain_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    write(&mut chain, true, 1);
    let records = [to_bytes(&Changes(vec![(0, 2)])), Err(Error::input("no"))];
    assert!(chain.write(false, records).is_err());
    assert_eq!(read(&chain)[&0], 1);
    assert!(chain.wants_full() && chain.write(false, []).is_err());
    drop(chain);
    assert_eq!(read(&Chain::open(dir.path()).unwrap())[&0], 1);
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let chain = Chain::open(dir.path()).unwrap();
    let error = Chain::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    drop(chain);
    Chain::open(dir.path()).unwrap();
}

#[test]
fn leftovers_of_a_killed_process_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let leftover = dir.path().join("000000000007-full.bngs.99.tmp");
    fs::write(&leftover, b"half").unwrap();
    fs::write(dir.path().join("notes.txt"), b"mine").unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    assert!(!leftover.exists() && dir.path().join("notes.txt").exists());
    write(&mut chain, true, 1);
    assert!(files(dir.path())[0].ends_with("000000000008-full.bngs"));
}

#[test]
fn changes_go_on_after_a_process_was_killed_while_it_wrote_changes() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    write(&mut chain, true, 1);
    drop(chain);
    fs::write(dir.path().join("000000000001-changes.bngs.9.tmp"), b"BN").unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    assert!(!chain.wants_full());
    write(&mut chain, false, 2);
    write(&mut chain, false, 3);
    drop(chain);
    let chain = Chain::open(dir.path()).unwrap();
    assert_eq!(read(&chain)[&0], 3);
    assert!(chain.damage().is_empty());
}

#[test]
fn a_renamed_file_does_not_break_what_is_written_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    for n in 1..5 {
        write(&mut chain, true, n);
    }
    drop(chain);
    let last = files(dir.path()).pop().unwrap();
    for path in files(dir.path()) {
        if path != last {
            fs::remove_file(path).unwrap();
        }
    }
    fs::rename(&last, dir.path().join("0-restored.bngs")).unwrap();
    let mine = dir.path().join("2026-notes.tmp");
    fs::write(&mine, b"not of the chain").unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    write(&mut chain, false, 5);
    drop(chain);
    let chain = Chain::open(dir.path()).unwrap();
    assert_eq!(read(&chain)[&0], 5);
    assert!(chain.damage().is_empty() && mine.exists());
}

/// Every way to cut a file short and every bit that can flip gives an earlier state, whole.
#[test]
fn no_damage_of_a_byte_gives_a_mixture() {
    let dir = tempfile::tempdir().unwrap();
    let mut chain = Chain::open(dir.path()).unwrap();
    for (full, n) in [(true, 1), (false, 2), (false, 3)] {
        write(&mut chain, full, n);
    }
    drop(chain);
    let names = files(dir.path());
    let whole: Vec<Vec<u8>> = names.iter().map(|path| fs::read(path).unwrap()).collect();
    let try_with = |damaged: usize, bytes: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        for (i, (path, kept)) in names.iter().zip(&whole).enumerate() {
            let bytes = if i == damaged { bytes } else { kept };
            fs::write(dir.path().join(path.file_name().unwrap()), bytes).unwrap();
        }
        let chain = Chain::open(dir.path()).unwrap();
        assert!(!chain.damage().is_empty());
        if damaged == 0 {
            assert!(chain.is_empty());
        } else {
            assert_eq!(read(&chain)[&0], damaged as u64);
        }
    };
    for (file, bytes) in whole.iter().enumerate() {
        for at in 0..bytes.len() {
            try_with(file, &bytes[..at]);
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            try_with(file, &flipped);
        }
    }
}
