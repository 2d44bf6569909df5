//! Online detectors with constant memory, drift detectors, and the fleet that keeps them for many
//! series.
//!
//! Use it when points come one by one and never twice, when memory a series must stay bounded, or
//! when a model has to notice that the world has changed. To judge a file of history, the detectors
//! of `bongsu-stats` and `bongsu-ml` see the whole of it and so know more.
//!
//! | method | what it does | for |
//! |---|---|---|
//! | [`AutoStream`] | tells how rare a value is in several ways at once | one metric of any kind |
//! | [`Ewma`] | follows level, slope and scale | one metric; the default for live metrics |
//! | [`Spot`] | keeps the bound of a stated risk | one metric with rare extremes |
//! | [`HalfSpaceTrees`] | counts points in random parts of the space | several features, very cheaply |
//! | [`RandomCutForest`] | cuts a forgetting sample apart at random | several features, or shapes in time |
//! | [`OnlineMad`] | follows the median and the median absolute deviation | one metric, in constant memory |
//! | [`HoltWinters`] | follows level, slope and season | one metric that repeats |
//! | [`MicroClusters`] | measures the distance from where the stream has been | several features; the most accurate here |
//! | [`Loda`] | counts points along random directions | several features, subtle joint changes |
//! | [`Thresholded`] | learns a bound for any of these | scores that must say yes or no |
//! | [`Adwin`] | keeps a window for as long as its mean does not change | scores, bounded metrics |
//! | [`PageHinkley`] | sums deviations from the mean | shifts of a known size |
//! | [`Kswin`] | tests recent values against those before | changes of the whole distribution |
//! | [`Ddm`], [`Eddm`] | watch the rate of errors and the gaps between them | errors of a model |
//! | [`HddmA`], [`HddmW`] | bound averages of errors | errors of a model, with a stated risk |
//! | [`SeasonalProfile`] | learns what is usual at each hour of the local week | one metric with people's rhythm |
//! | [`sketch`] | moments, extremes, quantiles, samples and counts | streams too long to keep |
//! | [`Fleet`] | keeps a detector a series, judges batches | up to millions of series |
//! | [`DriftMonitor`] | adds hysteresis to any of these | alarms that must not flap |

pub mod auto_stream;
mod check;
mod decay;
pub mod drift;
pub mod fleet;
pub mod half_space_trees;
pub mod holt_winters;
pub mod loda;
pub mod micro_clusters;
pub mod online_mad;
mod random;
pub mod random_cut_forest;
mod scales;
pub mod seasonal_profile;
pub mod sketch;
pub mod thresholded;

/// Online detectors of `bongsu-stats`, for fleets of them.
pub use auto_stream::{AutoStream, AutoStreamState};
pub use bongsu_stats::{Ewma, EwmaStream, Spot, SpotStream};
pub use drift::{
    Adwin, AdwinDetector, Ddm, DdmDetector, DriftMethod, DriftMonitor, DriftState, Eddm,
    EddmDetector, HddmA, HddmADetector, HddmW, HddmWDetector, Kswin, KswinDetector, PageHinkley,
    PageHinkleyDetector,
};
pub use fleet::{Fleet, FleetQuery};
pub use half_space_trees::{HalfSpaceTrees, HalfSpaceTreesStream};
pub use holt_winters::{HoltWinters, HoltWintersStream, SeasonLength};
pub use loda::{Loda, LodaStream};
pub use micro_clusters::{MicroClusters, MicroClustersStream};
pub use online_mad::{OnlineMad, OnlineMadStream};
pub use random_cut_forest::{RandomCutForest, RandomCutForestStream};
pub use seasonal_profile::{SeasonalProfile, SeasonalProfileStream};
pub use thresholded::{Bound, Thresholded};
