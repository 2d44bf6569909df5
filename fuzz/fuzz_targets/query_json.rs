//! The answer of a query API decodes or is refused, and what it decodes to is in order.
#![no_main]

use bongsu_prometheus::decode::decode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(decoded) = decode(body) else { return };
    let answer = decoded.into_answer();
    for series in &answer.series {
        assert!(series.timestamps().windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(series.timestamps().len(), series.values().len());
    }
});
