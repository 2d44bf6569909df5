use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bongsu::engine::{
    BenchRequest, BenchWalk, HistoryRequest, bench as run, config, open_input, prometheus_history,
    read_collection, read_incidents,
};
use bongsu::eval::{LabelledSeries, Synthetic};
use bongsu::prometheus::Range;

use crate::args::BenchArgs;
use crate::{Failure, output, terminal};

pub(crate) fn bench(args: &BenchArgs, quiet: bool) -> Result<(), Failure> {
    let limit = Duration::try_from_secs_f64(args.limit)
        .map_err(|_| Failure::Usage(format!("--limit is {}, but must be a time", args.limit)))?;
    let like = args.config.as_deref();
    let like = like.map(|path| config::load(path, None)).transpose()?;
    let walk = args.walk.map(|walk| BenchWalk {
        mode: walk.into(),
        like,
    });
    let request = BenchRequest {
        detectors: args.detectors.clone(),
        limit,
        threads: args.threads,
        folder: Some(args.report.join("runs")),
        unlabelled: args.prometheus.is_some() && args.labels.is_none(),
        walk,
    };
    request.chosen()?;
    let series = series(args)?;
    let progress = terminal::bar(0, quiet);
    let found = run(&series, &request, &|done, total, what| {
        progress.set_length(total as u64);
        progress.set_position(done as u64);
        progress.set_message(what.to_owned());
    })?;
    progress.finish_and_clear();
    tracing::info!(
        runs = found.runs.len(),
        kept_from_before = found.resumed,
        report = %args.report.display(),
        "done"
    );
    let board = &found.leaderboard;
    let document = serde_json::to_value(board).map_err(std::io::Error::from)?;
    let markdown = board.to_markdown();
    write(
        &args.report.join("leaderboard.json"),
        &format!("{document:#}\n"),
    )?;
    write(&args.report.join("leaderboard.md"), &markdown)?;
    write(&args.report.join("leaderboard.html"), &board.to_html())?;
    let mut out = std::io::stdout().lock();
    out.write_all(markdown.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn series(args: &BenchArgs) -> Result<Vec<LabelledSeries>, Failure> {
    let mut series = Vec::new();
    if let Some(data) = &args.data {
        let found = read_collection(data)?;
        for (path, why) in &found.skipped {
            tracing::debug!(file = %path.display(), why, "not a labelled series");
        }
        tracing::info!(
            series = found.series.len(),
            other_files = found.skipped.len(),
            "read"
        );
        series.extend(found.series);
    }
    if let (Some(url), Some(query)) = (&args.prometheus, &args.query) {
        series.extend(history(args, url, query)?);
    }
    if args.synthetic {
        let made = Synthetic::default().rows(args.synthetic_rows);
        let made = made.map_err(|e| Failure::Usage(e.to_string()))?;
        series.extend(made.seed(args.seed).generate());
    }
    if !args.sets.is_empty() {
        for set in &args.sets {
            if series.iter().all(|one| one.set != *set) {
                return Err(Failure::Usage(format!("there is no set `{set}`")));
            }
        }
        series.retain(|one| args.sets.contains(&one.set));
    }
    Ok(series)
}

/// Two weeks.
const SPAN_MILLIS: i64 = 14 * 86_400_000;

fn history(args: &BenchArgs, url: &str, query: &str) -> Result<Vec<LabelledSeries>, Failure> {
    let incidents = args.labels.as_deref().map(open_input).transpose()?;
    let incidents = incidents.map(read_incidents).transpose()?;
    let end = args.end.unwrap_or_else(crate::now);
    let start = args.start.unwrap_or_else(|| end.add_millis(-SPAN_MILLIS));
    let request = HistoryRequest {
        url: url.to_owned(),
        query: query.to_owned(),
        range: Range {
            start,
            end,
            step_ms: i64::try_from(args.step.as_millis()).unwrap_or(i64::MAX),
        },
    };
    let asked = prometheus_history(&request, incidents.as_deref());
    Ok(tokio::runtime::Runtime::new()?.block_on(asked)?)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut out = output::open(path)?;
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
