//! Reports that the service writes by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bongsu_core::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::{Period, PeriodicRequest, periodic_report};
use crate::Error;
use crate::config::{Config, ReportsConfig};
use crate::source::wall_clock;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(60);
/// After a failure it is tried again after so long.
const RETRY: Duration = Duration::from_secs(1_800);
/// So long after its start a service may judge what it missed before that is reported.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
/// One that fails so often is given up while newer ones are written.
const MOST_TRIES: u32 = 48;
/// So many missed reports of each kind are made up at most.
const MOST_MISSED: usize = 31;

/// The right to write reports, of which there is one: a job and the one that takes its place after a
/// reload do not write at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportWriter(Arc<Mutex<()>>);

/// Writes the report of each period that is over and has none, beside the judging. It ends when it
/// is dropped, at the latest after the report that is just written.
#[derive(Debug)]
pub(crate) struct ReportJob {
    task: JoinHandle<()>,
    stop: Arc<AtomicBool>,
}

impl Drop for ReportJob {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

impl ReportJob {
    /// Starts it, where `config` asks for reports, inside a Tokio runtime.
    /// `judged` says up to when all is judged, in milliseconds: what a downtime left is judged
    /// before it is reported.
    pub(crate) fn start(
        config: &Config,
        judged: Arc<AtomicI64>,
        writer: &ReportWriter,
    ) -> Result<Option<Self>, Error> {
        let (Some(reports), Some(verdicts)) = (&config.reports, &config.output.verdicts) else {
            return Ok(None);
        };
        let zone = reports.zone()?;
        let (reports, verdicts) = (reports.clone(), verdicts.clone());
        let (state, config) = (config.state.directory.clone(), config.clone());
        // What came due within the last look is not missed: the configuration may be loaded anew.
        let started = wall_clock().add_millis(-i64::try_from(LOOK.as_millis()).unwrap_or(i64::MAX));
        let begun = Instant::now();
        let writer = Arc::clone(&writer.0);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = async move {
            // Those that failed, and how often: a newer one that is there does not make them up.
            let mut failed: BTreeMap<(Period, Timestamp), u32> = BTreeMap::new();
            loop {
                let request = |period, at| PeriodicRequest {
                    period,
                    at,
                    zone: zone.clone(),
                    verdicts: verdicts.clone(),
                    config: Some(config.clone()),
                    state: state.clone(),
                };
                // What the one before writes is there when it is looked what is due.
                let turn = Arc::clone(&writer).lock_owned().await;
                let waits = begun.elapsed() < LONGEST_WAIT;
                let until = judged.load(Ordering::Relaxed);
                let ready = |to: Timestamp| !waits || to.as_millis() <= until;
                let due = due(&reports, &zone, started, wall_clock());
                let is_ready = |&(period, from): &(Period, Timestamp)| {
                    ready(period.around(from, &zone).map_or(from, |(_, to)| to))
                };
                let mut due: BTreeSet<(Period, Timestamp)> =
                    due.into_iter().filter(is_ready).collect();
                due.extend(failed.keys());
                let due: Vec<_> = due
                    .into_iter()
                    .map(|(period, at)| request(period, at))
                    .collect();
                let (of, stop) = (reports.clone(), Arc::clone(&stopped));
                // Reading and drawing take a while, and nothing else must wait for it. It goes on when
                // this task is aborted, and so it holds the turn.
                let written = tokio::task::spawn_blocking(move || {
                    let failed = write(&due, &of.directory, &stop);
                    remove_old(&of);
                    drop(turn);
                    failed
                });
                let written = written.await.unwrap_or_default();
                failed.retain(|one, _| written.contains(one));
                for one in written {
                    *failed.entry(one).or_default() += 1;
                }
                failed.retain(|_, tries| *tries < MOST_TRIES);
                let pause = if failed.is_empty() { LOOK } else { RETRY };
                tokio::time::sleep(pause).await;
            }
        };
        let task = tokio::spawn(task);
        Ok(Some(Self { task, stop }))
    }
}

/// The periods that are over and have no report, each kind from the oldest on: the latest one, and
/// those before it back to the newest report there is. Without any report only the latest is due:
/// nothing was missed before the first. Where missed ones are skipped, those that came due before
/// `started` are left out.
fn due(
    reports: &ReportsConfig,
    zone: &TimeZone,
    started: Timestamp,
    now: Timestamp,
) -> Vec<(Period, Timestamp)> {
    let settled = now.add_millis(-reports.delay.millis());
    let exists = |period: Period, from| {
        let name = format!("{}.html", period.name(from, zone));
        reports.directory.join(name).exists()
    };
    let mut all = Vec::new();
    for &period in &reports.periods {
        let (mut missed, mut follows) = (Vec::new(), false);
        let mut before = settled;
        while let Ok((from, to)) = period.latest(before, zone) {
            follows = exists(period, from);
            if follows || missed.len() == MOST_MISSED {
                break;
            }
            missed.push((from, to.add_millis(reports.delay.millis())));
            before = from;
        }
        missed.truncate(if follows { MOST_MISSED } else { 1 });
        missed.retain(|&(_, at)| !reports.skip_missed || at > started);
        all.extend(missed.into_iter().rev().map(|(from, _)| (period, from)));
    }
    all
}

/// Writes them until `stop` is set; gives those that could not be written.
fn write(due: &[PeriodicRequest], folder: &Path, stop: &AtomicBool) -> Vec<(Period, Timestamp)> {
    let fails = |request: &&PeriodicRequest| {
        let written = periodic_report(request).and_then(|report| report.write(folder));
        match &written {
            Ok(page) => tracing::info!(file = %page.display(), "a report was written"),
            Err(error) => {
                tracing::warn!(%error, "the {} report cannot be written", request.period.word());
            }
        }
        written.is_err()
    };
    let wanted = due.iter().take_while(|_| !stop.load(Ordering::Relaxed));
    let failed = wanted.filter(fails);
    failed.map(|request| (request.period, request.at)).collect()
}

/// Removes reports that are kept for long enough.
fn remove_old(reports: &ReportsConfig) {
    let keep = reports.keep.duration();
    if keep.is_zero() {
        return;
    }
    for path in own_files(&reports.directory) {
        let age = path.metadata().and_then(|of| of.modified()).ok();
        let age = age.and_then(|at| at.elapsed().ok()).unwrap_or_default();
        if age > keep
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::warn!(file = %path.display(), %error, "an old report cannot be removed");
        }
    }
}

