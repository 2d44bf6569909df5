//! Every kind of model on short and odd series: an error, or a forecast that holds what it promises.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::time::{Duration, Instant};

use bongsu_core::{
    FittedForecaster as _, Forecast, ForecastRequest, Labels, Result, Series, Snapshot, Timestamp,
    snapshot,
};
use bongsu_forecast::arima::Orders;
use bongsu_forecast::croston::CrostonMethod;
use bongsu_forecast::transform::Transform;
use bongsu_forecast::{
    Arima, AutoArima, Ces, Croston, Ensemble, Ets, FittedMember, FittedModel, Model, Mstl, Naive,
    Prophet, Theta, Transformed,
};

/// The steps that are forecast.
const STEPS: usize = 9;

/// Two coverages, the inner one first.
const LEVELS: [f64; 2] = [0.8, 0.95];

/// What a fit and a forecast of 30 values may take at most, without optimisation and on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Numbers from a seed, by `SplitMix64`.
struct Numbers(u64);

impl Numbers {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// In [-1, 1).
    fn number(&mut self) -> f64 {
        (self.next() >> 11) as f64 / f64::from(1 << 30) / f64::from(1 << 22) - 1.0
    }
}

fn odd_series(numbers: &mut Numbers, period: usize) -> Vec<f64> {
    let len = [0, 1, 2, 3, 4, 5, 7, 10, 2 * period, 2 * period + 1, 23, 30][numbers.below(12)];
    let scale = [1.0, 1.0, 1e-12, 1e12, 1e100, 1e-100][numbers.below(6)];
    let kind = numbers.below(9);
    let mut values: Vec<f64> = (0..len)
        .map(|i| match kind {
            0 => 5.0,
            1 => 0.0,
            2 => (i % period) as f64,
            3 => i as f64 / 16.0 - 0.5,
            4 => numbers.below(3) as f64,
            5 if numbers.below(9) > 0 => 0.0,
            5 | 6 => numbers.number(),
            7 => 1.0 + 0.1 * numbers.number(),
            _ => (1.0 + i as f64 / 32.0) * (1.5 + 0.2 * numbers.number()) / 4.0,
        })
        .map(|value: f64| (value * scale).clamp(-1.7e308, 1.7e308))
        .collect();
    if len > 0 && numbers.below(3) == 0 {
        let at = numbers.below(len);
        values[at] = [0.0, -1.0, 1e6, -1e6, 5e-324][numbers.below(5)];
    }
    if len > 0 && numbers.below(3) == 0 {
        let (at, run) = (numbers.below(len), 1 + numbers.below(len));
        let end = (at + run).min(len);
        values[at..end].fill(f64::NAN);
    }
    values
}

fn models(period: usize) -> Vec<Model> {
    let mut all: Vec<Model> = vec![
        Naive::last().into(),
        Naive::drift().into(),
        Naive::mean().into(),
        Naive::seasonal(period).unwrap().into(),
        Ces::automatic().period(period).unwrap().into(),
        Theta::new().period(period).unwrap().into(),
        Theta::dynamic_optimised().period(period).unwrap().into(),
        Theta::new().model(None).period(period).unwrap().into(),
        Croston::new().into(),
        Croston::new().method(CrostonMethod::Optimised).into(),
        Croston::new().method(CrostonMethod::Sba).into(),
        Croston::new().method(CrostonMethod::Tsb).into(),
        AutoArima::new().period(period).unwrap().into(),
        Prophet::new().into(),
        Ensemble::smoothing(period).unwrap().into(),
        Ensemble::scum(period).unwrap().into(),
        Mstl::new(&[period]).unwrap().into(),
        Mstl::new(&[period, 2 * period + 1]).unwrap().into(),
        Transformed::new(Transform::Log, Naive::drift()).into(),
        Transformed::new(Transform::Guerrero { period }, Ets::automatic()).into(),
        Transformed::new(Transform::BoxCox(-1.0), Theta::new())
            .bias_adjusted(true)
            .into(),
    ];
    for family in ["ANN", "AAN", "AAA", "MNN", "MAM", "MMM", "AMA", "ZZZ"] {
        let model = if family == "ZZZ" {
            Ets::automatic()
        } else {
            Ets::new(family.parse().unwrap()).damped(Some(period == 4))
        };
        all.push(model.period(period).unwrap().into());
    }
    for orders in [
        Orders::new(0, 0, 0),
        Orders::new(2, 1, 2),
        Orders::new(1, 2, 1),
        Orders::new(0, 1, 1).seasonal(0, 1, 1, period),
        Orders::new(1, 0, 0).seasonal(1, 0, 0, period),
    ] {
        all.push(Arima::default().orders(orders).unwrap().into());
    }
    all
}

