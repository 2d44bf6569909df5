//! Tables and measures that the tests of forests share.

#![allow(dead_code, reason = "not every test needs all of it")]

use bongsu_core::ndarray::Array2;
use proptest::prelude::*;
use serde_json::Value;

/// Independent standard normal columns: splitmix64 and the Box-Muller transform.
pub(crate) fn noise(rows: usize, columns: usize, seed: u64) -> Array2<f64> {
    let mut state = seed.wrapping_mul(0x5851_f42d_4c95_7f2d);
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + 1e-17
    };
    Array2::from_shape_simple_fn((rows, columns), || {
        let (u, v) = (uniform(), uniform());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    })
}

/// Numbers of a golden file, which are text.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    let numbers = text.split_whitespace();
    numbers.map(|n| n.parse().unwrap()).collect()
}

/// The area under the ROC curve when the first `positive` scores are those of anomalies.
pub(crate) fn auc(scores: &[f64], positive: usize) -> f64 {
    let (high, low) = scores.split_at(positive);
    let mut wins = 0.0;
    for a in high {
        for b in low {
            wins += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
        }
    }
    wins / (high.len() * low.len()) as f64
}

/// Tables of 1 to 40 rows and 1 to 4 columns with ties, constants and extremes.
pub(crate) fn any_table() -> impl Strategy<Value = Array2<f64>> {
    let value = prop_oneof![
        4 => -100.0..100.0_f64,
        4 => (-2..3_i32).prop_map(f64::from),
        1 => any::<f64>().prop_filter("finite", |x| x.is_finite()),
        1 => prop::sample::select(vec![f64::MAX, -f64::MAX, 5e-324, -0.0, 1e308, 1e-308]),
    ];
    (1..40_usize, 1..5_usize).prop_flat_map(move |(rows, columns)| {
        prop::collection::vec(value.clone(), rows * columns)
            .prop_map(move |values| Array2::from_shape_vec((rows, columns), values).unwrap())
    })
}
