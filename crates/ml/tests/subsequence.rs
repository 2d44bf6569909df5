//! Windows of a series: views agree with copies, points with windows, and nothing leaks back.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, ArrayView2, Axis, Slice};
use bongsu_core::{Detector, FitDetector, Result, Rows, snapshot};
use bongsu_ml::{
    FittedHbos, FittedPca, FittedSubsequences, Hbos, Pca, PcaComponents, PcaScore, Subsequences,
    WindowScaling,
};
use proptest::prelude::*;

/// Scores a window by its first value; shows which windows a point is judged by.
struct First;

#[derive(Debug)]
struct FittedFirst(usize);

impl FitDetector for First {
    type Fitted = FittedFirst;

    fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedFirst> {
        Ok(FittedFirst(x.ncols()))
    }
}

impl Detector for FittedFirst {
    fn n_features(&self) -> usize {
        self.0
    }

    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        for (slot, row) in out.iter_mut().zip(x.rows()) {
            *slot = row[0];
        }
        Ok(())
    }

    fn threshold(&self) -> Option<f64> {
        None
    }
}

fn column(values: &[f64]) -> Array2<f64> {
    Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap()
}

fn wave(n: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, columns), |(i, j)| {
        (i as f64 * 0.3 + j as f64).sin() + ((i * i + j) % 37) as f64 * 0.02
    })
}

fn reconstruction() -> Pca {
    let few = PcaComponents::Count(3);
    Pca::new()
        .components(few)
        .unwrap()
        .score(PcaScore::Reconstruction)
}

#[test]
fn a_point_has_the_mean_score_of_the_windows_that_cover_it() {
    let x = column(&[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]);
    let scores = |config: Subsequences<First>| {
        let (fitted, learned) = config.fit_score(&Rows::untimed(x.view())).unwrap();
        assert_eq!(fitted.score(x.view()).unwrap(), learned);
        learned
    };
    let windows = || Subsequences::new(First).window(3).unwrap();
    let third = |sum: f64| sum / 3.0;
    assert_eq!(
        scores(windows()),
        [1.0, 1.5, third(7.0), third(14.0), third(28.0), 12.0, 16.0]
    );
    // The windows start at 0, 2 and 4.
    assert_eq!(
        scores(windows().stride(2).unwrap()),
        [1.0, 1.0, 2.5, 4.0, 10.0, 16.0, 16.0]
    );
    // They start at 0 and 3; the last one, from 4 on, ends with the series.
    assert_eq!(
        scores(windows().stride(3).unwrap()),
        [1.0, 1.0, 1.0, 8.0, 12.0, 12.0, 16.0]
    );
    // Judged by the window that ends at the point; before there is one, by the median of all.
    assert_eq!(
        scores(windows().causal(true)),
        [4.0, 4.0, 1.0, 2.0, 4.0, 8.0, 16.0]
    );
    assert_eq!(
        scores(windows().causal(true).stride(3).unwrap()),
        [4.5, 4.5, 1.0, 1.0, 1.0, 8.0, 8.0]
    );
}

#[test]
fn windows_are_those_of_a_table_cut_by_hand() {
    let (window, stride) = (5, 2);
    for columns in [1, 3] {
        let x = wave(60, columns);
        for scaling in [
            WindowScaling::None,
            WindowScaling::Center,
            WindowScaling::Standard,
        ] {
            let count = (60 - window) / stride + 1;
            let mut table = Array2::zeros((count, window * columns));
            for (k, mut row) in table.rows_mut().into_iter().enumerate() {
                let from = k * stride;
                let mut cut = x
                    .slice_axis(Axis(0), Slice::from(from..from + window))
                    .to_owned();
                for mut values in cut.columns_mut() {
                    let mean = values.mean().unwrap();
                    let spread = match scaling {
                        WindowScaling::Standard => values.std(0.0),
                        _ => 1.0,
                    };
                    if scaling != WindowScaling::None {
                        values.mapv_inplace(|v| (v - mean) / spread);
                    }
                }
                row.assign(&cut.to_shape(window * columns).unwrap());
            }
            let inner = reconstruction().fit(table.view()).unwrap();
            let config = Subsequences::new(reconstruction())
                .window(window)
                .unwrap()
                .stride(stride)
                .unwrap()
                .scaling(scaling)
                .causal(true);
            let scores = config.fit(x.view()).unwrap().score(x.view()).unwrap();
            let by_hand = inner.score(table.view()).unwrap();
            for (k, expected) in by_hand.iter().enumerate() {
                let got = scores[k * stride + window - 1];
                assert!(
                    (got - expected).abs() < 1e-9,
                    "{scaling:?}: {got} and {expected}"
                );
            }
        }
    }
}

