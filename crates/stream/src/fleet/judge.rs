use bongsu_core::{ScalePrior, StreamDetector, Timestamp};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::batch::{Batch, BatchReport, Counts, Judged, Skip};
use super::query::FleetQuery;
use super::shard::{Done, SHARDS, Shard, Work, shard_of};
use super::siblings::scale_of_siblings;

/// A query of a fleet, and its series.
#[derive(Debug, Clone)]
pub(super) struct Query<D> {
    pub(super) options: FleetQuery<D>,
    pub(super) shards: Vec<Shard<D>>,
    pub(super) counts: Counts,
    pub(super) siblings: Siblings,
}

/// What is known of the scale of a query's series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Siblings {
    pub(super) prior: Option<ScalePrior>,
    /// Samples since it was learned.
    pub(super) samples: u64,
}

/// Samples a series after which what is known of the siblings is renewed.
const RENEW: u64 = 16;

/// So many siblings are looked at.
const SIBLINGS: usize = 256;

/// Batches of fewer samples are not worth waking threads for.
const FEW: usize = 512;

#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// The places of the samples in the batch, shard by shard.
    pub(super) order: Vec<u32>,
    /// Where each shard's begin, and the end.
    pub(super) starts: Vec<usize>,
    pub(super) judged: Vec<Judged>,
}

impl<D> Query<D> {
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    pub(super) fn expire(&mut self, now: Timestamp) -> usize {
        let Some(idle_after) = self.options.idle_after() else {
            return 0;
        };
        let oldest = now.add_millis(-idle_after);
        let expired = self.shards.iter_mut().map(|shard| shard.expire(oldest));
        let expired = expired.sum();
        let counted = self.counts.expired_series;
        self.counts.expired_series = counted.saturating_add(expired as u64);
        expired
    }
}

impl<D: StreamDetector + Clone + Sync> Query<D> {
    pub(super) fn new(options: FleetQuery<D>) -> Self {
        Self {
            options,
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            counts: Counts::default(),
            siblings: Siblings::default(),
        }
    }

    pub(super) fn update(
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
        let room = |query: &Self| query.options.cap().saturating_sub(query.len());
        let mut admitted = self.newcomers(batch, scratch);
        if admitted.len() > room(self)
            && let Some(now) = batch.received
            && self.expire(now) > 0
        {
            // Those that have expired may be among the samples.
            admitted = self.newcomers(batch, scratch);
        }
        let refused = admitted.split_off(room(self).min(admitted.len()));
        admitted.sort_unstable();
        (Some(admitted), refused)
    }

    /// The series of the batch that are not known and can be taken in at all, in their order.
    fn newcomers(&self, batch: &Batch<'_>, scratch: &Scratch) -> Vec<u64> {
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
        // The first sample of each that can be learned.
        new.retain(|&(at, _)| batch.take(at as usize, &self.options).is_ok());
        new.sort_unstable_by_key(|&(at, fingerprint)| (fingerprint, at));
        new.dedup_by_key(|(_, fingerprint)| *fingerprint);
        new.sort_unstable();
        new.into_iter()
            .map(|(_, fingerprint)| fingerprint)
            .collect()
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
            if all.len() > SIBLINGS {
                all.select_nth_unstable_by_key(SIBLINGS, |&(fingerprint, _)| fingerprint);
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
