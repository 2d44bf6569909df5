use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// A folder of labelled data sets: NAB, TSB-AD, the UCR archive, SMD, or CSV files with a column
    /// `label`, each set in a folder of its own.
    #[arg(long, value_name = "DIR", required_unless_present = "synthetic")]
    pub(crate) data: Option<PathBuf>,
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
    /// The folder that leaderboard.json, leaderboard.md and leaderboard.html are written to. The
    /// result of each run is kept there too, so that the same command goes on after an interruption;
    /// remove its folder `runs` to measure anew.
    #[arg(long, value_name = "DIR", default_value = "bongsu-bench")]
    pub(crate) report: PathBuf,
}