#[test]
fn a_huge_score_leaves_no_trace() {
    let mut values = vec![0.125; 40];
    values[10] = 1e300;
    let (_, scores) = Subsequences::new(First)
        .window(4)
        .unwrap()
        .fit_score(&Rows::untimed(column(&values).view()))
        .unwrap();
    assert_eq!(scores[30], 0.125);
    values[20] = f64::MAX;
    values[21] = f64::MAX;
    let config = Subsequences::new(First).window(4).unwrap();
    let scores = config
        .fit(column(&values).view())
        .unwrap()
        .score(column(&values).view())
        .unwrap();
    assert!(scores.iter().all(|s| s.is_finite()), "{scores:?}");
}

#[test]
fn impossible_input_is_refused() {
    let windows = Subsequences::new(Hbos::new()).window(10).unwrap();
    let short = windows.fit(wave(10, 1).view()).unwrap_err().to_string();
    assert!(short.contains("at least 11"), "{short}");
    let fitted = windows.fit(wave(50, 1).view()).unwrap();
    let short = fitted.score(wave(9, 1).view()).unwrap_err().to_string();
    assert!(short.contains("at least 10"), "{short}");
    assert!(fitted.score(wave(50, 2).view()).is_err());
    assert!(fitted.score(column(&[f64::NAN; 20]).view()).is_err());
    assert!(fitted.contributions(&[0.0]).unwrap().is_none());
    for bad in [0, 1, usize::MAX] {
        assert!(Subsequences::new(Hbos::new()).window(bad).is_err());
    }
    assert!(windows.clone().stride(0).is_err());
    let apart = windows.clone().stride(11).unwrap();
    assert!(
        apart
            .fit(wave(50, 1).view())
            .unwrap_err()
            .to_string()
            .contains("`stride`")
    );
    assert!(windows.contamination(0.6).is_err());
    let wide = column(&[f64::MAX, -f64::MAX, 0.0, 1.0, 2.0]);
    assert!(
        Subsequences::new(First)
            .window(2)
            .unwrap()
            .fit(wide.view())
            .is_err()
    );
}

#[test]
fn a_snapshot_is_of_one_inner_detector() {
    let x = wave(80, 2);
    let windows = Subsequences::new(Pca::new()).window(6).unwrap();
    let fitted = windows.fit(x.view()).unwrap();
    let bytes = snapshot::to_bytes(&fitted).unwrap();
    let loaded: FittedSubsequences<FittedPca> = snapshot::from_bytes(&bytes).unwrap();
    assert!(loaded == fitted);
    assert_eq!(
        loaded.score(x.view()).unwrap(),
        fitted.score(x.view()).unwrap()
    );
    assert!(snapshot::from_bytes::<FittedSubsequences<FittedHbos>>(&bytes).is_err());
    let inner = snapshot::to_bytes(fitted.inner()).unwrap().len();
    assert!(
        bytes.len() <= inner + 8 * 2 + 100,
        "{} {inner}",
        bytes.len()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    /// What comes later changes no score of a causal detector.
    #[test]
    fn the_future_does_not_leak(
        values in prop::collection::vec(-5.0..5.0_f64, 40..90),
        window in 2..9_usize,
        stride in 1..4_usize,
        kept in 20..40_usize,
    ) {
        let learned = wave(100, 1);
        for scaling in [WindowScaling::None, WindowScaling::Standard] {
            let config = Subsequences::new(Hbos::new())
                .window(window.max(stride)).unwrap()
                .stride(stride).unwrap()
                .scaling(scaling)
                .causal(true);
            let fitted = config.fit(learned.view()).unwrap();
            let whole = fitted.score(column(&values).view()).unwrap();
            let cut = fitted.score(column(&values[..kept]).view()).unwrap();
            prop_assert_eq!(&whole[..kept], &cut[..]);
        }
    }

    #[test]
    fn no_finite_series_gives_nan(
        values in prop::collection::vec(prop_oneof![
            3 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
            3 => -3.0..3.0_f64,
            1 => Just(f64::MAX),
            1 => Just(5e-324),
        ], 12..40),
        stride in 1..4_usize,
    ) {
        let x = column(&values);
        for scaling in [WindowScaling::None, WindowScaling::Center, WindowScaling::Standard] {
            for causal in [false, true] {
                let config = Subsequences::new(Pca::new()).window(4).unwrap().stride(stride).unwrap();
                let config = config.scaling(scaling).causal(causal);
                let Ok((fitted, scores)) = config.fit_score(&Rows::untimed(x.view())) else { continue };
                prop_assert!(scores.iter().all(|s| s.is_finite()), "{scores:?}");
                let again = fitted.score(x.view());
                prop_assert!(again.is_err() || again.unwrap().iter().all(|s| s.is_finite()));
            }
        }
    }
}
