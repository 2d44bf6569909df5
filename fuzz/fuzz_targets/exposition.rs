//! The text of an exporter is read or refused in both formats.
#![no_main]

use bongsu_core::Timestamp;
use bongsu_prometheus::scrape::{Format, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let now = Timestamp::from_millis(1_700_000_000_000);
    for kind in ["text/plain; version=0.0.4", "application/openmetrics-text"] {
        let _ = parse(text, Format::of(kind), now);
    }
});
