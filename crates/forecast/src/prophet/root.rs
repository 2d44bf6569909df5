//! Roots of the curvature of the parameters that have normal priors.

use std::cell::OnceCell;

use nalgebra::{Cholesky, DMatrix, DVector};

/// Below this part of the largest pivot, Cholesky's factor is not trusted.
const TRUSTED: f64 = 1e-10;

/// Eigenvalues below this part of the largest are rounding: the data say nothing there.
const KNOWN: f64 = 1e-12;

/// The Gram matrix of some parameters, in units of the deviations of their priors: with noise of the
/// variance `v` the curvature there is `W + v I`.
#[derive(Debug)]
pub(super) struct Curvature {
    whitened: DMatrix<f64>,
    /// The deviations of the priors.
    scales: Vec<f64>,
    spectrum: OnceCell<Spectrum>,
}

/// Where columns all but repeat each other (more pairs of sine and cosine than points in a period, for
/// example) the data say nothing of some directions, and rounding would drown what the priors say of
/// them. The eigenvectors tell these directions apart.
#[derive(Debug)]
struct Spectrum {
    vectors: DMatrix<f64>,
    /// 0 where the data say nothing.
    values: DVector<f64>,
}

/// A matrix `H` with `H H' = G + v P`, for the Gram matrix `G` and the precisions `P` of the priors.
#[derive(Debug)]
pub(super) struct Root<'a> {
    scales: &'a [f64],
    kind: Kind<'a>,
}

#[derive(Debug)]
enum Kind<'a> {
    Lower(DMatrix<f64>),
    Spectrum {
        spectrum: &'a Spectrum,
        roots: DVector<f64>,
    },
}

impl Curvature {
    /// Of the Gram matrix `gram`, whose diagonal is larger by the part `damping` of itself.
    pub(super) fn new(gram: &DMatrix<f64>, precisions: &[f64], damping: f64) -> Self {
        let scales: Vec<f64> = precisions.iter().map(|p| 1.0 / p.sqrt()).collect();
        let mut whitened = gram.clone();
        scale_rows(&mut whitened, &scales);
        whitened.transpose_mut();
        scale_rows(&mut whitened, &scales);
        let larger = whitened.diagonal() * (1.0 + damping);
        whitened.set_diagonal(&larger);
        Self {
            whitened,
            scales,
            spectrum: OnceCell::new(),
        }
    }

    /// With noise of this variance.
    pub(super) fn root(&self, variance: f64) -> Root<'_> {
        let kind = match self.lower(variance) {
            Some(lower) if self.spectrum.get().is_none() => Kind::Lower(lower),
            _ => {
                let spectrum = self.spectrum.get_or_init(|| Spectrum::new(&self.whitened));
                let roots = spectrum.values.map(|value| (value + variance).sqrt());
                Kind::Spectrum { spectrum, roots }
            }
        };
        Root {
            scales: &self.scales,
            kind,
        }
    }

    /// Cholesky's factor, where it can be trusted.
    fn lower(&self, variance: f64) -> Option<DMatrix<f64>> {
        let mut shifted = self.whitened.clone();
        let larger = shifted.diagonal().add_scalar(variance);
        shifted.set_diagonal(&larger);
        let lower = Cholesky::new(shifted)?.unpack_dirty();
        let pivots = lower.diagonal();
        let ratio = pivots.min() / pivots.max();
        (ratio * ratio > TRUSTED).then_some(lower)
    }
}

impl Spectrum {
    fn new(whitened: &DMatrix<f64>) -> Self {
        let eigen = whitened.clone().symmetric_eigen();
        let least = KNOWN * eigen.eigenvalues.max();
        Self {
            vectors: eigen.eigenvectors,
            values: eigen
                .eigenvalues
                .map(|value| if value > least { value } else { 0.0 }),
        }
    }
}

impl Root<'_> {
    /// `H⁻¹ b`, for columns that come `from_data`, as products of the design do, or from the priors.
    pub(super) fn half(&self, mut b: DMatrix<f64>, from_data: bool) -> Option<DMatrix<f64>> {
        scale_rows(&mut b, self.scales);
        match &self.kind {
            Kind::Lower(lower) => lower.solve_lower_triangular_mut(&mut b).then_some(b),
            Kind::Spectrum { spectrum, roots } => {
                let mut out = spectrum.vectors.tr_mul(&b);
                let pairs = roots.iter().zip(&spectrum.values);
                // What the data say of a direction that they do not know is rounding.
                let factors: Vec<f64> = pairs
                    .map(|(root, &value)| {
                        if from_data && value == 0.0 {
                            0.0
                        } else {
                            1.0 / root
                        }
                    })
                    .collect();
                scale_rows(&mut out, &factors);
                Some(out)
            }
        }
    }

    /// `H'⁻¹ b`.
    pub(super) fn back(&self, mut b: DMatrix<f64>) -> Option<DMatrix<f64>> {
        match &self.kind {
            Kind::Lower(lower) => {
                if !lower.tr_solve_lower_triangular_mut(&mut b) {
                    return None;
                }
            }
            Kind::Spectrum { spectrum, roots } => {
                let factors: Vec<f64> = roots.iter().map(|root| 1.0 / root).collect();
                scale_rows(&mut b, &factors);
                b = &spectrum.vectors * b;
            }
        }
        scale_rows(&mut b, self.scales);
        Some(b)
    }
}

/// Multiplies each row by its factor.
fn scale_rows(matrix: &mut DMatrix<f64>, factors: &[f64]) {
    for mut column in matrix.column_iter_mut() {
        for (value, factor) in column.iter_mut().zip(factors) {
            *value *= factor;
        }
    }
}
