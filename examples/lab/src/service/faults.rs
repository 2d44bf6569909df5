//! Faults that a service can be told to have.

use super::{Dependency, Service, work};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What goes wrong; the level is 0 when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A runaway task beside the requests; level: CPU time in a thousand.
    Cpu,
    /// Memory that is kept; level: KiB a second.
    Memory,
    /// Requests wait; level: milliseconds on average.
    Latency,
    /// Requests fail; level: of a thousand.
    Errors,
    /// Another holder of the lock; level: milliseconds at a time.
    Lock,
    /// A job that takes all connections of the pools; level: milliseconds at a time.
    Pool,
    /// The index of the database is gone.
    SlowSql,
    /// Writes are flushed to the disk, with so many KiB beside each.
    Disk,
}

/// The levels of all faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    cpu: AtomicU64,
    memory: AtomicU64,
    latency: AtomicU64,
    errors: AtomicU64,
    lock: AtomicU64,
    pool: AtomicU64,
    slow_sql: AtomicU64,
    disk: AtomicU64,
}

impl Faults {
    const fn of(&self, kind: Kind) -> &AtomicU64 {
        match kind {
            Kind::Cpu => &self.cpu,
            Kind::Memory => &self.memory,
            Kind::Latency => &self.latency,
            Kind::Errors => &self.errors,
            Kind::Lock => &self.lock,
            Kind::Pool => &self.pool,
            Kind::SlowSql => &self.slow_sql,
            Kind::Disk => &self.disk,
        }
    }

    fn level(&self, kind: Kind) -> u64 {
        self.of(kind).load(Relaxed)
    }

    /// Seconds that a request waits on average.
    pub(crate) fn latency(&self) -> f64 {
        self.level(Kind::Latency) as f64 / 1000.0
    }

    /// The share of requests that fail: one of a thousand always does.
    pub(crate) fn errors(&self) -> f64 {
        self.level(Kind::Errors).max(1) as f64 / 1000.0
    }

    /// KiB that are flushed with each write.
    pub(crate) fn disk(&self) -> u64 {
        self.level(Kind::Disk)
    }
}

impl Service {
    /// Starts (level above 0) or ends a fault.
    pub(crate) fn inject(self: &Arc<Self>, kind: Kind, level: u64) {
        let before = self.faults.of(kind).swap(level, Relaxed);
        if kind == Kind::SlowSql
            && let Some(database) = &self.database
        {
            database.set_index(level == 0);
        }
        if before > 0 || level == 0 {
            return;
        }
        let service = Arc::clone(self);
        tokio::spawn(async move {
            match kind {
                Kind::Cpu => service.hog().await,
                Kind::Memory => service.leak().await,
                Kind::Lock => service.hold_lock().await,
                Kind::Pool => service.hold_connections().await,
                Kind::Latency | Kind::Errors | Kind::SlowSql | Kind::Disk => {}
            }
        });
    }

    /// Blocks the event loop for its share of each 25 ms.
    async fn hog(&self) {
        let period = Duration::from_millis(25);
        while let level @ 1.. = self.faults.level(Kind::Cpu) {
            let begun = Instant::now();
            let busy = period.mul_f64((level as f64 / 1000.0).min(1.0));
            while begun.elapsed() < busy {
                work(20);
            }
            tokio::time::sleep(period.saturating_sub(busy)).await;
        }
    }

    async fn leak(&self) {
        let mut kept = Vec::new();
        while let level @ 1.. = self.faults.level(Kind::Memory) {
            // Half a second's worth in blocks that go back to the system when freed.
            let bytes = usize::try_from(level * 512).unwrap_or_default();
            kept.push(vec![black_box(1_u8); bytes]);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        drop(black_box(kept));
    }

    async fn hold_lock(&self) {
        while let level @ 1.. = self.faults.level(Kind::Lock) {
            let held = self.section.lock().await;
            tokio::time::sleep(Duration::from_millis(level)).await;
            drop(held);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Takes the connections of all pools for a time, gives them back for a moment, and again.
    async fn hold_connections(&self) {
        let of_callees = self.dependencies.values().map(Dependency::connections);
        let own = self
            .database
            .as_ref()
            .map(|database| database.connections());
        let pools: Vec<_> = of_callees.chain(own).cloned().collect();
        while let level @ 1.. = self.faults.level(Kind::Pool) {
            let mut held = Vec::new();
            for pool in &pools {
                held.extend(pool.get_all().await);
            }
            tokio::time::sleep(Duration::from_millis(level)).await;
            drop(held);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Appends `kib` KiB to a file, or starts it anew, and waits until the disk has it.
pub(crate) fn flush(path: &std::path::Path, kib: u64) -> std::io::Result<()> {
    let full = std::fs::metadata(path).is_ok_and(|data| data.len() > 16 << 20);
    let mut file = std::fs::File::options()
        .create(true)
        .append(!full)
        .write(true)
        .truncate(full)
        .open(path)?;
    let block = [0x5A_u8; 1024];
    for _ in 0..kib {
        file.write_all(&block)?;
    }
    file.sync_data()
}
