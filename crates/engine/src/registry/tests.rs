use super::*;

/// Texts just outside of what a domain states, and on its inner edges.
fn edges(domain: &str) -> (Vec<String>, Vec<String>) {
    let (mut outside, mut inside) = (vec!["left".to_owned()], Vec::new());
    if let Some((beyond, within)) = tuple(domain) {
        return (
            beyond.map(str::to_owned).to_vec(),
            within.map(str::to_owned).to_vec(),
        );
    }
    let (words, last) = domain.rsplit_once(" or ").unwrap_or(("", domain));
    let numbers = match domain {
        "true or false" | "up, down or both" => None,
        _ => range(last.trim_start_matches("in ")),
    };
    let Some((beyond, within)) = numbers else {
        let words = domain.replace(" or ", ", ");
        inside.extend(words.split(", ").map(str::to_owned));
        return (outside, inside);
    };
    inside.extend(within);
    if words.contains("in ") {
        // What lies beyond one range may lie within the other.
        return (outside, inside);
    }
    outside.extend(beyond);
    let words = words.split(',').map(str::trim);
    inside.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
    (outside, inside)
}

/// As [`edges`], of values that have several parts.
fn tuple(domain: &str) -> Option<([&'static str; 5], [&'static str; 3])> {
    Some(match domain {
        "a forecast model" => (
            ["arma", "croston", "", "auto-etz", "model"],
            ["naive", "theta", "auto-arima"],
        ),
        "p,d,q with p and q to 32, d to 4" => (
            ["1,1", "33,0,0", "0,5,0", "0,0,33", "1,1,1,1"],
            ["0,0,0", "32,4,32", "1, 0, 1"],
        ),
        "none or P,D,Q,s with P and Q to 8, D to 2, s 2 to 366" => (
            ["1,0,1", "9,0,0,12", "0,3,0,12", "0,1,1,1", "0,1,1,367"],
            ["none", "1,1,1,12", "0,1,0,366"],
        ),
        "auto or 2 to 65536, several divided by commas" => (
            ["1", "65537", "0", "24,", "2.5"],
            ["auto", "24,168", "65536"],
        ),
        "none or name:days:pairs, several divided by commas" => (
            ["left", "a:7", "a:0:3", "trend:7:3", "a:7:3:loud"],
            ["none", "month:30.5:5", "a:7:3:prior=5, b:1.5:2:condition=c"],
        ),
        "none or names of columns, divided by commas" => (
            ["trend", "a:loud", "a:prior=0", "a,a", ""],
            ["none", "a", "a:raw:prior=5, b:multiplicative"],
        ),
        "none or codes of countries, divided by commas" => {
            (["left", "XX", "US,", "1", ""], ["none", "kr", "US, DE"])
        }
        "1 to 16 sizes, each 1 to 4096, divided by commas" => (
            [
                "0",
                "4097",
                "64,",
                "2.5",
                "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
            ],
            ["1", "64, 32", "4096"],
        ),
        "a letter each for error (A, M, Z), trend (N, A, M, Z) and season (N, A, M, Z)" => {
            (["AA", "AXN", "NNN", "AAAA", "aan"], ["ANN", "MMN", "ZZZ"])
        }
        _ => return None,
    })
}

fn range(range: &str) -> Option<(Vec<String>, Vec<String>)> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    if range == "an IANA time zone" {
        return Some((owned(&["Mars/Olympus"]), owned(&["Europe/Berlin", "UTC"])));
    }
    let (beyond, within): (&[&str], &[&str]) = match range {
        "finite, above 0" => (&["0", "-1e-9", "inf", "NaN"], &["1e-9"]),
        "finite, above 1" => (&["1", "inf", "NaN"], &["1.001"]),
        "finite, at least 0" => (&["-1e-9", "inf", "NaN"], &["0"]),
        "finite" => (&["inf", "NaN"], &["-1", "0"]),
        "(0, 0.5]" => (&["0", "0.51", "NaN"], &["1e-3", "0.5"]),
        "(0, 1]" => (&["0", "1.01", "NaN"], &["1e-3", "1"]),
        "(0, 1 - level)" => (&["0", "0.03", "NaN"], &["1e-6", "0.01"]),
        "[0.5, 1)" => (&["0.49", "1", "NaN"], &["0.5", "0.97"]),
        "(0, 100)" => (&["0", "100", "NaN"], &["1e-3", "99.9"]),
        "(0, 1)" => (&["0", "1", "NaN"], &["1e-3", "0.99"]),
        "[1, 1000000]" => (&["0.99", "1000001", "NaN"], &["1", "2.5", "1000000"]),
        "[-2, 5]" => (&["-2.01", "5.01", "NaN"], &["-2", "0", "5"]),
        "(0, 0.1]" => (&["0", "0.11", "NaN"], &["1e-3", "0.1"]),
        "[0.01, 0.1]" => (&["0.009", "0.11", "NaN"], &["0.01", "0.1"]),
        "finite, at least 1" => (&["0.99", "inf", "NaN"], &["1"]),
        // Where other parameters have their defaults.
        "calibration to 100000" => (&["199", "100001", "0.5"], &["200", "100000"]),
        "40 to bound_window" => (&["39", "1001", "0.5"], &["40", "1000"]),
        "[0, 1)" => (&["-0.01", "1", "NaN"], &["0", "0.99"]),
        "1 to sequence" => (&["0", "61", "2.5"], &["1", "60"]),
        "[0, 1]" => (&["-0.01", "1.01", "NaN"], &["0", "1"]),
        "pairs of finite numbers" => (
            &["1,0", "0,0", "0", "0,1,2", "0,inf", "NaN,1", "0,1,5,3"],
            &["-1,1", "0,1,5,7.5"],
        ),
        "finite, above 0, at most drift_threshold" => (&["0", "3.01", "NaN"], &["1e-9", "3"]),
        "finite, at least warning_threshold" => (&["1.99", "inf", "NaN"], &["2", "1e9"]),
        "[beta, 1]" => (&["0.89", "1.01", "NaN"], &["0.9", "1"]),
        "(0, alpha]" => (&["0", "0.96", "NaN"], &["1e-3", "0.95"]),
        "(0, warning_confidence]" => (&["0", "0.0051", "NaN"], &["1e-9", "0.005"]),
        "[drift_confidence, 1)" => (&["0.0009", "1", "NaN"], &["0.001", "0.99"]),
        "2 * stat_size to 1048576" => (&["59", "1048577", "0.5"], &["60", "1048576"]),
        "1 to window_size / 2, at most 10000" => (&["0", "51", "0.5"], &["1", "50"]),
        _ => return whole_numbers(range),
    };
    Some((owned(beyond), owned(within)))
}

