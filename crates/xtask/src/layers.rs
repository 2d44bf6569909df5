//! The layer check: which crate may depend on which, as data.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cargo::{self, Result, array, text};

/// A crate and what it may be built on.
struct Layer {
    name: &'static str,
    may: May,
    /// An algorithm crate does no I/O, spawns no runtime, reads no clock and never logs.
    pure: bool,
}

/// The workspace crates that a crate may depend on.
enum May {
    Only(&'static [&'static str]),
    /// The algorithm crates.
    Algorithms,
    /// Every crate above it in the table.
    AnyLower,
}

const fn pure(name: &'static str, may: &'static [&'static str]) -> Layer {
    let (may, pure) = (May::Only(may), true);
    Layer { name, may, pure }
}

const fn outer(name: &'static str, may: May) -> Layer {
    let pure = false;
    Layer { name, may, pure }
}

/// Every crate of the workspace, lowest first. Tests and benches may use any crate.
const LAYERS: &[Layer] = &[
    pure("bongsu-core", &[]),
    pure("bongsu-stats", &["bongsu-core"]),
    pure("bongsu-ml", &["bongsu-core", "bongsu-stats"]),
    pure("bongsu-stream", &["bongsu-core", "bongsu-stats"]),
    pure("bongsu-forecast", &["bongsu-core", "bongsu-stats"]),
    pure("bongsu-neural", &["bongsu-core"]),
    pure("bongsu-rca", &["bongsu-core", "bongsu-stats"]),
    pure(
        "bongsu-capacity",
        &[
            "bongsu-core",
            "bongsu-stats",
            "bongsu-ml",
            "bongsu-forecast",
        ],
    ),
    outer("bongsu-prometheus", May::Only(&["bongsu-core"])),
    outer("bongsu-alert", May::Only(&["bongsu-core"])),
    // A report draws the results of the crates that it names here.
    outer(
        "bongsu-report",
        May::Only(&["bongsu-core", "bongsu-rca", "bongsu-capacity"]),
    ),
    // Judges algorithms through the traits of the core, so that it favours none.
    outer("bongsu-eval", May::Only(&["bongsu-core"])),
    outer("bongsu-engine", May::AnyLower),
    outer("bongsu", May::AnyLower),
    outer("bongsu-cli", May::Only(&["bongsu"])),
    outer("bongsu-datafusion", May::Algorithms),
    outer("bongsu-arrow", May::Algorithms),
    outer("bongsu-kubernetes", May::Only(&[])),
    outer("xtask", May::Only(&[])),
];

/// The names of the crates that row `row` of the table may depend on.
fn allowed(row: usize, layer: &Layer) -> Vec<&'static str> {
    match layer.may {
        May::Only(names) => names.to_vec(),
        May::Algorithms => LAYERS.iter().filter(|l| l.pure).map(|l| l.name).collect(),
        May::AnyLower => LAYERS.iter().take(row).map(|l| l.name).collect(),
    }
}

/// What no algorithm crate may contain, however deep below it.
const RUNTIMES: &[&str] = &[
    "async-std",
    "axum",
    "hyper",
    "lettre",
    "mio",
    "redb",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tonic",
    "ureq",
];

/// What no algorithm crate may use itself; below it, somebody else's logging is not ours.
const LOGGING: &[&str] = &["env_logger", "log", "tracing", "tracing-subscriber"];

/// What may come into no crate at all, and why.
const BANNED: &[(&str, &str)] = &[
    ("aws-lc-rs", "ring is the one cryptography provider"),
    ("native-tls", "rustls is the TLS library"),
    ("openssl", "rustls is the TLS library"),
];

/// Whether `name` is an algorithm crate.
pub(crate) fn is_pure(name: &str) -> bool {
    LAYERS.iter().any(|layer| layer.name == name && layer.pure)
}

/// Checks the workspace against the table.
pub(crate) fn run() -> Result {
    let metadata = cargo::metadata()?;
    let faults = faults(&metadata);
    if faults.is_empty() {
        eprintln!(
            "{} crates keep to their layers",
            cargo::members(&metadata).count()
        );
        Ok(())
    } else {
        Err(faults.join("\n").into())
    }
}

fn faults(metadata: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let members: Vec<&str> = cargo::members(metadata).map(|p| text(p, "/name")).collect();
    let graph = Graph::new(metadata);
    for package in cargo::members(metadata) {
        let name = text(package, "/name");
        let row = LAYERS.iter().position(|layer| layer.name == name);
        let Some((row, layer)) = row.and_then(|row| Some((row, LAYERS.get(row)?))) else {
            faults.push(format!(
                "{name} has no row in the table of crates/xtask/src/layers.rs"
            ));
            continue;
        };
        let may = allowed(row, layer);
        for dependency in direct(package) {
            if members.contains(&dependency) && !may.contains(&dependency) {
                faults.push(format!(
                    "{name} depends on {dependency}, but may depend only on [{}]",
                    may.join(", ")
                ));
            }
            if layer.pure && LOGGING.contains(&dependency) {
                faults.push(format!(
                    "{name} depends on {dependency}, but algorithms do not log"
                ));
            }
        }
        if layer.pure {
            for path in graph.paths(text(package, "/id"), RUNTIMES) {
                faults.push(format!("{name} does no I/O, but reaches a runtime: {path}"));
            }
        }
        for (banned, why) in BANNED {
            for path in graph.paths(text(package, "/id"), &[banned]) {
                faults.push(format!("{banned} is banned ({why}): {path}"));
            }
        }
    }
    faults
}

