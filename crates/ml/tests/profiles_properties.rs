//! What holds for any table: PCA, HBOS, COPOD, ECOD, k-means, CBLOF and subsequences.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, Axis};
use bongsu_core::{Detector, FitDetector, FitDetectorDyn, Rows, Snapshot, snapshot};
use bongsu_ml::{
    Cblof, Copod, Ecod, FittedHbos, Hbos, HbosBins, KMeans, Pca, PcaComponents, PcaScaling,
    PcaScore,
};
use proptest::prelude::*;

fn pca(score: PcaScore) -> Pca {
    Pca::new().score(score)
}

/// Every detector of tables in these modules, in several configurations.
fn all() -> Vec<(&'static str, Box<dyn FitDetectorDyn>)> {
    let every = Pca::new().components(PcaComponents::All).unwrap();
    vec![
        ("reconstruction", Box::new(pca(PcaScore::Reconstruction))),
        ("largest residual", Box::new(pca(PcaScore::LargestResidual))),
        (
            "robust mean residual",
            Box::new(pca(PcaScore::MeanResidual).scaling(PcaScaling::Robust)),
        ),
        (
            "centred",
            Box::new(pca(PcaScore::Reconstruction).scaling(PcaScaling::Center)),
        ),
        (
            "mahalanobis",
            Box::new(every.clone().score(PcaScore::Mahalanobis)),
        ),
        (
            "weighted",
            Box::new(every.score(PcaScore::WeightedDistance)),
        ),
        ("hbos", Box::new(Hbos::new())),
        (
            "hbos auto",
            Box::new(Hbos::new().bins(HbosBins::Auto).unwrap()),
        ),
        ("ecod", Box::new(Ecod::new())),
        ("copod", Box::new(Copod::new())),
        ("k-means", Box::new(KMeans::new().clusters(3).unwrap())),
        ("cblof", Box::new(Cblof::new().clusters(3).unwrap())),
    ]
}

fn table(value: impl Strategy<Value = f64>) -> impl Strategy<Value = Array2<f64>> {
    let cells = prop::collection::vec(value, 60);
    (3..15_usize, 1..5_usize, cells)
        .prop_map(|(n, d, cells)| Array2::from_shape_vec((n, d), cells[..n * d].to_vec()).unwrap())
}

fn ordinary() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -100.0..100.0_f64,
        3 => (-3..3_i32).prop_map(f64::from),
    ]
}

fn any_finite() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
        1 => Just(f64::MAX),
        1 => Just(-f64::MAX),
        1 => Just(5e-324),
        1 => Just(0.0),
        1 => Just(-0.0),
        2 => Just(1.0),
    ]
}

