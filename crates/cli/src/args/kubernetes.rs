use std::path::PathBuf;

/// What `bongsu kubernetes` does.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum KubernetesCommand {
    /// Write the objects as YAML to standard output.
    Render {
        #[command(flatten)]
        objects: ObjectsArgs,
        /// Write the Secret, too, with the variables of the configuration as they are here.
        #[arg(long)]
        with_secret: bool,
    },
    /// Apply the objects on the server's side, as the manager `bongsu`.
    Apply(ApplyArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ObjectsArgs {
    /// The configuration to run with.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// A profile of it.
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// The namespace; it is made if it is not there.
    #[arg(long, default_value = "bongsu")]
    pub(crate) namespace: String,
    /// The name of every object.
    #[arg(long, default_value = "bongsu")]
    pub(crate) name: String,
    /// The image [default: the one of this version].
    #[arg(long)]
    pub(crate) image: Option<String>,
    /// When it runs: five fields of cron.
    #[arg(long, default_value = "*/10 * * * *", value_name = "CRON")]
    pub(crate) schedule: String,
    /// The time zone of the schedule.
    #[arg(long, default_value = "Etc/UTC", value_name = "ZONE")]
    pub(crate) time_zone: String,
    /// A run that takes longer is stopped.
    #[arg(long, default_value_t = 540, value_name = "SECONDS")]
    pub(crate) deadline: i64,
    /// The size of the volume of the state.
    #[arg(long, default_value = "2Gi", value_name = "QUANTITY")]
    pub(crate) storage: String,
    /// The class of that volume [default: the cluster's].
    #[arg(long, value_name = "NAME")]
    pub(crate) storage_class: Option<String>,
    /// The processor time that is asked for.
    #[arg(long, default_value = "100m", value_name = "QUANTITY")]
    pub(crate) cpu: String,
    /// The memory that is asked for.
    #[arg(long, default_value = "256Mi", value_name = "QUANTITY")]
    pub(crate) memory: String,
    /// The most memory it may take.
    #[arg(long, default_value = "512Mi", value_name = "QUANTITY")]
    pub(crate) memory_limit: String,
    /// A Secret that is there and holds the variables that the configuration names; without it one is
    /// made from their values here.
    #[arg(long, value_name = "NAME")]
    pub(crate) existing_secret: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) objects: ObjectsArgs,
    /// The context of the kubeconfig [default: its current one].
    #[arg(long)]
    pub(crate) context: Option<String>,
    /// The cluster checks everything and keeps nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Show what changes.
    #[arg(long)]
    pub(crate) diff: bool,
    /// Take over fields that others have changed.
    #[arg(long)]
    pub(crate) force_conflicts: bool,
}
