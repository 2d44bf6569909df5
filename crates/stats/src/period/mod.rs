//! Autocorrelation, and the periods with which a series repeats itself.

mod acf;
mod detect;

pub use acf::acf;
pub use detect::{Period, PeriodSearch};
