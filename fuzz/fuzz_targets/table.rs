//! A CSV file is read or refused with a place; no row is lost in silence.
#![no_main]

use bongsu_engine::Table;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Table::read(bytes);
});
