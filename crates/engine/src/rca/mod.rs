//! Root-cause analysis of tables: the library side of `bongsu rca`.

mod frames;
mod input;
mod matrix;
mod page;

use std::path::Path;
use std::time::Duration;

use bongsu_core::Timestamp;
use bongsu_prometheus::scrape::{Format, parse as parse_exposition};
use bongsu_rca::actions::Catalogue;
use bongsu_rca::pattern::Pattern;
use bongsu_rca::{
    Graph, GraphSpec, KubernetesLabels, Observations, Options, RcaReport, analyse_observations,
};
use serde::de::DeserializeOwned;

pub use self::frames::{EvidenceFrame, RcaDocument};
pub use self::input::RcaInput;
pub use self::matrix::rca_correlations;
pub(crate) use self::page::incident_page;
pub use self::page::rca_page;
use crate::config::CallLabels;
use crate::{Error, Table};

const ACTIONS: &str = include_str!("actions.yaml");

/// A root-cause analysis of a table.
#[derive(Debug, Clone)]
pub struct RcaRequest {
    /// What stands between service and metric in the names of the channels, split where it occurs
    /// first (default: `:`).
    pub separator: String,
    /// When the incident began; without it, and where the input does not know it, that is looked for.
    pub onset: Option<Timestamp>,
    /// Who depends on whom, as text in YAML (default: what the input knows).
    pub graph: Option<String>,
    /// What more is known of who calls whom: an exposition of Prometheus with counts of calls, by the
    /// labels `client` and `server`, or with labels of workloads (default: nothing).
    pub calls: Option<String>,
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
            calls: None,
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
    /// Metrics were compared with each other so long before and after the onset.
    pub relations_around: Duration,
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
    let read = |table| RcaInput::from_table(table, &request.separator);
    let normal = normal.map(read).transpose()?;
    root_cause_of(read(table)?, normal.as_ref(), request)
}

/// As [`root_cause`], of what was read from a table or from JSON. The onset and the graph of
/// `request` stand for those of `input`.
///
/// # Errors
/// As [`root_cause`].
pub fn root_cause_of(
    input: RcaInput,
    normal: Option<&RcaInput>,
    request: &RcaRequest,
) -> Result<RcaOutcome, Error> {
    let RcaInput {
        observations,
        passed_over,
        ..
    } = input;
    let mut graph = if let Some(text) = &request.graph {
        let spec = parse_graph(text)?;
        Graph::from_spec(&spec, &observations.services())?
    } else {
        let mut graph = Graph::new();
        for edge in &input.dependencies {
            for provenance in &edge.provenance {
                graph.add(&edge.caller, &edge.callee, *provenance);
            }
        }
        graph
    };
    if let Some(text) = &request.calls {
        add_calls(&mut graph, text)?;
    }
    request.options.actions.validate()?;
    let report = analyse_observations(
        &observations,
        normal.map(|normal| &normal.observations),
        request.onset.or(input.onset),
        &graph,
        &request.options,
    )?;
    Ok(RcaOutcome {
        report,
        observations,
        graph,
        passed_over,
        relations_around: request.options.relations_around,
    })
}

/// Adds who calls whom by an exposition: counts of calls above 0, and labels of workloads as
/// kube-state-metrics writes them.
fn add_calls(graph: &mut Graph, text: &str) -> Result<(), Error> {
    let format = if text.trim_end().ends_with("# EOF") {
        Format::OpenMetrics
    } else {
        Format::Prometheus
    };
    let read = parse_exposition(text, format, Timestamp::from_millis(0));
    let samples = read
        .map_err(|e| Error::input(format!("who calls whom: {e}")))?
        .samples;
    let CallLabels { client, server } = CallLabels::default();
    let calls = samples.iter().map(|sample| (&sample.labels, sample.value));
    let used = graph.add_traffic(calls, &client, &server);
    let labels = samples.iter().map(|sample| &sample.labels);
    let named = graph.add_workloads(labels, &KubernetesLabels::exported());
    if used + named == 0 {
        return Err(Error::input(format!(
            "who calls whom: none of {} samples counts calls (labels `{client}` and `{server}`) or has \
             the labels of a workload (`{}`)",
            samples.len(),
            KubernetesLabels::exported().name
        )));
    }
    Ok(())
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
