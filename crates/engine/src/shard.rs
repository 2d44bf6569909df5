//! A fleet of processes that share the series among them.

use bongsu_core::Labels;

use crate::config::ShardConfig;

/// The series that this process judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    count: u64,
    index: u64,
    replicas: u64,
}

impl Shard {
    /// All of them.
    pub(crate) const ALL: Self = Self {
        count: 1,
        index: 0,
        replicas: 1,
    };

    pub(crate) const fn new(config: &ShardConfig) -> Self {
        Self {
            count: config.count,
            index: config.index.0,
            replicas: config.replicas,
        }
    }

    /// Whether the series of `labels` is this process's: each is that of `replicas` processes, next
    /// to each other by their index.
    pub(crate) fn owns(self, labels: &Labels) -> bool {
        let first = labels.fingerprint() % self.count;
        (self.index + self.count - first) % self.count < self.replicas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_as_many_judges_as_there_are_replicas() {
        let series: Vec<Labels> = (0..3_000)
            .map(|i| {
                Labels::from_pairs([("__name__", "load"), ("host", &format!("h{i}"))]).unwrap()
            })
            .collect();
        for (count, replicas) in [(1, 1), (3, 1), (5, 2), (4, 4)] {
            let shards: Vec<Shard> = (0..count)
                .map(|index| Shard {
                    count,
                    index,
                    replicas,
                })
                .collect();
            for labels in &series {
                let judges = shards.iter().filter(|shard| shard.owns(labels)).count();
                assert_eq!(judges as u64, replicas);
            }
            for shard in &shards {
                let own = series.iter().filter(|labels| shard.owns(labels)).count() as f64;
                let fair = 3_000.0 * replicas as f64 / count as f64;
                assert!((own - fair).abs() < 0.1 * fair, "{own} of {fair}");
            }
        }
        assert!(series.iter().all(|labels| Shard::ALL.owns(labels)));
    }
}
