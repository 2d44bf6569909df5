//! The automatic choice of ARIMA models next to statsforecast's; `golden/generate_auto_arima.py`
//! writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::{ForecastRequest, Labels, Series, Timestamp};
use bongsu_forecast::Criterion;
use bongsu_forecast::arima::{AutoArima, Orders, SeasonalTest, Selection, Trend, UnitRootTest};
use serde_json::Value;

fn series(values: &[f64]) -> Series {
    let times = (0..values.len() as i64).map(Timestamp::from_secs).collect();
    Series::new(Labels::empty(), times, values.to_vec()).unwrap()
}

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("golden/auto_arima.json")).unwrap()
}

fn values(case: &Value) -> Vec<f64> {
    let text = case["y"].as_str().unwrap().split_whitespace();
    text.map(|x| x.parse().unwrap()).collect()
}

fn golden(name: &str) -> Series {
    let cases = cases();
    let case = cases.iter().find(|case| case["name"] == name).unwrap();
    series(&values(case))
}

fn config(period: usize) -> AutoArima {
    AutoArima::new().period(period).unwrap()
}

fn choose(config: &AutoArima, y: &Series) -> Selection {
    config.fit(&y.view()).unwrap()
}

/// Or once by little: a refused model may lie on the way of the steps to the best one.
#[test]
fn choices_are_no_worse_than_those_of_the_reference() {
    let mut worse = 0;
    for case in cases() {
        let name = &case["name"];
        let period = case["period"].as_u64().unwrap() as usize;
        let y = series(&values(&case));
        let selection = choose(&config(period), &y);
        let orders = selection.fitted.orders();
        let theirs: Vec<usize> = serde_json::from_value(case["orders"].clone()).unwrap();
        assert_eq!(
            (orders.diff, orders.seasonal_diff),
            (theirs[1], theirs[4]),
            "{name}"
        );
        let (ours, theirs) = (
            selection.fitted.information().aicc,
            case["aicc"].as_f64().unwrap(),
        );
        assert!(ours <= theirs + 2.0, "{name}: {ours} {theirs}");
        worse += usize::from(ours > theirs + 0.01);
        assert!(selection.candidates.len() <= 94);
    }
    assert!(worse <= 1, "{worse}");
}

#[test]
fn the_best_candidate_is_the_model() {
    let y = golden("mixed");
    for criterion in [Criterion::Aic, Criterion::Aicc, Criterion::Bic] {
        for stepwise in [true, false] {
            let config = config(1).criterion(criterion).stepwise(stepwise);
            let selection = choose(&config, &y);
            let least = selection
                .candidates
                .iter()
                .map(|c| c.score(criterion))
                .fold(f64::INFINITY, f64::min);
            let own = selection.fitted.information().by(criterion);
            assert!((own - least).abs() < 1e-6, "{own} {least}");
        }
    }
    let step = choose(&config(1), &y).candidates.len();
    let full = choose(&config(1).stepwise(false), &y).candidates.len();
    // Every p and q to 5 of at most 5 in all, with a constant and without.
    assert!(step < full && full == 2 * 21, "{step} {full}");
}

#[test]
fn no_root_is_near_the_circle() {
    let factors = |orders: &Orders, c: &[f64]| -> Vec<(usize, Vec<f64>)> {
        let (p, q) = (orders.ar, orders.ma);
        vec![
            (1, c[..p].to_vec()),
            (1, c[p..p + q].iter().map(|x| -x).collect()),
        ]
    };
    let mut larger = 0;
    for case in cases().iter().filter(|case| case["period"] == 1) {
        let selection = choose(&config(1), &series(&values(case)));
        let orders = selection.fitted.orders();
        let parameters = selection.fitted.parameters();
        let coefficients: Vec<f64> = parameters
            .iter()
            .filter(|p| p.name.starts_with("ar.") || p.name.starts_with("ma."))
            .map(|p| p.value)
            .collect();
        for (_, part) in factors(&orders, &coefficients) {
            if part.len() < 2 {
                continue;
            }
            larger += 1;
            // On and within the circle of 1.0099 the polynomial stays away from 0.
            for i in 0..2000 {
                let angle = std::f64::consts::PI * f64::from(i) / 2000.0;
                for radius in [0.5, 0.9, 1.0, 1.0099] {
                    let (mut re, mut im) = (1.0, 0.0);
                    for (k, a) in part.iter().enumerate() {
                        let power = (k + 1) as f64;
                        let size = a * f64::powf(radius, power);
                        re -= size * (power * angle).cos();
                        im -= size * (power * angle).sin();
                    }
                    assert!(re.hypot(im) > 1e-9, "{}: {part:?}", case["name"]);
                }
            }
        }
    }
    assert!(larger > 1);
    // A season that never changes has its maximum on the circle: the search ends at the limit.
    let fitted = choose(&config(4), &golden("quarterly")).fitted;
    let parameters = fitted.parameters();
    let last = parameters.iter().find(|p| p.name == "ma.S.L4").unwrap();
    assert!((last.value + 1.01_f64.powi(-4)).abs() < 1e-4, "{last:?}");
}

