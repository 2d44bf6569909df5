//! Parameters in lists.

use std::io::Write;

use bongsu::engine::registry::ParameterSpec;
use serde_json::json;

pub(crate) fn as_json(
    parameters: impl Iterator<Item = &'static ParameterSpec>,
) -> Vec<serde_json::Value> {
    let one = |p: &ParameterSpec| json!({"name": p.name, "default": p.default, "domain": p.domain, "about": p.about});
    parameters.map(one).collect()
}

/// A row of a table: its name, what it is, what else is to be said of it, and its parameters.
pub(crate) fn write_entry(
    out: &mut impl Write,
    [name, summary, more]: [&str; 3],
    parameters: &[ParameterSpec],
) -> std::io::Result<()> {
    writeln!(out, "{name}\n    {summary}")?;
    writeln!(out, "    {more}")?;
    write_parameters(out, parameters)
}

pub(crate) fn write_parameters(
    out: &mut impl Write,
    parameters: &[ParameterSpec],
) -> std::io::Result<()> {
    for p in parameters {
        writeln!(
            out,
            "    {}={}  ({})  {}",
            p.name, p.default, p.domain, p.about
        )?;
    }
    Ok(())
}
