use bongsu_core::{Labels, Timestamp};

/// One value of one series at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Which series.
    pub labels: Labels,
    /// When.
    pub timestamp: Timestamp,
    /// What.
    pub value: f64,
}
