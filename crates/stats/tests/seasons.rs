//! Agreement with statsmodels; `golden/generate_seasons.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_stats::decompose::{BoxCox, Classical, Extrapolation, Model, Mstl, Stl};
use bongsu_stats::period::acf;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/seasons.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    let text = value.as_str().unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

fn input(golden: &Value, case: &Value) -> (Vec<f64>, usize) {
    let input = &golden["inputs"][case["input"].as_str().unwrap()];
    let period = input["period"].as_u64().unwrap() as usize;
    (numbers(&input["x"]), period)
}

/// Of a long series the golden file holds every 31st number and the last five.
fn kept(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    if n < 100 {
        return values.to_vec();
    }
    let places = (0..n).step_by(31).chain(n - 5..n);
    places.map(|i| values[i]).collect()
}

/// Compares to `tolerance` of the series' largest magnitude.
fn assert_part(what: &str, ours: &[f64], theirs: &Value, scale: f64, tolerance: f64) {
    let theirs = numbers(theirs);
    let ours = kept(ours);
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        let close = (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * scale;
        assert!(close, "{what}[{i}]: {a} instead of {b}");
    }
}

fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |m, v| v.abs().max(m))
}

fn setting(case: &Value, name: &str) -> Option<usize> {
    case["settings"][name].as_u64().map(|v| v as usize)
}

fn stl(case: &Value, period: usize) -> Stl {
    let get = |name: &str, default: usize| setting(case, name).unwrap_or(default);
    let mut stl = Stl::new(period)
        .unwrap()
        .robust(case["settings"]["robust"].as_bool().unwrap_or(false))
        .seasonal(get("seasonal", 7))
        .unwrap()
        .degrees(
            get("seasonal_deg", 1) as u8,
            get("trend_deg", 1) as u8,
            get("low_pass_deg", 1) as u8,
        )
        .unwrap()
        .jumps(
            get("seasonal_jump", 1),
            get("trend_jump", 1),
            get("low_pass_jump", 1),
        )
        .unwrap();
    if let Some(window) = setting(case, "trend") {
        stl = stl.trend(window).unwrap();
    }
    if let Some(window) = setting(case, "low_pass") {
        stl = stl.low_pass(window).unwrap();
    }
    if let Some(count) = setting(case, "inner_iter") {
        stl = stl.inner_iter(count).unwrap();
    }
    if let Some(count) = setting(case, "outer_iter") {
        stl = stl.outer_iter(count).unwrap();
    }
    stl
}

#[test]
fn stl_equals_statsmodels() {
    let golden = golden();
    for case in golden["stl"].as_array().unwrap() {
        let (x, period) = input(&golden, case);
        let parts = stl(case, period).decompose(&x).unwrap();
        let what = format!("{} {}", case["input"], case["settings"]);
        let check = |part: &str, ours: &[f64], theirs: &Value, scale: f64| {
            assert_part(&format!("{what} {part}"), ours, theirs, scale, 1e-9);
        };
        check(
            "seasonal",
            &parts.seasonal,
            &case["seasonal"][0],
            largest(&x),
        );
        check("trend", &parts.trend, &case["trend"], largest(&x));
        check("residual", &parts.residual, &case["residual"], largest(&x));
        if case["weights"].is_string() {
            assert_part(
                &format!("{what} weights"),
                &parts.weights,
                &case["weights"],
                1.0,
                1e-7,
            );
        } else {
            assert!(parts.weights.iter().all(|w| *w == 1.0), "{what}");
        }
    }
}

