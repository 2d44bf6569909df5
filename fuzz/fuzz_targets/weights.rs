//! A file of weights is read or refused.
#![no_main]

use bongsu_neural::Weights;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Weights::from_safetensors(bytes);
});