/// The files of reports in `folder`, and no others.
fn own_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let own = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let begins = ["daily-", "weekly-", "monthly-"]
            .iter()
            .any(|word| name.starts_with(word));
        let ends = [".html", "-alerts.csv", "-series.csv"]
            .iter()
            .any(|end| name.ends_with(end));
        begins && ends
    };
    entries.map(|entry| entry.path()).filter(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_due_once_and_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let reports = ReportsConfig {
            directory: folder.path().to_owned(),
            periods: vec![Period::Daily, Period::Monthly],
            ..ReportsConfig::default()
        };
        let zone = TimeZone::UTC;
        // 2026-03-01 00:10, ten minutes into a new day and month.
        let early = Timestamp::from_secs(1_772_323_800);
        let names = |now: Timestamp| -> Vec<String> {
            let due = due(&reports, &zone, now, now).into_iter();
            due.map(|(period, from)| period.name(from, &zone)).collect()
        };
        assert_eq!(names(early), ["daily-2026-02-27", "monthly-2026-01"]);
        let later = early.add_millis(600_000);
        assert_eq!(names(later), ["daily-2026-02-28", "monthly-2026-02"]);
        std::fs::write(folder.path().join("daily-2026-02-28.html"), "").unwrap();
        std::fs::write(folder.path().join("daily-notes.txt"), "").unwrap();
        assert_eq!(names(later), ["monthly-2026-02"]);
        assert_eq!(own_files(folder.path()).len(), 1);
    }

    /// A day that ended yesterday at the latest, with a row in it.
    fn due_yesterday(folder: &Path) -> (Config, PathBuf) {
        let verdicts = folder.join("verdicts.csv");
        let noon = wall_clock().as_millis() / 86_400_000 * 86_400 - 43_200;
        let labels = bongsu_core::Labels::from_pairs([("host", "a")]).unwrap();
        let at = Timestamp::from_secs(noon);
        let row = crate::verdict_row("q", &bongsu_core::Verdict::unjudged(at, labels));
        std::fs::write(&verdicts, format!("{}{row}", crate::VERDICT_HEADER)).unwrap();
        let out = folder.join("out");
        let yaml = format!(
            "source: {{type: prometheus, url: 'http://h'}}\n\
             queries: [{{name: q, expr: load}}]\n\
             output: {{verdicts: '{}'}}\n\
             reports: {{directory: '{}', periods: [daily], delay: 0s}}",
            verdicts.display(),
            out.display()
        );
        (crate::config::parse(&yaml, None).unwrap(), out)
    }

    fn pages(folder: &Path) -> usize {
        let files = own_files(folder).into_iter();
        files
            .filter(|path| path.extension() == Some("html".as_ref()))
            .count()
    }

    #[tokio::test]
    async fn a_job_waits_for_the_one_before_to_have_written() {
        let folder = tempfile::tempdir().unwrap();
        let (config, out) = due_yesterday(folder.path());
        let judged = Arc::new(AtomicI64::new(i64::MAX));
        let writer = ReportWriter::default();
        let turn = Arc::clone(&writer.0).lock_owned().await;
        let job = ReportJob::start(&config, Arc::clone(&judged), &writer).unwrap();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(pages(&out), 0);
        }
        // The one before has written by then, so that nothing is due.
        let name = Period::Daily.latest(wall_clock(), &TimeZone::UTC).unwrap();
        let name = format!("{}.html", Period::Daily.name(name.0, &TimeZone::UTC));
        std::fs::create_dir_all(&out).unwrap();
        std::fs::write(out.join(&name), "by the one before").unwrap();
        drop(turn);
        // Turns are taken in order, so that the job has had its own by then.
        let turn = writer.0.lock().await;
        assert_eq!(
            std::fs::read(out.join(&name)).unwrap(),
            b"by the one before"
        );
        drop((turn, job));
        std::fs::remove_file(out.join(&name)).unwrap();
        let job = ReportJob::start(&config, judged, &writer).unwrap();
        while pages(&out) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(job.is_some());
    }

    #[test]
    fn what_was_stopped_writes_nothing_more() {
        let folder = tempfile::tempdir().unwrap();
        let (config, out) = due_yesterday(folder.path());
        let (at, zone) = (wall_clock(), TimeZone::UTC);
        let (from, _) = Period::Daily.latest(at, &zone).unwrap();
        let request = PeriodicRequest {
            period: Period::Daily,
            at: from,
            zone,
            verdicts: config.output.verdicts.clone().unwrap(),
            config: Some(config),
            state: None,
        };
        let due = [request];
        assert!(write(&due, &out, &AtomicBool::new(true)).is_empty());
        assert_eq!(pages(&out), 0);
        assert!(write(&due, &out, &AtomicBool::new(false)).is_empty());
        assert_eq!(pages(&out), 1);
    }

    #[test]
    fn reports_missed_in_a_downtime_are_made_up_unless_they_are_to_be_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let mut reports = ReportsConfig {
            directory: folder.path().to_owned(),
            ..ReportsConfig::default()
        };
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        // 2026-03-31 12:00 UTC; on the 29th the clocks went forward.
        let now = Timestamp::from_secs(1_774_958_400);
        let names = |reports: &ReportsConfig, started: Timestamp| -> Vec<String> {
            let due = due(reports, &zone, started, now).into_iter();
            due.map(|(period, from)| period.name(from, &zone)).collect()
        };
        // Before the first report none was missed.
        assert_eq!(names(&reports, now), ["daily-2026-03-30"]);
        std::fs::write(folder.path().join("daily-2026-03-27.html"), "").unwrap();
        let missed = ["daily-2026-03-28", "daily-2026-03-29", "daily-2026-03-30"];
        assert_eq!(names(&reports, now), missed);
        reports.skip_missed = true;
        assert!(names(&reports, now).is_empty());
        // The last one came due while the service ran.
        let yesterday = now.add_millis(-86_400_000);
        assert_eq!(names(&reports, yesterday), missed[2..]);
        // What lies further back than is made up counts as none.
        reports.skip_missed = false;
        std::fs::remove_file(folder.path().join("daily-2026-03-27.html")).unwrap();
        std::fs::write(folder.path().join("daily-2026-01-01.html"), "").unwrap();
        assert_eq!(names(&reports, now), missed[2..]);
    }
}
