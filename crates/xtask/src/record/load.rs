//! The load: open-loop Poisson arrivals at the gateway and light background writes, both with the
//! rhythm of the day.

use super::http;
use super::rng::Rng;
use super::schedule::rhythm;
use super::{Result, lock};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// Mean arrivals a second.
const BASE_RATE: f64 = 34.0;
/// How far the day moves the rate around its mean.
const SWING: f64 = 0.6;
const CLIENTS: usize = 96;

/// The running load.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    start: Instant,
    day: Duration,
    stop: AtomicBool,
    /// Traffic in percent of the plan.
    percent: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Load {
    /// Starts clients against the gateway and the background writer.
    pub(crate) fn start(gateway: u16, day: Duration, file: PathBuf, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            start: Instant::now(),
            day,
            stop: AtomicBool::new(false),
            percent: AtomicU64::new(100),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let (send, receive) = mpsc::sync_channel::<()>(512);
        let receive = Arc::new(Mutex::new(receive));
        for _ in 0..CLIENTS {
            let (receive, shared) = (Arc::clone(&receive), Arc::clone(&shared));
            std::thread::spawn(move || {
                loop {
                    if lock(&receive).recv().is_err() {
                        return;
                    }
                    match http::get(gateway, "/", Duration::from_secs(5)) {
                        Ok((200, _)) => shared.answered.fetch_add(1, Relaxed),
                        _ => shared.failed.fetch_add(1, Relaxed),
                    };
                }
            });
        }
        let arrivals = Arc::clone(&shared);
        std::thread::spawn(move || arrivals.arrive(&send, seed));
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || {
            if let Err(error) = writer.write_background(&file) {
                eprintln!("record: background writer: {error}");
            }
        });
        Self { shared }
    }

    /// Scales the traffic from now on.
    pub(crate) fn set_percent(&self, percent: u64) {
        self.shared.percent.store(percent, Relaxed);
    }

    /// Requests answered and failed so far.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (
            self.shared.answered.load(Relaxed),
            self.shared.failed.load(Relaxed),
        )
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
    }
}

impl Shared {
    /// Where in the day, then how busy.
    fn level(&self) -> f64 {
        let day = self.start.elapsed().as_secs_f64() / self.day.as_secs_f64();
        let percent = Duration::from_millis(self.percent.load(Relaxed) * 10).as_secs_f64();
        percent * SWING.mul_add(rhythm(day), 1.0)
    }

    fn arrive(&self, send: &mpsc::SyncSender<()>, seed: u64) {
        let mut rng = Rng::new(seed);
        let mut noise = 0.0_f64;
        let mut noise_until = Duration::ZERO;
        let mut next = Duration::ZERO;
        while !self.stop.load(Relaxed) {
            while next >= noise_until {
                // Slow multiplicative noise of about 6 %.
                noise = noise.mul_add(0.9, 0.027 * rng.normal());
                noise_until += self.day / 60;
            }
            let rate = BASE_RATE * self.level() * noise.exp();
            next += Duration::from_secs_f64(rng.exponential() / rate);
            if let Some(pause) = next.checked_sub(self.start.elapsed()) {
                std::thread::sleep(pause);
            }
            if let Err(mpsc::TrySendError::Full(())) = send.try_send(()) {
                self.failed.fetch_add(1, Relaxed);
            }
        }
    }

    fn write_background(&self, path: &PathBuf) -> Result<()> {
        let mut file = File::create(path)?;
        let mut position = 0;
        while !self.stop.load(Relaxed) {
            let size = Duration::from_secs_f64(self.level() * 0.2).as_micros();
            let block = vec![b'b'; usize::try_from(size)?];
            if position > 32 << 20 {
                file.seek(SeekFrom::Start(0))?;
                position = 0;
            }
            file.write_all(&block)?;
            file.sync_data()?;
            position += block.len();
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }
}
