//! Commands about configurations.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check a configuration without running it.
    Check {
        /// The configuration, in YAML or JSON.
        #[arg(long, short)]
        config: PathBuf,
        /// The profile that overlays it.
        #[arg(long)]
        profile: Option<String>,
        /// Ask the source every query, too: what comes back is printed, and the status is 1 when one
        /// fails.
        #[arg(long)]
        server: bool,
    },
    /// Print rules for a Prometheus server: alerts on the scores that are written back to it, and
    /// on the service itself.
    Rules {
        /// The configuration, in YAML or JSON.
        #[arg(long, short)]
        config: PathBuf,
        /// The profile that overlays it.
        #[arg(long)]
        profile: Option<String>,
    },
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Print the description of the service's HTTP server in `OpenAPI` 3.1.
    Openapi,
    /// Print the reference of the configuration in Markdown.
    Reference,
}
