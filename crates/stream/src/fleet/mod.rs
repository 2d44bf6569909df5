//! Very many series at once: the state of all of them in one object, judged in batches.

mod batch;
mod checkpoint;
mod memory;
mod query;
mod shard;
mod siblings;

use bongsu_core::{Error, Result, ScalePrior, StreamDetector, Timestamp};
use rayon::prelude::*;

use shard::{Done, SHARDS, Shard, Work, shard_of};

pub use batch::{Batch, BatchReport, Counts, Judged, Skip};
pub use checkpoint::Checkpoint;
pub use memory::MemoryUsage;
pub use query::FleetQuery;
pub use siblings::scale_of_siblings;

/// The detectors of up to millions of series, each under the fingerprint of its labels.
///
/// A batch of samples is judged and learned on all cores of rayon's pool, with the same result as
/// sample by sample: those of a series are taken in the order of the batch. A sample whose moment is
/// not after the newest learned one of its series is skipped and counted, never learned; so are the
/// others that [`Skip`] names. Series of a query beyond its cap are refused, in the order in which
/// they come, and told of in the [`BatchReport`].
///
/// The fleet is as generic as its detector: a fleet of `EwmaStream`, of an enum of detectors of your
/// own, or of half-space trees with several values a sample.
///
/// - **Saving:** [`Fleet::checkpoint`] copies what has changed since the last checkpoint, which takes
///   less time than the batches that changed it; encoding and writing the copy to a
///   [`Chain`](bongsu_core::snapshot::Chain) may go on in another thread while the next batch is
///   judged. [`Fleet::load`] gives the fleet as it was at the last checkpoint that was written whole,
///   and it goes on bit for bit as the first would have.
/// - **Siblings:** where a query says so, a new series starts from the scale of its siblings; see
///   [`scale_of_siblings`]. What is known of them is renewed between batches, whenever there have
///   been as many samples as 16 a series, so that the number of threads makes no difference.
///
/// Two series of the same fingerprint are taken for one: among a million series the probability that
/// there is such a pair is 3e-8.
///
/// Cost: O(1) time a sample beside its detector's, about 50 bytes a series beside its detector; see
/// [`Fleet::memory_usage`].
///
/// ```
/// use bongsu_core::{StreamDetector as _, Timestamp};
/// use bongsu_stats::Ewma;
/// use bongsu_stream::fleet::{Batch, Fleet, FleetQuery, Judged};
///
/// let mut fleet = Fleet::new();
/// let load = fleet.add_query(FleetQuery::new("load", Ewma::new().build()?))?;
/// let series: Vec<u64> = (0..1_000_u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
/// let mut out = Vec::new();
/// for minute in 0..100_u32 {
///     let times = vec![Timestamp::from_secs(60 * i64::from(minute)); 1_000];
///     let values: Vec<f64> = (0..1_000).map(|i| f64::from((i + minute) % 7)).collect();
///     fleet.update(load, &Batch::new(&series, &times, &values)?, &mut out)?;
/// }
/// let time = [Timestamp::from_secs(6_000)];
/// let report = fleet.update(load, &Batch::new(&series[..1], &time, &[50.0])?, &mut out)?;
/// assert!(out[0].score().unwrap() > 4.0);
/// assert_eq!(report.to_string(), "query `load`: 1 scored");
/// assert_eq!(fleet.len(), 1_000);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Fleet<D> {
    queries: Vec<Query<D>>,
    batches: u64,
    /// Reused from batch to batch.
    scratch: Scratch,
}

/// A query of a [`Fleet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueryId(usize);

#[derive(Debug, Clone)]
struct Query<D> {
    options: FleetQuery<D>,
    shards: Vec<Shard<D>>,
    counts: Counts,
    siblings: Siblings,
}

/// What is known of the scale of a query's series.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Siblings {
    prior: Option<ScalePrior>,
    /// Samples since it was learned.
    samples: u64,
}

/// Samples a series after which what is known of the siblings is renewed.
const RENEW: u64 = 16;

/// So many siblings are looked at.
const SIBLINGS: usize = 256;

