//! Few, explained, trustworthy alarms from Prometheus metrics.
