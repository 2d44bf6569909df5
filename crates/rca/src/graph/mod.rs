//! Which service depends on which, and how that is known.

mod export;
mod labels;
mod nearest;

use std::collections::BTreeMap;

use bongsu_core::{Error, Labels};
use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;
use serde::{Deserialize, Deserializer, Serialize};

pub use labels::KubernetesLabels;
pub(crate) use nearest::nearest;

/// The services of an application as people write them down.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphSpec {
    /// Every service.
    pub services: Vec<ServiceSpec>,
}

/// A service and what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceSpec {
    /// Its name.
    pub name: String,
    /// The services that it calls (default: none).
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// Anything else worth knowing, such as a team; numbers and truth values are taken as text
    /// (default: nothing).
    #[serde(default, deserialize_with = "texts")]
    pub metadata: BTreeMap<String, String>,
}

/// A value that people write without quotation marks.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Truth(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values = BTreeMap::<String, Scalar>::deserialize(from)?;
    let text = |value| match value {
        Scalar::Truth(value) => value.to_string(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::Number(value) => value.to_string(),
        Scalar::Text(value) => value,
    };
    Ok(values
        .into_iter()
        .map(|(key, value)| (key, text(value)))
        .collect())
}

/// How a dependency is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Somebody wrote it down.
    Configured,
    /// Calls were counted, for example by a service mesh or from traces.
    Traffic,
    /// Labels of the workload name it.
    Labels,
}

impl Provenance {
    /// In a word: `configured`, `traffic` or `labels`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Traffic => "traffic",
            Self::Labels => "labels",
        }
    }
}

/// A dependency of one service on another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// The service that calls.
    pub caller: String,
    /// The service that is called.
    pub callee: String,
    /// All the ways in which it is known.
    pub provenance: Vec<Provenance>,
}

/// Services and their dependencies.
///
/// Cycles are allowed and told by [`Graph::cycles`]. A service that calls itself is no dependency.
///
/// ```
/// use bongsu_rca::{Graph, GraphSpec, ServiceSpec};
/// let service = |name: &str, dependencies: &[&str]| ServiceSpec {
///     name: name.into(),
///     dependencies: dependencies.iter().map(|d| (*d).into()).collect(),
///     ..ServiceSpec::default()
/// };
/// let spec = GraphSpec { services: vec![service("shop", &["cart"]), service("cart", &[])] };
/// let graph = Graph::from_spec(&spec, &[])?;
/// assert_eq!(graph.callees("shop"), ["cart"]);
/// assert!(graph.to_mermaid().contains("shop"));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Graph {
    inner: DiGraph<Service, Vec<Provenance>>,
    places: BTreeMap<String, NodeIndex>,
}

#[derive(Debug, Clone, Default)]
struct Service {
    name: String,
    metadata: BTreeMap<String, String>,
}

impl Graph {
    /// No services.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The graph that `spec` writes down. A dependency may name a service of the specification or one
    /// of `known`, for example of those that have metrics.
    ///
    /// # Errors
    /// When a service has no name or is written down twice, or a dependency names no known service;
    /// the message suggests the nearest name.
    pub fn from_spec(spec: &GraphSpec, known: &[&str]) -> Result<Self, Error> {
        let mut graph = Self::new();
        for service in &spec.services {
            if service.name.is_empty() {
                return Err(Error::input("a service has an empty name"));
            }
            if graph.places.contains_key(&service.name) {
                return Err(Error::input(format!(
                    "service `{}` is written down twice",
                    service.name
                )));
            }
            let place = graph.place_or_insert(&service.name);
            if let Some(node) = graph.inner.node_weight_mut(place) {
                node.metadata.clone_from(&service.metadata);
            }
        }
        let declared: Vec<String> = graph.places.keys().cloned().collect();
        for service in &spec.services {
            for callee in &service.dependencies {
                let is_known = declared.contains(callee) || known.contains(&callee.as_str());
                if !is_known {
                    let names = declared.iter().map(String::as_str);
                    let hint = nearest(callee, names.chain(known.iter().copied()))
                        .map(|name| format!("; did you mean `{name}`?"));
                    return Err(Error::input(format!(
                        "service `{}` depends on `{callee}`, which is no known service{}",
                        service.name,
                        hint.unwrap_or_default()
                    )));
                }
                graph.add(&service.name, callee, Provenance::Configured);
            }
        }
        Ok(graph)
    }

