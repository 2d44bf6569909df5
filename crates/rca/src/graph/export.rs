use std::fmt::Write as _;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::{Dependency, Graph, Provenance};

impl Graph {
    /// The graph in the language of Graphviz: an arrow from each caller to its callee.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let quoted = |name: &str| {
            name.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', " ")
        };
        let mut out = String::from("digraph services {\n");
        for name in self.services() {
            let _ = writeln!(out, "  \"{}\";", quoted(name));
        }
        for edge in self.dependencies() {
            let _ = writeln!(
                out,
                "  \"{}\" -> \"{}\" [label=\"{}\"];",
                quoted(&edge.caller),
                quoted(&edge.callee),
                words(&edge)
            );
        }
        out.push_str("}\n");
        out
    }

    /// The graph in the language of Mermaid: an arrow from each caller to its callee.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let names: Vec<&str> = self.services().collect();
        let place = |name: &str| names.binary_search(&name).unwrap_or_default();
        let mut out = String::from("flowchart TD\n");
        for (i, name) in names.iter().enumerate() {
            let name = name
                .replace('&', "&amp;")
                .replace('"', "&quot;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('\n', " ");
            let _ = writeln!(out, "  n{i}[\"{name}\"]");
        }
        for edge in self.dependencies() {
            let (from, to) = (place(&edge.caller), place(&edge.callee));
            let _ = writeln!(out, "  n{from} -- {} --> n{to}", words(&edge));
        }
        out
    }
}

fn words(edge: &Dependency) -> String {
    let words: Vec<&str> = edge
        .provenance
        .iter()
        .map(|p| Provenance::name(*p))
        .collect();
    words.join(", ")
}

/// `{"services": [...], "dependencies": [{"caller", "callee", "provenance"}], "cycles": [[...]]}`.
impl Serialize for Graph {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Graph", 3)?;
        out.serialize_field("services", &self.services().collect::<Vec<_>>())?;
        out.serialize_field("dependencies", &self.dependencies())?;
        out.serialize_field("cycles", &self.cycles())?;
        out.end()
    }
}
