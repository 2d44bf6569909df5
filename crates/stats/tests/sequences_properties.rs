//! What holds for any input of the methods that look at the order of the values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::Array2;
use bongsu_core::{Detector as _, FitDetector as _, Score, Snapshot, StreamDetector, snapshot};
use bongsu_stats::{Bocpd, Changepoints, Cost, Penalty, RunModel, Search, SpectralResidual, Spot};
use proptest::prelude::*;

/// Metric-like values: smooth, integer, repeated, offset.
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
        1 => Just(1e308),
        1 => Just(1e-308),
        1 => Just(5e-324),
        1 => Just(0.0),
        1 => Just(-0.0),
        1 => Just(1.0),
    ];
    prop::collection::vec(value, 1..max)
}

fn changepoints() -> impl Iterator<Item = Changepoints> {
    let penalties = [Penalty::default(), Penalty::Mbic, Penalty::Manual(1e-3)];
    Cost::ALL.into_iter().flat_map(move |cost| {
        penalties.into_iter().flat_map(move |penalty| {
            [Search::Optimal, Search::Binary].map(|search| {
                let config = Changepoints::new().cost(cost).search(search);
                config.penalty(penalty).unwrap()
            })
        })
    })
}

fn residual() -> SpectralResidual {
    SpectralResidual::new().window(14).unwrap()
}

fn spot() -> Spot {
    let spot = Spot::new().level(0.6).unwrap().calibration(30).unwrap();
    spot.patience(20).unwrap().depth(3).unwrap()
}

fn bocpds() -> [Bocpd; 3] {
    let config = Bocpd::new().warmup(8).unwrap().max_runs(12).unwrap();
    let fixed = config.clone().model(RunModel::KnownVariance);
    [config.clone(), fixed, config.known(1.0, 0.5).unwrap()]
}

fn all() -> Vec<Box<dyn StreamDetector>> {
    let mut all: Vec<Box<dyn StreamDetector>> = Vec::new();
    all.push(Box::new(residual().build().unwrap()));
    all.push(Box::new(spot().build().unwrap()));
    for bocpd in bocpds() {
        all.push(Box::new(bocpd.build().unwrap()));
    }
    all
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
        let peeked = bits(detector.score(&[v]).unwrap());
        assert_eq!(bits(loaded.score_then_learn(&[v]).unwrap()), peeked);
        assert_eq!(bits(detector.score_then_learn(&[v]).unwrap()), peeked);
    }
    let bytes = snapshot::to_bytes(&detector).unwrap();
    assert_eq!(snapshot::to_bytes(&loaded).unwrap(), bytes);
    detector.reset();
    assert_eq!(detector.seen(), 0);
}

