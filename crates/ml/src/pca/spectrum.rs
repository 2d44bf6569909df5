//! Eigenvectors of the covariance matrix, largest eigenvalue first.

use bongsu_core::ndarray::linalg::general_mat_mul;
use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{Error, Result};
use nalgebra::{DMatrix, SymmetricEigen};

use super::PcaScaling;
use super::moments;
use super::scaling::Scaler;

/// Eigenvalues above rounding error, largest first, and their unit vectors as rows.
#[derive(Debug)]
pub(super) struct Spectrum {
    pub(super) values: Vec<f64>,
    pub(super) vectors: Array2<f64>,
    /// The sum of all eigenvalues.
    pub(super) total: f64,
}

impl Spectrum {
    /// Of the columns of `x`, scaled as `scaling` says; through whichever of the two product
    /// matrices is smaller.
    pub(super) fn of(x: &ArrayView2<'_, f64>, scaling: PcaScaling) -> Result<(Scaler, Self)> {
        let (n, d) = x.dim();
        if d <= n {
            let (scaler, covariance) = moments::of(x, scaling)?;
            return Ok((scaler, decompose(covariance, n)?.signed()));
        }
        let scaler = Scaler::of(x, scaling)?;
        let mut scaled = Array2::zeros((n, d));
        scaler.write_rows(x, &mut scaled.view_mut());
        let mut gram = Array2::zeros((n, n));
        let weight = 1.0 / (n - 1) as f64;
        general_mat_mul(weight, &scaled, &scaled.t(), 0.0, &mut gram);
        let gram = DMatrix::from_iterator(n, n, gram.iter().copied());
        let mut of_rows = decompose(gram, d)?;
        of_rows.vectors = of_rows.vectors.dot(&scaled);
        for mut vector in of_rows.vectors.rows_mut() {
            let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
            vector.mapv_inplace(|v| v / norm);
        }
        Ok((scaler, of_rows.signed()))
    }

    /// The sign of a vector is free: its loading of largest magnitude becomes positive, as in
    /// scikit-learn.
    fn signed(mut self) -> Self {
        for mut vector in self.vectors.rows_mut() {
            let largest = vector
                .iter()
                .fold(0.0_f64, |m, &v| if v.abs() > m.abs() { v } else { m });
            if largest < 0.0 {
                vector.mapv_inplace(|v| -v);
            }
        }
        self
    }
}

/// Of a product matrix; `other` is the longer side of the table that it came from.
fn decompose(matrix: DMatrix<f64>, other: usize) -> Result<Spectrum> {
    let size = matrix.nrows();
    let steps = 1000 + 100 * size;
    let eigen = SymmetricEigen::try_new(matrix, f64::EPSILON, steps).ok_or_else(|| {
        Error::input("the covariance matrix has no eigenvectors that can be found")
    })?;
    let mut order: Vec<(f64, usize)> = eigen.eigenvalues.iter().copied().zip(0..).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let largest = order.first().map_or(0.0, |first| first.0);
    let least = largest * f64::EPSILON * size.max(other) as f64;
    let total = order.iter().map(|(value, _)| value.max(0.0)).sum();
    order.retain(|(value, _)| *value > least);
    let mut vectors = Array2::zeros((order.len(), size));
    for (mut row, (_, from)) in vectors.rows_mut().into_iter().zip(&order) {
        for (slot, value) in row.iter_mut().zip(eigen.eigenvectors.column(*from).iter()) {
            *slot = *value;
        }
    }
    Ok(Spectrum {
        values: order.into_iter().map(|(value, _)| value).collect(),
        vectors,
        total,
    })
}
