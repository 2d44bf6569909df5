//! Autocorrelation, and the periods with which a series repeats itself.

mod acf;
mod detect;

pub use acf::acf;
pub(crate) use detect::interpolated;
pub use detect::{Period, PeriodSearch};