/// The stated cost of a segmentation, from the definitions.
fn mean_cost(values: &[f64], bounds: &[usize]) -> f64 {
    let cost = |pair: &[usize]| {
        let segment = &values[pair[0]..pair[1]];
        let mean = segment.iter().sum::<f64>() / segment.len() as f64;
        segment.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>()
    };
    bounds.windows(2).map(cost).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn streams_never_panic_nor_say_nan(x in any_finite(120)) {
        for mut detector in all() {
            for &v in &x {
                let score = detector.score(&[v]).unwrap();
                prop_assert!(score.ready().is_none_or(|s| !s.is_nan()), "{detector:?}");
                detector.learn(&[v]).unwrap();
                if let Some(band) = detector.expectation() {
                    prop_assert!(band.lower <= band.expected && band.expected <= band.upper,
                        "{band:?} of {detector:?}");
                }
            }
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let seen = detector.seen();
                prop_assert!(detector.score(&[bad]).is_err() && detector.learn(&[bad]).is_err());
                prop_assert_eq!(detector.seen(), seen);
            }
            prop_assert!(detector.score(&[]).is_err() && detector.score(&[1.0, 2.0]).is_err());
        }
    }

    #[test]
    fn any_state_can_be_saved_and_continued(x in any_finite(120)) {
        continues(residual().build().unwrap(), &x);
        continues(spot().build().unwrap(), &x);
        for bocpd in bocpds() {
            continues(bocpd.build().unwrap(), &x);
        }
    }

    #[test]
    fn segmentations_cover_any_series(x in any_finite(60)) {
        for config in changepoints().filter(|c| *c != Changepoints::new().cost(Cost::Poisson)) {
            let Ok(found) = config.segment(&x) else {
                // Counts only.
                prop_assert!(x.iter().any(|v| !(0.0..=1e15).contains(v)));
                continue;
            };
            let segments = found.segments();
            prop_assert_eq!(segments[0].from, 0);
            prop_assert_eq!(segments[segments.len() - 1].to, x.len());
            prop_assert!(segments.windows(2).all(|s| s[0].to == s[1].from));
            prop_assert!(segments.iter().all(|s| !s.is_empty() && !s.mean.is_nan() && s.std >= 0.0));
            prop_assert!(!found.cost().is_nan() && found.penalty() >= 0.0 && found.noise() > 0.0);
            prop_assert!(found.shifts().iter().all(|s| s.strength >= 0.0));
        }
        for bocpd in bocpds() {
            let found = bocpd.segment(&x).unwrap();
            prop_assert_eq!(found.segments().last().unwrap().to, x.len());
            prop_assert!(!found.cost().is_nan());
        }
    }

    /// Functional pruning finds what plain dynamic programming finds.
    #[test]
    fn the_best_segmentation_is_the_best(
        x in prop::collection::vec(prop_oneof![-5.0..5.0_f64, 20.0..25.0_f64], 2..40),
        penalty in 0.5..200.0_f64,
        least in 1..6_usize,
    ) {
        let config = Changepoints::new().penalty(Penalty::Manual(penalty)).unwrap();
        let found = config.min_size(least).unwrap().segment(&x).unwrap();
        let bounds: Vec<usize> = std::iter::once(0).chain(found.breakpoints()).chain([x.len()]).collect();
        prop_assert!(bounds.len() == 2 || bounds.windows(2).all(|b| b[1] - b[0] >= least));
        let total = mean_cost(&x, &bounds) + penalty * (bounds.len() - 2) as f64;
        let mut best = vec![f64::INFINITY; x.len() + 1];
        best[0] = -penalty;
        for t in 1..=x.len() {
            for s in 0..t {
                if t - s >= least {
                    best[t] = best[t].min(best[s] + mean_cost(&x, &[s, t]) + penalty);
                }
            }
        }
        if x.len() >= least {
            prop_assert!((total - best[x.len()]).abs() <= 1e-9 * (1.0 + total), "{total} {best:?}");
        }
        prop_assert!((found.cost() - mean_cost(&x, &bounds)).abs() <= 1e-9 * (1.0 + found.cost()));
    }

    /// Neither the unit nor the offset of a metric changes its changes.
    #[test]
    fn segmentations_do_not_depend_on_the_unit(x in prop::collection::vec(-5.0..5.0_f64, 4..60)) {
        for cost in [Cost::Mean, Cost::Median, Cost::Normal, Cost::Trend, Cost::Rank] {
            let config = Changepoints::new().cost(cost).penalty(Penalty::Bic).unwrap();
            let moved: Vec<f64> = x.iter().map(|v| 1_024.0 * v).collect();
            let found = config.segment(&x).unwrap().breakpoints();
            prop_assert_eq!(config.segment(&moved).unwrap().breakpoints(), found);
        }
    }

    #[test]
    fn run_lengths_are_probabilities(x in values(150)) {
        for bocpd in bocpds() {
            let mut stream = bocpd.build().unwrap();
            for &v in &x {
                stream.learn(&[v]).unwrap();
                let runs = stream.run_lengths();
                let total: f64 = runs.iter().map(|(_, p)| p).sum();
                prop_assert!(runs.is_empty() || (total - 1.0).abs() < 1e-9, "{total}");
                prop_assert!(runs.len() <= 12 && runs.is_sorted_by(|a, b| a.0 > b.0));
                prop_assert!((0.0..=1.0).contains(&stream.change_probability(5)));
            }
        }
    }

    /// What a stream sees of a column is what the column gives point by point.
    #[test]
    fn causal_scores_are_those_of_the_stream(x in values(60)) {
        let batch = residual().score_causal(&x).unwrap();
        let mut stream = residual().build().unwrap();
        for (&v, &expected) in x.iter().zip(&batch) {
            let score = stream.score_then_learn(&[v]).unwrap().ready();
            prop_assert!(score.map_or(expected.is_nan(), |s| s.to_bits() == expected.to_bits()));
        }
        if x.len() >= 14 {
            let rows = Array2::from_shape_vec((x.len(), 1), x.clone()).unwrap();
            let fitted = residual().fit(rows.view()).unwrap();
            prop_assert_eq!(fitted.score(rows.view()).unwrap(), residual().score(&x).unwrap());
        }
    }
}

