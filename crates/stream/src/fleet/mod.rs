//! Very many series at once: the state of all of them in one object, judged in batches.

mod batch;
mod checkpoint;
mod judge;
mod memory;
mod query;
mod shard;
mod siblings;

use bongsu_core::{Error, Result, StreamDetector, Timestamp};

use judge::{Query, Scratch};
use shard::shard_of;

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
///   judged. Each knows the one that it follows: a chain that missed one asks for a full one. [`Fleet::load`] gives the fleet as it was at the last checkpoint that was written whole,
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
    /// Names the last checkpoint; 0 before the first.
    mark: u64,
    /// Reused from batch to batch.
    scratch: Scratch,
}

/// A query of a [`Fleet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct QueryId(usize);

impl<D> Default for Fleet<D> {
    fn default() -> Self {
        Self {
            queries: Vec::new(),
            batches: 0,
            mark: 0,
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
