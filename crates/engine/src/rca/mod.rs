//! Root-cause analysis of tables: the library side of `bongsu rca`.

mod frames;
mod matrix;
mod page;

use std::path::Path;

use bongsu_core::Timestamp;
use bongsu_rca::actions::Catalogue;
use bongsu_rca::pattern::Pattern;
use bongsu_rca::{
    Graph, GraphSpec, Metric, Observations, Options, RcaReport, analyse_observations,
};
use serde::de::DeserializeOwned;

pub use self::frames::{EvidenceFrame, RcaDocument};
pub use self::matrix::rca_correlations;
pub(crate) use self::page::incident_page;
pub use self::page::rca_page;
use crate::{Error, Table};

const ACTIONS: &str = include_str!("actions.yaml");

/// A root-cause analysis of a table.
#[derive(Debug, Clone)]
pub struct RcaRequest {
    /// What stands between service and metric in the names of the channels, split where it occurs
    /// first (default: `:`).
    pub separator: String,
    /// When the incident began; without it, that is looked for.
    pub onset: Option<Timestamp>,
    /// Who depends on whom, as text in YAML (default: nothing is known).
    pub graph: Option<String>,
    /// How to analyse.
    pub options: Options,
}

impl RcaRequest {
    /// The defaults, with the bundled catalogue of actions.
    ///
    /// # Errors
    /// When the bundled catalogue cannot be read, which would be a defect of this crate.
    pub fn new() -> Result<Self, Error> {
        let mut options = Options::default();
        options.actions = bundled_actions()?;
        Ok(Self {
            separator: ":".to_owned(),
            onset: None,
            graph: None,
            options,
        })
    }
}

/// What was found, and what it was found in.
#[derive(Debug, Clone)]
pub struct RcaOutcome {
    /// The report.
    pub report: RcaReport,
    /// The metrics that were looked at.
    pub observations: Observations,
    /// The dependency graph.
    pub graph: Graph,
    /// Channels whose names have no service.
    pub passed_over: Vec<String>,
}

/// Finds what an incident in `table` began with. With `normal`, normal times come from that table.
///
/// # Errors
/// When no channel's name has the separator, the graph or a part of it cannot be used, and as
/// [`analyse_observations`].
///
/// ```
/// use bongsu_core::Timestamp;
/// use bongsu_engine::{RcaRequest, Table, root_cause};
/// let mut csv = String::from("timestamp,shop:latency,cart:latency,mail:latency\n");
/// for i in 0..80 {
///     let (noise, jump) = (i * 37 % 11, if i < 60 { 0 } else { 300 });
///     csv += &format!("{},{},{},{}\n", 60 * i, 50 + noise, 50 + noise + jump, 50 + noise);
/// }
/// let table = Table::read(csv.as_bytes())?;
/// let mut request = RcaRequest::new()?;
/// request.onset = Some(Timestamp::from_secs(3_600));
/// let found = root_cause(&table, None, &request)?;
/// assert_eq!(found.report.services[0].service, "cart");
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
pub fn root_cause(
    table: &Table,
    normal: Option<&Table>,
    request: &RcaRequest,
) -> Result<RcaOutcome, Error> {
    let (observations, passed_over) = observations(table, &request.separator)?;
    let normal = normal.map(|table| self::observations(table, &request.separator));
    let normal = normal.transpose()?.map(|(normal, _)| normal);
    let graph = match &request.graph {
        None => Graph::new(),
        Some(text) => {
            let spec = parse_graph(text)?;
            Graph::from_spec(&spec, &observations.services())?
        }
    };
    request.options.actions.validate()?;
    let report = analyse_observations(
        &observations,
        normal.as_ref(),
        request.onset,
        &graph,
        &request.options,
    )?;
    Ok(RcaOutcome {
        report,
        observations,
        graph,
        passed_over,
    })
}

/// The catalogue of actions that is used when no other is given.
pub(crate) fn bundled_actions() -> Result<Catalogue, Error> {
    parse_actions(ACTIONS)
}

/// A dependency graph in YAML.
pub(crate) fn parse_graph(text: &str) -> Result<GraphSpec, Error> {
    parse("the dependency graph", text)
}

/// A catalogue of actions in YAML.
///
/// # Errors
/// When it cannot be read.
pub fn parse_actions(text: &str) -> Result<Catalogue, Error> {
    parse("the catalogue of actions", text)
}

/// A list of patterns in YAML.
///
/// # Errors
/// When it cannot be read.
pub fn parse_patterns(text: &str) -> Result<Vec<Pattern>, Error> {
    parse("the patterns", text)
}

/// Reads a text file that a command names.
///
/// # Errors
/// When it cannot be read; the message names it.
pub fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|e| Error::config(format!("{}: {e}", path.display())))
}

pub(crate) fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Error> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|e| Error::config(format!("{what}: {e}")))
}

/// The channels that name a service and a metric, without late rows, and the names of the others.
fn observations(table: &Table, separator: &str) -> Result<(Observations, Vec<String>), Error> {
    if separator.is_empty() {
        return Err(Error::config("the separator must not be empty"));
    }
    let mut late = table.late_rows.iter().copied().peekable();
    let rows: Vec<usize> = (0..table.timestamps.len())
        .filter(|row| late.next_if_eq(row).is_none())
        .collect();
    let times = rows
        .iter()
        .filter_map(|&row| table.timestamps.get(row).copied());
    let mut metrics = Vec::new();
    let mut columns = Vec::new();
    let mut passed_over = Vec::new();
    for (name, column) in table.channels.iter().zip(table.values.columns()) {
        match Metric::parse(name, separator) {
            Some(metric) => {
                metrics.push(metric);
                columns.push(
                    rows.iter()
                        .filter_map(|&row| column.get(row).copied())
                        .collect(),
                );
            }
            None => passed_over.push(name.clone()),
        }
    }
    if metrics.is_empty() {
        return Err(Error::config(format!(
            "no channel is named as service{separator}metric; give what stands between the two with \
             --separator"
        )));
    }
    Ok((
        Observations::new(times.collect(), metrics, columns)?,
        passed_over,
    ))
}
