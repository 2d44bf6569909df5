//! Classical machine-learning detectors for rows of several features and for subsequences of a
//! series, and the regressors that capacity planning needs.
//!
//! Use it when features matter jointly, or when the shape of a stretch of a series matters more
//! than a single value. For one metric at a time the detectors of `bongsu-stats` are simpler, say
//! what they expect and need less data.
//!
//! | method | what it does | for |
//! |---|---|---|
//! | [`Auto`] | chooses methods for shapes by what a series looks like, and combines them | a series that is known as a whole |
//! | [`AutoMultivariate`] | robust distance from what the channels do together | the metrics of a server, some of them dead |
//! | [`Cblof`] | distance to the nearest large cluster of k-means | groups of rows, and rows in none |
//! | [`Copod`] | tails of each column, the longer one first | many features, nothing to tune |
//! | [`Ecod`] | the rarer tail of each column | many features, nothing to tune |
//! | [`ExtendedIsolationForest`] | rows that slanted random splits isolate early | features that move together, of like scale |
//! | [`Hbos`] | density of each column's histogram | many rows, features of several modes |
//! | [`IsolationForest`] | rows that random splits isolate early | many features and rows, no assumption on shape; fast |
//! | [`KMeans`] | distance to the nearest of k centres | states that a system returns to |
//! | [`Knn`] | distance to the nearest rows | features on a common scale, any shape of the normal rows |
//! | [`LinearRegression`] | least squares and ridge, with errors of the coefficients and intervals | relations between metrics, trends |
//! | [`Lof`] | density compared with that of the neighbours | normal rows in clusters of different density |
//! | [`MatrixProfile`] | distance of each subsequence to the most similar other one | a metric whose shapes repeat |
//! | [`OneClassSvm`] | a surface that keeps a chosen share of the rows inside | data that are mostly normal |
//! | [`Pca`] | what the principal components leave over | features that move together, such as those of a server |
//! | [`Poly`] | how far a value is from a polynomial through the values before it | smooth series with sudden changes |
//! | [`RandomForest`] | predicts a number from the other columns by the mean of many trees | load, cost or capacity that depends on features in any shape |
//! | [`Scaler`], [`Scaled`] | brings columns to a common scale, as part of the fitted model | features of different units |
//! | [`Subsequences`] | any detector over windows of a series: Sub-PCA, KMeansAD and others | shapes of stretches of a series |
//! | [`WindowFeatures`] | statistics of a sliding window in one pass | turning a series into rows |

mod check;
mod float;
mod random;
mod tails;
mod tree;

pub mod auto;
pub mod auto_multivariate;
pub mod cblof;
pub mod copod;
pub mod ecod;
pub mod extended_isolation_forest;
pub mod features;
pub mod hbos;
pub mod isolation_forest;
pub mod kmeans;
pub mod knn;
pub mod linear;
pub mod lof;
pub mod matrix_profile;
pub mod neighbours;
pub mod one_class_svm;
pub mod pca;
pub mod poly;
pub mod random_forest;
pub mod scaler;
pub mod subsequence;
mod vector;

pub use auto::{Auto, FittedAuto};
pub use auto_multivariate::{AutoMultivariate, FittedAutoMultivariate};
pub use cblof::{Cblof, FittedCblof};
pub use copod::{Copod, FittedCopod};
pub use ecod::{Ecod, FittedEcod};
pub use extended_isolation_forest::{ExtendedIsolationForest, FittedExtendedIsolationForest};
pub use features::{FeatureStream, WindowFeatures};
pub use hbos::{FittedHbos, Hbos, HbosBins};
pub use isolation_forest::{FittedIsolationForest, IsolationForest};
pub use kmeans::{FittedKMeans, KMeans};
pub use knn::{FittedKnn, Knn, KnnDistance};
pub use linear::{FittedLinearRegression, LinearRegression};
pub use lof::{FittedLof, Lof};
pub use matrix_profile::{FittedMatrixProfile, MatrixProfile};
pub use neighbours::{Metric, NeighbourIndex, Neighbours};
pub use one_class_svm::{FittedOneClassSvm, OneClassSvm};
pub use pca::{FittedPca, Pca, PcaComponents, PcaScaling, PcaScore};
pub use poly::{FittedPoly, Poly};
pub use random_forest::{FittedRandomForest, RandomForest};
pub use scaler::{FittedScaled, FittedScaler, Scaled, Scaler};
pub use subsequence::{FittedSubsequences, Subsequences, WindowScaling};
