//! A template of a body is read or refused.
#![no_main]

use bongsu_alert::Template;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Template::new(&serde_json::Value::String(text.to_owned()));
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        let _ = Template::new(&value);
    }
});
