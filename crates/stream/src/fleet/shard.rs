use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use bongsu_core::{ScalePrior, Score, StreamDetector, Timestamp};

use super::batch::{Batch, Counts, Judged, Skip};
use super::query::FleetQuery;

/// The shards of a query: enough for many cores, few enough to cost nothing.
pub(super) const SHARDS: usize = 64;

/// The shard of a fingerprint.
pub(super) const fn shard_of(fingerprint: u64) -> usize {
    (fingerprint >> 58) as usize
}

/// A series of the fleet.
#[derive(Debug, Clone)]
pub(super) struct Entry<D> {
    pub(super) fingerprint: u64,
    /// The newest learned moment.
    pub(super) newest: Timestamp,
    /// The newest value of a counter, NaN before the first.
    pub(super) base: f64,
    /// Whether it has changed since the last checkpoint.
    pub(super) dirty: bool,
    /// Whether it is in a checkpoint, so that the next must tell when it is forgotten.
    pub(super) saved: bool,
    pub(super) detector: D,
}

/// The series whose fingerprints start with the same bits.
#[derive(Debug, Clone)]
pub(super) struct Shard<D> {
    places: HashMap<u64, u32, BuildHasherDefault<Fingerprints>>,
    /// All but the last are full. Short chunks rather than one long vector: it grows without copying,
    /// and holds little that is not used.
    chunks: Vec<Vec<Entry<D>>>,
    /// Those of the last checkpoint that were forgotten since.
    removed: Vec<u64>,
}

/// Series in a chunk.
const CHUNK: usize = 64;

/// Series by which a chunk grows: a query of few series shall be small.
const STEP: usize = 16;

/// Fingerprints are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Fingerprints(u64);

impl Hasher for Fingerprints {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, fingerprint: u64) {
        // A hash table looks at the highest and the lowest bits; the highest are the shard's.
        self.0 = fingerprint.rotate_left(6);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
}

/// What a batch asks of a shard.
#[derive(Debug)]
pub(super) struct Work<'a, D> {
    pub(super) query: &'a FleetQuery<D>,
    pub(super) batch: &'a Batch<'a>,
    pub(super) prior: Option<&'a ScalePrior>,
    /// The new series that are taken in, sorted; all when `None`.
    pub(super) admitted: Option<&'a [u64]>,
}

/// What judging the samples of a shard gave, beside the results.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) counts: Counts,
    pub(super) invalid: Option<(u32, String)>,
}

impl<D> Default for Shard<D> {
    fn default() -> Self {
        Self {
            places: HashMap::default(),
            chunks: Vec::new(),
            removed: Vec::new(),
        }
    }
}

impl<D> Shard<D> {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn knows(&self, fingerprint: u64) -> bool {
        self.places.contains_key(&fingerprint)
    }

    fn entry_at(&mut self, place: u32) -> Option<&mut Entry<D>> {
        let place = place as usize;
        self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)
    }

    pub(super) fn get(&self, fingerprint: u64) -> Option<&Entry<D>> {
        let place = *self.places.get(&fingerprint)? as usize;
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<D>> {
        self.chunks.iter().flatten()
    }

    /// Puts an entry in the place of the one with its fingerprint, or in a new place.
    pub(super) fn put(&mut self, entry: Entry<D>) {
        let place = self.places.get(&entry.fingerprint).copied();
        match place.and_then(|place| self.entry_at(place)) {
            Some(known) => *known = entry,
            None => {
                self.push(entry);
            }
        }
    }

    fn push(&mut self, entry: Entry<D>) -> u32 {
        let place = self.places.len() as u32;
        self.places.insert(entry.fingerprint, place);
        let last = self.chunks.last_mut().filter(|last| last.len() < CHUNK);
        if let Some(last) = last {
            if last.len() == last.capacity() {
                last.reserve_exact(STEP);
            }
            last.push(entry);
        } else {
            let mut chunk = Vec::with_capacity(STEP);
            chunk.push(entry);
            self.chunks.push(chunk);
        }
        place
    }

    /// Forgets a series; whether it was there. The last one moves to its place.
    pub(super) fn remove(&mut self, fingerprint: u64) -> bool {
        let Some(place) = self.places.remove(&fingerprint) else {
            return false;
        };
        let last = self.chunks.last_mut().and_then(Vec::pop);
        if self.chunks.last().is_some_and(Vec::is_empty) {
            self.chunks.pop();
        }
        if let Some(last) = last
            && last.fingerprint != fingerprint
        {
            self.places.insert(last.fingerprint, place);
            if let Some(entry) = self.entry_at(place) {
                *entry = last;
            }
        }
        true
    }

    /// Forgets the series whose newest moment is before `oldest`; how many there were.
    pub(super) fn expire(&mut self, oldest: Timestamp) -> usize {
        let idle = |entry: &&Entry<D>| entry.newest < oldest;
        let idle: Vec<u64> = self.entries().filter(idle).map(|e| e.fingerprint).collect();
        for &fingerprint in &idle {
            self.forget(fingerprint);
        }
        idle.len()
    }

    /// Forgets a series for good; whether it was there.
    pub(super) fn forget(&mut self, fingerprint: u64) -> bool {
        if self.get(fingerprint).is_some_and(|entry| entry.saved) {
            self.removed.push(fingerprint);
        }
        self.remove(fingerprint)
    }

    /// What was forgotten since the last time, which is forgotten in turn.
    pub(super) fn take_removed(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.removed)
    }

    /// The bytes of the table and the chunks, without what detectors hold on the heap.
    pub(super) fn own_bytes(&self) -> (usize, usize) {
        // Seven of eight buckets are used at most; each has a byte of its own beside key and place.
        let buckets = match self.places.capacity() {
            0 => 0,
            capacity => (capacity * 8 / 7).next_power_of_two(),
        };
        let index = buckets * (size_of::<(u64, u32)>() + 1) + self.removed.capacity() * 8;
        let chunks: usize = self.chunks.iter().map(Vec::capacity).sum();
        let spine = self.chunks.capacity() * size_of::<Vec<Entry<D>>>();
        (chunks * size_of::<Entry<D>>(), index + spine)
    }
}

