//! Root-cause analysis: where an incident began, with evidence, and the courage to say that nothing
//! is proven.
//!
//! Use it when something is known to be wrong and several services' metrics lie side by side. It ranks
//! services and metrics; it does not watch for incidents (the detectors do) and reads no files. What it
//! finds are deviations and their order in the call graph, not proofs of causation.
//!
//! | part | for |
//! |---|---|
//! | [`analyse`], [`analyse_observations`] | the whole: a report with ranked causes |
//! | [`Graph`] | who depends on whom, and how that is known |
//! | [`Ranker`] | the ways of ranking |
//! | [`find_onset`] | when it began, if nobody says |
//! | [`pattern`] | what kind of incident it looks like |
//! | [`Relations`] | what the most suspicious metrics have to do with each other |
//! | [`actions`] | what to do about it |
//! | [`correlation`] | the statistics, each by itself |

pub mod actions;
mod analyse;
pub mod correlation;
mod graph;
mod observations;
mod onset;
mod options;
pub mod pattern;
mod rank;
mod relations;
mod report;

pub use analyse::{analyse, analyse_observations};
pub use graph::{Dependency, Graph, GraphSpec, KubernetesLabels, Provenance, ServiceSpec};
pub use observations::{Metric, Observations};
pub use onset::{Onset, OnsetSource, find_onset};
pub use options::{Options, Ranker};
pub use rank::Movement;
pub use relations::{CausalEdge, Chain, Link, Relation, Relations};
pub use report::{Advice, MetricCause, Moved, RcaReport, RcaVerdict, SCHEMA, ServiceCause};