/// Batches of fewer samples are not worth waking threads for.
const FEW: usize = 512;

#[derive(Debug, Clone, Default)]
struct Scratch {
    /// The places of the samples in the batch, shard by shard.
    order: Vec<u32>,
    /// Where each shard's begin, and the end.
    starts: Vec<usize>,
    judged: Vec<Judged>,
}

impl<D> Default for Fleet<D> {
    fn default() -> Self {
        Self {
            queries: Vec::new(),
            batches: 0,
            scratch: Scratch::default(),
        }
    }
}

impl<D> Fleet<D> {
    /// A fleet without queries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The query of this name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<QueryId> {
        let named = |query: &Query<D>| query.options.name() == name;
        self.queries.iter().position(named).map(QueryId)
    }

    /// The number of series of all queries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queries.iter().map(Query::len).sum()
    }

    /// Whether there are no series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of batches that were taken in.
    #[must_use]
    pub const fn batches(&self) -> u64 {
        self.batches
    }

    fn at(&self, id: QueryId) -> Result<&Query<D>> {
        self.queries.get(id.0).ok_or_else(|| unknown(id))
    }

    fn at_mut(&mut self, id: QueryId) -> Result<&mut Query<D>> {
        self.queries.get_mut(id.0).ok_or_else(|| unknown(id))
    }

    /// The options of a query.
    ///
    /// # Errors
    /// When the fleet has no such query.
    pub fn options(&self, id: QueryId) -> Result<&FleetQuery<D>> {
        Ok(&self.at(id)?.options)
    }

    /// All samples and series of a query so far.
    ///
    /// # Errors
    /// When the fleet has no such query.
    pub fn counts(&self, id: QueryId) -> Result<Counts> {
        Ok(self.at(id)?.counts)
    }

    /// The fingerprints of the series of a query, in no particular order.
    ///
    /// # Errors
    /// When the fleet has no such query.
    pub fn series(&self, id: QueryId) -> Result<impl Iterator<Item = u64>> {
        let shards = self.at(id)?.shards.iter();
        Ok(shards.flat_map(|shard| shard.entries().map(|entry| entry.fingerprint)))
    }

    /// The detector of a series, when it is there, and its newest learned moment.
    ///
    /// # Errors
    /// When the fleet has no such query.
    pub fn get(&self, id: QueryId, fingerprint: u64) -> Result<Option<(&D, Timestamp)>> {
        let shard = self.at(id)?.shards.get(shard_of(fingerprint));
        let entry = shard.and_then(|shard| shard.get(fingerprint));
        Ok(entry.map(|entry| (&entry.detector, entry.newest)))
    }

    /// Forgets a series; whether it was there.
    ///
    /// # Errors
    /// When the fleet has no such query.
    pub fn remove(&mut self, id: QueryId, fingerprint: u64) -> Result<bool> {
        let shard = self.at_mut(id)?.shards.get_mut(shard_of(fingerprint));
        Ok(shard.is_some_and(|shard| shard.forget(fingerprint)))
    }

    /// Forgets the series of all queries that have been idle for too long at `now`; how many there
    /// were.
    ///
    /// Cost: O(series) time.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        let expired = self.queries.iter_mut().map(|query| query.expire(now));
        expired.sum()
    }
}

fn unknown(id: QueryId) -> Error {
    Error::parameter("query", id.0, "one of this fleet")
}

impl<D: StreamDetector + Clone + Sync> Fleet<D> {
    /// Adds a query without series.
    ///
    /// # Errors
    /// When its options are outside their domain, or there is one of that name.
    pub fn add_query(&mut self, options: FleetQuery<D>) -> Result<QueryId> {
        options.validate()?;
        if self.query(options.name()).is_some() {
            let name = format!("`{}`", options.name());
            return Err(Error::parameter("name", name, "that of no other query"));
        }
        self.queries.push(Query::new(options));
        Ok(QueryId(self.queries.len() - 1))
    }

