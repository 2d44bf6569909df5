//! The PC algorithm.

use std::collections::BTreeSet;

use bongsu_core::{Error, Result};
use bongsu_stats::special::normal_sf;
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::linear::partial_from;
use super::partial::{correlation_matrix, whole_rows};

/// The most series: the number of tests grows fast with them.
const MAX_SERIES: usize = 256;

/// What is known of the relation of two series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Independent, at least given some others.
    None,
    /// Dependent; which of the two causes the other cannot be told.
    Undirected,
    /// The first causes the second.
    Causes,
    /// The second causes the first.
    CausedBy,
}

/// The equivalence class of causal graphs that the independences of several series allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CausalGraph {
    size: usize,
    adjacent: Vec<bool>,
    /// Whether the edge from the row to the column has a head at the column.
    head: Vec<bool>,
}

impl CausalGraph {
    fn complete(size: usize) -> Self {
        let pairs = (0..size).flat_map(|i| (0..size).map(move |j| i != j));
        Self {
            size,
            adjacent: pairs.collect(),
            head: vec![false; size * size],
        }
    }

    fn place(&self, i: usize, j: usize) -> usize {
        i * self.size + j
    }

    fn is_adjacent(&self, i: usize, j: usize) -> bool {
        self.adjacent
            .get(self.place(i, j))
            .copied()
            .unwrap_or(false)
    }

    fn has_head(&self, i: usize, j: usize) -> bool {
        self.head.get(self.place(i, j)).copied().unwrap_or(false)
    }

    fn is_directed(&self, i: usize, j: usize) -> bool {
        self.is_adjacent(i, j) && self.has_head(i, j) && !self.has_head(j, i)
    }

    fn is_undirected(&self, i: usize, j: usize) -> bool {
        self.is_adjacent(i, j) && !self.has_head(i, j) && !self.has_head(j, i)
    }

    fn direct(&mut self, from: usize, to: usize) {
        let (there, back) = (self.place(from, to), self.place(to, from));
        for (place, head) in [(there, true), (back, false)] {
            if let Some(slot) = self.head.get_mut(place) {
                *slot = head;
            }
        }
    }

    fn remove(&mut self, i: usize, j: usize) {
        for place in [self.place(i, j), self.place(j, i)] {
            if let Some(slot) = self.adjacent.get_mut(place) {
                *slot = false;
            }
        }
    }

    fn neighbours(&self, i: usize) -> Vec<usize> {
        (0..self.size).filter(|&j| self.is_adjacent(i, j)).collect()
    }

    /// Whether there is a directed path.
    fn is_ancestor(&self, from: usize, to: usize) -> bool {
        let mut seen = vec![false; self.size];
        let mut stack = vec![from];
        while let Some(i) = stack.pop() {
            if i == to {
                return true;
            }
            if let Some(slot) = seen.get_mut(i)
                && !std::mem::replace(slot, true)
            {
                stack.extend((0..self.size).filter(|&j| self.is_directed(i, j)));
            }
        }
        false
    }

    /// The number of series.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.size
    }

    /// Whether there are no series.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// The relation of two series by their places.
    #[must_use]
    pub fn mark(&self, first: usize, second: usize) -> Mark {
        if !self.is_adjacent(first, second) {
            Mark::None
        } else if self.is_directed(first, second) {
            Mark::Causes
        } else if self.is_directed(second, first) {
            Mark::CausedBy
        } else {
            Mark::Undirected
        }
    }

    /// Triples of which the first and the last are neighbours of the middle one, but not of each other.
    fn unshielded(&self) -> Vec<[usize; 3]> {
        self.paths(|i, k| !self.is_adjacent(i, k))
    }

    /// In the order of the reference, which matters where tests contradict each other and the first
    /// direction counts: along edges without a head at the end first, then by the middle and the ends.
    fn paths(&self, ends: impl Fn(usize, usize) -> bool) -> Vec<[usize; 3]> {
        let mut found = Vec::new();
        for j in 0..self.size {
            let neighbours = self.neighbours(j);
            for &i in &neighbours {
                let last = neighbours.iter().copied();
                let last = last.filter(|&k| k != i && ends(i, k));
                found.extend(last.map(|k| [i, j, k]));
            }
        }
        found.sort_by_key(|&[i, j, k]| (self.has_head(i, j), j, i, self.has_head(j, k), k));
        found
    }
}

