//! `record-service`: one process of the small real workload.
//!
//! `gateway -> orders -> store`, and `orders` hands a job to `worker` after each order. Each
//! request hashes, allocates, and in `store` and `worker` writes files.

use super::http;
use super::process::wait_for_eof;
use super::rng::Rng;
use super::telemetry::Telemetry;
use super::{Result, lock};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::File;
use std::hint::black_box;
use std::io::{Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

const HANDLERS: usize = 48;
const TIMEOUT: Duration = Duration::from_secs(3);

/// What a service does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// Parses and forwards.
    Gateway,
    /// Prices the order, stores it, hands a job to the worker.
    Orders,
    /// Keeps a cache and writes a log.
    Store,
    /// Works through a queue of jobs.
    Worker,
}

/// How a service is started; travels as JSON on its command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Config {
    /// What it does.
    pub(crate) role: Role,
    /// Port for requests.
    pub(crate) port: u16,
    /// Port for `/metrics` and `/control/...`.
    pub(crate) admin: u16,
    /// Port of the service it calls.
    pub(crate) next: u16,
    /// Port of the worker.
    pub(crate) worker: u16,
    /// File it writes.
    pub(crate) file: PathBuf,
    /// Hash rounds that take a millisecond on this machine.
    pub(crate) rounds_per_ms: u64,
    /// Seed of its random choices.
    pub(crate) seed: u64,
}

/// Hashes for `rounds`.
pub(crate) fn hash(rounds: u64) -> u64 {
    let mut state = black_box(0x1234_5678_9ABC_DEF0_u64);
    for i in 0..rounds {
        state = (state ^ i)
            .wrapping_mul(0x0100_0000_01B3)
            .rotate_left(23)
            .wrapping_add(0x9E37_79B9);
    }
    black_box(state)
}

/// Hash rounds a millisecond, the best of several tries so that other load does not count.
pub(crate) fn calibrate() -> u64 {
    let rounds = 2_000_000_u64;
    let best = (0..12)
        .map(|_| {
            let start = Instant::now();
            hash(rounds);
            start.elapsed()
        })
        .min()
        .unwrap_or(Duration::from_millis(4));
    let micros = u64::try_from(best.as_micros()).unwrap_or(1).max(1);
    rounds * 1000 / micros
}

#[derive(Debug)]
struct Service {
    config: Config,
    telemetry: Telemetry,
    rng: Mutex<Rng>,
    cache: Mutex<VecDeque<Vec<u8>>>,
    cache_limit: AtomicU64,
    log: Mutex<(File, u64)>,
    leaked: Mutex<Vec<Vec<u8>>>,
    error_permille: AtomicU64,
    contention_ms: AtomicU64,
    contended: Mutex<()>,
    work: mpsc::Sender<()>,
}

/// Runs a service until its standard input closes.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let config: Config = serde_json::from_str(args.first().ok_or("no configuration")?)?;
    let requests = TcpListener::bind(("127.0.0.1", config.port))?;
    let admin = TcpListener::bind(("127.0.0.1", config.admin))?;
    let log = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .open(&config.file)?;
    let (work, jobs) = mpsc::channel();
    let service = Arc::new(Service {
        rng: Mutex::new(Rng::new(config.seed)),
        telemetry: Telemetry::default(),
        cache: Mutex::default(),
        cache_limit: AtomicU64::new(24 << 20),
        log: Mutex::new((log, 0)),
        leaked: Mutex::default(),
        // Real services fail now and then.
        error_permille: AtomicU64::new(4),
        contention_ms: AtomicU64::new(0),
        contended: Mutex::default(),
        work,
        config,
    });
    match service.config.role {
        Role::Orders => {
            let service = Arc::clone(&service);
            std::thread::spawn(move || service.drain_outbox(&jobs));
        }
        Role::Worker => {
            let service = Arc::clone(&service);
            std::thread::spawn(move || service.do_jobs(&jobs));
        }
        Role::Gateway | Role::Store => {}
    }
    let (queue, connections) = mpsc::channel::<TcpStream>();
    let connections = Arc::new(Mutex::new(connections));
    for _ in 0..HANDLERS {
        let (service, connections) = (Arc::clone(&service), Arc::clone(&connections));
        std::thread::spawn(move || {
            loop {
                let Ok(stream) = lock(&connections).recv() else {
                    return;
                };
                service.serve(stream);
            }
        });
    }
    let acceptor = Arc::clone(&service);
    std::thread::spawn(move || {
        for stream in requests.incoming().flatten() {
            acceptor.count_waiting(1);
            if queue.send(stream).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        for stream in admin.incoming().flatten() {
            let _scraper_gone = service.administer(stream);
        }
    });
    wait_for_eof();
    Ok(())
}

impl Service {
    /// Gateway and store report waiting connections as their queue; the others their jobs.
    fn count_waiting(&self, change: i64) {
        if matches!(self.config.role, Role::Gateway | Role::Store) {
            self.telemetry.queue.fetch_add(change, Relaxed);
        }
    }

    fn serve(&self, mut stream: TcpStream) {
        self.count_waiting(-1);
        self.telemetry.in_flight.fetch_add(1, Relaxed);
        let start = Instant::now();
        let ok = http::read_path(&mut stream).is_ok() && self.handle();
        let body = vec![b'.'; if ok { self.between(1024, 6144) } else { 64 }];
        // The worker counts its jobs, not their delivery.
        if self.config.role != Role::Worker {
            self.telemetry.finished(ok, start.elapsed());
        }
        self.telemetry.in_flight.fetch_sub(1, Relaxed);
        let _client_gone = http::respond(&mut stream, if ok { 200 } else { 500 }, &body);
    }

