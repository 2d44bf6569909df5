//! `lab record`: runs a plan and writes what was recorded.

mod export;
mod labels;
mod load;
mod plan;
mod process;
mod prometheus;
mod stack;

use crate::Result;
use crate::service::{Config, input_closed};
use export::Series;
use labels::{Incident, Labels, Place};
use plan::{Injection, Plan, Step};
use stack::Stack;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) use export::{Series as RecordedSeries, read, write};
pub(crate) use labels::Labels as RecordedLabels;
pub(crate) use process::guard;
pub(crate) use prometheus::COLUMNS;

/// Runs the plan; whatever ends it, everything it started ends with it.
pub(crate) async fn run(plan: &Path, out: &Path, one_by_one: bool) -> Result {
    let plan = Plan::read(plan)?;
    std::fs::create_dir_all(out)?;
    let versions = process::version("prometheus").await?;
    let dir = std::env::temp_dir().join(format!("bongsu-lab-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    // Dropping the rounds stops their processes.
    let outcome = tokio::select! {
        outcome = rounds(&plan, &dir, out, &versions, one_by_one) => outcome,
        () = interrupted() => Err("interrupted; nothing was written".into()),
    };
    if outcome.is_ok() {
        std::fs::remove_dir_all(&dir)?;
    } else {
        eprintln!("lab: logs stay in {}", dir.display());
    }
    outcome
}

async fn interrupted() {
    let terminated = async {
        let kind = tokio::signal::unix::SignalKind::terminate();
        match tokio::signal::unix::signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

async fn rounds(plan: &Plan, dir: &Path, out: &Path, versions: &str, one_by_one: bool) -> Result {
    let mut recorded = Vec::new();
    if one_by_one {
        for number in 1..=plan.rounds.len() {
            recorded.push(round(plan, number, dir, versions, Duration::ZERO).await?);
        }
    } else {
        let tasks = (1..=plan.rounds.len()).map(|number| {
            // Rounds are apart, so that no two incidents begin at one moment.
            let apart = plan.stagger() * u32::try_from(number - 1).unwrap_or_default();
            Box::pin(round(plan, number, dir, versions, apart))
        });
        let mut running: Vec<_> = tasks.collect();
        recorded = all(&mut running).await?;
    }
    for (number, (labels, series)) in (1..).zip(&recorded) {
        let size = export::write(&out.join(format!("round-{number}.jsonl.gz")), series)?;
        labels.write(&out.join(format!("round-{number}.labels.json")))?;
        let samples: usize = series.iter().map(|one| one.values.len()).sum();
        eprintln!(
            "lab: round {number}: {} series, {samples} samples, {size} bytes",
            series.len()
        );
        println!("round {number}\n{}", labels::symptom_table(labels, series));
    }
    let series = recorded.iter().flat_map(|(_, series)| series);
    std::fs::write(out.join("services.yaml"), export::graph(series)?)?;
    Ok(())
}

/// Waits for all, and fails with the first that fails.
async fn all<F, T>(running: &mut [F]) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>> + Unpin,
{
    let mut done: Vec<Option<T>> = running.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        use std::task::Poll;
        for (future, slot) in running.iter_mut().zip(&mut done) {
            if slot.is_none()
                && let Poll::Ready(outcome) = std::pin::Pin::new(future).poll(context)
            {
                match outcome {
                    Ok(value) => *slot = Some(value),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        }
        if done.iter().all(Option::is_some) {
            Poll::Ready(Ok(done.iter_mut().filter_map(Option::take).collect()))
        } else {
            Poll::Pending
        }
    })
    .await
}

/// One round: a system of its own, its load, its Prometheus.
async fn round(
    plan: &Plan,
    number: usize,
    dir: &Path,
    versions: &str,
    apart: Duration,
) -> Result<(Labels, Vec<Series>)> {
    let steps = plan.rounds.get(number - 1).ok_or("no such round")?;
    let dir: PathBuf = dir.join(format!("round-{number}"));
    std::fs::create_dir_all(&dir)?;
    tokio::time::sleep(apart).await;
    let seed = plan.seed + 100 * number as u64;
    let mut stack = Stack::start(&dir, plan, seed).await?;
    eprintln!("lab: round {number}: processes {:?}", stack.ids());
    let begun = Instant::now();
    let start = now();
    let mut labels = Labels::new(plan, number, versions, start);
    wait(&mut stack, plan.lead()).await?;
    let cpu = stack.cpu_seconds() / begun.elapsed().as_secs_f64();
    eprintln!(
        "lab: round {number}: {:.1} % of a core while healthy",
        100.0 * cpu
    );
    for step in steps {
        let from = now();
        let at = begun.elapsed().as_secs();
        eprintln!(
            "lab: round {number}: {at:>5} s  {:?} {}",
            step.kind,
            step.service.name()
        );
        stack.begin(step).await?;
        wait(&mut stack, plan.length(step)).await?;
        stack.end(step).await?;
        let to = now();
        labels
            .incidents
            .push(describe(step, from, to, &labels.incidents));
        wait(&mut stack, plan.pause()).await?;
    }
    labels.end = now();
    let (answered, failed) = stack.load.totals();
    eprintln!("lab: round {number}: {answered} requests answered, {failed} failed");
    // The last rules may still be under way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let series = stack.prometheus.fetch(start, labels.end).await?;
    stack.stop().await;
    Ok((labels, series))
}

/// Waits while everything keeps running.
async fn wait(stack: &mut Stack, time: Duration) -> Result {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        if left.is_zero() {
            break;
        }
        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
        stack.check()?;
    }
    Ok(())
}

/// What was injected, with a name that no other case of the round has.
fn describe(step: &Step, from: i64, to: i64, before: &[Incident]) -> Incident {
    let service = step.service.name();
    let kind = step.kind.name();
    let name = format!("{kind}-{service}");
    let again = before.iter().filter(|i| i.name.starts_with(&name)).count();
    Incident {
        name: if again > 0 {
            format!("{name}-{}", again + 1)
        } else {
            name
        },
        kind: step.kind,
        fault: step.kind.is_fault(),
        place: Place {
            service: service.to_owned(),
        },
        from,
        to,
        symptoms: step.kind.symptoms(service),
        note: step.kind.note(step.level),
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::all;

    #[tokio::test]
    async fn the_first_failure_ends_all() {
        let task = |n: u64| {
            Box::pin(async move {
                tokio::time::sleep(std::time::Duration::from_millis(n)).await;
                if n == 2 { Err("two".into()) } else { Ok(n) }
            })
        };
        assert!(all(&mut [task(1), task(2), task(3)]).await.is_err());
        let done = all::<_, u64>(&mut [task(5), task(1)]).await;
        assert_eq!(done.unwrap(), [5, 1]);
    }
}