/// Which of several series depend on each other whatever else is held fixed, and which causes which.
///
/// Starting from all pairs, an edge is removed when the two are independent given some of the
/// neighbours of one, of which one more is taken each round (the stable variant). Two series are taken
/// to be independent when Fisher's `z = sqrt(n - k - 3) |atanh r|` of their partial correlation given
/// `k` others is not surprising at level `alpha`. A middle series that separates no pair of its
/// unconnected neighbours is caused by both; then Meek's rules direct what follows from that.
///
/// `alpha`: in (0, 1) (0.05 is usual). `max_given`: the most series held fixed at once; `None` for as
/// many as it takes. Rows in which a value is missing are left out.
///
/// # Errors
/// When the lengths differ, fewer than 10 rows are whole, `alpha` is outside its domain, there are more
/// than 256 series, or one of them does not move.
///
/// Cost: grows with the number of neighbours to the power of those held fixed; each test O(k^3).
///
/// Source: `causallearn.search.ConstraintBased.PC.pc` 0.1.4 with its defaults (`fisherz`, stable,
/// `uc_rule=0`, `uc_priority=2`); Spirtes et al. 2000; Meek 1995, <https://arxiv.org/abs/1302.4972>.
///
/// ```
/// use bongsu_rca::correlation::{Mark, pc};
/// let noise = |i: i64, m: i64| ((i * i * 7 + i * m) % 101) as f64;
/// let a: Vec<f64> = (0..200).map(|i| noise(i, 3)).collect();
/// let b: Vec<f64> = (0..200).map(|i| noise(i * i, 11)).collect();
/// let both: Vec<f64> = a.iter().zip(&b).zip(0..).map(|((a, b), i)| a + b + noise(i, 29)).collect();
/// let graph = pc(&[&a, &b, &both], 0.05, None)?;
/// assert_eq!(graph.mark(0, 1), Mark::None);
/// assert_eq!(graph.mark(0, 2), Mark::Causes);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn pc(series: &[&[f64]], alpha: f64, max_given: Option<usize>) -> Result<CausalGraph> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Error::parameter("alpha", alpha, "in (0, 1)"));
    }
    if series.len() > MAX_SERIES {
        return Err(Error::input(format!(
            "{} series are too many for causal discovery; at most {MAX_SERIES} are taken",
            series.len()
        )));
    }
    let rows = whole_rows(series)?;
    if let Some(place) = rows
        .iter()
        .position(|column| super::centered(column).is_none())
    {
        return Err(Error::input(format!("series {place} does not move")));
    }
    let tests = Tests {
        correlations: correlation_matrix(&rows),
        points: rows.first().map_or(0, Vec::len),
        alpha,
    };
    let (mut graph, separators) = skeleton(&tests, series.len(), max_given);
    orient_colliders(&mut graph, &separators);
    orient_rest(&mut graph);
    Ok(graph)
}

struct Tests {
    correlations: DMatrix<f64>,
    points: usize,
    alpha: f64,
}

impl Tests {
    fn independent(&self, x: usize, y: usize, given: &[usize]) -> bool {
        let Some(r) = partial_from(&self.correlations, x, y, given) else {
            // What is held fixed leaves nothing of the two.
            return true;
        };
        let r = r.clamp(-1.0 + f64::EPSILON, 1.0 - f64::EPSILON);
        let freedom = self.points as f64 - given.len() as f64 - 3.0;
        let z = freedom.max(0.0).sqrt() * r.atanh().abs();
        2.0 * normal_sf(z) > self.alpha
    }
}

/// For each pair that was separated everything that separates it.
type Separators = std::collections::BTreeMap<(usize, usize), BTreeSet<usize>>;

fn skeleton(tests: &Tests, size: usize, max_given: Option<usize>) -> (CausalGraph, Separators) {
    let mut graph = CausalGraph::complete(size);
    let mut separators = Separators::new();
    for depth in 0..=max_given.unwrap_or(size) {
        let degree = (0..size)
            .map(|i| graph.neighbours(i).len())
            .max()
            .unwrap_or(0);
        if degree <= depth {
            break;
        }
        let mut removed = Vec::new();
        for x in 0..size {
            let neighbours = graph.neighbours(x);
            for &y in &neighbours {
                let others: Vec<usize> = neighbours.iter().copied().filter(|&i| i != y).collect();
                for_each_choice(&others, depth, &mut |given| {
                    if tests.independent(x, y, given) {
                        removed.push((x, y));
                        let pair = (x.min(y), x.max(y));
                        separators.entry(pair).or_default().extend(given);
                    }
                });
            }
        }
        for (x, y) in removed {
            graph.remove(x, y);
        }
    }
    (graph, separators)
}

/// Every choice of `count` items, in order.
fn for_each_choice(items: &[usize], count: usize, each: &mut dyn FnMut(&[usize])) {
    fn go(rest: &[usize], count: usize, chosen: &mut Vec<usize>, each: &mut dyn FnMut(&[usize])) {
        if count == 0 {
            each(chosen);
            return;
        }
        let mut rest = rest;
        while let Some((first, later)) = rest.split_first() {
            if rest.len() < count {
                return;
            }
            chosen.push(*first);
            go(later, count - 1, chosen, each);
            chosen.pop();
            rest = later;
        }
    }
    go(items, count, &mut Vec::with_capacity(count), each);
}

fn orient_colliders(graph: &mut CausalGraph, separators: &Separators) {
    for [x, y, z] in graph.unshielded() {
        let separated = separators.get(&(x.min(z), x.max(z)));
        let by_middle = separated.is_some_and(|set| set.contains(&y));
        if x < z && !by_middle && !graph.is_directed(y, x) && !graph.is_directed(y, z) {
            graph.direct(x, y);
            graph.direct(z, y);
        }
    }
}

/// Meek's rules: no new collider, no circle.
fn orient_rest(graph: &mut CausalGraph) {
    let open = graph.unshielded();
    let closed = graph.paths(|i, k| graph.is_adjacent(i, k));
    loop {
        let mut changed = false;
        let mut direct = |graph: &mut CausalGraph, from: usize, to: usize| {
            if !graph.is_ancestor(to, from) {
                graph.direct(from, to);
                changed = true;
            }
        };
        for &[i, j, k] in &open {
            if graph.is_directed(i, j) && graph.is_undirected(j, k) {
                direct(graph, j, k);
            }
        }
        for &[i, j, k] in &closed {
            if graph.is_directed(i, j) && graph.is_directed(j, k) && graph.is_undirected(i, k) {
                direct(graph, i, k);
            }
        }
        for &[i, j, l] in &closed {
            if !(graph.is_undirected(i, j) && graph.is_directed(j, l) && graph.is_undirected(i, l))
            {
                continue;
            }
            let other = (j + 1..graph.size).any(|k| {
                graph.is_undirected(i, k) && graph.is_directed(k, l) && !graph.is_adjacent(j, k)
            });
            if other {
                direct(graph, i, l);
            }
        }
        if !changed {
            return;
        }
    }
}