#[test]
fn classical_equals_statsmodels() {
    let golden = golden();
    for case in golden["classical"].as_array().unwrap() {
        let (x, period) = input(&golden, case);
        let settings = &case["settings"];
        let multiplicative = settings["model"] == "multiplicative";
        let extrapolation = match &settings["extrapolate_trend"] {
            Value::String(_) => Extrapolation::Period,
            Value::Number(points) => Extrapolation::Points(points.as_u64().unwrap() as usize),
            _ => Extrapolation::None,
        };
        let parts = Classical::new(period)
            .unwrap()
            .model(if multiplicative {
                Model::Multiplicative
            } else {
                Model::Additive
            })
            .two_sided(settings["two_sided"].as_bool().unwrap_or(true))
            .extrapolate(extrapolation)
            .decompose(&x)
            .unwrap();
        let what = format!("{} {settings}", case["input"]);
        let unit = if multiplicative { 1.0 } else { largest(&x) };
        let check = |part: &str, ours: &[f64], theirs: &Value, scale: f64| {
            assert_part(&format!("{what} {part}"), ours, theirs, scale, 1e-10);
        };
        check("seasonal", &parts.seasonal, &case["seasonal"][0], unit);
        check("trend", &parts.trend, &case["trend"], largest(&x));
        check("residual", &parts.residual, &case["residual"], unit);
    }
}

#[test]
fn mstl_equals_statsmodels() {
    let golden = golden();
    let list = |value: &Value| -> Vec<usize> {
        let items = value.as_array().unwrap().iter();
        items.map(|v| v.as_u64().unwrap() as usize).collect()
    };
    for case in golden["mstl"].as_array().unwrap() {
        let (x, _) = input(&golden, case);
        let settings = &case["settings"];
        let mut periods = list(&settings["periods"]);
        let mut mstl = Mstl::new(&periods)
            .unwrap()
            .robust(settings["stl_kwargs"]["robust"].as_bool().unwrap_or(false));
        if settings["windows"].is_array() {
            let mut pairs: Vec<_> = periods
                .iter()
                .copied()
                .zip(list(&settings["windows"]))
                .collect();
            pairs.sort_unstable();
            let windows: Vec<usize> = pairs.iter().map(|p| p.1).collect();
            mstl = mstl.windows(&windows).unwrap();
        }
        periods.sort_unstable();
        if let Some(rounds) = setting(case, "iterate") {
            mstl = mstl.iterate(rounds).unwrap();
        }
        let mut tolerance = 1e-9;
        match &settings["lmbda"] {
            Value::Number(lambda) => {
                let transform = BoxCox::Lambda(lambda.as_f64().unwrap());
                mstl = mstl.box_cox(transform).unwrap();
            }
            Value::String(_) => {
                mstl = mstl.box_cox(BoxCox::Auto).unwrap();
                // The most likely lambda is known to no more than half the digits.
                tolerance = 1e-6;
            }
            _ => {}
        }
        let parts = mstl.decompose(&x).unwrap();
        assert_eq!(parts.periods, periods);
        if let Some(lambda) = case["lambda"].as_f64() {
            assert!((parts.lambda.unwrap() - lambda).abs() < 1e-6);
        }
        let what = format!("{} {settings}", case["input"]);
        let check = |part: &str, ours: &[f64], theirs: &Value| {
            let what = format!("{what} {part}");
            assert_part(&what, ours, theirs, largest(&x), tolerance);
        };
        for (ours, theirs) in parts
            .seasonals
            .iter()
            .zip(case["seasonal"].as_array().unwrap())
        {
            check("seasonal", ours, theirs);
        }
        check("trend", &parts.trend, &case["trend"]);
        check("residual", &parts.residual, &case["residual"]);
    }
}

#[test]
fn acf_equals_statsmodels() {
    let golden = golden();
    for case in golden["acf"].as_array().unwrap() {
        let (x, _) = input(&golden, case);
        let expected = numbers(&case["acf"]);
        let adjusted = case["adjusted"].as_bool().unwrap();
        let ours = acf(&x, expected.len() - 1, adjusted).unwrap();
        for (lag, (a, b)) in ours.iter().zip(&expected).enumerate() {
            let what = format!("{} at lag {lag}", case["input"]);
            assert!((a - b).abs() <= 1e-12, "{what}: {a} instead of {b}");
        }
    }
}
