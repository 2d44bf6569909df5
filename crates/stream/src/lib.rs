//! Online detectors with constant memory, drift detectors, and the fleet that keeps them for many
//! series.
//!
//! Use it when points come one by one and never twice, when memory a series must stay bounded, or
//! when a model has to notice that the world has changed. To judge a file of history, the detectors
//! of `bongsu-stats` and `bongsu-ml` see the whole of it and so know more.
