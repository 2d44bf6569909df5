use bongsu_core::StreamDetector;
use rayon::prelude::*;

use super::Fleet;
use super::batch::Judged;
use super::shard::Shard;

/// What a fleet holds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUsage {
    /// The number of series.
    pub series: usize,
    /// Bytes of the detectors and what is known of each series, with the room that is kept for more.
    pub states: usize,
    /// Bytes that detectors hold on the heap.
    pub heap: usize,
    /// Bytes of the tables that find a series.
    pub index: usize,
    /// Bytes that are reused from batch to batch.
    pub scratch: usize,
}

impl MemoryUsage {
    /// All bytes.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.states + self.heap + self.index + self.scratch
    }

    /// Bytes a series, without those that are reused from batch to batch; 0 when there are none.
    #[must_use]
    pub fn per_series(&self) -> f64 {
        let bytes = self.states + self.heap + self.index;
        bytes as f64 / self.series.max(1) as f64
    }
}

impl<D: StreamDetector + Sync> Fleet<D> {
    /// The bytes that the fleet holds: within a tenth of what the operating system says, for a fleet
    /// that is large beside the rest of the process. Detectors that hold a buffer only while they
    /// warm up give it back to the allocator, which may keep it for other uses; `Ewma` and
    /// `OnlineMad` have none.
    ///
    /// Cost: O(series) time.
    #[must_use]
    pub fn memory_usage(&self) -> MemoryUsage {
        let shards = || self.queries.iter().flat_map(|query| &query.shards);
        let (states, index) = shards()
            .map(Shard::own_bytes)
            .fold((0, 0), |(a, b), (states, index)| (a + states, b + index));
        let shards: Vec<_> = shards().collect();
        let heap = shards
            .par_iter()
            .flat_map_iter(|shard| shard.entries().map(|entry| entry.detector.heap_bytes()))
            .sum();
        let scratch = self.scratch.order.capacity() * size_of::<u32>()
            + self.scratch.judged.capacity() * size_of::<Judged>();
        MemoryUsage {
            series: self.len(),
            states,
            heap,
            index,
            scratch,
        }
    }
}
