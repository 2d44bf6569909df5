//! Statistical anomaly detectors for a single metric, and the robust statistics they stand on.
//!
//! Use it when one number at a time is to be judged and the reason must be plain: a distance from
//! a mean, a median, a quartile or an exponentially weighted level. Do not use it for rows of
//! several features that matter jointly, nor when a long season has to be modelled (a forecaster's
//! band does that), nor as a whole service: the facade crate `bongsu` holds that.
//!
//! | detector | expects | scale | for |
//! |---|---|---|---|
//! | [`ZScore`] | mean of a window | standard deviation | noise that is nearly normal |
//! | [`RobustZ`] | median of a window or column | median absolute deviation | data with outliers |
//! | [`Iqr`] | median of a window or column | interquartile range | skewed data |
//! | [`Gesd`] | mean or median of a column without its outliers | standard deviation or MAD | a bounded number of outliers |
//! | [`Cusum`] | a target, given or learned, that moves after a shift | standard deviation | small shifts that last |
//! | [`TwoWindow`] | recent points like those before them | probability by a two-sample test | changes of level, spread or shape |
//! | [`Profile`] | median of an hour, day or minute of the local calendar | median absolute deviation | people's hours |
//! | [`Seasonal`] | season and trend of a decomposition | of its residuals | metrics that repeat |
//! | [`Shesd`] | season and median | median absolute deviation, in a test | a batch with seasons and outliers |
//! | [`Ewma`] | level and slope, learned point by point | exponentially weighted deviation | live metrics |
//! | [`SpectralResidual`] | a regular spectrum | mean saliency | spikes and breaks of a rhythm |
//! | [`Spot`] | values within extreme quantiles | excesses over a high level | a stated rate of false alarms |
//! | [`Bocpd`] | what the present run predicts | tail probability | changes, as they happen |
//! | [`Changepoints`] | segments of a whole series | noise of the differences | when did it change |
//!
//! Each configuration checks its domain, each stream is plain data that can be saved and continued
//! bit for bit, and every score is free of NaN for any finite input.
//!
//! ```
//! use bongsu_core::StreamDetector as _;
//! use bongsu_stats::ZScore;
//!
//! let mut detector = ZScore::new().window(10)?.threshold(2.5)?.build()?;
//! for i in 0..30 {
//!     detector.learn(&[f64::from(i % 3)])?;
//! }
//! let score = detector.score(&[9.0])?.ready().unwrap_or(0.0);
//! assert!(score > 2.5);
//! # Ok::<(), bongsu_core::Error>(())
//! ```

pub mod adaptive;
pub mod calendar;
pub mod changepoint;
mod check;
pub mod cusum;
pub mod decompose;
pub mod ewma;
mod fourier;
pub mod gesd;
pub mod hypothesis;
pub mod iqr;
mod level;
mod moments;
pub mod period;
pub mod robust;
pub mod robust_z;
pub mod rolling;
pub mod seasonal;
pub mod shesd;
mod sorted_window;
pub mod special;
pub mod spectral_residual;
pub mod spot;
pub mod two_window;
pub mod zscore;

pub use calendar::{FittedProfile, Profile};
pub use changepoint::{
    Bocpd, BocpdStream, Changepoints, Cost, Penalty, RunModel, Search, Segment, Segmentation, Shift,
};
pub use cusum::{Cusum, CusumStream};
pub use ewma::{Ewma, EwmaStream};
pub use gesd::{FittedGesd, Gesd};
pub use iqr::{FittedIqr, Iqr, IqrStream};
pub use robust_z::{FittedRobustZ, RobustZ, RobustZStream};
pub use seasonal::{FittedSeasonal, Seasonal};
pub use shesd::{FittedShesd, Shesd};
pub use spectral_residual::{FittedSpectralResidual, SpectralResidual, SpectralResidualStream};
pub use spot::{Spot, SpotStream};
pub use two_window::{TwoWindow, TwoWindowStream};
pub use zscore::{ZScore, ZScoreStream};
