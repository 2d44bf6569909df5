//! Configuration, pipeline and scheduler of Bongsu.
