//! `cargo xtask record`: a recording of real metrics with real, injected faults.
//!
//! Prometheus and the node exporter watch this machine and a small workload that the recorder
//! starts. A 'day' takes ten minutes. Faults follow a script; the labels hold the times measured
//! at injection. The result is what `bongsu demo` replays.

mod export;
mod http;
mod labels;
mod load;
mod pressure;
mod process;
mod prometheus;
mod rng;
mod schedule;
mod service;
mod stage;
mod telemetry;

use labels::Labels;
use prometheus::Server;
use schedule::Schedule;
use stage::Stage;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What every step returns.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

pub(crate) use process::guard;
pub(crate) use service::run as service;

const HELP: &str = "\
usage: cargo xtask record [options]

  --out DIR          where the recording goes (crates/engine/recordings)
  --day SECS         length of a 'day' (600)
  --days N           length of the recording in days (5.65)
  --scrape SECS      scrape and evaluation interval (5)
  --seed N           seed of the load (20)
  --keep DIR         keep Prometheus' data there
  --export-only DIR  export again from kept data

Needs prometheus and prometheus-node-exporter on the PATH. Everything it starts ends with it;
when it fails or is interrupted its data stays in /var/tmp/bongsu-recording-PID or the --keep
directory.";

#[derive(Debug)]
struct Options {
    out: PathBuf,
    day: u64,
    days: f64,
    scrape: u64,
    seed: u64,
    keep: Option<PathBuf>,
    export_only: Option<PathBuf>,
}

fn parse(args: &[String]) -> Result<Option<Options>> {
    let mut options = Options {
        out: "crates/engine/recordings".into(),
        day: 600,
        days: 5.65,
        scrape: 5,
        seed: 20,
        keep: None,
        export_only: None,
    };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        if matches!(name.as_str(), "-h" | "--help") {
            return Ok(None);
        }
        let mut value = || args.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--out" => options.out = value()?.into(),
            "--day" => options.day = value()?.parse()?,
            "--days" => options.days = value()?.parse()?,
            "--scrape" => options.scrape = value()?.parse()?,
            "--seed" => options.seed = value()?.parse()?,
            "--keep" => options.keep = Some(value()?.into()),
            "--export-only" => options.export_only = Some(value()?.into()),
            other => return Err(format!("unknown option {other}\n{HELP}").into()),
        }
    }
    // NaN is neither above 0 nor below the limit.
    let some_days = options.days > 0.0 && options.days <= 1_000.0;
    if options.scrape == 0 || options.day / 12 < options.scrape || !some_days {
        return Err(
            "a day must hold at least 12 scrapes, and there must be above 0 and at most 1000 of them".into(),
        );
    }
    Ok(Some(options))
}

/// Runs the task.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let Some(options) = parse(args)? else {
        println!("{HELP}");
        return Ok(());
    };
    let version = process::require("prometheus")?;
    std::fs::create_dir_all(&options.out)?;
    if let Some(dir) = &options.export_only {
        let labels = Labels::read(&dir.join("labels.json"))?;
        let port = process::free_ports(1)?.first().copied().unwrap_or(0);
        let scrape = Duration::from_secs(options.scrape);
        let server = Server::start(dir, port, &[], scrape)?;
        return export(&server, &labels, &options.out);
    }
    let exporter = process::require("prometheus-node-exporter")?;
    process::raise_priority();
    let versions = format!("Prometheus {version}, node_exporter {exporter}");
    let dir = options.keep.clone().unwrap_or_else(|| {
        // A real disk, not a tmpfs: the disk storm needs one.
        format!("/var/tmp/bongsu-recording-{}", std::process::id()).into()
    });
    if dir.join("tsdb").exists() {
        return Err(format!("{} already holds a recording", dir.display()).into());
    }
    std::fs::create_dir_all(&dir)?;
    let outcome = record(&options, &dir, &versions);
    match &outcome {
        Ok(()) if options.keep.is_none() => std::fs::remove_dir_all(&dir)?,
        Ok(()) => {}
        Err(_) => eprintln!("record: {}", rescue(&options, &dir)),
    }
    outcome
}

/// What is left of a recording that failed, and what can be done with it.
fn rescue(options: &Options, dir: &Path) -> String {
    let begun = dir.join("labels.json").exists();
    let (dir, out) = (dir.display(), options.out.display());
    if !begun {
        return format!("nothing was recorded; the logs stay in {dir}");
    }
    format!(
        "the data so far stay in {dir}; to export them again:\n  \
         cargo xtask record --export-only {dir} --out {out} --scrape {}",
        options.scrape
    )
}

