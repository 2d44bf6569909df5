//! Prometheus HTTP client and replay server of Bongsu.
