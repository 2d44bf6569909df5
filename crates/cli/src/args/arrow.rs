use std::path::PathBuf;

/// What `bongsu arrow` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct ArrowArgs {
    /// The job, in YAML.
    #[arg(long, value_name = "FILE")]
    pub(crate) job: PathBuf,
}