fn round_trip<T: Snapshot>(state: &T) -> std::result::Result<(), String> {
    let failed = |e: bongsu_core::Error| format!("no snapshot of {}: {e}", T::KIND);
    let bytes = snapshot::to_bytes(state).map_err(failed)?;
    let loaded: T = snapshot::from_bytes(&bytes).map_err(failed)?;
    if snapshot::to_bytes(&loaded).map_err(failed)? == bytes {
        Ok(())
    } else {
        Err(format!("another snapshot of {} after loading", T::KIND))
    }
}

fn save(fitted: &FittedModel) -> std::result::Result<(), String> {
    match fitted {
        FittedModel::Member(FittedMember::Naive(model)) => round_trip(model),
        FittedModel::Member(FittedMember::Ets(model)) => round_trip(model),
        FittedModel::Member(FittedMember::Ces(model)) => round_trip(model),
        FittedModel::Member(FittedMember::Theta(model)) => round_trip(model),
        FittedModel::Member(FittedMember::Croston(model)) => round_trip(model),
        FittedModel::Member(FittedMember::Arima(model)) => round_trip(model),
        FittedModel::Member(FittedMember::Prophet(model)) => round_trip(model.as_ref()),
        FittedModel::Ensemble(model) => round_trip(model),
        FittedModel::Transformed(model) => round_trip(model),
        FittedModel::Mstl(model) => round_trip(model),
        other => Err(format!("{other:?} is not known here")),
    }
}

/// What is wrong with `forecast`, if anything.
fn fault(forecast: &Forecast) -> Option<String> {
    if forecast.mean.len() != STEPS || forecast.timestamps.len() != STEPS {
        return Some("not as many steps as asked for".into());
    }
    if let Some(mean) = forecast.mean.iter().find(|mean| !mean.is_finite()) {
        return Some(format!("a mean of {mean}"));
    }
    for interval in &forecast.intervals {
        let bounds = interval.lower.iter().zip(&interval.upper);
        for (&mean, (&lower, &upper)) in forecast.mean.iter().zip(bounds) {
            // A power below 0 has no bound above.
            if lower.is_nan() || upper.is_nan() || lower.is_infinite() {
                return Some(format!("a bound of {lower} or {upper}"));
            }
            let rounding = 1e-9 * mean.abs();
            if lower - rounding > mean || mean > upper + rounding {
                return Some(format!("{mean} outside [{lower}, {upper}]"));
            }
        }
    }
    if let [inner, outer] = forecast.intervals.as_slice() {
        let lower = inner.lower.iter().zip(&outer.lower);
        let upper = inner.upper.iter().zip(&outer.upper);
        if lower.chain(upper.map(|(i, o)| (o, i))).any(|(i, o)| i < o) {
            return Some("an outer band inside the inner one".into());
        }
    }
    None
}

fn fitted(model: &Model, values: &[f64]) -> Result<FittedModel> {
    let times = (0..values.len()).map(|i| Timestamp::from_secs(3600 * i as i64));
    let series = Series::new(Labels::empty(), times.collect(), values.to_vec()).unwrap();
    model.fit(&series.view())
}

