use super::evidence::Layout;
use crate::Graph;

/// How much of a service's evidence the symptoms of its callers add.
const SUPPORT: f64 = 0.5;

/// How much of a service's evidence the evidence of its worst callee takes away.
const DISCOUNT: f64 = 0.5;

/// Evidence of a callee up to here explains nothing: it is within noise.
const IDLE: f64 = 1.0;

/// The dependencies among the services of a layout.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    callers: Vec<Vec<usize>>,
    callees: Vec<Vec<usize>>,
}

impl Topology {
    pub(crate) fn new(layout: &Layout, graph: &Graph) -> Self {
        let places = |names: Vec<&str>| -> Vec<usize> {
            names
                .into_iter()
                .filter_map(|name| layout.place(name))
                .collect()
        };
        let of = |list: &dyn Fn(&str) -> Vec<usize>| {
            layout.services.iter().map(|name| list(name)).collect()
        };
        Self {
            callers: of(&|name| places(graph.callers(name))),
            callees: of(&|name| places(graph.callees(name))),
        }
    }

    /// Whether nothing is known of who calls whom.
    pub(crate) fn is_unknown(&self) -> bool {
        self.callees.iter().all(Vec::is_empty)
    }

    pub(crate) fn callers(&self, service: usize) -> &[usize] {
        self.callers.get(service).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn callees(&self, service: usize) -> &[usize] {
        self.callees.get(service).map_or(&[], Vec::as_slice)
    }

    /// The callee with the most evidence, and that evidence.
    pub(crate) fn worst_callee(&self, service: usize, evidence: &[f64]) -> Option<(usize, f64)> {
        let callees = self.callees(service).iter();
        callees
            .filter_map(|&i| Some((i, *evidence.get(i)?)))
            .max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    }

    /// The blame of each service: its own evidence, more where its callers show symptoms too, less
    /// where a service that it calls shows a cause.
    ///
    /// `e + mean over callers of min(e, caller) / 2 - max(0, min(e, worst callee) - 1) / 2`
    pub(crate) fn blame(&self, evidence: &[f64]) -> Vec<f64> {
        let one = |(service, &own): (usize, &f64)| {
            let callers = self.callers(service).iter();
            let symptoms: Vec<f64> = callers
                .filter_map(|&i| evidence.get(i))
                .map(|caller| caller.min(own))
                .collect();
            let support = symptoms.iter().sum::<f64>() / symptoms.len().max(1) as f64;
            let worst = self.worst_callee(service, evidence).map_or(0.0, |(_, e)| e);
            own + SUPPORT * support - DISCOUNT * (worst.min(own) - IDLE).max(0.0)
        };
        evidence.iter().enumerate().map(one).collect()
    }
}
