//! Detectors of change in a stream of numbers: errors, scores, residuals or a metric itself.
//!
//! | detector | values | finds | warns |
//! |---|---|---|---|
//! | [`Adwin`] | any that span about 1 | a change of the mean | no |
//! | [`PageHinkley`] | any | a change of the mean, either or both ways | no |
//! | [`Kswin`] | any | any change of the distribution | no |
//! | [`Ddm`] | errors in [0, 1] | a rise of the mean | yes |
//! | [`Eddm`] | errors, 0 or 1 | errors that come closer together | yes |
//! | [`HddmA`] | errors in [0, 1] | a rise, or any change, of the mean | yes |
//! | [`HddmW`] | errors in [0, 1] | as `HddmA`, sooner for gradual changes | yes |
//!
//! [`DriftMethod`] is any of the configurations, [`DriftState`] any of the detectors, and
//! [`DriftMonitor`] adds hysteresis to one.

mod adwin;
mod ddm;
mod eddm;
mod hddm_a;
mod hddm_w;
mod histogram;
mod kolmogorov_smirnov;
mod kswin;
mod mean;
mod method;
mod monitor;
mod page_hinkley;
mod sampler;

pub use adwin::{Adwin, AdwinDetector};
pub use ddm::{Ddm, DdmDetector};
pub use eddm::{Eddm, EddmDetector};
pub use hddm_a::{HddmA, HddmADetector};
pub use hddm_w::{HddmW, HddmWDetector};
pub use kswin::{Kswin, KswinDetector};
pub use method::{DriftMethod, DriftState};
pub use monitor::DriftMonitor;
pub use page_hinkley::{PageHinkley, PageHinkleyDetector};
pub use sampler::{PcgSampler, Sampler};
