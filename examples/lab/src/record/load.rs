//! The load: open-loop Poisson arrivals at the gateway with the rhythm of a day.

use super::Plan;
use crate::Result;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;
use serde_json::json;
use std::f64::consts::TAU;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How far the day moves the rate around its mean.
const SWING: f64 = 0.35;

/// Requests that are under way at most; more are given up at once.
const MOST: u64 = 256;

/// The share of requests that are orders; the others look around.
const ORDERS: f64 = 0.4;

/// The running load; ends when dropped.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    base: String,
    client: reqwest::Client,
    rate: f64,
    day: Duration,
    percent: AtomicU64,
    under_way: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
}

impl Load {
    /// Starts clients of the gateway.
    pub(crate) fn start(gateway: u16, plan: &Plan, seed: u64) -> Result<Self> {
        let shared = Arc::new(Shared {
            base: format!("http://127.0.0.1:{gateway}"),
            client: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(4))
                .build()?,
            rate: plan.requests_per_second,
            day: Duration::from_secs(plan.day_seconds),
            percent: AtomicU64::new(100),
            under_way: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let task = tokio::spawn(arrive(Arc::clone(&shared), seed));
        Ok(Self { shared, task })
    }

    /// Scales the traffic from now on.
    pub(crate) fn set_percent(&self, percent: u64) {
        self.shared.percent.store(percent, Relaxed);
    }

    /// Requests answered and failed so far.
    pub(crate) fn totals(&self) -> (u64, u64) {
        let shared = &self.shared;
        (shared.answered.load(Relaxed), shared.failed.load(Relaxed))
    }

    /// No further requests.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The traffic at a time of the day (0 to 1) around 0, between -1 and 1: a quiet night, a busy
/// day, an evening peak.
fn rhythm(day: f64) -> f64 {
    let x = TAU * day;
    0.7f64.mul_add(-x.cos(), -0.3 * (2.0 * x + 0.6).sin())
}

async fn arrive(shared: Arc<Shared>, seed: u64) {
    let mut random = Pcg64::seed_from_u64(seed);
    // Rounds begin at different hours.
    let phase: f64 = random.random();
    let begun = Instant::now();
    let mut next = Duration::ZERO;
    let (mut noise, mut noise_until) = (0.0_f64, Duration::ZERO);
    loop {
        while next >= noise_until {
            // Slow multiplicative noise of about 6 %.
            let step: f64 = random.random::<f64>() - 0.5;
            noise = noise.mul_add(0.9, 0.09 * step);
            noise_until += Duration::from_secs(10);
        }
        let day = phase + next.as_secs_f64() / shared.day.as_secs_f64();
        let percent = shared.percent.load(Relaxed) as f64 / 100.0;
        let rate = shared.rate * percent * SWING.mul_add(rhythm(day), 1.0) * noise.exp();
        next += Duration::from_secs_f64(-(1.0 - random.random::<f64>()).ln() / rate);
        tokio::time::sleep_until((begun + next).into()).await;
        let path = if random.random::<f64>() < ORDERS {
            "order"
        } else {
            "browse"
        };
        // Popular products are asked for more often.
        let product = (2000.0 * random.random::<f64>().powi(3)) as u32;
        if shared.under_way.load(Relaxed) >= MOST {
            shared.failed.fetch_add(1, Relaxed);
            continue;
        }
        shared.under_way.fetch_add(1, Relaxed);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let request = shared.client.post(format!("{}/{path}", shared.base));
            let answer = request
                .body(json!({"product": product}).to_string())
                .send()
                .await;
            let ok = match answer {
                Ok(answer) => answer.status().is_success() && answer.bytes().await.is_ok(),
                Err(_) => false,
            };
            shared.under_way.fetch_sub(1, Relaxed);
            let count = if ok { &shared.answered } else { &shared.failed };
            count.fetch_add(1, Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::rhythm;

    #[test]
    fn a_day_goes_up_and_down() {
        let day: Vec<f64> = (0..100).map(|i| rhythm(f64::from(i) / 100.0)).collect();
        let mean = day.iter().sum::<f64>() / 100.0;
        assert!(mean.abs() < 1e-9 && day.iter().all(|x| x.abs() <= 1.0));
        assert!(day[50] > 0.5 && day[0] < -0.5);
    }
}
