//! Statistical anomaly detectors and robust statistics of Bongsu.
