use std::io::Write as _;

use bongsu::engine::config::{Config, load, reference_markdown, schema_json};
use bongsu::engine::{check_queries, openapi_json, rules_yaml};

use crate::Failure;
use crate::args::ConfigCommand;
use crate::terminal::say;

pub(crate) fn config(command: &ConfigCommand, quiet: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match command {
        ConfigCommand::Check {
            config,
            profile,
            server,
        } => {
            let checked = load(config, profile.as_deref())?;
            if !quiet {
                say(&format!(
                    "{} is valid: {} queries, {} sinks",
                    config.display(),
                    checked.queries.len(),
                    checked.sinks.len()
                ));
            }
            if *server {
                ask(&checked, &mut out)?;
            }
        }
        ConfigCommand::Rules { config, profile } => {
            let rules = rules_yaml(&load(config, profile.as_deref())?)?;
            out.write_all(rules.as_bytes())?;
        }
        ConfigCommand::Openapi => writeln!(out, "{:#}", openapi_json())?,
        ConfigCommand::Schema => writeln!(out, "{:#}", schema_json())?,
        ConfigCommand::Reference => out.write_all(reference_markdown().as_bytes())?,
    }
    Ok(())
}

/// Asks the source every query and prints what it says.
fn ask(config: &Config, out: &mut impl std::io::Write) -> Result<(), Failure> {
    let checks = tokio::runtime::Runtime::new()?.block_on(check_queries(config))?;
    for check in &checks {
        writeln!(out, "{check}")?;
    }
    let failed = checks.iter().filter(|check| check.outcome.is_err()).count();
    if failed > 0 {
        return Err(Failure::Incomplete(format!(
            "{failed} of {} queries failed",
            checks.len()
        )));
    }
    Ok(())
}
