#[cfg(feature = "arrow")]
mod arrow;
mod bench;
mod capacity;
mod config;
mod dashboard;
mod evaluate;
#[cfg(feature = "parquet")]
mod export;
mod forecast;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod networks;
mod rca;
mod report;
mod service;
#[cfg(feature = "sql")]
mod sql;
mod tune;

use std::path::PathBuf;

use bongsu::core::Timestamp;
use bongsu::engine::demo::Bundled;
use bongsu::engine::parse_time;
use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "arrow")]
pub(crate) use arrow::ArrowArgs;
pub(crate) use bench::BenchArgs;
pub(crate) use capacity::CapacityArgs;
pub(crate) use config::ConfigCommand;
pub(crate) use dashboard::{AnnotateArgs, DashboardCommand, PushArgs};
pub(crate) use evaluate::EvaluateArgs;
#[cfg(feature = "parquet")]
pub(crate) use export::ExportArgs;
pub(crate) use forecast::{BacktestArgs, ForecastArgs, TableFormat};
#[cfg(feature = "kubernetes")]
pub(crate) use kubernetes::{ApplyArgs, KubernetesCommand, ObjectsArgs};
pub(crate) use networks::{HistoryFormat, ModelsCommand, ModelsFormat, TrainArgs};
pub(crate) use rca::RcaArgs;
pub(crate) use report::ReportArgs;
pub(crate) use service::{AlertsCommand, ServiceArgs, StateCommand};
#[cfg(feature = "sql")]
pub(crate) use sql::{SqlArgs, SqlFormat};
pub(crate) use tune::{TuneArgs, TuneFormat};

/// Few, explained, trustworthy alarms from Prometheus metrics.
#[derive(Debug, Parser)]
#[command(
    name = "bongsu",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How log lines are written to standard error.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// Say nothing on standard error but errors.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch a recording of real metrics with injected faults go through the whole pipeline.
    Demo(DemoArgs),
    /// Run the service: fetch, judge and alert as the configuration says.
    Run(RunArgs),
    /// Judge the rows of a CSV file.
    Detect(DetectArgs),
    /// Train a network on the rows of a CSV file and save it for `detect --model`.
    ///
    /// Ctrl-C ends the training early: what is saved are the best weights until then. A second
    /// Ctrl-C ends the command, and nothing is saved.
    Train(TrainArgs),
    /// Look into trained networks.
    Models {
        #[command(subcommand)]
        command: ModelsCommand,
    },
    /// Look into the saved state of a service.
    State {
        #[command(subcommand)]
        command: StateCommand,
    },
    /// Look into the alerts of a service.
    Alerts {
        #[command(subcommand)]
        command: AlertsCommand,
    },
    /// Judge rows of CSV as they arrive, and go on where it stopped.
    Stream(StreamArgs),
    /// Find out when the values of a CSV file, or the scores of a detector, have changed for good.
    Drift(DriftArgs),
    /// Find the service and the metric that an incident in a CSV file began with.
    Rca(RcaArgs),
    /// Find out when resources run out: days left with an interval, for each column of a CSV file or
    /// for the resources of a configuration.
    Capacity(CapacityArgs),
    /// Continue a channel of a CSV file, with intervals.
    Forecast(ForecastArgs),
    /// Compare forecast models by their errors at past moments of a series.
    Backtest(BacktestArgs),
    /// Write what happened in a day, a week or a month, from the verdicts that a service keeps.
    Report(ReportArgs),
    /// Make dashboards for Grafana of a configuration, and keep them there.
    Dashboard {
        #[command(subcommand)]
        command: DashboardCommand,
    },
    /// Measure detectors on labelled data sets: accuracy and cost, and which one to take.
    Bench(BenchArgs),
    /// Compare scores with labels: every measure as JSON.
    Evaluate(EvaluateArgs),
    /// Run as a cron job of a Kubernetes cluster: render its objects, or apply them.
    #[cfg(feature = "kubernetes")]
    Kubernetes {
        #[command(subcommand)]
        command: KubernetesCommand,
    },
    /// Do a job with every series of an Arrow IPC stream: standard input to standard output.
    #[cfg(feature = "arrow")]
    Arrow(ArrowArgs),
    /// Query a folder of Parquet and CSV files in SQL, with the detectors as functions.
    #[cfg(feature = "sql")]
    Sql(SqlArgs),
    /// Write the samples of a Prometheus to Parquet files, a folder a day.
    #[cfg(feature = "parquet")]
    Export(ExportArgs),
    /// Search parameters of a detector on a CSV file, with labels or without.
    Tune(TuneArgs),
    /// Check and describe configurations.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// What is replayed: `machine`, four services and their node, or `lab-1` to `lab-6`, a round of a
    /// system of eight services with seven incidents.
    #[arg(long, value_name = "NAME", default_value_t = Bundled::default(), value_parser = Bundled::from_name)]
    pub(crate) recording: Bundled,
    /// Where the report and the plots are written.
    #[arg(long, default_value = "bongsu-demo")]
    pub(crate) output: PathBuf,
    /// How many seconds of the recording pass in one second.
    #[arg(long, default_value_t = 90.0)]
    pub(crate) speed: f64,
    /// Keep the replay server and the report running until interrupted.
    #[arg(long)]
    pub(crate) serve: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The configuration, in YAML or JSON.
    #[arg(long, short)]
    pub(crate) config: PathBuf,
    /// The profile that overlays it.
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// Judge what is due now, print the verdicts as CSV, and stop.
    #[arg(long)]
    pub(crate) once: bool,
    /// Judge and print the verdicts as CSV, but tell nobody and write no file.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// So often in a minute the same warning about the same query or sink is logged; then follows
    /// how often it was repeated. 0 is without a limit.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) log_limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct DetectArgs {
    /// The detector; see --list.
    #[arg(long, required_unless_present_any = ["list", "model"])]
    pub(crate) detector: Option<String>,
    /// A network that `bongsu train` saved, in place of a detector.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["detector", "train_rows"])]
    pub(crate) model: Option<PathBuf>,
    /// A parameter of the detector, name=value. May be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The CSV file `timestamp,<channel>,...`; the time may be called time, date, datetime, ds
    /// or ts too. .gz and .zst are read as they are, - is standard input.
    #[arg(long, short, default_value = "-")]
    pub(crate) input: PathBuf,
    /// Where the CSV `timestamp,score,anomalous,...` goes; - is standard output.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
    /// Learn only from the first rows.
    #[arg(long, value_name = "N")]
    pub(crate) train_rows: Option<usize>,
    /// Give the algorithm's raw scores instead of calibrated ones.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Add a column that says which channels made an anomalous row anomalous, where the detector
    /// can tell.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Draw the rows with the band and what is anomalous to this file, .png or .svg; of several channels
    /// each has a panel, and the score has one.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Draw how often scores are of which size, and where their bound is, to this file, .png or .svg.
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: Option<PathBuf>,
    /// End with status 3 when a row is anomalous.
    #[arg(long)]
    pub(crate) fail_on_anomaly: bool,
    /// List the detectors with their parameters and stop.
    #[arg(long)]
    pub(crate) list: bool,
    /// How the list is written.
    #[arg(long, value_enum, default_value = "text", requires = "list")]
    pub(crate) format: ListFormat,
}

