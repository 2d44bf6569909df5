use std::path::PathBuf;

use bongsu::core::Timestamp;
use clap::Args;

use super::moment;

/// What `bongsu export` takes.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The address of a server that speaks remote read, such as Prometheus, Mimir or Thanos' sidecar.
    #[arg(long, value_name = "URL", required_unless_present = "config")]
    pub(crate) prometheus: Option<String>,
    /// Take the server, with credentials, of this configuration instead.
    #[arg(long, value_name = "FILE", conflicts_with = "prometheus")]
    pub(crate) config: Option<PathBuf>,
    /// Which series, such as `up{job="node"}`; may be given several times.
    #[arg(long, value_name = "SELECTOR", required = true)]
    pub(crate) select: Vec<String>,
    /// From when on, as Unix seconds, milliseconds or RFC 3339; taken back to the beginning of its
    /// day or hour of UTC.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) start: Timestamp,
    /// Until when, without that moment; without it until now.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) end: Option<Timestamp>,
    /// The folder of the tables.
    #[arg(long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// The table, a folder in it.
    #[arg(long, value_name = "NAME", default_value = "metrics")]
    pub(crate) table: String,
    /// A folder for every hour in place of every day: for so many series that a day of them does not
    /// fit into memory, or into one answer of the server.
    #[arg(long)]
    pub(crate) hourly: bool,
    /// Over how many folders the series are spread by their fingerprints.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(crate) parts: u32,
}
