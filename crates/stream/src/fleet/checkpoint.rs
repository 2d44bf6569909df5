use bongsu_core::snapshot::{self, Chain};
use bongsu_core::{Error, Result, Snapshot, StreamDetector, Timestamp};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Fleet;
use super::batch::Counts;
use super::judge::{Query, Siblings};
use super::query::FleetQuery;
use super::shard::{Entry, Shard, shard_of};
use crate::random::split;

/// A copy of what has changed in a fleet, taken between two batches, to be written at leisure.
#[derive(Debug, Clone)]
pub struct Checkpoint<D> {
    full: bool,
    opening: Opening,
    head: Head<D>,
    parts: Vec<Part<D>>,
}

/// The first record: it says of which detectors the others are, before any of them is decoded, and
/// which checkpoint it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Opening {
    detector: String,
    version: u16,
    mark: u64,
    /// The mark of the checkpoint since which it tells the changes; `None` for a full one.
    follows: Option<u64>,
}

impl Snapshot for Opening {
    const KIND: &'static str = "stream.fleet";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

/// What is known of the fleet and its queries.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head<D> {
    batches: u64,
    queries: Vec<QueryHead<D>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct QueryHead<D> {
    options: FleetQuery<D>,
    counts: Counts,
    siblings: Siblings,
    /// The number of its series, once the parts that follow are in their places.
    series: usize,
}

impl<D: Snapshot + StreamDetector> Snapshot for Head<D> {
    const KIND: &'static str = "stream.fleet.head";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        for query in &self.queries {
            query.options.validate()?;
            query.options.detector().validate()?;
            if let Some(prior) = query.siblings.prior {
                prior.validate()?;
            }
        }
        Ok(())
    }
}

/// Some series of a shard of a query.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part<D> {
    query: usize,
    /// Forgotten ones, before the others are put in their places.
    removed: Vec<u64>,
    series: Vec<Saved<D>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved<D> {
    fingerprint: u64,
    newest: Timestamp,
    base: f64,
    detector: D,
}

impl<D: Snapshot> Snapshot for Part<D> {
    const KIND: &'static str = "stream.fleet.part";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.series
            .iter()
            .try_for_each(|series| series.detector.validate())
    }
}

/// Bytes of the series of a part in memory, about as many as in its record: far below what a record
/// may have, whatever the detector.
const PART: usize = 1 << 20;

/// Parts that are encoded, or decoded, at a time.
const AT_A_TIME: usize = 64;

impl<D: StreamDetector + Snapshot + Clone + Sync> Fleet<D> {
    /// A copy of what has changed since the last checkpoint, or of everything when `full`, which is
    /// when [`Chain::wants_full`].
    ///
    /// Cost: O(series) time to find what has changed, and to copy it.
    pub fn checkpoint(&mut self, full: bool) -> Checkpoint<D> {
        let heads = self.queries.iter().map(|query| QueryHead {
            options: query.options.clone(),
            counts: query.counts,
            siblings: query.siblings,
            series: query.len(),
        });
        let head = Head {
            batches: self.batches,
            queries: heads.collect(),
        };
        let shards: Vec<_> = self
            .queries
            .iter_mut()
            .enumerate()
            .flat_map(|(query, at)| at.shards.iter_mut().map(move |shard| (query, shard)))
            .collect();
        let parts: Vec<_> = shards
            .into_par_iter()
            .flat_map_iter(|(query, shard)| {
                let removed = shard.take_removed();
                let removed = if full { Vec::new() } else { removed };
                parts(query, removed, shard.copy(full, PART, bytes_of, Saved::of))
            })
            .collect();
        let opening = Opening {
            detector: D::KIND.to_owned(),
            version: D::VERSION,
            mark: mark(self.mark, &head, &parts),
            follows: (!full).then_some(self.mark),
        };
        self.mark = opening.mark;
        Checkpoint {
            full,
            opening,
            head,
            parts,
        }
    }

