//! Time-series plots and HTML reports of Bongsu.
