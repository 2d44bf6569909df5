//! Commands about dashboards.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum DashboardCommand {
    /// Write the dashboards of a configuration as Grafana's JSON.
    ///
    /// An overview, one for each query with its band and anomalies, incidents, capacity, and the
    /// health of the service. What they draw needs `output.remote_write` and a server that scrapes
    /// the service's `/metrics`.
    Render {
        /// The configuration, in YAML or JSON.
        #[arg(long, short, default_value = "bongsu.yaml")]
        config: PathBuf,
        /// The profile that overlays it.
        #[arg(long)]
        profile: Option<String>,
        /// The folder that gets a file for each; - writes a list of them all to standard output.
        #[arg(long, short, default_value = "-")]
        output: PathBuf,
    },
    /// Make or renew the dashboards of a configuration in Grafana.
    Push(PushArgs),
    /// Mark the incidents of a running service in Grafana, each once.
    Annotate(AnnotateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct GrafanaArgs {
    /// The address of Grafana, with its path prefix if it has one.
    #[arg(long, value_name = "URL")]
    pub(crate) grafana: String,
    /// Where the token of a service account is: `${NAME}` for an environment variable, or
    /// `file:PATH`.
    #[arg(
        long,
        value_name = "${NAME}|file:PATH",
        default_value = "${GRAFANA_TOKEN}"
    )]
    pub(crate) token: String,
}

#[derive(Debug, Args)]
pub(crate) struct PushArgs {
    /// The configuration, in YAML or JSON.
    #[arg(long, short, default_value = "bongsu.yaml")]
    pub(crate) config: PathBuf,
    /// The profile that overlays it.
    #[arg(long)]
    pub(crate) profile: Option<String>,
    #[command(flatten)]
    pub(crate) to: GrafanaArgs,
    /// The title of the folder, which is made when it is not there; without it dashboards stay where
    /// they are, and new ones go to the top.
    #[arg(long, value_name = "TITLE")]
    pub(crate) folder: Option<String>,
    /// Only say what would change.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replace a dashboard also when somebody saved it meanwhile, or when another one has its title.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AnnotateArgs {
    #[command(flatten)]
    pub(crate) to: GrafanaArgs,
    /// The address of the service.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9469")]
    pub(crate) service: String,
    /// Where the service's token for reading is, where it asks for one: `${NAME}` or `file:PATH`.
    #[arg(long, value_name = "${NAME}|file:PATH")]
    pub(crate) service_token: Option<String>,
    /// Only say what would be marked.
    #[arg(long)]
    pub(crate) dry_run: bool,
}
