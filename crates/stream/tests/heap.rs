//! What streams say of their memory is at least what their buffers hold.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::StreamDetector;
use bongsu_stream::{HalfSpaceTrees, HoltWinters, RandomCutForest};

fn bytes(mut detector: impl StreamDetector, features: usize) -> usize {
    for i in 0..600_u32 {
        let x: Vec<f64> = (0..features as u32)
            .map(|j| f64::from(i * (i + j) % 101) / 101.0)
            .collect();
        detector.learn(&x).unwrap();
    }
    detector.heap_bytes()
}

#[test]
fn buffers_are_counted() {
    let (trees, leaves, splits) = (25, 256, 255);
    let found = bytes(HalfSpaceTrees::new().build(3).unwrap(), 3);
    // A count and a mass a leaf, a feature and a threshold a split.
    let least = trees * (leaves * (1 + 4) + splits * (1 + 4));
    assert!(
        (least..65_536).contains(&found),
        "{found}, at least {least}"
    );
    let small = bytes(HalfSpaceTrees::small().build(3).unwrap(), 3);
    assert!(small < 8_192, "{small}");

    let (trees, points, features) = (50, 256, 3);
    let found = bytes(RandomCutForest::new().build(features).unwrap(), features);
    // The points, and for each branch the box of those below it.
    let least = trees * (points * 8 * features + (points - 1) * 16 * features);
    assert!(
        (least..4 * least).contains(&found),
        "{found}, at least {least}"
    );

    let period = HoltWinters::new().period(50).unwrap();
    assert_eq!(bytes(period.build().unwrap(), 1), 50 * 8);
    // The points are kept until the search is over.
    assert!(bytes(HoltWinters::new().build().unwrap(), 1) >= 600 * 8);
}
