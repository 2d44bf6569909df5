//! What holds for any input.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{Score, Snapshot, StreamDetector, snapshot};
use bongsu_stats::ewma::ewm_zscore;
use bongsu_stats::{
    Ewma, EwmaStream, Iqr, IqrStream, RobustZ, RobustZStream, ZScore, ZScoreStream,
};
use proptest::prelude::*;

/// Metric-like values: smooth, integer, repeated, offset, and now and then extreme.
fn values(max: usize) -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        4 => -100.0..100.0_f64,
        3 => (-3..3_i32).prop_map(f64::from),
        1 => (0..1_000_000_u32).prop_map(|i| 1e9 + f64::from(i) * 1e-6),
    ];
    prop::collection::vec(value, 1..max)
}

fn any_finite(max: usize) -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        3 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
        1 => Just(f64::MAX),
        1 => Just(-f64::MAX),
        1 => Just(5e-324),
        1 => Just(0.0),
        1 => Just(-0.0),
        1 => Just(1.0),
    ];
    prop::collection::vec(value, 1..max)
}

fn zscore(window: usize, inclusive: bool) -> ZScoreStream {
    ZScore::new()
        .window(window)
        .unwrap()
        .inclusive(inclusive)
        .threshold(1.9)
        .unwrap()
        .build()
        .unwrap()
}

fn robust_z(window: usize, inclusive: bool) -> RobustZStream {
    RobustZ::new()
        .window(window)
        .unwrap()
        .inclusive(inclusive)
        .build()
        .unwrap()
}

fn iqr(window: usize) -> IqrStream {
    Iqr::new().window(window).unwrap().build().unwrap()
}

fn ewma(robust: bool) -> EwmaStream {
    Ewma::new()
        .robust(robust)
        .warmup(4)
        .unwrap()
        .patience(3)
        .unwrap()
        .build()
        .unwrap()
}

/// Every detector of this crate, each behind the same trait.
fn all() -> Vec<Box<dyn StreamDetector>> {
    vec![
        Box::new(zscore(6, true)),
        Box::new(zscore(6, false)),
        Box::new(robust_z(5, true)),
        Box::new(robust_z(6, true)),
        Box::new(robust_z(6, false)),
        Box::new(iqr(7)),
        Box::new(ewma(true)),
        Box::new(ewma(false)),
    ]
}

