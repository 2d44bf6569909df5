use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ServiceArgs, name_and_value};

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The network: autoencoder (ae), vae, lstm-autoencoder (lstm-ae), gru-autoencoder
    /// (gru-ae) or lstm-forecast; see `bongsu detect --list` for their parameters.
    #[arg(long)]
    pub(crate) model: String,
    /// A parameter of the network, name=value. May be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The CSV file `timestamp,<channel>,...`; the time may be called time, date, datetime, ds
    /// or ts too. .gz and .zst are read as they are, - is standard input.
    #[arg(long, short, default_value = "-")]
    pub(crate) input: PathBuf,
    /// The file that the trained network is saved to.
    #[arg(long, value_name = "FILE")]
    pub(crate) save: PathBuf,
    /// Learn only from the first rows.
    #[arg(long, value_name = "N")]
    pub(crate) train_rows: Option<usize>,
    /// Take the weights of this safetensors file, with names as PyTorch gives them, in place
    /// of training; scaler and threshold are still fitted on the rows.
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// Draw the losses over the epochs to this file, .png or .svg.
    #[arg(long, value_name = "FILE", conflicts_with = "weights")]
    pub(crate) plot: Option<PathBuf>,
    /// Print the history of the training: a row or an object an epoch.
    #[arg(long, value_enum, conflicts_with = "weights")]
    pub(crate) history: Option<HistoryFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistoryFormat {
    Csv,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModelsFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the saved networks of a folder, with the channels they judge, what they were fitted on
    /// and their thresholds, and what other states are there.
    List {
        /// The folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// How the list is written.
        #[arg(long, value_enum, default_value = "text")]
        format: ModelsFormat,
    },
    /// Say what a saved network is: its layers, channels, scaler, threshold and training, as JSON.
    Inspect {
        /// The file that `bongsu train` saved.
        model: PathBuf,
    },
    /// Write the weights of a saved network as a safetensors file, with names as PyTorch gives
    /// them.
    Export {
        /// The file that `bongsu train` saved.
        model: PathBuf,
        /// The file to write.
        #[arg(long, short)]
        output: PathBuf,
    },
    /// List the versions of the detectors that a service has trained and keeps to go back to: why
    /// and on what each was trained, and how many alarms it gave where it was tried.
    Versions {
        /// The `state.directory` of the service.
        #[arg(long)]
        state: PathBuf,
        /// Only those of this query.
        query: Option<String>,
        /// How the list is written.
        #[arg(long, value_enum, default_value = "text")]
        format: ModelsFormat,
    },
    /// Tell a running service to put an earlier version of a query's trained detectors to work again.
    RollBack {
        /// The query.
        query: String,
        /// The version.
        #[arg(value_name = "VERSION")]
        number: u64,
        #[command(flatten)]
        at: ServiceArgs,
    },
    /// Ask a running service to train the detectors of a query anew; the old ones serve until the
    /// new ones have proved themselves.
    Retrain {
        /// The query; without, every query that is trained.
        query: Option<String>,
        #[command(flatten)]
        at: ServiceArgs,
    },
}
