use bongsu_core::Result;
use bongsu_core::ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::check_targets;
use super::fitted::{FittedRandomForest, r2};
use super::grow::Grown;
use super::table::Table;
use crate::{check, random};

/// The share of each feature in what the splits of a tree lower the sum of squares by, averaged
/// over the trees that split at all; zeros when none does.
pub(super) fn of_splits(table: &Table, grown: &[Grown]) -> Vec<f64> {
    let mut importances = vec![0.0; table.columns];
    for tree in grown {
        let total: f64 = tree.gains.iter().sum();
        if total > 0.0 {
            for (&feature, gain) in table.features.iter().zip(&tree.gains) {
                if let Some(importance) = importances.get_mut(feature as usize) {
                    *importance += gain / total;
                }
            }
        }
    }
    let total: f64 = importances.iter().sum();
    if total > 0.0 {
        for importance in &mut importances {
            *importance /= total;
        }
    }
    importances
}

/// By how much the coefficient of determination falls when a feature is shuffled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PermutationImportance {
    /// The mean fall over the shuffles.
    pub mean: f64,
    /// Its standard deviation over the shuffles (divided by their number, as NumPy).
    pub std: f64,
}

impl FittedRandomForest {
    /// By how much the predictions of `y` get worse when one column of `x` after the other is
    /// shuffled, so that it no longer says anything: `R2 - mean R2 of the shuffled`.
    ///
    /// Unlike [`FittedRandomForest::importances`] it does not favour features of many values, and
    /// can be taken on rows that the forest has not seen. Features that say the same share it.
    ///
    /// - `x`, `y`: rows and their targets, at least 2.
    /// - `repeats`: shuffles of each feature, in [1, 10000]; 5 is usual.
    /// - `seed`: of the shuffles (PCG64).
    ///
    /// # Errors
    /// When there are fewer than 2 rows, their number of columns is not that of the forest, `y`
    /// has another length, a value is not finite, or `repeats` is outside its domain.
    ///
    /// Cost: `d repeats + 1` times that of predicting `x`, for `d` features.
    ///
    /// Source: Breiman 2001, doi 10.1023/A:1010933404324; the reference is scikit-learn 1.9
    /// `permutation_importance`.
    pub fn permutation_importances(
        &self,
        x: &ArrayView2<'_, f64>,
        y: &[f64],
        repeats: usize,
        seed: u64,
    ) -> Result<Vec<PermutationImportance>> {
        check::count("repeats", repeats, 1, 10_000)?;
        check::table("a permutation importance", x, 2)?;
        check_targets(y, x.nrows())?;
        let mut predicted = self.predict(x.view())?;
        let whole = r2(y, &predicted);
        let mut shuffled = x.to_owned();
        let mut importances = Vec::with_capacity(x.ncols());
        for feature in 0..x.ncols() {
            let mut falls = Vec::with_capacity(repeats);
            for repeat in 0..repeats {
                let mut rng = random::generator(seed, feature * repeats + repeat);
                let mut column = shuffled.column_mut(feature);
                for at in (1..column.len()).rev() {
                    column.swap(at, random::below(&mut rng, at + 1));
                }
                self.predict_into(shuffled.view(), &mut predicted)?;
                falls.push(whole - r2(y, &predicted));
            }
            shuffled.column_mut(feature).assign(&x.column(feature));
            let n = repeats as f64;
            let mean = falls.iter().sum::<f64>() / n;
            let variance = falls.iter().map(|fall| (fall - mean).powi(2)).sum::<f64>() / n;
            importances.push(PermutationImportance {
                mean,
                std: variance.sqrt(),
            });
        }
        Ok(importances)
    }
}
