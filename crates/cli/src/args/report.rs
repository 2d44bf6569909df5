//! The command `report`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("period").required(true)))]
#[command(group(ArgGroup::new("from").required(true).args(["config", "verdicts"])))]
pub(crate) struct ReportArgs {
    /// Of a day.
    #[arg(long, group = "period")]
    pub(crate) daily: bool,
    /// Of a week from Monday on.
    #[arg(long, group = "period")]
    pub(crate) weekly: bool,
    /// Of a month.
    #[arg(long, group = "period")]
    pub(crate) monthly: bool,
    /// The configuration of the service: it names the file of verdicts, the state, the time zone
    /// (`reports.timezone`) and the rules by which verdicts became alerts and messages.
    #[arg(long, short)]
    pub(crate) config: Option<PathBuf>,
    /// The profile that overlays it.
    #[arg(long, requires = "config")]
    pub(crate) profile: Option<String>,
    /// The file of verdicts, where there is no configuration: each anomalous stretch is then an
    /// alert.
    #[arg(long, value_name = "FILE")]
    pub(crate) verdicts: Option<PathBuf>,
    /// The `state.directory` of the service, for its models; without it that of the configuration.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// A day in the time to report, as 2026-03-01; without it the latest that is over.
    #[arg(long, value_name = "DATE")]
    pub(crate) at: Option<String>,
    /// Where days begin: an IANA time zone; without it that of the configuration, or UTC.
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// The folder that gets the page and its tables; without it `reports.directory`, or `reports`.
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
}
