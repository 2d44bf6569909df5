use std::io::Write as _;

use bongsu::engine::config::{load, reference_markdown, schema_json};

use crate::Failure;
use crate::args::ConfigCommand;

pub(crate) fn config(command: &ConfigCommand) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check { config, profile } => {
            let checked = load(config, profile.as_deref())?;
            writeln!(
                out,
                "{} is valid: {} queries, {} sinks",
                config.display(),
                checked.queries.len(),
                checked.sinks.len()
            )?;
        }
        ConfigCommand::Schema => writeln!(out, "{:#}", schema_json())?,
        ConfigCommand::Reference => out.write_all(reference_markdown().as_bytes())?,
    }
    Ok(())
}
