//! A chunk decodes or is refused; it never gives more samples than it says it holds.
#![no_main]

use bongsu_prometheus::decode::decode_chunk;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|chunk: &[u8]| {
    let mut samples = 0_u32;
    if let Ok(said) = decode_chunk(chunk, |_, _| samples += 1) {
        assert_eq!(u32::from(said), samples);
    }
});
