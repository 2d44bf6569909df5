//! What holds for every drift detector and any input.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod common;

use bongsu_core::{Drift, DriftDetector, Snapshot, snapshot};
use bongsu_stream::{
    Adwin, Ddm, DriftMethod, DriftMonitor, DriftState, Eddm, HddmA, HddmW, Kswin, PageHinkley,
};
use common::Lcg;
use proptest::prelude::*;

fn methods() -> Vec<DriftMethod> {
    let short = Adwin::new().clock(3).unwrap().max_buckets(1).unwrap();
    let small = Kswin::new().window_size(12).unwrap();
    let small = small.stat_size(6).unwrap().alpha(0.05).unwrap();
    vec![
        DriftMethod::Adwin(Adwin::new()),
        DriftMethod::Adwin(
            short
                .min_window_length(1)
                .unwrap()
                .grace_period(0)
                .restart(false),
        ),
        DriftMethod::Ddm(Ddm::new()),
        DriftMethod::Eddm(Eddm::new()),
        DriftMethod::HddmA(HddmA::new().two_sided(true)),
        DriftMethod::HddmW(HddmW::new().two_sided(true)),
        DriftMethod::PageHinkley(PageHinkley::new().threshold(2.0).unwrap()),
        DriftMethod::Kswin(Kswin::new()),
        DriftMethod::Kswin(small),
    ]
}

fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => any::<f64>(),
        2 => (0..2_i32).prop_map(f64::from),
        2 => 0.0..1.0_f64,
        1 => prop::sample::select(vec![1e100, -1e100, 1e308, 5e-324, -0.0, f64::NAN, f64::INFINITY]),
    ]
}

/// A stream of bits whose rate changes now and then.
fn bits(seed: u64, n: usize) -> Vec<f64> {
    let mut rng = Lcg::new(seed);
    let mut rate = 0.2;
    let mut next = |i: usize| {
        if i % 400 == 399 {
            rate = rng.uniform();
        }
        f64::from(rng.uniform() < rate)
    };
    (0..n).map(&mut next).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_value_is_judged_or_refused_without_a_trace(
        values in prop::collection::vec(any_float(), 1..300),
    ) {
        for method in methods() {
            let mut state = method.build().unwrap();
            for &x in &values {
                let before = state.clone();
                if state.update(x).is_err() {
                    prop_assert_eq!(&state, &before);
                }
            }
            state.validate().unwrap();
        }
    }

    #[test]
    fn a_saved_detector_goes_on_as_if_never_stopped(seed in any::<u64>(), k in 1..1999_usize) {
        let x = bits(seed, 2000);
        for method in methods() {
            let mut whole = method.build().unwrap();
            let all: Vec<Drift> = x.iter().map(|&x| whole.update(x).unwrap()).collect();
            let mut first = method.build().unwrap();
            for &x in &x[..k] {
                first.update(x).unwrap();
            }
            let mut second: DriftState =
                snapshot::from_bytes(&snapshot::to_bytes(&first).unwrap()).unwrap();
            let rest: Vec<Drift> = x[k..].iter().map(|&x| second.update(x).unwrap()).collect();
            prop_assert_eq!(&all[k..], &rest[..]);
            prop_assert_eq!(whole, second);
        }
    }

    /// Bytes with any change that the checksum would not have caught.
    #[test]
    fn a_damaged_state_is_refused_or_works(
        seed in any::<u64>(), places in prop::collection::vec((any::<u16>(), any::<u8>()), 1..4),
    ) {
        for method in methods() {
            let mut state = method.build().unwrap();
            for x in bits(seed, 150) {
                state.update(x).unwrap();
            }
            let mut bytes = snapshot::to_bytes(&state).unwrap();
            let header = 4 + 1 + DriftState::KIND.len() + 2 + 8 + 4;
            for &(place, value) in &places {
                let place = header + usize::from(place) % (bytes.len() - header);
                bytes[place] = value;
            }
            let (head, payload) = bytes.split_at(header);
            let signed = &head[..header - 4];
            let checksum = crc32c(signed.iter().chain(payload));
            let mut bytes = signed.to_vec();
            bytes.extend(checksum.to_le_bytes());
            bytes.extend(payload);
            if let Ok(mut state) = snapshot::from_bytes::<DriftState>(&bytes) {
                for x in [0.0, 1.0].repeat(40) {
                    let _ = state.update(x);
                }
            }
        }
    }
}