fn whole_numbers(range: &str) -> Option<(Vec<String>, Vec<String>)> {
    let (least, most) = match range.strip_prefix("at least ") {
        Some(least) => (least, None),
        None => range.split_once(" to ").map(|(a, b)| (a, Some(b)))?,
    };
    let number = |text: &str| text.parse::<u128>().unwrap();
    let mut outside = vec!["2.5".to_owned()];
    outside.extend(most.map(|most| (number(most) + 1).to_string()));
    outside.extend(number(least).checked_sub(1).map(|below| below.to_string()));
    let inside = [Some(least), most].into_iter().flatten();
    Some((outside, inside.map(str::to_owned).collect()))
}

#[test]
fn domains_are_what_is_accepted() {
    let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    for spec in detectors() {
        for p in spec.all_parameters() {
            // A window over all rows is for files only.
            let accepted = |value: &str| {
                let mut given = one(p.name, value);
                if p.name == "model" && spec.name == "seasonal" {
                    given.insert("method".to_owned(), "classical".to_owned());
                }
                build(spec.name, &given).is_ok() || runner(spec.name, &given).is_ok()
            };
            let (outside, inside) = edges(p.domain);
            for value in outside {
                assert!(!accepted(&value), "{} {}={value}", spec.name, p.name);
            }
            for value in inside {
                assert!(accepted(&value), "{} {}={value}", spec.name, p.name);
            }
            assert!(accepted(p.default), "{} {}", spec.name, p.name);
        }
    }
    for p in COMMON_PARAMETERS {
        let accepted = |value: &str| take_filter(&mut one(p.name, value)).is_ok();
        let (outside, inside) = edges(p.domain);
        for value in outside {
            assert!(!accepted(&value), "{}={value}", p.name);
        }
        for value in inside {
            assert!(accepted(&value), "{}={value}", p.name);
        }
        assert!(accepted(p.default), "{}", p.name);
    }
}

#[test]
fn domains_of_drift_detectors_are_what_is_accepted() {
    for spec in drift::DRIFT_DETECTORS {
        for p in spec.parameters {
            let accepted = |value: &str| {
                let given = BTreeMap::from([(p.name.to_owned(), value.to_owned())]);
                drift::method(spec.name, &given).is_ok()
            };
            let (outside, inside) = edges(p.domain);
            for value in outside {
                assert!(!accepted(&value), "{} {}={value}", spec.name, p.name);
            }
            for value in inside {
                assert!(accepted(&value), "{} {}={value}", spec.name, p.name);
            }
            let (set, unset) = (
                BTreeMap::from([(p.name.into(), p.default.into())]),
                BTreeMap::new(),
            );
            assert_eq!(
                drift::method(spec.name, &set).unwrap(),
                drift::method(spec.name, &unset).unwrap(),
                "{} {}",
                spec.name,
                p.name
            );
        }
        let set = BTreeMap::from([("windw".to_owned(), "1".to_owned())]);
        let message = drift::method(spec.name, &set).unwrap_err().to_string();
        assert!(message.contains("has no parameter `windw`"), "{message}");
    }
    let message = drift::find("adwim").unwrap_err().to_string();
    assert!(message.contains("did you mean `adwin`"), "{message}");
}

