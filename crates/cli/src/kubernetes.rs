//! `bongsu kubernetes`: a cron job of Bongsu in a cluster.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use bongsu::engine::config::load;
use bongsu_kubernetes::{
    ApplyOptions, Asks, Cluster, Error, Object, Outcome, Settings, Variables, objects,
};

use crate::Failure;
use crate::args::{ApplyArgs, KubernetesCommand, ObjectsArgs};
use crate::terminal::say;

pub(crate) fn kubernetes(command: &KubernetesCommand, quiet: bool) -> Result<(), Failure> {
    match command {
        KubernetesCommand::Render {
            objects,
            with_secret,
        } => render(objects, *with_secret, quiet),
        KubernetesCommand::Apply(args) => apply(args),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Setting { .. } | Error::Configuration(_) => Self::Usage(error.to_string()),
            other => Self::Incomplete(other.to_string()),
        }
    }
}

/// The objects; of the variables that are missing here the names, if that is no reason to stop.
fn made(args: &ObjectsArgs, with_secret: bool) -> Result<(Vec<Object>, Vec<String>), Failure> {
    let named = |e: std::io::Error| {
        std::io::Error::new(e.kind(), format!("{}: {e}", args.config.display()))
    };
    let text = std::fs::read_to_string(&args.config).map_err(named)?;
    let asks = Asks::of(&text, args.profile.as_deref())?;
    let mut values = BTreeMap::new();
    let mut missing = Vec::new();
    for name in asks.variables {
        match std::env::var(&name) {
            Ok(value) => {
                values.insert(name, value);
            }
            Err(_) => missing.push(name),
        }
    }
    if missing.is_empty() {
        load(&args.config, args.profile.as_deref())?;
    }
    let mut settings = Settings::new(text);
    settings.variables = match &args.existing_secret {
        Some(name) => Variables::Existing(name.clone()),
        None if values.is_empty() && missing.is_empty() => Variables::None,
        None if with_secret && missing.is_empty() => Variables::Values(values),
        None if with_secret => {
            return Err(Failure::Usage(format!(
                "the configuration names {}, which no environment variable here gives: set it, or name a Secret \
                 that holds it by --existing-secret",
                missing.join(" and ")
            )));
        }
        // Whoever applies the text makes it.
        None => Variables::Existing(args.name.clone()),
    };
    settings.state_directory = state_directory(&args.config, asks.state_directory)?;
    settings.namespace.clone_from(&args.namespace);
    settings.name.clone_from(&args.name);
    settings.image = args.image.clone().unwrap_or(settings.image);
    settings.schedule.clone_from(&args.schedule);
    settings.time_zone.clone_from(&args.time_zone);
    settings.deadline = args.deadline;
    settings.profile.clone_from(&args.profile);
    settings.storage.clone_from(&args.storage);
    settings.storage_class.clone_from(&args.storage_class);
    settings.cpu.clone_from(&args.cpu);
    settings.memory = (args.memory.clone(), args.memory_limit.clone());
    Ok((objects(&settings)?, missing))
}

fn state_directory(config: &Path, found: Option<String>) -> Result<String, Failure> {
    found.ok_or_else(|| {
        Failure::Usage(format!(
            "{}: `state.directory` is not set: every run would begin without what the last one learned; \
             set it, for example to /var/lib/bongsu",
            config.display()
        ))
    })
}

fn render(args: &ObjectsArgs, with_secret: bool, quiet: bool) -> Result<(), Failure> {
    let (made, missing) = made(args, with_secret)?;
    let mut out = std::io::stdout().lock();
    for object in &made {
        write!(out, "---\n{}", object.yaml())?;
    }
    if !missing.is_empty() && !quiet {
        say(&format!(
            "the configuration is not checked in full, as {} is not set here",
            missing.join(" and ")
        ));
    }
    Ok(())
}

fn apply(args: &ApplyArgs) -> Result<(), Failure> {
    let (made, _) = made(&args.objects, true)?;
    let options = ApplyOptions {
        dry_run: args.dry_run,
        force: args.force_conflicts,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let mut out = std::io::stdout().lock();
    runtime.block_on(async {
        let cluster = Cluster::connect(args.context.as_deref()).await?;
        for object in &made {
            let applied = cluster.apply(object, options).await.map_err(|error| {
                let hint = match error {
                    Error::Conflict { .. } => " (--force-conflicts)",
                    _ => "",
                };
                Failure::Incomplete(format!("{error}{hint}"))
            })?;
            let said = match (applied.outcome, args.dry_run) {
                (Outcome::Created, false) => "created",
                (Outcome::Created, true) => "would be created",
                (Outcome::Changed, false) => "changed",
                (Outcome::Changed, true) => "would be changed",
                (Outcome::Unchanged, _) => "unchanged",
                (Outcome::Unchecked, _) => {
                    "would be created; not checked, as its namespace is not there"
                }
            };
            writeln!(out, "{} {said}", object.label())?;
            if args.diff && applied.outcome != Outcome::Unchanged {
                write!(out, "{}", applied.diff)?;
            }
        }
        Ok(())
    })
}