/// Learns half of `x`, saves and loads, and continues beside the original, bit for bit.
fn continues<T: StreamDetector + Snapshot + PartialEq>(mut detector: T, x: &[f64]) {
    let (before, after) = x.split_at(x.len() / 2);
    for &v in before {
        detector.learn(&[v]).unwrap();
    }
    let bytes = snapshot::to_bytes(&detector).unwrap();
    let mut loaded: T = snapshot::from_bytes(&bytes).unwrap();
    assert!(loaded == detector);
    let bits = |score: Score| score.ready().map(f64::to_bits);
    for &v in after {
        assert_eq!(
            bits(loaded.score_then_learn(&[v]).unwrap()),
            bits(detector.score_then_learn(&[v]).unwrap())
        );
    }
    assert_eq!(
        snapshot::to_bytes(&loaded).unwrap(),
        snapshot::to_bytes(&detector).unwrap()
    );
    detector.reset();
    assert_eq!(detector.seen(), 0);
    assert!(detector.score(&[0.0]).unwrap().ready().is_none());
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_finite_input_gives_nan(x in any_finite(60)) {
        for mut detector in all() {
            for &v in &x {
                if let Some(score) = detector.score_then_learn(&[v]).unwrap().ready() {
                    prop_assert!(score >= 0.0, "{detector:?} scores {score} for {v}");
                }
                if let Some(band) = detector.expectation() {
                    prop_assert!(band.expected.is_finite(), "{detector:?}: {band:?}");
                    prop_assert!(band.lower <= band.expected && band.expected <= band.upper, "{band:?}");
                }
            }
        }
        let ready = |scores: Vec<f64>, from: usize| scores.iter().skip(from).all(|s| *s >= 0.0);
        for inclusive in [true, false] {
            let config = ZScore::new().window(5).unwrap().inclusive(inclusive);
            prop_assert!(ready(config.score(&x).unwrap(), 5));
            let config = RobustZ::new().window(5).unwrap().inclusive(inclusive);
            prop_assert!(ready(config.score(&x).unwrap(), 5));
        }
        prop_assert!(ready(Iqr::new().window(5).unwrap().score(&x).unwrap(), 5));
        prop_assert!(ready(Ewma::new().score(&x).unwrap(), 30));
        prop_assert!(ready(ewm_zscore(&x, 0.3).unwrap(), 1));
    }

    #[test]
    fn a_score_beyond_the_threshold_is_a_value_beyond_the_band(x in values(60), y in -150.0..150.0_f64) {
        for mut detector in all() {
            for &v in &x {
                detector.learn(&[v]).unwrap();
            }
            let Some(band) = detector.expectation() else { continue };
            let threshold = detector.threshold().unwrap();
            let half = (band.upper - band.expected).max(band.expected - band.lower);
            let near = 1e-9 * (half.min(1e300) + band.expected.abs() + 1e-9);
            let mut probes = vec![y, band.expected];
            probes.extend(x.iter().rev().take(4));
            for bound in [band.lower, band.upper].into_iter().filter(|b| b.is_finite()) {
                probes.extend([bound - 2.0 * near, bound + 2.0 * near]);
            }
            for probe in probes {
                let on_edge = (probe - band.lower).abs() < near || (probe - band.upper).abs() < near;
                let score = detector.score(&[probe]).unwrap().ready().unwrap();
                let outside = probe < band.lower || probe > band.upper;
                prop_assert!(
                    on_edge || outside == (score > threshold),
                    "{probe} scores {score} against {band:?} of {detector:?}"
                );
            }
        }
    }

    #[test]
    fn scores_do_not_depend_on_unit_or_origin(x in prop::collection::vec(-100.0..100.0_f64, 20..60)) {
        let moved: Vec<f64> = x.iter().map(|v| 16.0 + 0.25 * v).collect();
        for (mut a, mut b) in all().into_iter().zip(all()) {
            for (&u, &v) in x.iter().zip(&moved) {
                let (a, b) = (a.score_then_learn(&[u]).unwrap(), b.score_then_learn(&[v]).unwrap());
                match (a.ready(), b.ready()) {
                    (Some(a), Some(b)) => prop_assert!((a - b).abs() <= 1e-6 * (1.0 + a), "{a} and {b}"),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }
    }

    #[test]
    fn streams_agree_with_whole_columns(x in values(80), window in 4..12_usize) {
        let run = |mut detector: Box<dyn StreamDetector>| -> Vec<f64> {
            let score = |&v: &f64| detector.score_then_learn(&[v]).unwrap().ready().unwrap_or(f64::NAN);
            x.iter().map(score).collect()
        };
        let mut pairs = vec![
            (Iqr::new().window(window).unwrap().score(&x).unwrap(), run(Box::new(iqr(window)))),
            (
                Ewma::new().score(&x).unwrap(),
                run(Box::new(Ewma::new().build().unwrap())),
            ),
        ];
        for inclusive in [true, false] {
            let z = ZScore::new().window(window).unwrap().inclusive(inclusive);
            pairs.push((z.score(&x).unwrap(), run(Box::new(z.build().unwrap()))));
            let r = RobustZ::new().window(window).unwrap().inclusive(inclusive);
            pairs.push((r.score(&x).unwrap(), run(Box::new(r.build().unwrap()))));
        }
        for (kind, (batch, stream)) in pairs.iter().enumerate() {
            for (i, (a, b)) in batch.iter().zip(stream).enumerate() {
                prop_assert!(close(*a, *b), "kind {kind}, point {i}: {a} and {b}");
            }
        }
    }

    #[test]
    fn saved_streams_continue_bit_for_bit(x in any_finite(60)) {
        continues(zscore(6, true), &x);
        continues(zscore(6, false), &x);
        continues(robust_z(5, true), &x);
        continues(iqr(7), &x);
        continues(ewma(true), &x);
        continues(ewma(false), &x);
    }

    #[test]
    fn a_missing_value_spoils_its_windows_only(mut x in values(50), at in 0..50_usize) {
        let at = at.min(x.len() - 1);
        let whole = ZScore::new().window(5).unwrap().score(&x).unwrap();
        x[at] = f64::NAN;
        let holed = ZScore::new().window(5).unwrap().score(&x).unwrap();
        for (i, (a, b)) in holed.iter().zip(&whole).enumerate() {
            if (at..at + 5).contains(&i) {
                prop_assert!(a.is_nan());
            } else {
                prop_assert!(close(*a, *b), "{i}: {a} and {b}");
            }
        }
    }

    #[test]
    fn damaged_snapshots_are_refused(x in values(30), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut detector = robust_z(6, false);
        for &v in &x {
            detector.learn(&[v]).unwrap();
        }
        let mut bytes = snapshot::to_bytes(&detector).unwrap();
        let place = at.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(snapshot::from_bytes::<RobustZStream>(&bytes).is_err());
    }
}

#[test]
fn bad_input_is_refused_and_changes_nothing() {
    for mut detector in all() {
        for i in 0..20 {
            detector.learn(&[f64::from(i % 7)]).unwrap();
        }
        let before = format!("{detector:?}");
        for bad in [
            &[f64::NAN][..],
            &[f64::INFINITY],
            &[f64::NEG_INFINITY],
            &[],
            &[1.0, 2.0],
        ] {
            assert!(detector.score(bad).is_err());
            assert!(detector.learn(bad).is_err());
            assert!(detector.score_then_learn(bad).is_err());
        }
        assert_eq!(format!("{detector:?}"), before);
    }
    let infinite = [1.0, f64::INFINITY];
    assert!(
        ZScore::new()
            .score(&infinite)
            .unwrap_err()
            .to_string()
            .contains("row 1")
    );
    assert!(RobustZ::new().score(&infinite).is_err());
    assert!(Iqr::new().score(&infinite).is_err());
    assert!(Ewma::new().score(&infinite).is_err());
}

#[test]
fn parameters_outside_their_domain_are_named() {
    let texts = [
        ZScore::new().window(1).unwrap_err(),
        RobustZ::new().window(usize::MAX).unwrap_err(),
        Iqr::new().window(3).unwrap_err(),
    ];
    assert!(texts.iter().all(|e| e.to_string().contains("`window`")));
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(ZScore::new().threshold(bad).is_err());
        assert!(RobustZ::new().threshold(bad).is_err());
        assert!(Iqr::new().threshold(bad).is_err());
        assert!(Ewma::new().threshold(bad).is_err());
        assert!(Ewma::new().half_life(bad).is_err());
        assert!(Ewma::new().scale_half_life(bad).is_err());
        assert!(Ewma::new().alpha(bad).is_err());
    }
    assert!(Ewma::new().min_scale(-1.0).is_err());
    assert!(Ewma::new().patience(1).is_err());
    assert!(Ewma::new().warmup(1).is_err());
    let loose = RobustZ::new().threshold(1.0).unwrap().inclusive(true);
    assert!(loose.build().is_err());
    let read: ZScore = serde_json::from_str(r#"{"window": 0}"#).unwrap();
    assert!(read.build().is_err());
    assert!(serde_json::from_str::<ZScore>(r#"{"windows": 5}"#).is_err());
}
