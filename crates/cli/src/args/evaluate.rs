use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct EvaluateArgs {
    /// The CSV file `timestamp,score[,anomalous]`, as `bongsu detect` writes it. An empty score is
    /// that of a row that was not judged.
    #[arg(long, value_name = "FILE")]
    pub(crate) scores: PathBuf,
    /// The CSV file `timestamp,label`, 1 where a row is anomalous and 0 where it is not.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: PathBuf,
    /// Flag rows with at least this score, whatever the column `anomalous` says. Without both, the
    /// threshold with the best F1 is taken.
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    pub(crate) threshold: Option<f64>,
    /// The largest tolerance around events in rows, of VUS-ROC and VUS-PR.
    #[arg(long, value_name = "ROWS", default_value_t = 100)]
    pub(crate) vus_window: usize,
    /// Add 95 % confidence intervals of ROC-AUC and PR-AUC from so many bootstrap samples.
    #[arg(long, value_name = "SAMPLES")]
    pub(crate) bootstrap: Option<usize>,
    /// Consecutive rows that the bootstrap draws together.
    #[arg(
        long,
        value_name = "ROWS",
        default_value_t = 100,
        requires = "bootstrap"
    )]
    pub(crate) block: usize,
    /// Where the JSON document goes; - is standard output.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
}