#[test]
fn short_and_constant_series_are_no_trouble() {
    for n in 1..=5 {
        for value in [0.0, 3.7, 1e308, -1e308, 1e-308, 5e-324] {
            let x = vec![value; n];
            for config in changepoints() {
                if let Ok(found) = config.segment(&x) {
                    assert!(found.breakpoints().is_empty(), "{config:?} of {x:?}");
                    assert!(found.strongest_shift().is_none());
                }
            }
            assert!(Bocpd::new().segment(&x).unwrap().breakpoints().is_empty());
            assert!(SpectralResidual::new().score(&x).is_err());
            assert!(
                residual()
                    .score_causal(&x)
                    .unwrap()
                    .iter()
                    .all(|s| s.is_nan())
            );
        }
    }
    let long = vec![3.7; 300];
    for config in changepoints() {
        assert!(
            config.segment(&long).unwrap().breakpoints().is_empty(),
            "{config:?}"
        );
    }
    let scores = SpectralResidual::new().score(&long).unwrap();
    assert!(scores.iter().all(|&s| s == 0.0));
    let scores = Bocpd::new().score(&long).unwrap();
    assert!(scores.iter().skip(30).all(|&s| s < 3.0));
}

#[test]
fn nothing_and_what_is_not_finite_are_refused() {
    for config in changepoints() {
        assert!(config.segment(&[]).is_err());
        for bad in [f64::NAN, f64::INFINITY] {
            let message = config.segment(&[1.0, bad, 2.0]).unwrap_err().to_string();
            assert!(message.contains("row 1"), "{message}");
        }
    }
    assert!(Bocpd::new().segment(&[]).is_err());
    assert!(Bocpd::new().segment(&[f64::NAN]).is_err());
    assert!(SpectralResidual::new().score(&[f64::NAN; 20]).is_err());
    let counts = Changepoints::new().cost(Cost::Poisson);
    let message = counts.segment(&[1.0, -2.0]).unwrap_err().to_string();
    assert!(
        message.contains("row 1") && message.contains("[0, 1e15]"),
        "{message}"
    );
    let poisson = Bocpd::new().model(RunModel::Poisson);
    assert!(poisson.segment(&[1.0, -2.0]).is_err());
    assert!(poisson.build().unwrap().score(&[-1.0]).is_err());
    let most = Changepoints::new().max_changes(3).unwrap();
    assert!(
        most.segment(&[1.0, 2.0]).is_err(),
        "the best search takes no number of changes"
    );
    assert!(
        Changepoints::new()
            .penalty(Penalty::Manual(f64::NAN))
            .is_err()
    );
    assert!(Bocpd::new().hazard(0.0).is_err() && Bocpd::new().hazard(1.0).is_err());
    assert!(Bocpd::new().known(0.0, 0.0).is_err());
    assert!(SpectralResidual::new().smoothing(4).is_err());
}
