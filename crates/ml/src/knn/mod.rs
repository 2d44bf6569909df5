//! Distance to the nearest neighbours.

mod fitted;

use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{Error, FitDetector, Result, Rows};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::neighbours::{MAX_NEIGHBOURS, Metric};

pub use fitted::FittedKnn;

/// Which distance to the neighbours is the score of [`Knn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnnDistance {
    /// The distance to the farthest of the k neighbours (the default).
    #[default]
    Largest,
    /// The mean of the k distances.
    Mean,
    /// The median of the k distances.
    Median,
}

impl KnnDistance {
    /// The word used in configuration: `largest`, `mean` or `median`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Largest => "largest",
            Self::Mean => "mean",
            Self::Median => "median",
        }
    }
}

impl std::fmt::Display for KnnDistance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for KnnDistance {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::Largest, Self::Mean, Self::Median]
            .into_iter()
            .find(|distance| distance.as_str() == text)
            .ok_or_else(|| {
                let domain = "largest, mean or median";
                Error::parameter("distance", format!("`{text}`"), domain)
            })
    }
}

/// Configuration of the distance to the nearest neighbours.
///
/// `score = d_k`, the distance to the k-th nearest training row, or the mean or the median of
/// `d_1 ... d_k`. In the unit of the features, which count by their magnitude: bring them to a
/// common scale first.
///
/// - `neighbors` (k): domain [1, 10000], default 5; with fewer rows than that, all others.
/// - `distance`: largest (default), mean or median.
/// - `metric`: euclidean (default), manhattan or chebyshev.
/// - `contamination`: the share of training rows above the threshold, domain (0, 0.5], default 0.1.
///
/// `fit_score` leaves each training row out of its own neighbours; a fitted model judges rows as
/// new ones: a row that equals a training row then has it as its neighbour.
///
/// Cost: the neighbours of all rows; see [`NeighbourIndex`](crate::NeighbourIndex). 24 k bytes a
/// row while it fits.
///
/// Source: Ramaswamy, Rastogi & Shim 2000, <https://doi.org/10.1145/342009.335437>; Angiulli &
/// Pizzuti 2002, <https://doi.org/10.1007/3-540-45681-3_2>; equal to `pyod` 3.6 `KNN`.
///
/// ```
/// use bongsu_core::{FitDetector as _, Rows, ndarray::array};
/// let x = array![[0.0], [1.0], [2.0], [9.0]];
/// let (_, scores) = bongsu_ml::Knn::new().neighbors(2)?.fit_score(&Rows::untimed(x.view()))?;
/// assert_eq!(scores, [2.0, 1.0, 2.0, 8.0]);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knn {
    neighbors: usize,
    distance: KnnDistance,
    metric: Metric,
    contamination: f64,
}

impl Default for Knn {
    fn default() -> Self {
        Self {
            neighbors: 5,
            distance: KnnDistance::Largest,
            metric: Metric::Euclidean,
            contamination: 0.1,
        }
    }
}

impl Knn {
    /// The defaults: the largest euclidean distance to 5 neighbours, contamination 0.1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of neighbours. Domain: [1, 10000]. Default: 5.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn neighbors(mut self, neighbors: usize) -> Result<Self> {
        self.neighbors = check::count("neighbors", neighbors, 1, MAX_NEIGHBOURS)?;
        Ok(self)
    }

    /// Which distance is the score. Default: the largest.
    #[must_use]
    pub const fn distance(mut self, distance: KnnDistance) -> Self {
        self.distance = distance;
        self
    }

    /// How far apart rows are. Default: euclidean.
    #[must_use]
    pub const fn metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// The share of training rows whose score is above the threshold. Domain: (0, 0.5]. Default:
    /// 0.1.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn contamination(mut self, share: f64) -> Result<Self> {
        self.contamination = check::contamination(share)?;
        Ok(self)
    }

    /// Checks every parameter, for configurations that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        check::count("neighbors", self.neighbors, 1, MAX_NEIGHBOURS)?;
        check::contamination(self.contamination)?;
        Ok(())
    }
}

impl FitDetector for Knn {
    type Fitted = FittedKnn;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedKnn> {
        self.validate()?;
        FittedKnn::learn(self, &x).map(|(fitted, _)| fitted)
    }

    /// The scores are those of training rows: no row is its own neighbour.
    fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedKnn, Vec<f64>)> {
        self.validate()?;
        FittedKnn::learn(self, &rows.values())
    }
}
