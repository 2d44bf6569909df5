//! Feeds a fleet for long, and says how fast it is, what it holds and what the operating system sees.
//!
//! Run: `cargo run --release -p bongsu-stream --example fleet_soak -- [SERIES] [SAMPLES_A_SERIES]`,
//! with `RAYON_NUM_THREADS=1` for the figures of one core.

use std::io::Write as _;
use std::time::{Duration, Instant};

use bongsu_core::snapshot::Chain;
use bongsu_core::{Error, Timestamp};
use bongsu_stats::{Ewma, EwmaStream};
use bongsu_stream::fleet::{Batch, Fleet, FleetQuery, Judged};

/// Moments that are reported on.
const REPORTS: u32 = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let series = arguments.next().transpose()?.unwrap_or(10_000);
    let samples = arguments.next().transpose()?.unwrap_or(100);
    let mut out = std::io::stdout().lock();

    let mut fleet = Fleet::new();
    fleet.add_query(FleetQuery::new("soak", Ewma::new().build()?).max_series(1 << 24)?)?;
    let mut feed = Feed::new(series);
    for report in 0..REPORTS {
        let steps = samples * (report + 1) / REPORTS - samples * report / REPORTS;
        let (time, alarms) = feed.run(&mut fleet, steps)?;
        let judged = f64::from(series) * f64::from(steps);
        let usage = fleet.memory_usage();
        writeln!(
            out,
            "{:>12} samples: {:>6.2} million a second, {alarms} beyond the threshold; {:.0} bytes a series, \
             {:.1} MB in all, {:.1} MB resident",
            u64::from(series) * u64::from(feed.step),
            judged / time.as_secs_f64() / 1e6,
            usage.per_series(),
            usage.total() as f64 / 1e6,
            resident_mb(),
        )?;
    }
    save_and_load(&mut fleet, &mut feed, &mut out)
}

/// How long a checkpoint stops the fleet, how long writing it takes, and how long it takes to be back.
fn save_and_load(
    fleet: &mut Fleet<EwmaStream>,
    feed: &mut Feed,
    out: &mut impl std::io::Write,
) -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::temp_dir().join(format!("fleet-soak-{}", std::process::id()));
    let mut chain = Chain::open(&directory)?;
    for full in [true, false] {
        let (batch, _) = feed.run(fleet, 1)?;
        let start = Instant::now();
        let checkpoint = fleet.checkpoint(full);
        let stopped = start.elapsed();
        let start = Instant::now();
        let bytes = checkpoint.save(&mut chain)?;
        writeln!(
            out,
            "{} checkpoint of {} series: a batch took {batch:.1?}, the copy {stopped:.1?}, writing its {:.1} MB {:.1?}",
            if full { "full" } else { "further" },
            checkpoint.series(),
            bytes as f64 / 1e6,
            start.elapsed(),
        )?;
    }
    let start = Instant::now();
    drop(chain);
    let restored = Fleet::<EwmaStream>::load(&Chain::open(&directory)?)?;
    writeln!(
        out,
        "restored {} series in {:.1?}",
        restored.map_or(0, |fleet| fleet.len()),
        start.elapsed()
    )?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

/// One sample a series and step: noise about a level of each series' own.
struct Feed {
    series: Vec<u64>,
    times: Vec<Timestamp>,
    values: Vec<f64>,
    judged: Vec<Judged>,
    random: u64,
    step: u32,
}

impl Feed {
    fn new(series: u32) -> Self {
        let fingerprint = |i: u32| (u64::from(i) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self {
            series: (0..series).map(fingerprint).collect(),
            times: Vec::new(),
            values: vec![0.0; series as usize],
            judged: Vec::new(),
            random: 1,
            step: 0,
        }
    }

    /// Feeds `steps` batches; the time that the fleet took, and the scores above 4.
    fn run(
        &mut self,
        fleet: &mut Fleet<EwmaStream>,
        steps: u32,
    ) -> Result<(Duration, usize), Error> {
        let query = fleet.query("soak");
        let query = query.ok_or_else(|| Error::input("the fleet has no query"))?;
        let (mut time, mut alarms) = (Duration::ZERO, 0);
        for _ in 0..steps {
            self.times.clear();
            self.times.resize(
                self.series.len(),
                Timestamp::from_secs(60 * i64::from(self.step)),
            );
            for (value, fingerprint) in self.values.iter_mut().zip(&self.series) {
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                *value = (fingerprint >> 52) as f64 + (self.random >> 40) as f64 / 1e6;
            }
            let batch = Batch::new(&self.series, &self.times, &self.values)?;
            let start = Instant::now();
            fleet.update(query, &batch, &mut self.judged)?;
            time += start.elapsed();
            let beyond = |judged: &&Judged| judged.score().is_some_and(|score| score > 4.0);
            alarms += self.judged.iter().filter(beyond).count();
            self.step += 1;
        }
        Ok((time, alarms))
    }
}

/// What the operating system holds in memory for this process; NaN where it cannot be asked.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib * 1_024.0 / 1e6)
}
