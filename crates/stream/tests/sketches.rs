//! Agreement of the statistics of streams with numpy and river;
//! `golden/generate_sketches.py` writes the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{Snapshot, snapshot};
use bongsu_stream::sketch::{
    CountMin, ExponentialMoments, MinMax, Moments, P2, Reservoir, TDigest,
};
use common::{Lcg, values};
use serde_json::Value;

fn golden() -> serde_json::Map<String, Value> {
    let text = include_str!("golden/sketches.json");
    let golden: Value = serde_json::from_str(text).unwrap();
    golden.as_object().unwrap().clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[track_caller]
fn close(ours: f64, expected: f64, tolerance: f64, what: &str) {
    assert!(
        (ours - expected).abs() <= tolerance,
        "{what}: {ours}, not {expected}"
    );
}

#[test]
fn moments_equal_numpy_and_river() {
    for (name, case) in &golden() {
        let x = values(case);
        let (mut whole, mut extremes) = (Moments::new(), MinMax::new());
        let (mut head, mut tail) = (Moments::new(), Moments::new());
        for (i, &x) in x.iter().enumerate() {
            whole.update(x).unwrap();
            extremes.update(x).unwrap();
            if i % 3 == 0 { &mut head } else { &mut tail }
                .update(x)
                .unwrap();
        }
        head.merge(&tail).unwrap();
        let mean = number(&case["mean"]);
        for moments in [whole, head] {
            close(moments.mean().unwrap(), mean, 1e-13 * mean.abs(), name);
            for ddof in [0, 1] {
                let std = number(&case["std"][ddof]);
                let tolerance = 1e-9 * std + 1e-15 * mean.abs();
                close(moments.std_dev(ddof as u64).unwrap(), std, tolerance, name);
            }
            let variance = number(&case["river_variance"]);
            let tolerance = 1e-9 * variance + 1e-16 * mean.abs() * variance.sqrt();
            close(moments.variance(1).unwrap(), variance, tolerance, name);
            assert_eq!(moments.count(), x.len() as u64);
        }
        let expected = &case["extremes"];
        for (ours, i) in [(extremes.min(), 0), (extremes.max(), 1)] {
            let expected = number(&expected[i]);
            close(ours.unwrap(), expected, 1e-15 * expected.abs(), name);
        }
    }
}

#[test]
fn exponential_moments_equal_river() {
    for (name, case) in &golden() {
        for expected in case["exponential"].as_array().unwrap() {
            let mut moments = ExponentialMoments::new(number(&expected[0])).unwrap();
            for x in values(case) {
                moments.update(x).unwrap();
            }
            let (mean, variance) = (number(&expected[1]), number(&expected[2]));
            close(moments.mean().unwrap(), mean, 1e-13 * mean.abs(), name);
            // The mean of squares less the square of the mean, as river has it, loses digits.
            let lost = 4e-15 * mean * mean / number(&expected[0]);
            let tolerance = 1e-11 * variance.abs() + lost;
            close(moments.variance().unwrap(), variance, tolerance, name);
        }
    }
}

#[test]
fn p2_equals_river_and_few_values_numpy() {
    for (name, case) in &golden() {
        let x = values(case);
        for expected in case["p2"].as_array().unwrap() {
            let mut p2 = P2::new(number(&expected[0])).unwrap();
            let mut path = expected[1].as_array().unwrap().iter();
            let mut next = path.next();
            for (i, &x) in x.iter().enumerate() {
                p2.update(x).unwrap();
                p2.validate().unwrap();
                let ours = p2.quantile().unwrap();
                if let Some(point) = next.filter(|point| point[0] == i + 1) {
                    let what = format!("{name}, {}, [{i}]", expected[0]);
                    let theirs = number(&point[1]);
                    close(ours, theirs, 1e-12 * theirs.abs(), &what);
                    next = path.next();
                }
            }
            assert!(next.is_none());
        }
        let mut p2 = P2::new(0.9).unwrap();
        for (&x, expected) in x.iter().zip(case["few"].as_array().unwrap()) {
            p2.update(x).unwrap();
            let expected = number(expected);
            close(
                p2.quantile().unwrap(),
                expected,
                1e-14 * expected.abs(),
                name,
            );
        }
    }
}

#[test]
fn a_digest_equals_numpy_within_its_bound() {
    for (name, case) in &golden() {
        let x = values(case);
        let few = x.get(..150).unwrap_or(&x);
        let mut sorted = few.to_vec();
        sorted.sort_by(f64::total_cmp);
        for compression in [100.0, 2_000.0] {
            let mut digest = TDigest::new(compression).unwrap();
            for &x in few {
                digest.update(x).unwrap();
            }
            for expected in case["hazen"].as_array().unwrap() {
                let (q, theirs) = (number(&expected[0]), number(&expected[1]));
                let ours = digest.quantile(q).unwrap();
                let what = format!("{name}, {q}, {compression}");
                if compression > 1_000.0 || q * (1.0 - q) == 0.0 {
                    // Finer than the values: none have been merged.
                    close(
                        ours,
                        theirs,
                        1e-14 * theirs.abs() + 1e-15 * few[0].abs(),
                        &what,
                    );
                } else {
                    assert_rank(&sorted, ours, q, compression, &what);
                }
            }
        }
    }
}

/// The rank of `estimate` is within the stated bound of `q`.
#[track_caller]
fn assert_rank(sorted: &[f64], estimate: f64, q: f64, compression: f64, what: &str) {
    let n = sorted.len() as f64;
    let below = sorted.partition_point(|&x| x < estimate) as f64 / n;
    let up_to = sorted.partition_point(|&x| x <= estimate) as f64 / n;
    let bound = 2.0 * std::f64::consts::PI * (q * (1.0 - q)).sqrt() / compression + 2.0 / n;
    assert!(
        below <= q + bound && up_to >= q - bound,
        "{what}: {estimate} has the rank {below} to {up_to}, not {q}"
    );
}

#[test]
fn ranks_of_a_digest_are_within_its_bound_and_merging_keeps_it() {
    let laws: [fn(&mut Lcg) -> f64; 4] = [
        Lcg::uniform,
        Lcg::normal,
        |rng| 1.0 / (1.0 - 0.9999 * rng.uniform()),
        |rng| (10.0 * rng.uniform()).floor(),
    ];
    for (which, law) in laws.into_iter().enumerate() {
        for compression in [10.0, 50.0, 100.0, 500.0] {
            let mut rng = Lcg::new(which as u64);
            let mut parts = vec![TDigest::new(compression).unwrap(); 4];
            let mut whole = parts[0].clone();
            let mut sorted: Vec<f64> = (0..20_000).map(|_| law(&mut rng)).collect();
            for (i, &x) in sorted.iter().enumerate() {
                whole.update(x).unwrap();
                parts[i * 4 / 20_000].update(x).unwrap();
            }
            let mut merged = parts.remove(0);
            for part in &parts {
                merged.merge(part).unwrap();
            }
            sorted.sort_by(f64::total_cmp);
            for digest in [whole, merged] {
                digest.validate().unwrap();
                assert_eq!(digest.count(), 20_000);
                let most = 16.0 * (compression + 1.0) + 16.0 * compression;
                assert!(snapshot::to_bytes(&digest).unwrap().len() as f64 <= most + 100.0);
                for i in 0..=1_000 {
                    let q = f64::from(i) / 1_000.0;
                    let x = digest.quantile(q).unwrap();
                    let what = format!("law {which}");
                    // Between ties an estimate is nearer to one of them.
                    let tied = if which < 3 { x } else { x.round() };
                    assert_rank(&sorted, tied, q, compression, &what);
                    let rank = digest.cdf(x).unwrap();
                    if which < 3 {
                        close(rank, q, 1e-3, "the rank of the quantile");
                    }
                }
                assert_eq!(digest.quantile(0.0).unwrap(), sorted[0]);
                assert_eq!(digest.quantile(1.0).unwrap(), sorted[19_999]);
            }
        }
    }
}

#[test]
fn a_digest_with_a_half_life_tells_of_the_recent_past() {
    let mut digest = TDigest::new(50.0).unwrap().half_life(100.0).unwrap();
    let mut rng = Lcg::new(4);
    for i in 0..6_000 {
        let x = if i == 700 { 1e6 } else { 10.0 * rng.uniform() };
        digest
            .update(if i < 4_000 { x } else { 100.0 + x })
            .unwrap();
    }
    assert!(digest.quantile(0.01).unwrap() > 99.0);
    assert!((digest.quantile(0.5).unwrap() - 105.0).abs() < 1.0);
    let extremes = (digest.min().unwrap(), digest.max().unwrap());
    assert!(extremes.0 > 50.0 && extremes.1 < 120.0, "{extremes:?}");
    digest.validate().unwrap();
    // Half-lives so short that weights vanish.
    let mut digest = TDigest::new(10_000.0).unwrap().half_life(1.0).unwrap();
    for i in 0..50_000 {
        digest.update(f64::from(i)).unwrap();
    }
    digest.flush();
    digest.validate().unwrap();
    let median = digest.quantile(0.5).unwrap();
    assert!(median > 49_990.0, "{median}");
}

#[test]
fn a_sample_is_fair_and_stable() {
    let mut counts = [0_u32; 50];
    for seed in 0..20_000 {
        let mut sample = Reservoir::new(5, seed).unwrap();
        for i in 0..50 {
            sample.update(f64::from(i)).unwrap();
        }
        for &x in sample.values() {
            counts[x as usize] += 1;
        }
    }
    // Each is expected 2,000 times, with a standard deviation of 42.
    assert!(
        counts.iter().all(|c| (1_800..2_200).contains(c)),
        "{counts:?}"
    );
    let mut sample = Reservoir::new(4, 7).unwrap();
    for i in 0..1_000 {
        sample.update(f64::from(i)).unwrap();
    }
    assert_eq!(
        sample.values(),
        [220.0, 683.0, 480.0, 32.0],
        "value stability"
    );
}

#[test]
fn counts_are_never_low_and_seldom_high() {
    let mut counts = CountMin::with_error(0.001, 0.01, 3).unwrap();
    let mut halves = [counts.clone(), counts.clone()];
    let mut exact = vec![0_u64; 20_000];
    let mut rng = Lcg::new(8);
    for i in 0..100_000 {
        let key = (20_000.0 * rng.uniform().powi(4)) as usize;
        exact[key] += 1;
        counts.add(key as u64, 1);
        halves[i % 2].add(key as u64, 1);
    }
    let [mut merged, other] = halves;
    merged.merge(&other).unwrap();
    for counts in [&counts, &merged] {
        counts.validate().unwrap();
        assert_eq!(counts.total(), 100_000);
        let errors = exact.iter().enumerate();
        let errors: Vec<u64> = errors
            .map(|(key, &n)| counts.estimate(key as u64).checked_sub(n).unwrap())
            .collect();
        let high = errors.iter().filter(|&&error| error > 100).count();
        assert!(high <= 200, "{high} of 20000");
    }
    assert!(merged.merge(&CountMin::new(16, 2, 3).unwrap()).is_err());
    assert!(CountMin::new(15, 2, 3).is_err() && CountMin::new(16, 0, 3).is_err());
    counts.add(5, u64::MAX);
    assert_eq!(counts.estimate(5), u64::MAX);
}

#[test]
fn huge_and_tiny_values_do_not_overflow() {
    for scale in [1e308, 5e307, 1e200, 1.0, 1e-200, 1e-306] {
        let mut moments = Moments::new();
        let mut halves = [Moments::new(), Moments::new()];
        let mut exponential = ExponentialMoments::new(0.1).unwrap();
        let mut p2 = P2::new(0.5).unwrap();
        let mut digest = TDigest::new(20.0).unwrap();
        for i in 0..1_000 {
            let x = scale * (f64::from(i * 7 % 11 - 5) / 5.0);
            moments.update(x).unwrap();
            halves[i as usize % 2].update(x).unwrap();
            exponential.update(x).unwrap();
            p2.update(x).unwrap();
            digest.update(x).unwrap();
        }
        let [mut merged, other] = halves;
        merged.merge(&other).unwrap();
        let std = 0.4_f64.sqrt() * scale;
        for moments in [moments, merged] {
            close(
                moments.std_dev(0).unwrap() / scale,
                std / scale,
                1e-3,
                "std",
            );
            close(moments.mean().unwrap() / scale, 0.0, 2e-3, "mean");
        }
        let ratio = exponential.std_dev().unwrap() / scale;
        assert!((0.3..1.0).contains(&ratio), "{scale}: {ratio}");
        assert!((p2.quantile().unwrap() / scale).abs() <= 0.3);
        assert!((digest.quantile(0.5).unwrap() / scale).abs() <= 0.2);
        assert!((digest.cdf(0.0).unwrap() - 0.5).abs() < 0.05);
        assert_eq!(digest.quantile(1.0), Some(scale));
    }
    let mut mixed = Moments::new();
    for x in [0.0, 1e-200, 3.0, 1e200, -1e200, f64::MAX, -f64::MAX] {
        mixed.update(x).unwrap();
        mixed.validate().unwrap();
    }
    assert!(mixed.std_dev(0).unwrap() > 9e307);
}

#[test]
fn nan_and_infinity_change_nothing() {
    fn refuses<T: Snapshot>(state: &T, update: fn(&mut T, f64) -> bool) {
        let bytes = snapshot::to_bytes(state).unwrap();
        let mut state: T = snapshot::from_bytes(&bytes).unwrap();
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(!update(&mut state, x));
        }
        assert_eq!(bytes, snapshot::to_bytes(&state).unwrap());
    }
    for n in [0, 3, 5, 100] {
        let mut moments = Moments::new();
        let mut exponential = ExponentialMoments::from_half_life(9.0).unwrap();
        let mut extremes = MinMax::new();
        let mut p2 = P2::new(0.5).unwrap();
        let mut digest = TDigest::new(20.0).unwrap().half_life(30.0).unwrap();
        let mut sample = Reservoir::new(10, 5).unwrap();
        for i in 0..n {
            let x = f64::from(i * i % 13);
            moments.update(x).unwrap();
            exponential.update(x).unwrap();
            extremes.update(x).unwrap();
            p2.update(x).unwrap();
            digest.update(x).unwrap();
            sample.update(x).unwrap();
        }
        refuses(&moments, |state, x| state.update(x).is_ok());
        refuses(&exponential, |state, x| state.update(x).is_ok());
        refuses(&extremes, |state, x| state.update(x).is_ok());
        refuses(&p2, |state, x| state.update(x).is_ok());
        refuses(&digest, |state, x| state.update(x).is_ok());
        refuses(&sample, |state, x| state.update(x).is_ok());
    }
}