#[derive(Debug, Args)]
pub(crate) struct StreamArgs {
    /// The detector; see `bongsu detect --list`.
    #[arg(long)]
    pub(crate) detector: String,
    /// A parameter of the detector, name=value. May be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The CSV `timestamp,<channel>,...`; the time may be called time, date, datetime, ds
    /// or ts too. .gz and .zst are read as they are, - is standard input.
    #[arg(long, short, default_value = "-")]
    pub(crate) input: PathBuf,
    /// Where the CSV `timestamp,score,anomalous,...` goes; - is standard output. With --state a file
    /// is added to.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
    /// The file that the state is loaded from, where it exists, and saved to: now and then, at the
    /// end, and when stopped by SIGINT or SIGTERM. Give the same input again after a stop: rows that
    /// the state knows are skipped as late, with an empty score. After a kill no row is missing from
    /// the output; those since the last save may be there twice. One process at a time: FILE.lock is
    /// locked.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Save the state after so many rows.
    #[arg(long, value_name = "N", default_value_t = 100_000, requires = "state", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) save_rows: u64,
    /// Save the state after so many seconds, when rows have come.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "state", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) save_seconds: u64,
    /// Whether the output starts with a header; `auto` leaves it out where the output goes on from a
    /// saved state.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) header: HeaderChoice,
    /// Give the algorithm's raw scores instead of calibrated ones.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Add a column that says which channels made an anomalous row anomalous, where the detector
    /// can tell.
    #[arg(long)]
    pub(crate) explain: bool,
    /// End with status 3 when a row was anomalous.
    #[arg(long)]
    pub(crate) fail_on_anomaly: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HeaderChoice {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Args)]
pub(crate) struct DriftArgs {
    /// The drift detector; see --list.
    #[arg(long, required_unless_present = "list")]
    pub(crate) detector: Option<String>,
    /// A parameter of the drift detector, name=value. May be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The CSV file `timestamp,<channel>,...`; the time may be called time, date, datetime, ds
    /// or ts too. .gz and .zst are read as they are, - is standard input.
    #[arg(long, short, default_value = "-")]
    pub(crate) input: PathBuf,
    /// Where the CSV `timestamp,state` goes, one row an input row; - is standard output. The state is
    /// stable, warning or drift, and empty for a row that is passed over: one that does not move on
    /// in time, has no value, or has no score of the watched detector.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
    /// The channel that is watched; without it the first, or all of them with --watch.
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// Watch the scores of this detector, which learns as it goes, in place of the values; see
    /// `bongsu detect --list`.
    #[arg(long, value_name = "DETECTOR")]
    pub(crate) watch: Option<String>,
    /// A parameter of the watched detector, name=value. May be given several times.
    #[arg(long = "watch-set", value_name = "NAME=VALUE", value_parser = name_and_value, requires = "watch")]
    pub(crate) watch_parameters: Vec<(String, String)>,
    /// Call it drift when it was seen VOTES times within VALUES values; a single time is a warning.
    #[arg(long, value_name = "VOTES,VALUES", value_parser = votes_and_values)]
    pub(crate) confirm: Option<(usize, u64)>,
    /// The least number of values from one drift to the next.
    #[arg(long, value_name = "VALUES", default_value_t = 0)]
    pub(crate) cool_down: u64,
    /// List the drift detectors with their parameters and stop.
    #[arg(long)]
    pub(crate) list: bool,
    /// How the list is written.
    #[arg(long, value_enum, default_value = "text", requires = "list")]
    pub(crate) format: ListFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Text,
    Markdown,
    Json,
}

fn moment(text: &str) -> Result<Timestamp, String> {
    parse_time(text)
        .map(|(time, _)| time)
        .ok_or_else(|| "must be Unix seconds, Unix milliseconds or RFC 3339".to_owned())
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE".to_owned()),
    }
}

fn votes_and_values(text: &str) -> Result<(usize, u64), String> {
    let parts = text.split_once(',');
    parts
        .and_then(|(votes, within)| Some((votes.trim().parse().ok()?, within.trim().parse().ok()?)))
        .ok_or_else(|| "must be VOTES,VALUES: two whole numbers".to_owned())
}