fn check(model: &Model, values: &[f64]) -> std::result::Result<bool, String> {
    let start = Instant::now();
    let Ok(fitted) = fitted(model, values) else {
        return Ok(false);
    };
    let sparse = matches!(&fitted, FittedModel::Member(FittedMember::Croston(_)));
    let levels: &[f64] = if sparse { &[] } else { &LEVELS };
    let forecast: Result<Forecast> = fitted.forecast(&ForecastRequest::steps(STEPS).levels(levels));
    if start.elapsed() > PATIENCE {
        return Err(format!("took {:?}", start.elapsed()));
    }
    save(&fitted)?;
    match forecast.map(|forecast| fault(&forecast)) {
        Ok(Some(fault)) => Err(fault),
        Ok(None) => Ok(true),
        Err(_) => Ok(false),
    }
}

#[test]
fn an_error_or_a_sound_forecast() {
    let rounds = std::env::var("ROUNDS").map_or(40, |rounds| rounds.parse().unwrap());
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    let mut numbers = Numbers(seed);
    let mut faults = Vec::new();
    let mut sound = 0;
    for _ in 0..rounds {
        let period = [2, 3, 4, 7, 12][numbers.below(5)];
        let values = odd_series(&mut numbers, period);
        for (index, model) in models(period).iter().enumerate() {
            let run = std::panic::catch_unwind(|| check(model, &values));
            match run {
                Ok(Ok(good)) => sound += usize::from(good),
                Ok(Err(fault)) => {
                    faults.push(format!("{index} {fault}\n  {model:?}\n  of {values:?}"));
                }
                Err(_) => faults.push(format!("{index} PANIC\n  {model:?}\n  of {values:?}")),
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(sound > 10 * rounds);
}

#[test]
fn values_up_to_1e150_are_taken_and_larger_ones_are_named() {
    let shape = |i: usize| 1.0 + [0.1, 0.5, 0.9, 0.3][i % 4] + ((i * i) % 7) as f64 / 40.0;
    let mut faults = Vec::new();
    for model in models(4).iter().filter(|model| model.validate().is_ok()) {
        for scale in [-5e149, 1e149, 1e-149, 1e-200, -1e-300, 1e-310, 5e-324] {
            let values: Vec<f64> = (0..30).map(|i| scale * shape(i)).collect();
            let run = std::panic::catch_unwind(|| check(model, &values));
            let told = match run {
                // A power below 0 of what is huge has no digits left.
                Ok(Ok(good)) => {
                    let plain = !matches!(model, Model::Transformed(_));
                    good || !(plain && (1e-149..1e150).contains(&scale))
                }
                Ok(Err(fault)) => {
                    faults.push(fault);
                    false
                }
                Err(_) => false,
            };
            if !told {
                faults.push(format!("at {scale:e}: {model:?}"));
            }
        }
        for scale in [1.1e150, -1e151, 1e299, -1.7e308] {
            let mut values: Vec<f64> = (0..30).map(shape).collect();
            values[17] = scale;
            let error = fitted(model, &values).unwrap_err().to_string();
            let named = format!("row 18 is {scale:e}, but must be at most 1e150 in magnitude");
            if !error.contains(&named) {
                faults.push(format!("{error}: {model:?}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn values_whose_squares_vanish_are_a_constant_or_refused() {
    let values: Vec<f64> = (0..30).map(|i| 1e-200 * (1.0 + f64::from(i % 4))).collect();
    let arima = Model::from(Arima::new(Orders::new(1, 0, 0)));
    let error = fitted(&arima, &values).unwrap_err().to_string();
    assert!(error.contains("beyond what floats can tell"), "{error}");
    // What is smaller still has no digits: exponential smoothing sees zeros.
    let values: Vec<f64> = values.iter().map(|value| value * 1e-105).collect();
    let zeros = fitted(&Ets::automatic().into(), &values).unwrap();
    let request = ForecastRequest::steps(2).levels(&LEVELS);
    assert_eq!(zeros.forecast(&request).unwrap().mean, [0.0, 0.0]);
}
