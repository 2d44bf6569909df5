//! What every online detector of one metric promises.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{ScalePrior, StreamDetector, snapshot};
use bongsu_stats::{Ewma, Spot};
use bongsu_stream::{HoltWinters, HoltWintersStream, OnlineMad, SeasonLength};
use common::{Lcg, noise};

type Built = (&'static str, fn() -> Box<dyn StreamDetector>);

const ALL: [Built; 4] = [
    ("ewma", || Box::new(Ewma::new().build().unwrap())),
    ("holt-winters", || {
        Box::new(HoltWinters::new().build().unwrap())
    }),
    ("holt", || {
        let holt = HoltWinters::new().season(SeasonLength::None);
        Box::new(holt.unwrap().build().unwrap())
    }),
    ("online-mad", || Box::new(OnlineMad::new().build().unwrap())),
];

fn score(detector: &dyn StreamDetector, x: f64) -> f64 {
    detector.score(&[x]).unwrap().ready().unwrap()
}

/// Which points are beyond the threshold.
fn alarms(detector: &mut dyn StreamDetector, values: &[f64]) -> Vec<bool> {
    let threshold = detector.threshold().unwrap();
    let judge = |&x: &f64| {
        let score = detector.score_then_learn(&[x]).unwrap().ready();
        score.is_some_and(|score| score > threshold)
    };
    values.iter().map(judge).collect()
}

fn count(alarms: &[bool]) -> usize {
    alarms.iter().filter(|alarm| **alarm).count()
}

#[test]
fn a_planted_outlier_scores_above_normal_points() {
    for (name, build) in ALL {
        for seed in 0..10 {
            let mut detector = build();
            let mut scores: Vec<f64> = noise(seed, 2_000)
                .iter()
                .filter_map(|&x| detector.score_then_learn(&[x]).unwrap().ready())
                .collect();
            scores.sort_by(f64::total_cmp);
            let high = scores[scores.len() * 99 / 100];
            for outlier in [42.0, 58.0, 1e6, -1e300] {
                let found = score(&*detector, outlier);
                assert!(
                    found > high && found > 4.0,
                    "{name}, {seed}, {outlier}: {found}"
                );
            }
        }
    }
}

#[test]
fn normal_noise_raises_few_false_alarms() {
    for (name, build) in ALL {
        let mut all = 0;
        for seed in 0..5 {
            all += count(&alarms(&mut *build(), &noise(seed, 20_000)));
        }
        assert!(all <= 60, "{name}: {all} of 100,000");
    }
}

#[test]
fn a_new_level_is_learned_after_patience_points() {
    for (name, build) in ALL {
        let mut late = 0;
        for seed in 0..20 {
            let mut detector = build();
            let mut rng = Lcg::new(seed + 100);
            alarms(&mut *detector, &noise(seed, 1_000));
            let size = [-1e3, -20.0, 15.0, 1e9][seed as usize % 4];
            let after: Vec<f64> = (0..500).map(|_| 50.0 + size + rng.normal()).collect();
            let found = alarms(&mut *detector, &after);
            assert!(found[..5].iter().all(|alarm| *alarm), "{name}, {seed}");
            late += count(&found[5..]);
        }
        assert!(late <= 20, "{name}: {late} of 9,900");
    }
}

#[test]
fn anomalies_do_not_hide_the_next_one() {
    for (name, build) in ALL {
        for seed in 0..20 {
            let mut values = noise(seed, 600);
            for at in [400, 403, 410, 440, 500] {
                values[at] = if at % 2 == 0 { 65.0 } else { 30.0 };
            }
            let found = alarms(&mut *build(), &values);
            for at in [400, 403, 410, 440, 500] {
                assert!(found[at], "{name}, {seed}: {at}");
            }
        }
    }
}

#[test]
fn a_fault_that_came_and_went_does_not_hide_the_next() {
    for (name, build) in ALL {
        for seed in 0..20 {
            let mut values = noise(seed, 600);
            for (i, x) in values.iter_mut().enumerate() {
                *x += if (300..318).contains(&i) || (400..418).contains(&i) {
                    50.0
                } else {
                    0.0
                };
            }
            let found = alarms(&mut *build(), &values);
            assert!(found[300] && found[400], "{name}, {seed}");
        }
    }
}

#[test]
fn a_large_fault_does_not_hide_a_small_one_after_it() {
    for (name, build) in ALL {
        let mut hidden = 0;
        for seed in 0..20 {
            let mut values = noise(seed, 500);
            for (i, x) in values.iter_mut().enumerate() {
                // Up by 50 scales in a ramp, as a rate shows a step, and back.
                let ramp = (i as f64 - 299.0).min(324.0 - i as f64).clamp(0.0, 6.0);
                *x += 50.0 * ramp / 6.0;
            }
            values[365] += 9.0;
            hidden += usize::from(!alarms(&mut *build(), &values)[365]);
        }
        assert!(hidden <= 4, "{name}: {hidden} of 20");
    }
}

#[test]
fn a_spike_moves_neither_the_level_nor_the_scale() {
    for (name, build) in ALL {
        let mut detector = build();
        alarms(&mut *detector, &noise(3, 1_000));
        let band = |d: &dyn StreamDetector| {
            let band = d.expectation().unwrap();
            (band.expected, band.upper - band.lower)
        };
        let before = band(&*detector);
        alarms(&mut *detector, &[1e9]);
        let after = band(&*detector);
        assert!(
            (after.0 - before.0).abs() < 0.5,
            "{name}: {after:?}, {before:?}"
        );
        assert!(after.1 < 1.15 * before.1, "{name}: {after:?}, {before:?}");
    }
}

#[test]
fn spikes_that_come_often_become_normal_and_rare_ones_do_not() {
    for (name, build) in ALL {
        let run = |every: usize| {
            let mut values = noise(9, 6_000);
            for x in values.iter_mut().step_by(every) {
                *x += 15.0;
            }
            count(&alarms(&mut *build(), &values)[3_000..])
        };
        let (often, rare) = (run(10), run(150));
        assert!(often <= 15, "{name}: {often} of 300");
        assert!(rare >= 18, "{name}: {rare} of 20");
    }
}

#[test]
fn constant_metrics_settle_and_those_that_rest_are_judged() {
    for (name, build) in ALL {
        let mut detector = build();
        assert_eq!(count(&alarms(&mut *detector, &[0.3; 100])), 0, "{name}");
        assert_eq!(
            count(&alarms(&mut *detector, &[0.1 + 0.2; 50])),
            0,
            "{name}"
        );
        assert_eq!(count(&alarms(&mut *detector, &[7.0; 50])), 5, "{name}");
        let toggling: Vec<f64> = (0..200).map(|i| f64::from(i % 2)).collect();
        assert_eq!(
            count(&alarms(&mut *detector, &toggling)[100..]),
            0,
            "{name}"
        );
        // Three of four values are equal: the median deviation is 0.
        let mut rng = Lcg::new(1);
        let resting: Vec<f64> = (0..5_000)
            .map(|_| {
                if rng.uniform() < 0.75 {
                    0.0
                } else {
                    rng.uniform()
                }
            })
            .collect();
        let mut detector = build();
        let found = count(&alarms(&mut *detector, &resting)[200..]);
        assert!(found <= 10, "{name}: {found}");
        assert!(score(&*detector, 20.0) > 4.0, "{name}");
    }
}

#[test]
fn louder_noise_becomes_normal() {
    for (name, build) in ALL {
        let mut detector = build();
        alarms(&mut *detector, &noise(5, 1_000));
        let mut rng = Lcg::new(6);
        let loud: Vec<f64> = (0..1_000).map(|_| 50.0 + 20.0 * rng.normal()).collect();
        let found = count(&alarms(&mut *detector, &loud)[60..]);
        assert!(found <= 10, "{name}: {found}");
    }
}

#[test]
fn one_pass_and_two_agree() {
    for (name, build) in ALL {
        let (mut one, mut two) = (build(), build());
        for &x in &noise(2, 400) {
            let expected = two.score(&[x]).unwrap();
            two.learn(&[x]).unwrap();
            assert_eq!(one.score_then_learn(&[x]).unwrap(), expected, "{name}");
        }
    }
}

#[test]
fn scores_do_not_depend_on_the_unit() {
    for (name, build) in ALL {
        let values = noise(4, 400);
        let plain: Vec<_> = scores(&mut *build(), &values);
        for unit in [(2.0_f64).powi(40), (2.0_f64).powi(-40)] {
            let scaled: Vec<f64> = values.iter().map(|x| unit * x).collect();
            let found = scores(&mut *build(), &scaled);
            for (a, b) in plain.iter().zip(&found) {
                assert!(
                    (a - b).abs() <= 1e-9 * a.abs().max(1.0),
                    "{name}, {unit}: {a} {b}"
                );
            }
        }
    }
}

fn scores(detector: &mut dyn StreamDetector, values: &[f64]) -> Vec<f64> {
    let judge = |&x: &f64| detector.score_then_learn(&[x]).unwrap().ready();
    values.iter().filter_map(judge).collect()
}

#[test]
fn extreme_values_give_no_nan() {
    for (name, build) in ALL {
        let mut rng = Lcg::new(8);
        let mut detector = build();
        for i in 0..5_000 {
            let size = [
                0.0,
                1e308,
                -1e308,
                1e-308,
                5e-324,
                f64::MAX,
                -f64::MAX,
                1.0,
                1e150,
            ];
            let x = size[(rng.uniform() * 9.0) as usize]
                * if i % 500 < 250 { 1.0 } else { rng.uniform() };
            let score = detector.score_then_learn(&[x]).unwrap();
            assert!(!score.ready().is_some_and(f64::is_nan), "{name}, point {i}");
            if let Some(band) = detector.expectation() {
                let whole = [band.expected, band.lower, band.upper];
                assert!(whole.iter().all(|x| !x.is_nan()), "{name}, point {i}");
            }
        }
    }
}

#[test]
fn a_prior_shortens_the_warm_up_and_gives_way_to_the_own_scale() {
    for (name, build) in ALL {
        for (law, seed) in [(1.0, 0), (3.0, 1), (0.4, 2)] {
            let prior = ScalePrior::new(law, 0.0, 0.0).unwrap();
            let mut detector = build();
            assert!(detector.start_from(&prior), "{name}");
            let values = noise(seed, 1_000);
            for (i, &x) in values.iter().enumerate() {
                let ready = detector.score_then_learn(&[x]).unwrap().ready();
                assert_eq!(ready.is_some(), i >= 5, "{name}: {i}");
                if i == 8 {
                    assert!(
                        score(&*detector, 50.0 + 10.0 * law.max(1.5)) > 4.0,
                        "{name}"
                    );
                    let near = score(&*detector, 50.0 + law);
                    assert!(law < 1.0 || near < 4.0, "{name}: {near}");
                }
            }
            let width = |d: &dyn StreamDetector| {
                let band = d.expectation().unwrap();
                (band.upper - band.lower) / 8.0
            };
            let own = width(&*detector);
            assert!((0.7..1.6).contains(&own), "{name}, {law}: {own}");
            assert!(!detector.start_from(&prior), "{name}: it has seen points");
            detector.reset();
            let cold = detector.score_then_learn(&[1.0]).unwrap();
            assert!(cold.ready().is_none() && detector.seen() == 1, "{name}");
        }
    }
}

#[test]
fn spot_settles_and_does_not_learn_what_it_flags() {
    for seed in 0..5 {
        let mut spot = Spot::new().calibration(500).unwrap().build().unwrap();
        let width = |spot: &dyn StreamDetector| {
            let band = spot.expectation().unwrap();
            band.upper - band.lower
        };
        alarms(&mut spot, &noise(seed, 2_000));
        let before = width(&spot);
        let found = alarms(&mut spot, &[1e6, 50.0, -1e6, 50.0]);
        assert_eq!(found, [true, false, true, false]);
        assert!((width(&spot) / before - 1.0).abs() < 0.02, "{seed}");
        // Its patience is 40 points, after which 500 are needed to learn the tails anew.
        let shifted: Vec<f64> = noise(seed + 50, 2_000).iter().map(|x| x + 30.0).collect();
        let found = alarms(&mut spot, &shifted);
        assert!(found[..40].iter().all(|alarm| *alarm), "{seed}");
        assert!(count(&found[40..]) <= 25, "{seed}: {}", count(&found[40..]));
        assert!(score(&spot, 50.0) > 1.0, "{seed}: the old level");
    }
}

#[test]
fn a_season_that_takes_what_little_memory_it_says() {
    let season = HoltWinters::new().period(48).unwrap();
    let mut detector = season.build().unwrap();
    alarms(&mut detector, &noise(1, 500));
    assert_eq!(detector.heap_bytes(), 48 * 8);
    assert!(
        size_of::<HoltWintersStream>() <= 560,
        "{}",
        size_of::<HoltWintersStream>()
    );
    let bytes = snapshot::to_bytes(&detector).unwrap().len();
    assert!(bytes <= 320 + 48 * 8, "{bytes}");
    let mad = OnlineMad::new().build().unwrap();
    assert!(snapshot::to_bytes(&mad).unwrap().len() <= 200);
}

#[test]
fn parameters_outside_their_domain_are_named() {
    let named = |error: bongsu_core::Error, name: &str| {
        assert!(error.to_string().contains(name), "{error}");
    };
    named(OnlineMad::new().half_life(0.5).unwrap_err(), "half_life");
    named(
        OnlineMad::new().half_life(f64::NAN).unwrap_err(),
        "half_life",
    );
    named(OnlineMad::new().threshold(0.0).unwrap_err(), "threshold");
    named(OnlineMad::new().patience(1).unwrap_err(), "patience");
    named(OnlineMad::new().warmup(20_000).unwrap_err(), "warmup");
    named(OnlineMad::new().min_scale(-1.0).unwrap_err(), "min_scale");
    named(HoltWinters::new().period(1).unwrap_err(), "period");
    named(HoltWinters::new().period(usize::MAX).unwrap_err(), "period");
    named(
        HoltWinters::new().season_half_life(0.0).unwrap_err(),
        "season_half_life",
    );
    named("daily".parse::<SeasonLength>().unwrap_err(), "period");
    assert_eq!(
        "24".parse::<SeasonLength>().unwrap(),
        SeasonLength::Points(24)
    );
    let broken: HoltWinters = serde_json::from_str(r#"{"period": {"Points": 0}}"#).unwrap();
    named(broken.build().unwrap_err(), "period");
}