/// What a package declares for its normal and build dependencies, optional ones included.
fn direct(package: &Value) -> impl Iterator<Item = &str> {
    array(package, "/dependencies")
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| text(dependency, "/name"))
}

/// The resolved dependencies, those for development left out.
struct Graph<'a> {
    names: BTreeMap<&'a str, &'a str>,
    edges: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Value) -> Self {
        let names = array(metadata, "/packages")
            .iter()
            .map(|package| (text(package, "/id"), text(package, "/name")))
            .collect();
        let wanted = |dependency: &&Value| {
            let kinds = array(dependency, "/dep_kinds");
            kinds.is_empty() || kinds.iter().any(|kind| kind["kind"] != "dev")
        };
        let edges = array(metadata, "/resolve/nodes")
            .iter()
            .map(|node| {
                let below = array(node, "/deps").iter().filter(wanted);
                (text(node, "/id"), below.map(|d| text(d, "/pkg")).collect())
            })
            .collect();
        Self { names, edges }
    }

    fn name(&self, id: &'a str) -> &'a str {
        self.names.get(id).copied().unwrap_or(id)
    }

    /// A path from `start` to each package named in `targets` that can be reached.
    fn paths(&self, start: &'a str, targets: &[&str]) -> Vec<String> {
        let mut came_from = BTreeMap::from([(start, None)]);
        let mut queue = std::collections::VecDeque::from([start]);
        let mut found = Vec::new();
        while let Some(id) = queue.pop_front() {
            if targets.contains(&self.name(id)) {
                let mut path = vec![self.name(id)];
                let mut at = id;
                while let Some(&Some(above)) = came_from.get(at) {
                    path.push(self.name(above));
                    at = above;
                }
                path.reverse();
                found.push(path.join(" -> "));
                continue;
            }
            for &below in self.edges.get(id).into_iter().flatten() {
                came_from.entry(below).or_insert_with(|| {
                    queue.push_back(below);
                    Some(id)
                });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Name and kind, as `cargo metadata` gives it.
    type Dependency = (&'static str, Option<&'static str>);

    /// Metadata of a workspace: (name, its dependencies with their kinds); names without an entry
    /// are packages from outside.
    fn workspace(crates: &[(&str, &[Dependency])], outside: &[&str]) -> Value {
        let dependency = |&(name, kind): &Dependency| json!({"name": name, "kind": kind});
        let edge = |&(name, kind): &Dependency| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let inside = crates.iter().map(|(name, dependencies)| {
            let dependencies: Vec<Value> = dependencies.iter().map(dependency).collect();
            json!({"id": name, "name": name, "dependencies": dependencies})
        });
        let foreign = outside
            .iter()
            .map(|name| json!({"id": name, "name": name, "dependencies": []}));
        let nodes = crates.iter().map(|(name, dependencies)| {
            json!({"id": name, "deps": dependencies.iter().map(edge).collect::<Vec<_>>()})
        });
        json!({
            "workspace_members": crates
                .iter()
                .map(|(name, _)| *name)
                .filter(|name| name.starts_with("bongsu"))
                .collect::<Vec<_>>(),
            "packages": inside.chain(foreign).collect::<Vec<_>>(),
            "resolve": {"nodes": nodes.collect::<Vec<_>>()},
        })
    }

    #[test]
    fn the_table_is_complete_and_points_downwards() {
        for (i, layer) in LAYERS.iter().enumerate() {
            for name in allowed(i, layer) {
                assert!(
                    LAYERS[..i].iter().any(|lower| lower.name == name),
                    "{} may depend on {name}, which is not below it",
                    layer.name
                );
            }
        }
    }

    #[test]
    fn a_workspace_that_keeps_to_the_table_has_no_faults() {
        let metadata = workspace(
            &[
                ("bongsu-core", &[("serde", None)]),
                (
                    "bongsu-stats",
                    &[("bongsu-core", None), ("tokio", Some("dev"))],
                ),
                ("bongsu-alert", &[("bongsu-core", None), ("tokio", None)]),
            ],
            &["serde", "tokio"],
        );
        assert_eq!(faults(&metadata), [""; 0]);
    }

    #[test]
    fn an_upward_dependency_is_a_fault() {
        let metadata = workspace(
            &[
                ("bongsu-core", &[("bongsu-stats", Some("build"))]),
                ("bongsu-stats", &[]),
            ],
            &[],
        );
        let faults = faults(&metadata);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("bongsu-core depends on bongsu-stats"));
    }

    #[test]
    fn a_runtime_below_an_algorithm_is_found_with_its_path() {
        let metadata = workspace(
            &[
                ("bongsu-core", &[]),
                ("bongsu-stats", &[("helper", None), ("tracing", None)]),
                ("helper", &[("tokio", None), ("log", None)]),
            ],
            &["tokio", "tracing", "log"],
        );
        assert_eq!(
            faults(&metadata),
            [
                "bongsu-stats depends on tracing, but algorithms do not log",
                "bongsu-stats does no I/O, but reaches a runtime: bongsu-stats -> helper -> tokio",
            ]
        );
    }

    #[test]
    fn a_crate_without_a_row_and_a_banned_package_are_faults() {
        let metadata = workspace(
            &[("bongsu-new", &[]), ("bongsu-alert", &[("openssl", None)])],
            &["openssl"],
        );
        let faults = faults(&metadata);
        assert!(faults[0].starts_with("bongsu-new has no row"), "{faults:?}");
        assert!(faults[1].starts_with("openssl is banned"), "{faults:?}");
    }
}