fn record(options: &Options, dir: &Path, versions: &str) -> Result<()> {
    let scrape = Duration::from_secs(options.scrape);
    let plan = Schedule::new(Duration::from_secs(options.day), options.days, scrape);
    let begun = Instant::now();
    let start = now();
    let total = i64::try_from(plan.total.as_millis())?;
    let mut stage = Stage::start(dir, plan.day, scrape, options.seed)?;
    let mut labels = Labels {
        schema: 1,
        description: "Real metrics of one Linux machine and a small workload (gateway -> orders \
                      -> store, orders -> worker) with a daily rhythm compressed to ten minutes, \
                      and injected faults."
            .to_owned(),
        recorded: date(start),
        versions: versions.to_owned(),
        day_seconds: options.day,
        scrape_seconds: options.scrape,
        start,
        end: start + total,
        incidents: Vec::new(),
    };
    eprintln!(
        "record: recorder {}, children {:?}, {} s to go, data in {}",
        std::process::id(),
        stage.ids(),
        plan.total.as_secs(),
        dir.display()
    );
    labels.write(&dir.join("labels.json"))?;
    for &planned in &plan.incidents {
        wait_until(&mut stage, begun, planned.at)?;
        let at = begun.elapsed().as_secs();
        eprintln!("record: {at:>5} s  {:?} begins", planned.kind);
        let incident = stage.inject(planned, labels.end)?;
        labels.incidents.push(incident);
        labels.write(&dir.join("labels.json"))?;
        let at = begun.elapsed().as_secs();
        eprintln!("record: {at:>5} s  {:?} injected", planned.kind);
    }
    wait_until(&mut stage, begun, plan.total)?;
    labels.write(&dir.join("labels.json"))?;
    // The last rules may still be under way.
    std::thread::sleep(Duration::from_secs(1));
    export(&stage.prometheus, &labels, &options.out)
}

/// Waits for an offset from the start while everything keeps running; a line a minute.
fn wait_until(stage: &mut Stage, begun: Instant, at: Duration) -> Result<()> {
    let mut reported = begun.elapsed().as_secs() / 60;
    while let Some(left) = at.checked_sub(begun.elapsed()) {
        std::thread::sleep(left.min(Duration::from_secs(1)));
        stage.check()?;
        let elapsed = begun.elapsed().as_secs();
        if elapsed / 60 > reported {
            reported = elapsed / 60;
            let (answered, failed) = stage.totals();
            eprintln!("record: {elapsed:>5} s  {answered} requests answered, {failed} failed");
        }
    }
    Ok(())
}

fn export(server: &Server, labels: &Labels, out: &Path) -> Result<()> {
    let all = export::fetch(server, labels.start, labels.end)?;
    let size = export::write(&out.join("demo.jsonl.gz"), &all)?;
    labels.write(&out.join("demo.labels.json"))?;
    let samples: usize = all.iter().map(|s| s.values.len()).sum();
    eprintln!(
        "record: {} series, {samples} samples, {size} bytes in {}",
        all.len(),
        out.display()
    );
    println!("{}", labels::symptom_table(labels, &all));
    Ok(())
}

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The UTC date of a time in milliseconds.
fn date(ms: i64) -> String {
    // Days to civil date, counting years from March so that leap days come last.
    let days = ms.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Locks; a panic elsewhere does not matter to these plain values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{date, parse, rescue};
    use std::path::Path;

    #[test]
    fn dates_are_civil() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400_000), "2000-02-29");
        assert_eq!(date(1_795_317_000_000), "2026-11-22");
    }

    #[test]
    fn options_are_checked() {
        let args = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(parse(&args("--day 36 --scrape 1")).is_ok_and(|o| o.is_some()));
        assert!(parse(&args("--scrape 0")).is_err());
        assert!(parse(&args("--what 1")).is_err());
        for days in ["NaN", "inf", "-inf", "0", "-1", "1e300"] {
            assert!(parse(&args(&format!("--days {days}"))).is_err(), "{days}");
        }
        assert!(parse(&args("--help")).is_ok_and(|o| o.is_none()));
    }

    #[test]
    fn a_failed_recording_says_how_to_export_again() -> super::Result<()> {
        let args = ["--out".to_owned(), "there".to_owned()];
        let options = parse(&args)?.ok_or("options")?;
        let text = rescue(&options, Path::new("no/such/folder"));
        assert!(text.contains("nothing was recorded"), "{text}");
        let dir = std::env::temp_dir().join(format!("bongsu-rescue-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        std::fs::write(dir.join("labels.json"), "{}")?;
        let text = rescue(&options, &dir);
        std::fs::remove_dir_all(&dir)?;
        let command = format!(
            "record --export-only {} --out there --scrape 5",
            dir.display()
        );
        assert!(text.contains(&command), "{text}");
        Ok(())
    }
}