    fn handle(&self) -> bool {
        match self.config.role {
            Role::Gateway => {
                self.compute(1.3);
                self.call_next()
            }
            Role::Orders => {
                self.compute(3.0);
                let failing = self.chance(self.error_permille.load(Relaxed));
                self.remember(16 << 10);
                if failing || !self.call_next() {
                    return false;
                }
                self.telemetry.queue.fetch_add(1, Relaxed);
                self.work.send(()).is_ok()
            }
            Role::Store => {
                self.contend();
                self.compute(2.0);
                self.remember(8 << 10);
                self.write(8 << 10, 16).is_ok()
            }
            Role::Worker => {
                self.telemetry.queue.fetch_add(1, Relaxed);
                self.work.send(()).is_ok()
            }
        }
    }

    fn call_next(&self) -> bool {
        matches!(
            http::get(self.config.next, "/", TIMEOUT),
            Ok((200..=299, _))
        )
    }

    /// Orders: delivers the outbox in order, waiting while the worker is away.
    fn drain_outbox(&self, jobs: &mpsc::Receiver<()>) {
        while jobs.recv().is_ok() {
            while http::get(self.config.worker, "/job", TIMEOUT).is_err() {
                std::thread::sleep(Duration::from_millis(250));
            }
            self.telemetry.queue.fetch_sub(1, Relaxed);
        }
    }

    fn do_jobs(&self, jobs: &mpsc::Receiver<()>) {
        while jobs.recv().is_ok() {
            let start = Instant::now();
            self.compute(4.0);
            let ok = self.write(16 << 10, 32).is_ok();
            self.telemetry.queue.fetch_sub(1, Relaxed);
            self.telemetry.finished(ok, start.elapsed());
        }
    }

    /// Hashes for about `ms` milliseconds of CPU time, give or take a half.
    fn compute(&self, ms: f64) {
        let factor = 0.5 + lock(&self.rng).uniform();
        let micros = Duration::from_secs_f64(ms * factor / 1000.0).as_micros();
        let micros = u64::try_from(micros).unwrap_or_default();
        hash(self.config.rounds_per_ms * micros / 1000);
    }

    fn between(&self, low: u64, high: u64) -> usize {
        let n = low + lock(&self.rng).bits() % (high - low);
        usize::try_from(n).unwrap_or_default()
    }

    fn chance(&self, permille: u64) -> bool {
        lock(&self.rng).bits() % 1000 < permille
    }

    /// The injected lock contention: handlers sleep one after the other.
    fn contend(&self) {
        let ms = self.contention_ms.load(Relaxed);
        if ms > 0 {
            let _serialised = lock(&self.contended);
            std::thread::sleep(Duration::from_millis(ms));
        }
    }

    /// Puts an entry in the cache and drops the oldest beyond its limit.
    fn remember(&self, size: usize) {
        let entry = vec![black_box(7_u8); size];
        let limit = self.cache_limit.load(Relaxed);
        let mut cache = lock(&self.cache);
        let mut held = self.telemetry.cache.load(Relaxed) + entry.len() as u64;
        cache.push_back(entry);
        while held > limit {
            let Some(oldest) = cache.pop_front() else {
                break;
            };
            held -= oldest.len() as u64;
        }
        self.telemetry.cache.store(held, Relaxed);
    }

    /// Appends to the log and flushes it to the disk about every `sync_every` writes; starts over
    /// at 16 MiB.
    fn write(&self, size: usize, sync_every: u64) -> Result<()> {
        let block = vec![b'x'; size];
        let sync = self.between(0, sync_every) == 0;
        let mut log = lock(&self.log);
        let (file, position) = &mut *log;
        if *position > 16 << 20 {
            file.seek(SeekFrom::Start(0))?;
            *position = 0;
        }
        file.write_all(&block)?;
        *position += block.len() as u64;
        self.telemetry
            .written
            .fetch_add(block.len() as u64, Relaxed);
        if sync {
            file.sync_data()?;
        }
        Ok(())
    }

    /// `/metrics`, and what the fault injector asks for.
    fn administer(self: &Arc<Self>, mut stream: TcpStream) -> Result<()> {
        let path = http::read_path(&mut stream)?;
        let mut parts = path.split('/').skip(1);
        let mut part = || parts.next().unwrap_or_default();
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        match (part(), part()) {
            ("control", "errors") => self.error_permille.store(number(part()), Relaxed),
            ("control", "contention") => self.contention_ms.store(number(part()), Relaxed),
            ("control", "free") => *lock(&self.leaked) = Vec::new(),
            ("control", "leak") => {
                let (bytes, millis) = (number(part()), number(part()));
                let service = Arc::clone(self);
                std::thread::spawn(move || service.leak(bytes, millis));
            }
            ("control", "cache") => {
                let more = number(part());
                self.cache_limit.fetch_add(more, Relaxed);
                // Warm the larger cache at once, as a deployment would.
                for _ in 0..more / (8 << 10) {
                    self.remember(8 << 10);
                }
            }
            _ => {}
        }
        let body = self.telemetry.render();
        http::respond(&mut stream, 200, body.as_bytes())
    }

    /// Keeps `bytes` more over `millis`, in equal steps of half a second.
    fn leak(&self, bytes: u64, millis: u64) {
        let steps = (millis / 500).max(1);
        let size = usize::try_from(bytes / steps).unwrap_or_default();
        for _ in 0..steps {
            lock(&self.leaked).push(vec![black_box(1_u8); size]);
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{calibrate, hash};

    #[test]
    fn hashing_depends_on_rounds_and_is_calibrated() {
        assert_ne!(hash(10), hash(11));
        assert!(calibrate() > 1000);
    }
}
