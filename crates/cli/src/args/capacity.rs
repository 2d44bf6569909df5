//! The arguments of `bongsu capacity`.

use std::path::PathBuf;
use std::time::Duration;

use bongsu::capacity::{Candidate, WhatIf};
use bongsu::core::parse_duration;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct CapacityArgs {
    /// The CSV file `timestamp,<resource>,...`; each column is a resource. .gz and .zst are read as
    /// they are, - is standard input.
    #[arg(long, short, default_value = "-", conflicts_with = "config")]
    pub(crate) input: PathBuf,
    /// A configuration with a source and a section `capacity`, whose resources are asked for.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The profile that overlays it.
    #[arg(long, requires = "config")]
    pub(crate) profile: Option<String>,
    /// The bound that must not be passed: of every resource, or NAME=VALUE of one. Without it 80 for
    /// a name with cpu or network in it, 85 for memory, 90 for disk.
    #[arg(long, short, value_name = "[NAME=]VALUE", conflicts_with = "config",
          allow_hyphen_values = true, value_parser = threshold)]
    pub(crate) threshold: Vec<(Option<String>, f64)>,
    /// How far to look ahead, such as 30d or 12h.
    #[arg(long, default_value = "30d", value_name = "TIME", conflicts_with = "config",
          value_parser = span)]
    pub(crate) horizon: Duration,
    /// How much of what may come an interval holds, in percent.
    #[arg(
        long,
        default_value_t = 80.0,
        value_name = "PERCENT",
        conflicts_with = "config"
    )]
    pub(crate) level: f64,
    /// The zone of the clock and the calendar, by its name in the IANA database.
    #[arg(long, default_value = "UTC", conflicts_with = "config")]
    pub(crate) timezone: String,
    /// A change whose effect is asked for: a demand (traffic, demand, load, users) or a capacity
    /// (capacity, nodes, replicas, size, servers) by a percentage, a factor, or a count and what is
    /// added to it: traffic=+30%, load=x2, nodes=6+2.
    #[arg(long, value_name = "NAME=CHANGE", value_parser = change, conflicts_with = "config")]
    pub(crate) what_if: Vec<WhatIf>,
    /// The models to choose among: level, seasonal-naive-drift, theil-sen, linear, ets, arima, prophet
    /// and random-forest; all when none is named.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = candidate,
          conflicts_with = "config")]
    pub(crate) model: Vec<Candidate>,
    /// The seed of the simulation.
    #[arg(long, default_value_t = 0, conflicts_with = "config")]
    pub(crate) seed: u64,
    /// A catalogue of recommendations in YAML, in place of the bundled one.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pub(crate) recommendations: Option<PathBuf>,
    /// Where the report goes; - is standard output.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
    /// The report as JSON. This is the default, and stays beside --html where it is given.
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// The report as CSV, a line a resource.
    #[arg(long)]
    pub(crate) csv: bool,
    /// The report as a page with plots.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// A plot of the most urgent resource, as .svg or .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
}

fn threshold(text: &str) -> Result<(Option<String>, f64), String> {
    let (name, value) = match text.rsplit_once('=') {
        Some((name, value)) => (Some(name.trim().to_owned()), value),
        None => (None, text),
    };
    match value.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((name, value)),
        _ => Err(format!("`{value}` is not a finite number")),
    }
}

fn span(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|e| e.to_string())
}

fn change(text: &str) -> Result<WhatIf, String> {
    text.parse().map_err(|e: bongsu::core::Error| e.to_string())
}

fn candidate(text: &str) -> Result<Candidate, String> {
    Candidate::from_name(text).map_err(|e| e.to_string())
}
