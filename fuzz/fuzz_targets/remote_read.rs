//! The body of an answer to a remote read decodes or is refused, and what it decodes to is in order.
//! Frames are given their length and checksum, so that what lies within is reached.
#![no_main]

use arbitrary::Arbitrary;
use bongsu_core::Timestamp;
use bongsu_prometheus::decode::{decode_read_samples, decode_read_stream};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
enum Body<'a> {
    Raw(&'a [u8]),
    Frames(Vec<&'a [u8]>),
    Block(&'a [u8]),
}

/// A message of less than 2^28 bytes behind its length and its checksum.
fn frame(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let mut rest = message.len();
    while rest >= 0x80 {
        frame.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    frame.push(rest as u8);
    frame.extend(crc32c::crc32c(message).to_be_bytes());
    frame.extend(message);
    frame
}

fuzz_target!(|body: Body<'_>| {
    let (start, end) = (Timestamp::MIN, Timestamp::MAX);
    let answer = match body {
        Body::Raw(bytes) => decode_read_stream(bytes, start, end),
        Body::Block(bytes) => decode_read_samples(bytes, 1 << 20, start, end),
        Body::Frames(messages) => {
            let frames: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
            decode_read_stream(&frames, start, end)
        }
    };
    let Ok(answer) = answer else { return };
    for series in &answer.series {
        assert!(series.timestamps().windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(series.timestamps().len(), series.values().len());
    }
});
