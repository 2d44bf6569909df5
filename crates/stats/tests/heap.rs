//! What streams say of their memory is at least what their buffers hold.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;

use bongsu_core::StreamDetector;
use bongsu_stats::{Bocpd, Cusum, Ewma, Iqr, RobustZ, SpectralResidual, Spot, TwoWindow, ZScore};
use common::Noise;

const WINDOW: usize = 60;

/// After `points` points `detector` holds at least `numbers` floats, and at most `most` times that
/// and some.
fn check(mut detector: impl StreamDetector, points: usize, numbers: usize, most: usize) {
    let mut noise = Noise::new(1);
    for _ in 0..points {
        detector.score_then_learn(&[noise.normal()]).unwrap();
    }
    let bytes = detector.heap_bytes();
    assert!(bytes >= 8 * numbers, "{detector:?}: {bytes}");
    assert!(bytes <= 8 * numbers * most + 1_024, "{detector:?}: {bytes}");
}

#[test]
fn buffers_are_counted() {
    check(
        ZScore::new().window(WINDOW).unwrap().build().unwrap(),
        200,
        2 * WINDOW,
        4,
    );
    check(
        Iqr::new().window(WINDOW).unwrap().build().unwrap(),
        200,
        2 * WINDOW,
        3,
    );
    check(
        RobustZ::new().window(WINDOW).unwrap().build().unwrap(),
        200,
        2 * WINDOW,
        3,
    );
    let two = TwoWindow::new().reference(WINDOW).unwrap();
    check(
        two.recent(WINDOW).unwrap().build().unwrap(),
        300,
        4 * WINDOW,
        3,
    );
    let cusum = Cusum::new().warmup(100).unwrap();
    check(cusum.build().unwrap(), 90, 90, 3);
    check(cusum.build().unwrap(), 200, 0, 0);
    let residual = SpectralResidual::new().window(WINDOW).unwrap();
    check(residual.build().unwrap(), 200, 2 * WINDOW, 8);
    let spot = Spot::new().calibration(500).unwrap();
    check(spot.build().unwrap(), 400, 400, 3);
    // The excesses of both tails.
    check(spot.build().unwrap(), 2_000, 20, 50);
    check(Bocpd::new().build().unwrap(), 300, 100, 50);
    let mut ewma = Ewma::new().build().unwrap();
    for i in 0..200 {
        assert_eq!(ewma.heap_bytes(), 0);
        ewma.learn(&[f64::from(i % 7)]).unwrap();
    }
}
