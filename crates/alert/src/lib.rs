//! Alert lifecycle and sinks of Bongsu.