    /// The fleet as it was at the last checkpoint of `chain`; `None` when there is none.
    ///
    /// # Errors
    /// When a file cannot be read, or holds a fleet of other detectors or of another version.
    ///
    /// Cost: about a microsecond a series and core, and little memory beside the fleet's.
    pub fn load(chain: &Chain) -> Result<Option<Self>>
    where
        D: Send,
    {
        let mut loading = Loading {
            fleet: Self::new(),
            awaited: Vec::new(),
            waiting: Vec::new(),
        };
        chain.read(|record| loading.record(record))?;
        loading.flush()?;
        let fleet = loading.fleet;
        Ok((!chain.is_empty()).then_some(fleet))
    }
}

/// What tells a checkpoint from any other: a hash of the one before it and of what it holds.
fn mark<D>(before: u64, head: &Head<D>, parts: &[Part<D>]) -> u64 {
    let mut state = before ^ head.batches;
    let mut add = |value: u64| {
        state = split(state ^ value, 0);
    };
    for query in &head.queries {
        add(query.counts.samples());
        add(query.series as u64);
    }
    for part in parts {
        part.removed
            .iter()
            .for_each(|&fingerprint| add(fingerprint));
        for series in &part.series {
            add(series.fingerprint ^ series.newest.as_millis().rotate_left(32) as u64);
        }
    }
    // 0 is no checkpoint.
    state | 1
}

fn bytes_of<D: StreamDetector>(entry: &Entry<D>) -> usize {
    size_of::<Saved<D>>() + entry.detector.heap_bytes()
}

/// The copies of a shard and what it has forgotten, which comes first.
fn parts<D>(
    query: usize,
    removed: Vec<u64>,
    copies: Vec<Vec<Saved<D>>>,
) -> impl Iterator<Item = Part<D>> {
    let forgotten = (!removed.is_empty()).then(|| Part {
        query,
        removed,
        series: Vec::new(),
    });
    let copies = copies.into_iter().map(move |series| Part {
        query,
        removed: Vec::new(),
        series,
    });
    forgotten.into_iter().chain(copies)
}

impl<D: Clone> Saved<D> {
    fn of(entry: &Entry<D>) -> Self {
        Self {
            fingerprint: entry.fingerprint,
            newest: entry.newest,
            base: entry.base,
            detector: entry.detector.clone(),
        }
    }
}

impl<D> From<Saved<D>> for Entry<D> {
    fn from(saved: Saved<D>) -> Self {
        Self {
            fingerprint: saved.fingerprint,
            newest: saved.newest,
            base: saved.base,
            dirty: false,
            saved: true,
            detector: saved.detector,
        }
    }
}

impl<D: StreamDetector + Snapshot + Clone + Sync> Checkpoint<D> {
    /// Whether it is of everything.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full
    }

    /// The number of series in it.
    #[must_use]
    pub fn series(&self) -> usize {
        self.parts.iter().map(|part| part.series.len()).sum()
    }

    /// Writes it to `chain`, and returns the size of the new file in bytes.
    ///
    /// # Errors
    /// As [`Chain::write`], and when it tells the changes since another checkpoint than the newest
    /// of `chain`: one that was never saved, or is in another chain. The chain then
    /// [wants](Chain::wants_full) a full checkpoint.
    pub fn save(&self, chain: &mut Chain) -> Result<u64> {
        if let Err(error) = self.opening.check_follows(chain) {
            // What it holds is no longer what it is asked to go on from.
            return chain.write(self.full, [Err(error)]);
        }
        let heads = [
            snapshot::to_bytes(&self.opening),
            snapshot::to_bytes(&self.head),
        ];
        let parts = self.parts.chunks(AT_A_TIME).flat_map(|parts| {
            let encoded: Vec<_> = parts.par_iter().map(snapshot::to_bytes).collect();
            encoded
        });
        chain.write(self.full, heads.into_iter().chain(parts))
    }
}