#[test]
fn defaults_of_drift_detectors_are_those_of_the_library() {
    use bongsu_stream::{Adwin, Ddm, DriftMethod, Eddm, HddmA, HddmW, Kswin, PageHinkley};
    let expected = [
        DriftMethod::Adwin(Adwin::new()),
        DriftMethod::Ddm(Ddm::new()),
        DriftMethod::Eddm(Eddm::new()),
        DriftMethod::HddmA(HddmA::new()),
        DriftMethod::HddmW(HddmW::new()),
        DriftMethod::PageHinkley(PageHinkley::new()),
        DriftMethod::Kswin(Kswin::new().seed(42)),
    ];
    for (spec, expected) in drift::DRIFT_DETECTORS.iter().zip(expected) {
        assert_eq!(
            drift::method(spec.name, &BTreeMap::new()).unwrap(),
            expected
        );
    }
}

#[test]
fn domains_of_forecast_models_are_what_is_accepted() {
    for spec in forecast::forecast_models() {
        for p in spec.all_parameters() {
            let with = |value: &str| {
                let mut given = BTreeMap::from([(p.name.to_owned(), value.to_owned())]);
                // Without these the parameter has nothing to say.
                let needed = match (spec.name, p.name) {
                    ("arima", "trend") => Some(("order", "2,0,2")),
                    (_, "lambda" | "bias_adjusted") => Some(("transform", "box-cox")),
                    ("auto-ets", "damped") => Some(("model", "AAN")),
                    _ => None,
                };
                given.extend(needed.map(|(name, value)| (name.to_owned(), value.to_owned())));
                given
            };
            let accepted =
                |value: &str| forecast::ForecastPlan::new(spec.name, &with(value)).is_ok();
            let (outside, inside) = edges(p.domain);
            for value in outside {
                assert!(!accepted(&value), "{} {}={value}", spec.name, p.name);
            }
            for value in inside {
                assert!(accepted(&value), "{} {}={value}", spec.name, p.name);
            }
            let given = BTreeMap::from([(p.name.to_owned(), p.default.to_owned())]);
            let unset = BTreeMap::new();
            let [set, unset] = [&given, &unset].map(|given| {
                let plan = forecast::ForecastPlan::new(spec.name, given).unwrap();
                plan.model(&[12]).unwrap()
            });
            assert_eq!(set, unset, "{} {}", spec.name, p.name);
        }
        let set = BTreeMap::from([("perod".to_owned(), "1".to_owned())]);
        let message = forecast::ForecastPlan::new(spec.name, &set)
            .unwrap_err()
            .to_string();
        assert!(message.contains("has no parameter `perod`"), "{message}");
    }
    let message = forecast::find("arma").unwrap_err().to_string();
    assert!(message.contains("did you mean `arima`"), "{message}");
}

#[test]
fn parameters_of_forecast_models_that_say_nothing_are_refused() {
    for (name, set) in [
        ("naive", "lambda=0.5"),
        ("naive", "bias_adjusted=true"),
        ("arima", "trend=c"),
        ("ets", "damped=maybe"),
        ("ensemble", "transform=log"),
    ] {
        let (key, value) = set.split_once('=').unwrap();
        let given = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let error = forecast::ForecastPlan::new(name, &given).unwrap_err();
        assert_eq!(
            error.kind(),
            crate::ErrorKind::Config,
            "{name} {set}: {error}"
        );
        assert!(error.to_string().contains(key), "{error}");
    }
}

#[test]
fn the_strongest_season_that_a_model_can_have_is_found() {
    let cycle = |n: usize, period: usize| -> Vec<f64> {
        let turn = |i: usize| i as f64 / period as f64 * std::f64::consts::TAU;
        // It grows, so that the second half of a year is not the first half again.
        let value = |i: usize| (1.2 * i as f64 / n as f64).exp() * (10.0 + 3.0 * turn(i).sin());
        (0..n).map(value).collect()
    };
    let none = BTreeMap::new();
    for (model, values, period) in [("ets", cycle(120, 12), 12), ("naive", cycle(120, 12), 1)] {
        let plan = forecast::ForecastPlan::new(model, &none).unwrap();
        assert_eq!(plan.seasons(&values, None).unwrap(), [period], "{model}");
    }
    let plan = forecast::ForecastPlan::new("auto-arima", &none).unwrap();
    let found = plan.seasons(&cycle(2_000, 500), None).unwrap();
    assert!(found[0] <= 366, "{found:?} is too long for an ARIMA");
    let plan = forecast::ForecastPlan::new("seasonal-naive", &none).unwrap();
    let error = plan.model(&[1]).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Input);
    // Where the season was not asked for, exponential smoothing goes without one.
    assert!(
        forecast::ForecastPlan::new("ets", &none)
            .unwrap()
            .model(&[1])
            .is_ok()
    );
    let aaa = BTreeMap::from([("model".to_owned(), "AAA".to_owned())]);
    assert!(
        forecast::ForecastPlan::new("ets", &aaa)
            .unwrap()
            .model(&[1])
            .is_err()
    );
}