    /// Judges and then learns the samples of `batch`; `out` is replaced by what became of each, in
    /// their order.
    ///
    /// # Errors
    /// When the fleet has no such query, or its samples have another number of values; nothing is
    /// learned then.
    ///
    /// Cost: that of the detector for each sample, and O(1).
    pub fn update(
        &mut self,
        id: QueryId,
        batch: &Batch<'_>,
        out: &mut Vec<Judged>,
    ) -> Result<BatchReport> {
        let query = self.queries.get_mut(id.0).ok_or_else(|| unknown(id))?;
        let features = query.options.n_features();
        if batch.features().is_some_and(|found| found != features) {
            let found = batch.features().unwrap_or_default();
            return Err(Error::shape(
                "number of values of a sample",
                found,
                features,
            ));
        }
        let report = query.update(batch, &mut self.scratch, out);
        self.batches = self.batches.saturating_add(1);
        Ok(report)
    }
}

impl<D> Query<D> {
    fn len(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    fn expire(&mut self, now: Timestamp) -> usize {
        let Some(idle_after) = self.options.idle_after() else {
            return 0;
        };
        let oldest = now.add_millis(-idle_after);
        let expired = self.shards.iter_mut().map(|shard| shard.expire(oldest));
        let expired = expired.sum();
        self.counts.expired_series += expired as u64;
        expired
    }
}

impl<D: StreamDetector + Clone + Sync> Query<D> {
    fn new(options: FleetQuery<D>) -> Self {
        Self {
            options,
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            counts: Counts::default(),
            siblings: Siblings::default(),
        }
    }

    fn update(
        &mut self,
        batch: &Batch<'_>,
        scratch: &mut Scratch,
        out: &mut Vec<Judged>,
    ) -> BatchReport {
        self.renew_prior(batch.len());
        scratch.sort(batch.series);
        let expired_before = self.counts.expired_series;
        let (admitted, refused) = self.admit(batch, scratch);
        let work = Work {
            query: &self.options,
            batch,
            prior: self.siblings.prior.as_ref(),
            admitted: admitted.as_deref(),
        };
        let done = scratch.run(&work, &mut self.shards);
        out.clear();
        out.resize(batch.len(), Judged::Skipped(Skip::Refused));
        for (&place, &judged) in scratch.order.iter().zip(&scratch.judged) {
            if let Some(out) = out.get_mut(place as usize) {
                *out = judged;
            }
        }
        let mut counts = Counts {
            refused_series: refused.len() as u64,
            ..Counts::default()
        };
        let mut invalid: Option<(u32, String)> = None;
        for done in done {
            counts += done.counts;
            let earlier = |(at, _): &(u32, String)| invalid.as_ref().is_none_or(|(i, _)| at < i);
            if let Some(first) = done.invalid.filter(earlier) {
                invalid = Some(first);
            }
        }
        self.counts += counts;
        counts.expired_series = self.counts.expired_series - expired_before;
        BatchReport {
            query: self.options.name().to_owned(),
            counts,
            max_series: self.options.cap(),
            refused: refused.into_iter().take(10).collect(),
            invalid: invalid.map(|(_, why)| why),
        }
    }

    /// The new series that are taken in, sorted (all when `None`), and those that are refused, in the
    /// order of the batch.
    fn admit(&mut self, batch: &Batch<'_>, scratch: &Scratch) -> (Option<Vec<u64>>, Vec<u64>) {
        let enough = |query: &Self| query.len() + batch.len() <= query.options.cap();
        if enough(self) {
            return (None, Vec::new());
        }
        if let Some(now) = batch.received {
            self.expire(now);
        }
        let mut new: Vec<(u32, u64)> = self
            .shards
            .par_iter()
            .zip(scratch.parts())
            .flat_map_iter(|(shard, part)| {
                let of = |&at: &u32| Some((at, *batch.series.get(at as usize)?));
                part.iter()
                    .filter_map(of)
                    .filter(|&(_, fingerprint)| !shard.knows(fingerprint))
            })
            .collect();
        // The first sample of each series that can be taken in at all.
        let takes = |&(at, _): &(u32, u64)| {
            let (at, features) = (at as usize, self.options.n_features());
            let values = batch.values.get(at * features..(at + 1) * features);
            values.is_some_and(|values| values.iter().all(|x| x.is_finite()))
        };
        new.retain(takes);
        new.sort_unstable_by_key(|&(at, fingerprint)| (fingerprint, at));
        new.dedup_by_key(|(_, fingerprint)| *fingerprint);
        new.sort_unstable();
        let room = self.options.cap().saturating_sub(self.len());
        let mut admitted: Vec<u64> = new.iter().map(|&(_, fingerprint)| fingerprint).collect();
        let refused = admitted.split_off(room.min(admitted.len()));
        admitted.sort_unstable();
        (Some(admitted), refused)
    }

