use std::path::PathBuf;

use bongsu::core::parse_duration;
use clap::{Args, ValueEnum};

use super::name_and_value;

#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// The detector; see `bongsu detect --list`.
    #[arg(long)]
    pub(crate) detector: String,
    /// The CSV file `timestamp,<channel>,...`. A column `label` (or `is_anomaly`, `anomaly`) is taken
    /// for the labels. .gz and .zst are read as they are, - is standard input.
    #[arg(long, short, default_value = "-")]
    pub(crate) input: PathBuf,
    /// The CSV file `timestamp,label` with a label for every row, 1 where it is anomalous. Without
    /// labels parameters are searched that judge steadily and alarm as often as --alarm-budget says.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<PathBuf>,
    /// A parameter that stays as given, name=value. May be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The parameters that are searched; without it all that are numbers or names, but for seeds,
    /// time zones and lengths of histories.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) search: Vec<String>,
    /// With labels, what is to be high: `vus_pr`, `pr_auc`, `roc_auc` or `best_f1`, which rank scores, or
    /// `f1`, `range_f1`, `affiliation_f1`, `event_recall` or `event_precision`, of the detector's own
    /// alarms.
    #[arg(long, default_value = "vus_pr")]
    pub(crate) measure: String,
    /// Without labels, the alarms a week that are aimed at.
    #[arg(long, value_name = "ALARMS", default_value_t = 1.0)]
    pub(crate) alarm_budget: f64,
    /// With labels, the share of the rows, the latest, that the search does not see.
    #[arg(long, value_name = "SHARE", default_value_t = 0.3)]
    pub(crate) test_share: f64,
    /// How many sets of parameters are tried.
    #[arg(long, default_value_t = 60)]
    pub(crate) trials: usize,
    /// Begin no trial after this time, such as 10m.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) time: Option<std::time::Duration>,
    /// The seed of the search.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// How the result is written.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: TuneFormat,
    /// Where the result goes; - is standard output.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TuneFormat {
    /// What was found, as arguments and as a part of a configuration.
    Text,
    /// One document.
    Json,
}
