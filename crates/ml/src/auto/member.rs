//! The methods that are combined.

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Detector, FitDetector, Result, Rows, Snapshot};
use serde::{Deserialize, Serialize};

use super::look::Look;
use crate::isolation_forest::{FittedIsolationForest, IsolationForest};
use crate::kmeans::{FittedKMeans, KMeans};
use crate::matrix_profile::{FittedMatrixProfile, MatrixProfile};
use crate::pca::FittedPca;
use crate::subsequence::{FittedSubsequences, Subsequences, WindowScaling};

/// From this strength on a period is what the series is made of.
const CLEAR_PERIOD: f64 = 0.7;

/// The most points that all subsequences are compared with one another: the cost is quadratic.
const MOST_COMPARED: usize = 40_000;

/// The length of subsequences, the most of them that are learned from, and the least of a cluster.
const WINDOW: usize = 100;
const MOST_WINDOWS: usize = 20_000;
const CLUSTER: usize = 10;
const MOST_CLUSTERS: usize = 50;

/// A method that `auto` may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Clusters,
    Components,
    Forest,
    Profile(usize),
}

impl Choice {
    /// The methods for a series that looks like this.
    pub(super) fn all_for(look: &Look) -> Vec<Self> {
        match clear_period(look) {
            Some(period) => vec![Self::Clusters, Self::Profile(period)],
            None => vec![Self::Clusters, Self::Components, Self::Forest],
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Clusters => "clusters of subsequences",
            Self::Components => "principal components of subsequences",
            Self::Forest => "an isolation forest of subsequences",
            Self::Profile(_) => "the matrix profile",
        }
    }

    /// Fits it, and scores the rows that it learned from.
    pub(super) fn fit_score(self, rows: &Rows<'_>, seed: u64) -> Result<(Member, Vec<f64>)> {
        let points = rows.len();
        let window = window(points);
        let stride = points.div_ceil(MOST_WINDOWS).clamp(1, window);
        let windows = (points - window) / stride + 1;
        Ok(match self {
            Self::Clusters => {
                let clusters = (windows / CLUSTER).clamp(1, MOST_CLUSTERS);
                let inner = KMeans::new().clusters(clusters)?.n_init(1)?.seed(seed);
                let config = Subsequences::new(inner).scaling(WindowScaling::Center);
                let config = config.window(window)?.stride(stride)?;
                let (fitted, scores) = config.fit_score(rows)?;
                (Member::Clusters(fitted), scores)
            }
            Self::Components => {
                let config = Subsequences::sub_pca().window(window)?.stride(stride)?;
                let (fitted, scores) = config.fit_score(rows)?;
                (Member::Components(fitted), scores)
            }
            Self::Forest => {
                let inner = IsolationForest::new().seed(seed);
                let config = Subsequences::new(inner).window(window)?.stride(stride)?;
                let (fitted, scores) = config.fit_score(rows)?;
                (Member::Forest(fitted), scores)
            }
            Self::Profile(period) => {
                let (fitted, scores) = MatrixProfile::new().window(period)?.fit_score(rows)?;
                (Member::Profile(fitted), scores)
            }
        })
    }
}

/// The period, when the series is made of it and is short enough to be compared with itself.
pub(super) fn clear_period(look: &Look) -> Option<usize> {
    let clear = look.strength >= CLEAR_PERIOD && look.points <= MOST_COMPARED;
    let most = look.points / 4;
    look.period
        .filter(|_| clear && most >= 8)
        .map(|period| period.clamp(8, most))
}

/// The length of subsequences of a series of so many points.
pub(super) fn window(points: usize) -> usize {
    WINDOW.min(points / 4).max(2)
}

/// A fitted method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Member {
    Clusters(FittedSubsequences<FittedKMeans>),
    Components(FittedSubsequences<FittedPca>),
    Forest(FittedSubsequences<FittedIsolationForest>),
    Profile(FittedMatrixProfile),
}

impl Member {
    pub(super) fn score_into(&self, x: &ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        match self {
            Self::Clusters(fitted) => fitted.score_into(x.view(), out),
            Self::Components(fitted) => fitted.score_into(x.view(), out),
            Self::Forest(fitted) => fitted.score_into(x.view(), out),
            Self::Profile(fitted) => fitted.score_into(x.view(), out),
        }
    }

    pub(super) fn n_features(&self) -> usize {
        match self {
            Self::Clusters(fitted) => fitted.n_features(),
            Self::Components(fitted) => fitted.n_features(),
            Self::Forest(fitted) => fitted.n_features(),
            Self::Profile(fitted) => fitted.n_features(),
        }
    }

    pub(super) fn validate(&self) -> Result<()> {
        match self {
            Self::Clusters(fitted) => fitted.validate(),
            Self::Components(fitted) => fitted.validate(),
            Self::Forest(fitted) => fitted.validate(),
            Self::Profile(fitted) => fitted.validate(),
        }
    }
}