#[test]
fn parameters_outside_their_domain_are_named() {
    let named = |error: bongsu_core::Error, name: &str| assert!(error.to_string().contains(name));
    for alpha in [0.0, 1.5, f64::NAN] {
        named(ExponentialMoments::new(alpha).unwrap_err(), "alpha");
    }
    named(
        ExponentialMoments::from_half_life(0.0).unwrap_err(),
        "half_life",
    );
    named(P2::new(1.0).unwrap_err(), "q");
    named(TDigest::new(9.0).unwrap_err(), "compression");
    named(
        TDigest::new(99.0).unwrap().half_life(0.5).unwrap_err(),
        "half_life",
    );
    named(Reservoir::new(0, 1).unwrap_err(), "capacity");
    named(CountMin::with_error(1e-9, 0.1, 1).unwrap_err(), "error");
    named(CountMin::with_error(0.1, 1e-30, 1).unwrap_err(), "failure");
}

/// Stopped after any number of values, saved and loaded, a sketch goes on as if nothing had been.
#[test]
fn a_saved_sketch_goes_on_bit_for_bit() {
    fn check<T: Snapshot + Clone>(fresh: &T, update: fn(&mut T, f64)) {
        let mut noise = Lcg::new(12);
        let values: Vec<f64> = (0..700).map(|_| 100.0 * noise.normal()).collect();
        let mut whole = fresh.clone();
        values.iter().for_each(|&x| update(&mut whole, x));
        let whole = snapshot::to_bytes(&whole).unwrap();
        for _ in 0..50 {
            let k = (700.0 * noise.uniform()) as usize;
            let mut state = fresh.clone();
            values[..k].iter().for_each(|&x| update(&mut state, x));
            let bytes = snapshot::to_bytes(&state).unwrap();
            let mut state: T = snapshot::from_bytes(&bytes).unwrap();
            values[k..].iter().for_each(|&x| update(&mut state, x));
            assert_eq!(
                snapshot::to_bytes(&state).unwrap(),
                whole,
                "{} {k}",
                T::KIND
            );
        }
    }
    check(&Moments::new(), |state, x| state.update(x).unwrap());
    check(&ExponentialMoments::new(0.1).unwrap(), |state, x| {
        state.update(x).unwrap();
    });
    check(&MinMax::new(), |state, x| state.update(x).unwrap());
    check(&P2::new(0.9).unwrap(), |state, x| state.update(x).unwrap());
    check(&TDigest::new(30.0).unwrap(), |state, x| {
        state.update(x).unwrap();
    });
    check(
        &TDigest::new(30.0).unwrap().half_life(50.0).unwrap(),
        |state, x| state.update(x).unwrap(),
    );
    check(&Reservoir::new(20, 1).unwrap(), |state, x| {
        state.update(x).unwrap();
    });
    check(&CountMin::new(64, 3, 1).unwrap(), |state, x| {
        state.add(x as i64 as u64, 1);
    });
}

#[test]
fn the_stated_sizes_are_true() {
    assert_eq!(size_of::<Moments>(), 32);
    assert_eq!(size_of::<ExponentialMoments>(), 32);
    assert_eq!(size_of::<MinMax>(), 24);
    assert_eq!(size_of::<P2>(), 104);
    assert!(size_of::<Reservoir>() <= 112);
    assert!(size_of::<TDigest>() <= 112);
    let mut digest = TDigest::new(100.0).unwrap();
    for i in 0..100_000 {
        digest.update(f64::from(i * 7_919 % 100_003)).unwrap();
    }
    assert!(digest.heap_bytes() <= 16 * 101 + 16 * 100);
}
