use std::io::Write as _;

use bongsu::engine::config::{load, reference_markdown, schema_json};
use bongsu::engine::rules_yaml;

use crate::Failure;
use crate::args::ConfigCommand;
use crate::terminal::say;

pub(crate) fn config(command: &ConfigCommand, quiet: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check { config, profile } => {
            let checked = load(config, profile.as_deref())?;
            if !quiet {
                say(&format!(
                    "{} is valid: {} queries, {} sinks",
                    config.display(),
                    checked.queries.len(),
                    checked.sinks.len()
                ));
            }
        }
        ConfigCommand::Rules { config, profile } => {
            let rules = rules_yaml(&load(config, profile.as_deref())?)?;
            out.write_all(rules.as_bytes())?;
        }
        ConfigCommand::Schema => writeln!(out, "{:#}", schema_json())?,
        ConfigCommand::Reference => out.write_all(reference_markdown().as_bytes())?,
    }
    Ok(())
}
