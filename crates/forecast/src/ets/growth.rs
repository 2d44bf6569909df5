//! The recursion of exponential smoothing whose trend multiplies.

use super::model::{ErrorType, EtsModel, SeasonType};
use super::recursion::{Pass, Smoothing, State};

/// Runs `model`, whose slope is a factor, over `values`; see [`run`](super::recursion::run).
///
/// Source: Hyndman, Koehler, Ord & Snyder 2008, *Forecasting with Exponential Smoothing*, table 2.2
/// and 2.3, <https://doi.org/10.1007/978-3-540-71918-2>.
///
/// Cost: O(n) time, a power a step where the trend is damped; no allocation.
pub(super) fn run(
    model: EtsModel,
    values: &[f64],
    p: Smoothing,
    state: &mut State,
    season: &mut [f64],
    mut seen: impl FnMut(f64, f64),
) -> Pass {
    let (mut squares, mut log_forecasts) = (0.0, 0.0);
    let period = season.len().max(1);
    for (t, &y) in values.iter().enumerate() {
        let mut nothing = 0.0;
        let season = season.get_mut(t % period).unwrap_or(&mut nothing);
        let s = *season;
        let trend = model.damp(state.slope, p.damping);
        let base = model.join(state.level, trend);
        let (forecast, surprise) = match model.season {
            SeasonType::None => (base, y - base),
            SeasonType::Additive => (base + s, y - s - base),
            SeasonType::Multiplicative => (base * s, y / s - base),
        };
        let error = match model.error {
            ErrorType::Additive => y - forecast,
            ErrorType::Multiplicative => {
                log_forecasts += forecast.abs().ln();
                (y - forecast) / forecast
            }
        };
        squares += error * error;
        seen(forecast, error);
        match model.season {
            SeasonType::None => {}
            SeasonType::Additive => *season = s + p.season * surprise,
            SeasonType::Multiplicative => *season = s + p.season * (y / base - s),
        }
        *state = State {
            slope: trend + p.slope * surprise / state.level,
            level: base + p.level * surprise,
        };
    }
    // A level or a slope that is not above 0 forecasts nonsense, or nothing.
    let sound = state.level > 0.0 && state.slope > 0.0;
    Pass {
        squares: if sound { squares } else { f64::NAN },
        log_forecasts,
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::TrendType;
    use super::*;

    fn numbers(text: &serde_json::Value) -> Vec<f64> {
        let words = text.as_str().unwrap().split_whitespace();
        words.map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn likelihoods_at_given_parameters_are_those_of_the_reference() {
        let text = include_str!("../../tests/golden/growth.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        let cases = golden["cases"].as_array().unwrap();
        for case in cases {
            let unit = numbers(&case["unit"])[0];
            let values = numbers(&golden["series"][case["input"].as_str().unwrap()]);
            let values: Vec<f64> = values.iter().map(|y| y / unit).collect();
            let letters: Vec<char> = case["model"].as_str().unwrap().chars().collect();
            let model = EtsModel {
                error: match letters[0] {
                    'A' => ErrorType::Additive,
                    _ => ErrorType::Multiplicative,
                },
                trend: if case["damped"] == true {
                    TrendType::MultiplicativeDamped
                } else {
                    TrendType::Multiplicative
                },
                season: match letters[2] {
                    'N' => SeasonType::None,
                    'A' => SeasonType::Additive,
                    _ => SeasonType::Multiplicative,
                },
            };
            let p = numbers(&case["smoothing"]);
            let smoothing = Smoothing {
                level: p[0],
                slope: p[1],
                season: p[2],
                damping: p[3],
            };
            let first = numbers(&case["state"]);
            let mut state = State {
                level: first[0],
                slope: first[1],
            };
            let mut season = numbers(&case["season"]);
            let ignore = |_: f64, _: f64| {};
            let pass = run(model, &values, smoothing, &mut state, &mut season, ignore);
            let n = values.len() as f64;
            let likelihood = -0.5 * n * pass.squares.ln() - pass.log_forecasts;
            let expected = numbers(&case["at_given"])[0];
            assert!(
                (likelihood - expected).abs() < 1e-8 * expected.abs(),
                "{model}: {likelihood} instead of {expected}"
            );
        }
        assert!(cases.len() >= 25);
    }
}