impl<D> Shard<D> {
    /// What `copy` makes of the entries that have changed since the last time, or of all, in lists of
    /// about `most` bytes, by what `bytes` says of an entry.
    pub(super) fn copy<T>(
        &mut self,
        all: bool,
        most: usize,
        bytes: impl Fn(&Entry<D>) -> usize,
        copy: impl Fn(&Entry<D>) -> T,
    ) -> Vec<Vec<T>> {
        let changed = |entry: &&mut Entry<D>| all || entry.dirty;
        let mut left = self.chunks.iter_mut().flatten().filter(changed).count();
        let mut lists: Vec<Vec<T>> = Vec::new();
        let mut room = 0;
        for entry in self.chunks.iter_mut().flatten().filter(changed) {
            entry.dirty = false;
            entry.saved = true;
            let needed = bytes(entry).max(1);
            if needed > room {
                room = most;
                // About as long as it will be: a list that grows is copied again and again.
                lists.push(Vec::with_capacity(left.min(most / needed + 1)));
            }
            room = room.saturating_sub(needed);
            if let Some(list) = lists.last_mut() {
                list.push(copy(entry));
                left -= 1;
            }
        }
        lists
    }
}

impl<D: StreamDetector + Clone> Shard<D> {
    /// Judges and learns the samples whose places in the batch are `samples`, in this order.
    pub(super) fn run(&mut self, work: &Work<'_, D>, samples: &[u32], out: &mut [Judged]) -> Done {
        let mut done = Done::default();
        for (&sample, out) in samples.iter().zip(out) {
            *out = self.sample(work, sample, &mut done);
            done.counts.add(out);
        }
        done
    }

    #[inline]
    fn sample(&mut self, work: &Work<'_, D>, sample: u32, done: &mut Done) -> Judged {
        let at = sample as usize;
        let x = match work.batch.take(at, work.query) {
            Ok(x) => x,
            Err(why) => return Judged::Skipped(why),
        };
        let fingerprint = work.batch.series.get(at).copied().unwrap_or_default();
        let time = work.batch.timestamps.get(at).copied().unwrap_or_default();
        let place = match self.places.get(&fingerprint) {
            Some(&place) => place,
            None if work.admits(fingerprint) => {
                done.counts.new_series += 1;
                self.push(work.fresh(fingerprint))
            }
            None => return Judged::Skipped(Skip::Refused),
        };
        let Some(entry) = self.entry_at(place) else {
            return Judged::Skipped(Skip::Invalid);
        };
        entry.take(work, time, x).unwrap_or_else(|error| {
            let error = error.to_string();
            done.invalid.get_or_insert((sample, error));
            Judged::Skipped(Skip::Invalid)
        })
    }
}

impl<D: StreamDetector + Clone> Work<'_, D> {
    fn admits(&self, fingerprint: u64) -> bool {
        self.admitted
            .is_none_or(|admitted| admitted.binary_search(&fingerprint).is_ok())
    }

    fn fresh(&self, fingerprint: u64) -> Entry<D> {
        let mut detector = self.query.detector().clone();
        if let Some(prior) = self.prior {
            detector.start_from(prior);
        }
        Entry {
            fingerprint,
            newest: Timestamp::MIN,
            base: f64::NAN,
            dirty: true,
            saved: false,
            detector,
        }
    }
}

impl<D: StreamDetector + Clone> Entry<D> {
    #[inline]
    fn take(
        &mut self,
        work: &Work<'_, D>,
        time: Timestamp,
        x: &[f64],
    ) -> bongsu_core::Result<Judged> {
        if time <= self.newest {
            let repeated = time == self.newest && self.newest > Timestamp::MIN;
            let why = if repeated { Skip::Repeated } else { Skip::Late };
            return Ok(Judged::Skipped(why));
        }
        if !work.query.is_counter() {
            let judged = self.learn(work, time, x)?;
            self.advance(time);
            return Ok(judged);
        }
        let value = x.first().copied().unwrap_or_default();
        let increase = value - self.base;
        let seconds = time.millis_since(self.newest) as f64 / 1e3;
        let judged = if self.base.is_nan() {
            Judged::Skipped(Skip::CounterStart)
        } else if increase < 0.0 {
            Judged::Skipped(Skip::CounterReset)
        } else {
            self.learn(work, time, &[increase / seconds])?
        };
        self.advance(time);
        self.base = value;
        Ok(judged)
    }

    fn advance(&mut self, time: Timestamp) {
        self.newest = time;
        self.dirty = true;
    }

    #[inline]
    fn learn(
        &mut self,
        work: &Work<'_, D>,
        time: Timestamp,
        x: &[f64],
    ) -> bongsu_core::Result<Judged> {
        self.detector.set_time(time);
        let expectation = if work.batch.expectations {
            self.detector.expectation()
        } else {
            None
        };
        Ok(match self.detector.score_then_learn(x)? {
            Score::Ready(score) => Judged::Scored { score, expectation },
            Score::Warmup { remaining } => Judged::Warmup { remaining },
        })
    }
}
