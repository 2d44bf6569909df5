//! A configuration is read or refused with the name of what is wrong.
#![no_main]

use bongsu_engine::config::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = parse(text, None) {
        assert!(!error.to_string().is_empty());
    }
    let _ = parse(text, Some("prod"));
});