#[test]
fn tests_of_unit_roots_decide_on_differences() {
    let diff = |name: &str, config: AutoArima| choose(&config, &golden(name)).fitted.orders().diff;
    for test in [
        UnitRootTest::Kpss,
        UnitRootTest::Adf,
        UnitRootTest::PhillipsPerron,
    ] {
        let config = config(1).unit_root(test);
        assert_eq!(diff("moving average", config.clone()), 0, "{test:?}");
        assert_eq!(diff("walk", config.clone()), 1, "{test:?}");
        assert_eq!(diff("walk", config.clone().max_diff(0).unwrap()), 0);
        assert_eq!(diff("walk", config.diff(0).unwrap()), 0);
    }
    // Whose null hypothesis is the unit root says that once is enough at 5 %, at 1 % not all.
    assert_eq!(diff("twice", config(1)), 2);
    let adf = config(1).unit_root(UnitRootTest::Adf);
    assert_eq!(diff("twice", adf.clone()), 1);
    assert_eq!(diff("twice", adf.level(0.01).unwrap()), 2);
    let phillips_perron = config(1).unit_root(UnitRootTest::PhillipsPerron);
    assert_eq!(diff("twice", phillips_perron.level(0.01).unwrap()), 1);
    assert_eq!(diff("twice", config(1).max_diff(1).unwrap()), 1);
    // A line is stationary around a line, but not around a constant.
    let line = "line and noise";
    assert_eq!(diff(line, config(1)), 1);
    // The smaller the level, the more it takes to difference by this test.
    let level = |name: &str, level: f64| {
        let config = config(1).level(level).unwrap();
        diff(name, config)
    };
    let mut moved = 0;
    for name in [
        "autoregression",
        "mixed",
        "cycle",
        "noise",
        "counts",
        "short",
    ] {
        assert!(level(name, 0.01) <= level(name, 0.1), "{name}");
        moved += usize::from(level(name, 0.01) < level(name, 0.1));
    }
    assert!(moved > 0);
}

#[test]
fn tests_of_seasons_decide_on_seasonal_differences() {
    let diff = |name: &str, config: AutoArima| {
        let orders = choose(&config, &golden(name)).fitted.orders();
        orders.seasonal_diff
    };
    use SeasonalTest::{CanovaHansen, Ocsb, Strength};
    // A strong season that stays the same, one that wanders, and none.
    for (name, period, by_strength, by_ocsb, by_canova_hansen) in [
        ("quarterly", 4, 1, 1, 0),
        ("wandering season", 4, 1, 1, 1),
        ("no season", 7, 0, 0, 0),
    ] {
        for (test, expected) in [
            (Strength, by_strength),
            (Ocsb, by_ocsb),
            (CanovaHansen, by_canova_hansen),
        ] {
            let config = config(period).seasonal_test(test);
            assert_eq!(diff(name, config.clone()), expected, "{name} {test:?}");
            let none = config.clone().max_seasonal_diff(0).unwrap();
            assert_eq!(diff(name, none), 0);
            assert_eq!(diff(name, config.seasonal_diff(1).unwrap()), 1);
        }
    }
    // A season of which there are but two is not differenced, and neither is one without a period.
    assert_eq!(diff("two seasons only", config(12)), 0);
    assert_eq!(diff("quarterly", config(1).seasonal_diff(1).unwrap()), 0);
}

#[test]
fn settings_are_checked() {
    let new = AutoArima::new;
    for level in [0.009, 0.11, f64::NAN, f64::INFINITY, -0.05] {
        let error = new().level(level).unwrap_err().to_string();
        assert!(
            error.contains("level") && error.contains("[0.01, 0.1]"),
            "{error}"
        );
    }
    assert!(new().level(0.01).is_ok() && new().level(0.1).is_ok());
    assert!(new().max_diff(3).is_err() && new().max_seasonal_diff(3).is_err());
    assert!(new().diff(3).is_err() && new().seasonal_diff(3).is_err());
    let text = serde_json::to_string(&new().unit_root(UnitRootTest::PhillipsPerron)).unwrap();
    assert!(text.contains("phillips_perron"));
    let bad = text.replace("0.05", "0.5");
    let read: AutoArima = serde_json::from_str(&bad).unwrap();
    assert!(read.fit(&golden("noise").view()).is_err());
}

#[test]
fn missing_values_and_short_seasons_are_taken() {
    let mut y = values(&cases()[14]);
    for gap in [3, 20, 21, 40] {
        y[gap] = f64::NAN;
    }
    for test in [
        SeasonalTest::Strength,
        SeasonalTest::Ocsb,
        SeasonalTest::CanovaHansen,
    ] {
        let config = config(4).seasonal_test(test).unit_root(UnitRootTest::Adf);
        let fitted = bongsu_core::Forecaster::fit(&config, &series(&y).view()).unwrap();
        let forecast = fitted.forecast(&ForecastRequest::steps(8)).unwrap();
        assert!(forecast.mean.iter().all(|x| x.is_finite()));
        let short = choose(&config, &series(&values(&cases()[14])[..7]));
        assert_eq!(short.fitted.orders().seasonal_diff, 0);
    }
    let drift = choose(&config(1), &golden("drift")).fitted;
    assert_eq!((drift.orders().diff, drift.trend()), (1, Trend::Linear));
}
