//! The arguments of `bongsu rca`.

use std::path::PathBuf;

use bongsu::core::Timestamp;
use bongsu::rca::{Options, Ranker};
use clap::Args;

use super::moment;

#[derive(Debug, Args)]
pub(crate) struct RcaArgs {
    /// The CSV file `timestamp,<service>:<metric>,...`, or JSON with `frames` as this command and the
    /// service write it. .gz and .zst are read as they are, - is standard input.
    #[arg(long, short, default_value = "-")]
    pub(crate) input: PathBuf,
    /// When the incident began, as Unix seconds, milliseconds or RFC 3339; without it, that of the
    /// JSON, or it is looked for.
    #[arg(long, value_name = "TIME", value_parser = moment, allow_hyphen_values = true)]
    pub(crate) onset: Option<Timestamp>,
    /// Which service depends on which, in YAML: `services: [{name, dependencies: [], metadata: {}}]`;
    /// without it, what the JSON knows.
    #[arg(long, value_name = "FILE")]
    pub(crate) graph: Option<PathBuf>,
    /// More of who calls whom, as Prometheus exposes it: counts of calls with the labels `client` and
    /// `server`, as /federate gives those of traces, or labels of workloads, as kube-state-metrics does.
    #[arg(long, value_name = "FILE")]
    pub(crate) calls: Option<PathBuf>,
    /// A CSV file of normal times; without it, what lies before the onset.
    #[arg(long, value_name = "FILE")]
    pub(crate) normal: Option<PathBuf>,
    /// What stands between service and metric in the names of the columns; they are split where it
    /// occurs first.
    #[arg(long, default_value = ":")]
    pub(crate) separator: String,
    /// How causes are ranked: default, robust, baro, n-sigma, epsilon, walk or classic.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = ranker)]
    pub(crate) ranker: Ranker,
    /// How far the given onset may be from the true one, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub(crate) uncertainty: u64,
    /// Of so many of the most suspicious metrics it is told how they go together: correlations, who moves
    /// first, chains of causes and effects; 0 for none.
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().relations)]
    pub(crate) relations: usize,
    /// They are compared from so many seconds before the onset to so many after it.
    #[arg(long, value_name = "SECONDS", default_value_t = Options::default().relations_around.as_secs(),
        value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) relations_around: u64,
    /// A catalogue of actions in YAML, in place of the bundled one.
    #[arg(long, value_name = "FILE")]
    pub(crate) actions: Option<PathBuf>,
    /// Patterns of incidents in YAML, in place of the bundled ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) patterns: Option<PathBuf>,
    /// Write the report as JSON, also where there is one as HTML.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the report as HTML to this file; JSON is then written with --json only.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Draw which of the highest ranked metrics move together to this file, .png or .svg.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Write the dependency graph to this file: .dot for Graphviz, .mmd for Mermaid, .json for JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) export_graph: Option<PathBuf>,
    /// Where JSON goes; - is standard output.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
}

fn ranker(text: &str) -> Result<Ranker, String> {
    Ranker::from_name(text).map_err(|e| e.to_string())
}
