//! Commands that look into what a service has saved, and that tell it something.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum StateCommand {
    /// Say what is saved: queries, series, sizes, versions.
    Inspect {
        /// The `state.directory` of the service.
        directory: PathBuf,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write what is known of every series as lines of JSON: when it was seen last, how many points
    /// its detector has learned, and what it expects.
    Export {
        /// The `state.directory` of the service.
        directory: PathBuf,
        /// The file to write; - is standard output.
        #[arg(long, short, default_value = "-")]
        output: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// List the alerts that fire, that wait to fire, and that ended lately.
    List {
        /// The `state.directory` of the service.
        #[arg(long)]
        state: PathBuf,
    },
    /// Say why an alert did or did not lead to a message, step by step.
    Explain {
        /// The alert: 16 hexadecimal digits, as `list` shows them.
        #[arg(value_parser = fingerprint)]
        alert: u64,
        /// The `state.directory` of the service.
        #[arg(long)]
        state: PathBuf,
    },
    /// Say to a running service that somebody has taken up an alert: nobody is reminded of it, its
    /// severity does not rise, and receivers are told.
    Acknowledge(AcknowledgeArgs),
    /// Say to a running service that nobody looks after an alert any more: reminders and rising
    /// severity come again.
    Unacknowledge(UnacknowledgeArgs),
}

#[derive(Debug, Args)]
pub(crate) struct UnacknowledgeArgs {
    /// The alert: 16 hexadecimal digits, as `list` shows them.
    #[arg(value_parser = fingerprint)]
    pub(crate) alert: u64,
    #[command(flatten)]
    pub(crate) at: ServiceArgs,
}

/// Which service is spoken to.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// The address of the service.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9469")]
    pub(crate) service: String,
    /// Where the service's token is: `${NAME}` for an environment variable, or `file:PATH`.
    #[arg(
        long,
        value_name = "${NAME}|file:PATH",
        default_value = "${BONGSU_TOKEN}"
    )]
    pub(crate) service_token: String,
}

#[derive(Debug, Args)]
pub(crate) struct AcknowledgeArgs {
    /// The alert: 16 hexadecimal digits, as `list` shows them.
    #[arg(value_parser = fingerprint)]
    pub(crate) alert: u64,
    /// Who has taken it up.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: Option<String>,
    /// What there is to say of it, in one line.
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    #[command(flatten)]
    pub(crate) at: ServiceArgs,
}

fn fingerprint(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text, 16).map_err(|_| "must be 16 hexadecimal digits".to_owned())
}
