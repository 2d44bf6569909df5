//! Matchers, silences and durations are read or refused; a matcher that is written reads the same.
#![no_main]

use bongsu_alert::Matcher;
use bongsu_core::{format_duration, parse_duration};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(matchers) = Matcher::parse_all(text) {
        for matcher in matchers {
            let written = matcher.to_string();
            let again = Matcher::parse_all(&written).expect("what it wrote itself");
            assert_eq!(again.len(), 1, "{written}");
            assert_eq!(again[0].to_string(), written);
        }
    }
    let _ = bongsu_alert::Silence::parse_all(text);
    if let Ok(duration) = parse_duration(text) {
        assert_eq!(parse_duration(&format_duration(duration)).ok(), Some(duration));
    }
});
