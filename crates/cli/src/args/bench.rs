use std::path::PathBuf;
use std::time::Duration;

use bongsu::core::{Timestamp, parse_duration};
use bongsu::engine::WalkMode;
use clap::{Args, ValueEnum};

use super::moment;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// A folder of labelled data sets: NAB, TSB-AD, the UCR archive, SMD, or CSV files with a column
    /// `label`, each set in a folder of its own.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["synthetic", "prometheus"])]
    pub(crate) data: Option<PathBuf>,
    /// Measure on the series of a Prometheus instead: its address.
    #[arg(long, value_name = "URL", requires = "query", conflicts_with_all = ["data", "synthetic"])]
    pub(crate) prometheus: Option<String>,
    /// The query in PromQL; each series of the answer is one of the set `prometheus`.
    #[arg(long, value_name = "PROMQL", requires = "prometheus")]
    pub(crate) query: Option<String>,
    /// When the series begin, as Unix seconds, milliseconds or RFC 3339; without it two weeks before
    /// the end.
    #[arg(long, value_name = "TIME", requires = "prometheus", value_parser = moment)]
    pub(crate) start: Option<Timestamp>,
    /// When they end; without it now. Give both times, so that the same command goes on after an
    /// interruption.
    #[arg(long, value_name = "TIME", requires = "prometheus", value_parser = moment)]
    pub(crate) end: Option<Timestamp>,
    /// The time from row to row.
    #[arg(long, value_name = "TIME", default_value = "1m", requires = "prometheus", value_parser = step)]
    pub(crate) step: Duration,
    /// The known incidents: a CSV file with the columns start, end and, where an incident concerns
    /// some series only, series with a selector such as {instance="web-1"}. Without it the detectors
    /// are compared by stability, alarms a week and the coverage of their bands.
    #[arg(long, value_name = "FILE", requires = "prometheus")]
    pub(crate) labels: Option<PathBuf>,
    /// Add series that are made up: six signals with seven kinds of anomalies each.
    #[arg(long)]
    pub(crate) synthetic: bool,
    /// The rows of a series that is made up.
    #[arg(
        long,
        value_name = "ROWS",
        default_value_t = 3_000,
        requires = "synthetic"
    )]
    pub(crate) synthetic_rows: usize,
    /// The seed of the series that are made up.
    #[arg(long, default_value_t = 0, requires = "synthetic")]
    pub(crate) seed: u64,
    /// The detectors; without it all but the networks.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) detectors: Vec<String>,
    /// Only these sets.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) sets: Vec<String>,
    /// Leave out runs that are foreseen to take longer; they are counted in the report.
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    pub(crate) limit: f64,
    /// Detectors that run side by side, each on one thread; 0 for as many as there are processors.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// Send the series through a query of the service instead, as it would have judged them: each row
    /// before it is learned, with its trainings and its alerts. `exact` is the engine itself, step by
    /// step; `fast` does the same in long stretches, without messages.
    #[arg(long, value_name = "MODE", value_enum)]
    pub(crate) walk: Option<Walk>,
    /// The configuration whose first query says how detectors are trained and when alerts fire, and
    /// whose section `alerting` says what is told; without it the defaults.
    #[arg(long, value_name = "FILE", requires = "walk")]
    pub(crate) config: Option<PathBuf>,
    /// The folder that leaderboard.json, leaderboard.md and leaderboard.html are written to. The
    /// result of each run is kept there too, so that the same command goes on after an interruption;
    /// remove its folder `runs` to measure anew.
    #[arg(long, value_name = "DIR", default_value = "bongsu-bench")]
    pub(crate) report: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Walk {
    Exact,
    Fast,
}

impl From<Walk> for WalkMode {
    fn from(walk: Walk) -> Self {
        match walk {
            Walk::Exact => Self::Exact,
            Walk::Fast => Self::Fast,
        }
    }
}

fn step(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(step) if step.as_millis() > 0 => Ok(step),
        Ok(_) => Err("must be at least 1ms".to_owned()),
        Err(e) => Err(e.to_string()),
    }
}