/// A fleet that is being put together.
struct Loading<D> {
    fleet: Fleet<D>,
    /// How many series each query has at the end of the file.
    awaited: Vec<usize>,
    /// Records of parts that are still to be decoded, which is done for many at a time.
    waiting: Vec<Vec<u8>>,
}

impl<D: StreamDetector + Snapshot + Clone + Send + Sync> Loading<D> {
    fn record(&mut self, record: &[u8]) -> Result<()> {
        let kind = snapshot::inspect(record)?.kind;
        if kind == Opening::KIND {
            self.flush()?;
            let opening: Opening = snapshot::from_bytes(record)?;
            check_kind::<D>(&opening)?;
            opening.check_mark(self.fleet.mark)?;
            self.fleet.mark = opening.mark;
            Ok(())
        } else if kind == Head::<D>::KIND {
            self.flush()?;
            self.begin(snapshot::from_bytes(record)?)
        } else {
            self.waiting.push(record.to_vec());
            if self.waiting.len() == AT_A_TIME {
                self.place()?;
            }
            Ok(())
        }
    }

    /// Takes the state of the queries over.
    fn begin(&mut self, head: Head<D>) -> Result<()> {
        self.fleet.batches = head.batches;
        self.awaited = head.queries.iter().map(|query| query.series).collect();
        for (at, saved) in head.queries.into_iter().enumerate() {
            if self.fleet.queries.len() == at {
                self.fleet.add_query(saved.options.clone())?;
            }
            if let Some(query) = self.fleet.queries.get_mut(at) {
                query.options = saved.options;
                query.counts = saved.counts;
                query.siblings = saved.siblings;
            }
        }
        Ok(())
    }

    /// Decodes what waits and puts it in its places.
    fn place(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let parts: Result<Vec<Part<D>>> = waiting
            .par_iter()
            .map(|record| snapshot::from_bytes(record))
            .collect();
        for part in parts? {
            let query = self.fleet.queries.get_mut(part.query);
            let query =
                query.ok_or_else(|| Error::snapshot("a series is of a query that is not there"))?;
            for fingerprint in part.removed {
                query.shard(fingerprint)?.remove(fingerprint);
            }
            for series in part.series {
                query.shard(series.fingerprint)?.put(series.into());
            }
        }
        Ok(())
    }

    /// At the end of a file: places what is left, and counts the series.
    fn flush(&mut self) -> Result<()> {
        self.place()?;
        for (query, &awaited) in self.fleet.queries.iter().zip(&self.awaited) {
            if query.len() != awaited {
                let (name, found) = (query.options.name(), query.len());
                return Err(Error::snapshot(format!(
                    "query `{name}` has {found} series where {awaited} were saved"
                )));
            }
        }
        Ok(())
    }
}

impl<D> Query<D> {
    fn shard(&mut self, fingerprint: u64) -> Result<&mut Shard<D>> {
        self.shards
            .get_mut(shard_of(fingerprint))
            .ok_or_else(|| Error::snapshot("a fingerprint belongs to no shard"))
    }
}

impl Opening {
    /// Whether it can be written to `chain`.
    fn check_follows(&self, chain: &Chain) -> Result<()> {
        match chain.newest()? {
            Some(newest) if self.follows.is_some() => {
                let newest: Self = snapshot::from_bytes(&newest)?;
                self.check_mark(newest.mark)
            }
            // A full one follows anything, and the chain refuses changes to nothing.
            _ => Ok(()),
        }
    }

    fn check_mark(&self, before: u64) -> Result<()> {
        if self.follows.is_none_or(|follows| follows == before) {
            return Ok(());
        }
        Err(Error::input(
            "the checkpoint tells the changes since another one than the newest of the chain",
        ))
    }
}

fn check_kind<D: Snapshot>(found: &Opening) -> Result<()> {
    if found.detector == D::KIND && found.version == D::VERSION {
        return Ok(());
    }
    Err(Error::snapshot(format!(
        "this is a fleet of `{}` in version {}, not of `{}` in version {}",
        found.detector,
        found.version,
        D::KIND,
        D::VERSION
    )))
}
