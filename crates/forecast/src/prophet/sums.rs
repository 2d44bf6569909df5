//! The sums over all points that say all of an additive model.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::problem::Pass;

/// The most parameters whose products are kept: 1 MiB.
const MOST: usize = 512;

/// The sums over all points that the posterior of an additive model needs, about its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Sums {
    /// The number of points.
    pub(super) points: u64,
    /// The lower triangle of the products of the design with itself, row by row.
    gram: Vec<f64>,
    /// The products of the design with the residuals.
    gradient: Vec<f64>,
    /// The sum of the squared residuals.
    squares: f64,
    /// The last present point in the time of the model.
    pub(super) end: f64,
}

impl Sums {
    /// Of a pass over `points` points at the parameters of the fit, where it has products.
    pub(super) fn new(pass: &Pass, points: usize) -> Option<Box<Self>> {
        let gram = pass.gram.as_ref().filter(|gram| gram.nrows() <= MOST)?;
        // The columns of the upper triangle are the rows of the lower one.
        let columns = gram.column_iter().enumerate();
        let upper = columns.flat_map(|(i, column)| {
            let column: Vec<f64> = column.iter().take(i + 1).copied().collect();
            column
        });
        Some(Box::new(Self {
            points: points as u64,
            gram: upper.collect(),
            gradient: pass.gradient.iter().copied().collect(),
            squares: pass.squares,
            end: 1.0,
        }))
    }

    /// Whether they are those of a model of so many parameters.
    pub(super) fn is_sound(&self, parameters: usize) -> bool {
        let lengths = parameters <= MOST
            && self.gradient.len() == parameters
            && self.gram.len() == parameters * (parameters + 1) / 2;
        let finite = self
            .gram
            .iter()
            .chain(&self.gradient)
            .all(|x| x.is_finite());
        lengths
            && finite
            && self.squares >= 0.0
            && self.squares.is_finite()
            && self.end >= 1.0
            && self.end.is_finite()
            && self.points >= 2
    }

    /// As a pass over the data gives them.
    pub(super) fn pass(&self) -> Pass {
        let size = self.gradient.len();
        let at = |i: usize, j: usize| {
            let (low, high) = (i.min(j), i.max(j));
            self.gram
                .get(high * (high + 1) / 2 + low)
                .copied()
                .unwrap_or(0.0)
        };
        Pass {
            residuals: Vec::new(),
            squares: self.squares,
            gradient: DVector::from_column_slice(&self.gradient),
            gram: Some(DMatrix::from_fn(size, size, at)),
        }
    }

    /// Those about other parameters, as `pass` has them.
    pub(super) fn about(&mut self, pass: &Pass) {
        self.gradient = pass.gradient.iter().copied().collect();
        self.squares = pass.squares;
    }

    /// With a point whose derivatives are `row`.
    pub(super) fn add(&mut self, row: &[f64], residual: f64) {
        let mut slots = self.gram.iter_mut();
        for (i, a) in row.iter().enumerate() {
            for (b, slot) in row.iter().take(i + 1).zip(slots.by_ref()) {
                *slot += a * b;
            }
        }
        for (sum, a) in self.gradient.iter_mut().zip(row) {
            *sum += a * residual;
        }
        self.squares += residual * residual;
        self.points += 1;
    }
}
