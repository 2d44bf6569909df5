//! Criteria by which models of one series are compared.

use serde::{Deserialize, Serialize};

/// By which number an automatic choice compares models; the least is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criterion {
    /// Akaike's criterion.
    Aic,
    /// Akaike's, corrected for few observations (the default).
    #[default]
    Aicc,
    /// The Bayesian criterion of Schwarz.
    Bic,
}

/// Information criteria of a fit.
///
/// `AIC = -2 l + 2 k`, `AICc = AIC + 2 k (k + 1) / (n - k - 1)`, `BIC = -2 l + k ln n` with the
/// log-likelihood `l`, `k` estimated parameters (a variance counts as one) and `n` observations.
/// `AICc` is infinite where `n` is at most `k + 1`.
///
/// Source: Hurvich & Tsai 1989, <https://doi.org/10.1093/biomet/76.2.297>; the definitions of
/// statsmodels 0.15.
///
/// ```
/// let fit = bongsu_forecast::Information::new(-100.0, 3, 50);
/// assert_eq!(fit.aic, 206.0);
/// assert!((fit.aicc - 206.521_739_130_434_78).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Information {
    /// Akaike's criterion.
    pub aic: f64,
    /// Akaike's, corrected for few observations.
    pub aicc: f64,
    /// The Bayesian criterion of Schwarz.
    pub bic: f64,
}

impl Information {
    /// Of a fit with this log-likelihood, number of parameters and number of observations.
    #[must_use]
    pub fn new(log_likelihood: f64, parameters: usize, observations: usize) -> Self {
        let (k, n) = (parameters as f64, observations as f64);
        let aic = -2.0 * log_likelihood + 2.0 * k;
        let left = n - k - 1.0;
        let aicc = if left > 0.0 {
            aic + 2.0 * k * (k + 1.0) / left
        } else {
            f64::INFINITY
        };
        Self {
            aic,
            aicc,
            bic: -2.0 * log_likelihood + k * n.ln(),
        }
    }

    /// The number that `criterion` compares.
    #[must_use]
    pub const fn by(&self, criterion: Criterion) -> f64 {
        match criterion {
            Criterion::Aic => self.aic,
            Criterion::Aicc => self.aicc,
            Criterion::Bic => self.bic,
        }
    }
}