    /// Learns the scale of the siblings anew when it is due.
    fn renew_prior(&mut self, samples: usize) {
        if !self.options.starts_from_siblings() {
            return;
        }
        if self.siblings.samples >= RENEW * self.len() as u64 {
            // Those of the smallest fingerprints are a random choice, and always the same one.
            let mut all: Vec<(u64, &D)> = self
                .shards
                .iter()
                .flat_map(Shard::entries)
                .map(|entry| (entry.fingerprint, &entry.detector))
                .collect();
            if let Some(last) = SIBLINGS.checked_sub(1).filter(|&last| last < all.len()) {
                all.select_nth_unstable_by_key(last, |&(fingerprint, _)| fingerprint);
            }
            let chosen = all.iter().take(SIBLINGS).map(|&(_, detector)| detector);
            self.siblings = Siblings {
                prior: scale_of_siblings(chosen).or(self.siblings.prior),
                samples: 0,
            };
        }
        self.siblings.samples = self.siblings.samples.saturating_add(samples as u64);
    }
}

impl Scratch {
    /// Sorts the samples by shard, those of a shard in the order of the batch.
    fn sort(&mut self, series: &[u64]) {
        let mut counts = [0_usize; SHARDS];
        for &fingerprint in series {
            if let Some(count) = counts.get_mut(shard_of(fingerprint)) {
                *count += 1;
            }
        }
        self.starts.clear();
        self.starts.push(0);
        let mut next = [0_usize; SHARDS];
        let mut sum = 0;
        for (next, count) in next.iter_mut().zip(counts) {
            *next = sum;
            sum += count;
            self.starts.push(sum);
        }
        self.order.clear();
        self.order.resize(series.len(), 0);
        for (at, &fingerprint) in (0..).zip(series) {
            let next = next.get_mut(shard_of(fingerprint));
            if let Some(next) = next
                && let Some(place) = self.order.get_mut(*next)
            {
                *place = at;
                *next += 1;
            }
        }
    }

    /// The places of each shard's samples.
    fn parts(&self) -> Vec<&[u32]> {
        let bounds = self.starts.iter().zip(self.starts.iter().skip(1));
        bounds
            .map(|(&from, &to)| self.order.get(from..to).unwrap_or_default())
            .collect()
    }

    /// Lets each shard judge its samples; the results are in the order of `order`.
    fn run<D: StreamDetector + Clone + Sync>(
        &mut self,
        work: &Work<'_, D>,
        shards: &mut [Shard<D>],
    ) -> Vec<Done> {
        self.judged.clear();
        self.judged
            .resize(self.order.len(), Judged::Skipped(Skip::Refused));
        let mut rest = self.judged.as_mut_slice();
        let mut jobs = Vec::with_capacity(SHARDS);
        let bounds = self.starts.iter().zip(self.starts.iter().skip(1));
        for (shard, (&from, &to)) in shards.iter_mut().zip(bounds) {
            let samples = self.order.get(from..to).unwrap_or_default();
            let (out, after) = rest.split_at_mut(samples.len().min(rest.len()));
            rest = after;
            if !samples.is_empty() {
                jobs.push((shard, samples, out));
            }
        }
        if self.order.len() < FEW {
            let run = |(shard, samples, out): (&mut Shard<D>, _, _)| shard.run(work, samples, out);
            return jobs.into_iter().map(run).collect();
        }
        jobs.into_par_iter()
            .map(|(shard, samples, out)| shard.run(work, samples, out))
            .collect()
    }
}