fn crc32c<'a>(bytes: impl Iterator<Item = &'a u8>) -> u32 {
    let mut crc = !0_u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[test]
fn memory_stays_within_what_is_promised() {
    let promised = [2500, 80, 96, 96, 184, 104, 0];
    let methods = [
        DriftMethod::Adwin(Adwin::new()),
        DriftMethod::Ddm(Ddm::new()),
        DriftMethod::Eddm(Eddm::new()),
        DriftMethod::HddmA(HddmA::new()),
        DriftMethod::HddmW(HddmW::new()),
        DriftMethod::PageHinkley(PageHinkley::new()),
        DriftMethod::Kswin(Kswin::new()),
    ];
    let mut rng = Lcg::new(3);
    let x: Vec<f64> = (0..1_000_000)
        .map(|_| f64::from(rng.uniform() < 0.3))
        .collect();
    for (method, promised) in methods.into_iter().zip(promised) {
        let (mut state, n) = (method.build().unwrap(), x.len());
        let n = if matches!(method, DriftMethod::Kswin(_)) {
            5000
        } else {
            n
        };
        for &x in &x[..n] {
            state.update(x).unwrap();
        }
        let size = snapshot::to_bytes(&state).unwrap().len();
        let promised = if state.name() == "kswin" {
            8 * 100 + 128
        } else {
            promised + 64
        };
        assert!(size <= promised, "{}: {size} bytes", state.name());
        if let Some(adwin) = state.as_adwin() {
            assert!(adwin.width() > 500_000, "{}", adwin.width());
            assert!((adwin.estimate() - 0.3).abs() < 0.002);
            assert!((adwin.variance() - 0.21).abs() < 0.002);
        }
    }
}

#[test]
fn adwin_minds_the_variance() {
    // The same change of the mean, in noise of two sizes: Hoeffding's bound could not tell them
    // apart.
    let delay = |noise: f64| {
        let mut adwin = Adwin::new().clock(1).unwrap().build().unwrap();
        let mut rng = Lcg::new(1);
        (0..4000)
            .find(|&i| {
                let level = if i < 1000 { 0.45 } else { 0.55 };
                let x = level + noise * (rng.uniform() - 0.5);
                adwin.update(x).unwrap() == Drift::Drift
            })
            .unwrap()
    };
    assert!(
        delay(0.02) + 30 < delay(0.8),
        "{} {}",
        delay(0.02),
        delay(0.8)
    );
}

fn drifts(monitor: &mut DriftMonitor, x: &[f64]) -> Vec<usize> {
    let mut found = Vec::new();
    for (i, &x) in x.iter().enumerate() {
        if monitor.update(x).unwrap() == Drift::Drift {
            found.push(i);
        }
    }
    found
}

fn page_hinkley() -> DriftState {
    let test = PageHinkley::new().threshold(20.0).unwrap();
    DriftMethod::PageHinkley(test).build().unwrap()
}

#[test]
fn a_monitor_waits_for_confirmation() {
    let mut rng = Lcg::new(9);
    let mut x: Vec<f64> = (0..600).map(|_| 0.1 + 0.1 * rng.uniform()).collect();
    // A few values are off: not a change; then every one is.
    x[250..265].fill(1.0);
    x[400..].iter_mut().for_each(|x| *x += 0.7);
    let state = DriftMethod::HddmW(HddmW::new()).build().unwrap();
    let plain = drifts(&mut DriftMonitor::new(state.clone()), &x);
    assert!((250..270).contains(&plain[0]), "{plain:?}");
    let mut monitor = DriftMonitor::new(state).confirm(20, 30).unwrap();
    let confirmed = drifts(&mut monitor, &x);
    assert_eq!(confirmed.len(), 1, "{confirmed:?}");
    assert!((425..460).contains(&confirmed[0]), "{confirmed:?}");
    assert_eq!(monitor.since_drift(), 599 - confirmed[0] as u64);
}

#[test]
fn a_monitor_keeps_its_distance_and_forgets_no_change() {
    let mut rng = Lcg::new(9);
    let level = |i: usize| [0.0, 3.0, 6.0][(i / 100).min(2)];
    let x: Vec<f64> = (0..600).map(|i| level(i) + rng.uniform()).collect();
    let plain = drifts(&mut DriftMonitor::new(page_hinkley()), &x);
    assert_eq!(plain.len(), 2, "{plain:?}");
    let mut monitor = DriftMonitor::new(page_hinkley()).min_points(250);
    let apart = drifts(&mut monitor, &x);
    assert_eq!(apart, [plain[0], plain[0] + 250]);
    let saved = snapshot::to_bytes(&monitor).unwrap();
    assert_eq!(
        snapshot::from_bytes::<DriftMonitor>(&saved).unwrap(),
        monitor
    );
    monitor.reset();
    assert_eq!(drifts(&mut monitor, &x), apart);
}

#[test]
fn parameters_outside_their_domain_are_refused_by_name() {
    let messages = [
        Adwin::new().delta(1.0).unwrap_err(),
        Adwin::new().clock(0).unwrap_err(),
        Adwin::new().max_buckets(0).unwrap_err(),
        Adwin::new().min_window_length(0).unwrap_err(),
        Ddm::new().warning_threshold(f64::NAN).unwrap_err(),
        Ddm::new()
            .drift_threshold(1.0)
            .unwrap()
            .build()
            .unwrap_err(),
        Eddm::new().alpha(0.0).unwrap_err(),
        Eddm::new().beta(0.99).unwrap().build().unwrap_err(),
        HddmA::new().drift_confidence(0.0).unwrap_err(),
        HddmA::new()
            .warning_confidence(1e-9)
            .unwrap()
            .build()
            .unwrap_err(),
        HddmW::new().lambda(1.5).unwrap_err(),
        PageHinkley::new().threshold(0.0).unwrap_err(),
        PageHinkley::new().alpha(0.0).unwrap_err(),
        PageHinkley::new().delta(1e101).unwrap_err(),
        Kswin::new().alpha(0.0).unwrap_err(),
        Kswin::new().stat_size(51).unwrap().build().unwrap_err(),
        Kswin::new().window_size(usize::MAX).unwrap_err(),
        DriftMonitor::new(page_hinkley()).confirm(3, 2).unwrap_err(),
        DriftMonitor::new(page_hinkley()).confirm(0, 2).unwrap_err(),
    ];
    let names = [
        "delta",
        "clock",
        "max_buckets",
        "min_window_length",
        "warning_threshold",
        "drift_threshold",
        "alpha",
        "beta",
        "drift_confidence",
        "warning_confidence",
        "lambda",
        "threshold",
        "alpha",
        "1e100",
        "alpha",
        "window_size",
        "window_size",
        "within",
        "votes",
    ];
    for (message, name) in messages.iter().zip(names) {
        assert!(message.to_string().contains(name), "{message}");
    }
    let mut ddm = Ddm::new().build().unwrap();
    assert!(ddm.update(1.5).unwrap_err().to_string().contains("1.5"));
    assert!(Eddm::new().build().unwrap().update(0.5).is_err());
}

/// The draws of KSWIN: a change of its generator is a change of every seeded result.
#[test]
fn value_stability() {
    let kswin = Kswin::new().alpha(0.05).unwrap().seed(7);
    let mut kswin = kswin.build().unwrap();
    let mut rng = Lcg::new(2);
    let found: Vec<usize> = (0..1500)
        .filter(|_| kswin.update(rng.uniform()).unwrap() == Drift::Drift)
        .collect();
    assert_eq!(
        found,
        [127, 271, 401, 544, 691, 937, 1096, 1284, 1384, 1488]
    );
}