    /// Adds a dependency for each series with calls between two services, such as
    /// `traces_service_graph_request_total{client="shop", server="cart"}`: the labels `client` and
    /// `server` name the two, `calls` is how many were counted. Series without both labels or without
    /// calls add nothing. Returns the number of series that did.
    pub fn add_traffic<'a>(
        &mut self,
        series: impl IntoIterator<Item = (&'a Labels, f64)>,
        client: &str,
        server: &str,
    ) -> usize {
        let mut used = 0;
        for (labels, calls) in series {
            if let (Some(caller), Some(callee)) = (labels.get(client), labels.get(server))
                && calls > 0.0
            {
                self.add(caller, callee, Provenance::Traffic);
                used += 1;
            }
        }
        used
    }

    /// Adds a dependency of `caller` on `callee`, and the services where they are new.
    pub fn add(&mut self, caller: &str, callee: &str, provenance: Provenance) {
        let from = self.place_or_insert(caller);
        let to = self.place_or_insert(callee);
        if from == to {
            return;
        }
        match self.inner.find_edge(from, to) {
            None => {
                self.inner.add_edge(from, to, vec![provenance]);
            }
            Some(edge) => {
                if let Some(known) = self.inner.edge_weight_mut(edge)
                    && !known.contains(&provenance)
                {
                    known.push(provenance);
                    known.sort_unstable();
                }
            }
        }
    }

    fn place_or_insert(&mut self, name: &str) -> NodeIndex {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = self.inner.add_node(Service {
            name: name.to_owned(),
            metadata: BTreeMap::new(),
        });
        self.places.insert(name.to_owned(), place);
        place
    }

    /// Whether there is no service.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The names of the services in order.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Whether `service` is in the graph.
    #[must_use]
    pub fn contains(&self, service: &str) -> bool {
        self.places.contains_key(service)
    }

    /// What is known of `service` beside its dependencies.
    #[must_use]
    pub fn metadata(&self, service: &str) -> Option<&BTreeMap<String, String>> {
        let place = self.places.get(service)?;
        Some(&self.inner.node_weight(*place)?.metadata)
    }

    /// The services that `service` calls, in order.
    #[must_use]
    pub fn callees(&self, service: &str) -> Vec<&str> {
        self.neighbours(service, Direction::Outgoing)
    }

    /// The services that call `service`, in order.
    #[must_use]
    pub fn callers(&self, service: &str) -> Vec<&str> {
        self.neighbours(service, Direction::Incoming)
    }

    fn neighbours(&self, service: &str, direction: Direction) -> Vec<&str> {
        let Some(&place) = self.places.get(service) else {
            return Vec::new();
        };
        let neighbours = self.inner.neighbors_directed(place, direction);
        let mut names: Vec<&str> = neighbours.filter_map(|n| self.name(n)).collect();
        names.sort_unstable();
        names
    }

    fn name(&self, place: NodeIndex) -> Option<&str> {
        self.inner.node_weight(place).map(|node| node.name.as_str())
    }

    /// Every dependency, in order of the names.
    #[must_use]
    pub fn dependencies(&self) -> Vec<Dependency> {
        let edges = self.inner.edge_references().filter_map(|edge| {
            Some(Dependency {
                caller: self.name(edge.source())?.to_owned(),
                callee: self.name(edge.target())?.to_owned(),
                provenance: edge.weight().clone(),
            })
        });
        let mut edges: Vec<Dependency> = edges.collect();
        edges.sort_unstable();
        edges
    }

    /// The groups of services that depend on each other in a circle, each in order of the names.
    #[must_use]
    pub fn cycles(&self) -> Vec<Vec<&str>> {
        let groups = tarjan_scc(&self.inner).into_iter();
        let mut cycles: Vec<Vec<&str>> = groups
            .filter(|group| group.len() > 1)
            .map(|group| {
                let mut names: Vec<&str> = group
                    .into_iter()
                    .filter_map(|place| self.name(place))
                    .collect();
                names.sort_unstable();
                names
            })
            .collect();
        cycles.sort_unstable();
        cycles
    }

    /// Checks that the graph and the data speak of the same application.
    ///
    /// # Errors
    /// When the graph is not empty and none of `services` is in it; the message suggests the nearest
    /// name.
    pub fn check_covers(&self, services: &[&str]) -> Result<(), Error> {
        if self.is_empty() || services.iter().any(|name| self.contains(name)) {
            return Ok(());
        }
        let first = services.first().copied().unwrap_or_default();
        let hint = nearest(first, self.services()).map(|name| format!("; did you mean `{name}`?"));
        Err(Error::input(format!(
            "no service of the data is in the dependency graph, for example `{first}`{}",
            hint.unwrap_or_default()
        )))
    }
}