fn same_after_loading<C>(config: &C, x: &Array2<f64>)
where
    C: FitDetector<Fitted: Snapshot + PartialEq>,
{
    let Ok(fitted) = config.fit(x.view()) else {
        return;
    };
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    let loaded: C::Fitted = snapshot::from_bytes(&bytes).unwrap();
    assert!(loaded == fitted);
    let bits = |d: &C::Fitted| -> Vec<u64> {
        let scores = d.score(x.view()).unwrap();
        scores.into_iter().map(f64::to_bits).collect()
    };
    assert_eq!(bits(&loaded), bits(&fitted));
    // Damage is found wherever it is.
    for place in (0..bytes.len()).step_by(11) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 4;
        assert!(snapshot::from_bytes::<C::Fitted>(&damaged).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn no_finite_table_gives_nan(x in table(any_finite()), probe in prop::collection::vec(any_finite(), 5)) {
        for (name, config) in all() {
            let Ok((fitted, scores)) = config.fit_score_boxed(&Rows::untimed(x.view())) else { continue };
            prop_assert!(scores.iter().all(|s| s.is_finite()), "{name}: {scores:?}");
            prop_assert!(fitted.threshold().unwrap().is_finite(), "{name}");
            let row = &probe[..x.ncols()];
            let new = Array2::from_shape_vec((1, row.len()), row.to_vec()).unwrap();
            let score = fitted.score(new.view()).unwrap();
            prop_assert!(score[0].is_finite(), "{name}: {score:?} of {row:?}");
            if let Some(parts) = fitted.contributions(row).unwrap() {
                prop_assert_eq!(parts.len(), row.len());
                prop_assert!(parts.iter().all(|p| *p >= 0.0 && p.is_finite()), "{} {:?}", name, parts);
            }
        }
    }

    #[test]
    fn the_order_of_rows_means_nothing(x in table(ordinary())) {
        let reversed: Vec<usize> = (0..x.nrows()).rev().collect();
        let turned = x.select(Axis(0), &reversed);
        // Principal components of equal eigenvalues are free to turn.
        let independent = ["hbos", "hbos auto", "ecod", "copod"];
        for (name, config) in all().into_iter().filter(|(name, _)| independent.contains(name)) {
            let (a, b) = (config.fit_boxed(x.view()), config.fit_boxed(turned.view()));
            let (a, b) = (a.unwrap().score(x.view()).unwrap(), b.unwrap().score(x.view()).unwrap());
            let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * (1.0 + a.abs());
            prop_assert!(a.iter().zip(&b).all(near), "{name}: {a:?} and {b:?}");
        }
    }

    #[test]
    fn saved_detectors_judge_alike(x in table(ordinary())) {
        same_after_loading(&Pca::new(), &x);
        same_after_loading(&Hbos::new(), &x);
        same_after_loading(&Ecod::new(), &x);
        same_after_loading(&Copod::new(), &x);
        same_after_loading(&KMeans::new().clusters(2).unwrap(), &x);
        same_after_loading(&Cblof::new().clusters(2).unwrap(), &x);
    }
}

#[test]
fn bad_input_is_refused() {
    let x = Array2::from_shape_fn((20, 3), |(i, j)| ((i * (j + 2)) % 7) as f64);
    let mut holed = x.clone();
    holed[[4, 1]] = f64::NAN;
    for (name, config) in all() {
        let text = config.fit_boxed(holed.view()).unwrap_err().to_string();
        assert!(text.contains("row 4, column 1"), "{name}: {text}");
        assert!(
            config.fit_boxed(Array2::zeros((0, 3)).view()).is_err(),
            "{name}"
        );
        assert!(
            config.fit_boxed(Array2::zeros((9, 0)).view()).is_err(),
            "{name}"
        );
        let fitted = config.fit_boxed(x.view()).unwrap();
        assert_eq!(fitted.n_features(), 3);
        assert!(fitted.score(holed.view()).is_err(), "{name}");
        assert!(fitted.score(x.t()).is_err(), "{name}");
        assert!(
            fitted.score_into(x.view(), &mut [0.0; 3]).is_err(),
            "{name}"
        );
        assert!(fitted.contributions(&[1.0]).is_err(), "{name}");
        assert!(
            fitted.contributions(&[1.0, f64::NAN, 0.0]).is_err(),
            "{name}"
        );
        assert_eq!(
            fitted.score(Array2::zeros((0, 3)).view()).unwrap(),
            [0.0; 0]
        );
    }
}

#[test]
fn parameters_outside_their_domain_are_named() {
    for bad in [0.0, -0.1, 0.51, f64::NAN, f64::INFINITY] {
        let errors = [
            Pca::new().contamination(bad).unwrap_err(),
            Hbos::new().contamination(bad).unwrap_err(),
            Ecod::new().contamination(bad).unwrap_err(),
            Copod::new().contamination(bad).unwrap_err(),
            KMeans::new().contamination(bad).unwrap_err(),
            Cblof::new().contamination(bad).unwrap_err(),
        ];
        assert!(
            errors
                .iter()
                .all(|e| e.to_string().contains("`contamination`"))
        );
    }
    assert!(Pca::new().components(PcaComponents::Count(0)).is_err());
    assert!(Pca::new().components(PcaComponents::Variance(1.0)).is_err());
    assert!(Hbos::new().bins(HbosBins::Fixed(1)).is_err());
    assert!(Hbos::new().bins(HbosBins::Fixed(usize::MAX)).is_err());
    assert!(KMeans::new().clusters(0).is_err() && Cblof::new().clusters(0).is_err());
    assert!(KMeans::new().n_init(0).is_err() && KMeans::new().max_iterations(0).is_err());
    assert!(KMeans::new().tolerance(-1.0).is_err());
    assert!(Cblof::new().alpha(1.0).is_err() && Cblof::new().beta(1.0).is_err());
    assert!(Hbos::new().alpha(1.0).is_err() && Hbos::new().tolerance(0.0).is_err());
    let read: Pca = serde_json::from_str(r#"{"components": {"variance": 2.0}}"#).unwrap();
    assert!(read.fit(Array2::zeros((5, 2)).view()).is_err());
    let many = Pca::new().components(PcaComponents::Count(2)).unwrap();
    let text = many.fit(Array2::eye(2).view()).unwrap_err().to_string();
    assert!(
        text.contains("`components` is 2") && text.contains("at most 1"),
        "{text}"
    );
    assert!(serde_json::from_str::<Hbos>(r#"{"bin": 5}"#).is_err());
}

/// A constant column, and a table that is constant throughout, blow nothing up.
#[test]
fn constants_are_no_trouble() {
    let constant = Array2::from_elem((30, 3), 3.7);
    let mut new = constant.clone();
    new[[7, 1]] = 4.0;
    for (name, config) in all() {
        let Ok(fitted) = config.fit_boxed(constant.view()) else {
            assert!(["mahalanobis", "weighted"].contains(&name), "{name}");
            continue;
        };
        let scores = fitted.score(new.view()).unwrap();
        assert!(scores.iter().all(|s| s.is_finite()), "{name}: {scores:?}");
        assert!(scores.iter().all(|s| *s <= scores[7]), "{name}: {scores:?}");
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let x = Array2::from_shape_fn((9000, 6), |(i, j)| {
        ((i * i * (j + 3) + 17 * i) % 1009) as f64 + (i % (j + 2)) as f64
    });
    let score = |threads: usize| -> Vec<Vec<u64>> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(|| {
            all()
                .into_iter()
                .map(|(_, config)| {
                    let (_, scores) = config.fit_score_boxed(&Rows::untimed(x.view())).unwrap();
                    scores.into_iter().map(f64::to_bits).collect()
                })
                .collect()
        })
    };
    assert_eq!(score(1), score(3));
}

/// The histogram of a constant has room on both sides, but not beyond the largest float.
#[test]
fn a_histogram_of_the_largest_float_can_be_saved() {
    for value in [f64::MAX, -f64::MAX] {
        for bins in [HbosBins::Fixed(10), HbosBins::Auto] {
            let x = Array2::from_elem((60, 2), value);
            let fitted = Hbos::new().bins(bins).unwrap().fit(x.view()).unwrap();
            let bytes = snapshot::to_bytes(&fitted).unwrap();
            let read: FittedHbos = snapshot::from_bytes(&bytes).unwrap();
            assert_eq!(
                read.score(x.view()).unwrap(),
                fitted.score(x.view()).unwrap()
            );
        }
    }
}

#[test]
fn a_row_far_beyond_tiny_columns_is_explained_in_numbers() {
    let x = Array2::from_shape_fn((60, 2), |(i, j)| ((i * 37 + j * 11) % 53) as f64 * 1e-162);
    let config = pca(PcaScore::Mahalanobis).scaling(PcaScaling::Center);
    let fitted = config.fit(x.view()).unwrap();
    let parts = fitted.contributions(&[f64::MAX; 2]).unwrap().unwrap();
    assert!(parts.iter().all(|part| part.is_finite()), "{parts:?}");
}
