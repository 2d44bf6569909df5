//! Selectors and scrape expressions are read or refused, and what is written again reads the same.
#![no_main]

use bongsu_core::Labels;
use bongsu_prometheus::Selector;
use bongsu_prometheus::scrape::Expression;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = text.parse::<Expression>();
    if let Ok(selector) = text.parse::<Selector>() {
        let labels = Labels::from_pairs([("job", "node"), ("__name__", "up")]).expect("valid");
        for matcher in selector.matchers() {
            let _ = matcher.matches(&labels);
        }
    }
});
