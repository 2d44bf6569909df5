//! Detectors: what they find, what they refuse, and how points follow from windows.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use bongsu_core::ndarray::{Array2, Axis, Slice};
use bongsu_core::{
    Calibration, Detector, ErrorKind, FitDetector, Rows, Score, Snapshot, StreamDetector, snapshot,
};
use bongsu_neural::{
    Activation, Autoencoder, Cell, Combine, FittedNetwork, LiveNetwork, Loss, LstmAutoencoder,
    LstmForecaster, Scaling, Scratch, Training, Vae,
};

fn wave(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        let noise = ((i * 7_919 + j * 104_729) % 1_000) as f64 / 1_000.0 - 0.5;
        20.0 + 5.0 * (i as f64 * 0.4 + j as f64).sin() + 0.3 * noise
    })
}

fn short(epochs: usize) -> Training {
    Training::new()
        .epochs(epochs)
        .unwrap()
        .learning_rate(3e-3)
        .unwrap()
}

fn small_lstm() -> LstmAutoencoder {
    let config = LstmAutoencoder::new().sequence(10).unwrap();
    config.units(vec![8, 4]).unwrap().training(short(3))
}

fn small_forecaster() -> LstmForecaster {
    let config = LstmForecaster::new().sequence(10).unwrap();
    config.units(vec![8]).unwrap().training(short(3))
}

/// Every detector, fitted on `x`, and the scores of these rows.
fn all(x: &Array2<f64>) -> Vec<(FittedNetwork, Vec<f64>)> {
    let rows = Rows::untimed(x.view());
    let gru = small_lstm().cell(Cell::Gru).combine(Combine::Causal);
    vec![
        Autoencoder::new()
            .training(short(5))
            .fit_score(&rows)
            .unwrap(),
        Vae::new().training(short(5)).fit_score(&rows).unwrap(),
        small_lstm().fit_score(&rows).unwrap(),
        small_lstm().stride(4).unwrap().fit_score(&rows).unwrap(),
        gru.fit_score(&rows).unwrap(),
        small_forecaster().fit_score(&rows).unwrap(),
    ]
}

#[test]
fn a_spike_scores_highest_and_above_the_bound() {
    let x = wave(300, 2);
    for (fitted, _) in all(&x) {
        let mut spiked = x.clone();
        spiked[[150, 1]] += 40.0;
        let scores = fitted.score(spiked.view()).unwrap();
        let highest = (0..300).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        assert_eq!(highest, Some(150), "{fitted:?}");
        assert!(scores[150] > 1.0);
        assert_eq!(fitted.threshold(), Some(1.0));
    }
}

#[test]
fn scores_of_the_fit_are_those_of_the_same_rows() {
    let x = wave(120, 3);
    for (fitted, scores) in all(&x) {
        let again = fitted.score(x.view()).unwrap();
        assert_eq!(again, scores);
        let above = scores.iter().filter(|&&score| score > 1.0).count();
        let share = above as f64 / 120.0;
        assert!((0.05..=0.1).contains(&share), "{share}");
    }
}

#[test]
fn the_last_row_is_judged_whatever_the_stride() {
    let mut x = wave(203, 1);
    let fitted = small_lstm().stride(9).unwrap().fit(x.view()).unwrap();
    x[[202, 0]] += 40.0;
    let scores = fitted.score(x.view()).unwrap();
    assert!((0..202).all(|i| scores[i] < scores[202]), "{}", scores[202]);
}

#[test]
fn snapshots_continue_bit_by_bit() {
    let x = wave(80, 2);
    for (fitted, scores) in all(&x) {
        let bytes = snapshot::to_bytes(&fitted).unwrap();
        let loaded: FittedNetwork = snapshot::from_bytes(&bytes).unwrap();
        assert_eq!(loaded, fitted);
        assert_eq!(loaded.score(x.view()).unwrap(), scores);
        let weights: usize = fitted.networks().iter().map(|(_, n)| n.parameters()).sum();
        let history = fitted.history().unwrap().epochs.len();
        assert!(
            bytes.len() <= 4 * weights + 40 * history + 600,
            "{}",
            bytes.len()
        );
        for end in [0, 7, 40, bytes.len() / 2, bytes.len() - 1] {
            assert!(snapshot::from_bytes::<FittedNetwork>(&bytes[..end]).is_err());
        }
        let mut live = fitted.live();
        for row in x.rows().into_iter().take(37) {
            live.learn(row.as_slice().unwrap()).unwrap();
        }
        let mut resumed: LiveNetwork =
            snapshot::from_bytes(&snapshot::to_bytes(&live).unwrap()).unwrap();
        for row in x.rows().into_iter().skip(37) {
            let row = row.as_slice().unwrap();
            assert_eq!(
                live.score_then_learn(row).unwrap(),
                resumed.score_then_learn(row).unwrap()
            );
        }
    }
}

#[test]
fn live_scores_are_those_of_the_past_alone() {
    let x = wave(90, 2);
    for (fitted, _) in all(&x) {
        let window = fitted.window();
        let causal = fitted.clone().combine(Combine::Causal);
        let batch = causal.score(x.view()).unwrap();
        let mut live = fitted.clone().live();
        let mut judged = 0;
        for (i, row) in x.rows().into_iter().enumerate() {
            match live.score_then_learn(row.as_slice().unwrap()).unwrap() {
                Score::Warmup { remaining } => assert!(remaining > 0 && i < window),
                Score::Ready(score) => {
                    assert_eq!(score, batch[i], "row {i}");
                    judged += 1;
                }
            }
        }
        assert_eq!(judged, 91 - fitted.piece());
        live.reset();
        assert_eq!(live.seen(), 0);
    }
}

#[test]
fn causal_scores_do_not_know_the_future() {
    let x = wave(100, 1);
    let configs = [small_lstm().combine(Combine::Causal), small_lstm()];
    let mut knows = Vec::new();
    for config in configs {
        let fitted = config.fit(x.view()).unwrap();
        let mut other = x.clone();
        other.slice_axis_mut(Axis(0), Slice::from(60..)).fill(90.0);
        let (a, b) = (
            fitted.score(x.view()).unwrap(),
            fitted.score(other.view()).unwrap(),
        );
        knows.push(a[..60] != b[..60]);
    }
    assert_eq!(knows, [false, true]);
}

#[test]
fn the_scaler_sees_the_training_part_alone_and_constants_do_not_blow_up() {
    let mut x = wave(200, 3);
    x.column_mut(2).fill(7.0);
    let config = Autoencoder::new().training(short(2).validation(0.25).unwrap());
    let fitted = config.fit(x.view()).unwrap();
    let part = x.column(0);
    let part = part.slice_axis(Axis(0), Slice::from(..150));
    let mean = part.mean().unwrap();
    let deviation = part.std(0.0);
    assert!((fitted.scaler().center()[0] - mean).abs() < 1e-12);
    assert!((fitted.scaler().scale()[0] - deviation).abs() < 1e-12);
    assert_eq!(
        (fitted.scaler().center()[2], fitted.scaler().scale()[2]),
        (7.0, 1.0)
    );
    let scaler = fitted.scaler().clone();
    fitted.score((&x * 100.0).view()).unwrap();
    assert_eq!(*fitted.scaler(), scaler);
    let min_max = config.scaling(Scaling::MinMax).output(Activation::Sigmoid);
    let fitted = min_max.fit(x.view()).unwrap();
    let most = part.iter().copied().fold(f64::MIN, f64::max);
    let least = part.iter().copied().fold(f64::MAX, f64::min);
    assert!((fitted.scaler().scale()[0] - (most - least)).abs() < 1e-12);
    assert_eq!(fitted.scaler().center()[0], least);
}

#[test]
fn any_finite_numbers_give_finite_scores() {
    for size in [1e308, 1e-308, 1e12, 1e-12, 0.0] {
        let x = wave(80, 2).mapv(|v| if v > 22.0 { size } else { -size });
        for (fitted, scores) in all(&x) {
            assert!(
                scores
                    .iter()
                    .all(|score| score.is_finite() && *score >= 0.0),
                "{size}"
            );
            let far =
                Array2::from_shape_fn((30, 2), |(i, _)| if i % 2 == 0 { 1e308 } else { -1e308 });
            let scores = fitted.score(far.view()).unwrap();
            assert!(scores.iter().all(|score| score.is_finite()), "{size}");
        }
    }
    let equal = Array2::from_elem((500, 2), 3.0);
    for (_, scores) in all(&equal) {
        assert!(scores.iter().all(|score| score.is_finite()));
    }
}

#[test]
fn bad_rows_are_refused_by_name() {
    let x = wave(80, 2);
    let (fitted, _) = all(&x).swap_remove(2);
    let fails = |result: bongsu_core::Result<Vec<f64>>, kind, words: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    fails(
        fitted.score(wave(9, 2).view()),
        ErrorKind::NotEnoughData,
        "a window needs at least 10 points",
    );
    fails(
        fitted.score(wave(20, 3).view()),
        ErrorKind::Shape,
        "number of features",
    );
    let mut holed = x.clone();
    holed[[3, 1]] = f64::NAN;
    fails(
        fitted.score(holed.view()),
        ErrorKind::NonFinite,
        "row 3, column 1",
    );
    let mut out = [0.0; 3];
    assert!(fitted.score_into(x.view(), &mut out).is_err());
    let error = small_lstm().fit(holed.view()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NonFinite);
    let error = small_lstm().fit(wave(24, 2).view()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a recurrent autoencoder needs at least 25 points"),
        "{error}"
    );
    assert!(small_lstm().fit(wave(25, 2).view()).is_ok());
    let error = Autoencoder::new()
        .fit(Array2::zeros((50, 0)).view())
        .unwrap_err();
    assert!(error.to_string().contains("features"), "{error}");
    let mut live = fitted.live();
    assert!(live.score(&[1.0]).is_err());
    assert!(live.learn(&[1.0, f64::INFINITY]).is_err());
    assert_eq!(live.seen(), 0);
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    assert!(Autoencoder::new().units(vec![]).is_err());
    assert!(Autoencoder::new().units(vec![8, 0]).is_err());
    assert!(Autoencoder::new().dropout(1.0).is_err());
    assert!(Vae::new().beta(f64::NAN).is_err());
    assert!(Vae::new().latent(0).is_err());
    assert!(Vae::new().samples(1_001).is_err());
    assert!(LstmAutoencoder::new().sequence(1).is_err());
    assert!(LstmAutoencoder::new().stride(0).is_err());
    assert!(LstmForecaster::new().sequence(usize::MAX).is_err());
    assert!(Training::new().epochs(0).is_err());
    assert!(Training::new().batch(0).is_err());
    assert!(Training::new().learning_rate(0.0).is_err());
    assert!(Training::new().weight_decay(1.0).is_err());
    assert!(Training::new().l2(-1.0).is_err());
    assert!(Training::new().loss(Loss::Huber { delta: 0.0 }).is_err());
    assert!(Training::new().validation(1.0).is_err());
    assert!(Training::new().min_delta(f64::INFINITY).is_err());
    assert!(Training::new().reduce_on_plateau(2, 1.0, 1e-5).is_err());
    assert!(Training::new().reduce_on_plateau(2, 0.0, 1e-5).is_err());
    assert!(Training::new().clip_norm(Some(0.0)).is_err());
    let x = wave(100, 1);
    let bad = |threshold| {
        small_forecaster()
            .threshold(threshold)
            .fit(x.view())
            .is_err()
    };
    assert!(bad(Calibration::Contamination(0.6)));
    assert!(bad(Calibration::Threshold(-1.0)));
    assert!(bad(Calibration::FalseAlarmRate(0.0)));
    let stride = small_lstm().stride(11).unwrap();
    assert!(
        stride
            .fit(x.view())
            .unwrap_err()
            .to_string()
            .contains("stride")
    );
}

#[test]
fn thresholds_are_errors() {
    let x = wave(1_200, 1);
    let training = short(2).validation(0.5).unwrap();
    let config = Autoencoder::new()
        .units(vec![4])
        .unwrap()
        .training(training);
    let fit = |threshold| {
        let config = config.clone().threshold(threshold);
        config.fit_score(&Rows::untimed(x.view())).unwrap()
    };
    let (fixed, scores) = fit(Calibration::Threshold(0.5));
    assert_eq!(fixed.error_threshold(), 0.5);
    let errors: Vec<f64> = scores.iter().map(|score| score * 0.5).collect();
    let above = |fitted: &FittedNetwork, errors: &[f64]| {
        let over = errors.iter().filter(|&&e| e > fitted.error_threshold());
        over.count() as f64 / errors.len() as f64
    };
    let (quantile, _) = fit(Calibration::Contamination(0.02));
    assert!((above(&quantile, &errors) - 0.02).abs() < 1e-3);
    let (tail, _) = fit(Calibration::peaks_over_threshold());
    assert!(above(&tail, &errors) < 0.01);
    let (conformal, _) = fit(Calibration::FalseAlarmRate(0.05));
    let mut held_back = errors[600..].to_vec();
    held_back.sort_by(f64::total_cmp);
    // Rank ceil(0.95 * 601) of 600.
    assert!((conformal.error_threshold() - held_back[570]).abs() < 1e-12);
    let none = config.clone().training(short(2).validation(0.0).unwrap());
    let error = none
        .threshold(Calibration::FalseAlarmRate(0.05))
        .fit(x.view());
    assert!(error.unwrap_err().to_string().contains("validation"));
    let lstm = small_lstm().threshold(Calibration::FalseAlarmRate(0.05));
    for (rows, held_back) in [(80, "8 rows, which hold 0"), (150, "15 rows, which hold 6")] {
        let error = lstm.fit(wave(rows, 1).view()).unwrap_err().to_string();
        let words = format!("`validation` ({held_back} windows of 10), needs at least 20 points");
        assert!(error.contains(&words), "{error}");
    }
}

#[test]
fn contributions_name_the_feature() {
    let x = wave(200, 3);
    let mut spiked = x.clone();
    spiked[[100, 1]] += 60.0;
    for (fitted, _) in all(&x) {
        let rows = fitted.piece();
        let part = spiked.slice_axis(Axis(0), Slice::from(101 - rows..101));
        let shares = fitted.contributions_of_last(&part).unwrap();
        assert!(shares[1] > 3.0 * shares[0].max(shares[2]), "{shares:?}");
        let row = spiked.row(100).to_vec();
        let alone = fitted.contributions(&row).unwrap();
        assert_eq!(alone.is_some(), rows == 1);
        let mut live = fitted.clone().live();
        for row in spiked.rows().into_iter().take(100) {
            live.learn(row.as_slice().unwrap()).unwrap();
        }
        assert_eq!(live.contributions(&row).unwrap().unwrap(), shares);
        assert!(fitted.contributions_of_last(&spiked.view()).is_err());
    }
}

#[test]
fn contradictory_states_are_refused() {
    let x = wave(80, 2);
    let (fitted, _) = all(&x).swap_remove(2);
    assert!(fitted.validate().is_ok());
    let (_, network) = fitted.networks()[0];
    let scaler = bongsu_neural::Scaler::new(vec![0.0], vec![1.0]).unwrap();
    let of = |scaler, threshold| {
        FittedNetwork::reconstruction(network.clone(), scaler, Loss::Mse, threshold)
    };
    assert_eq!(of(scaler, 1.0).unwrap_err().kind(), ErrorKind::Shape);
    assert!(of(fitted.scaler().clone(), f64::NAN).is_err());
    assert!(bongsu_neural::Scaler::new(vec![0.0], vec![0.0]).is_err());
    assert!(bongsu_neural::Scaler::new(vec![], vec![]).is_err());
    let brought = of(fitted.scaler().clone(), fitted.error_threshold()).unwrap();
    assert_eq!(
        brought.score(x.view()).unwrap(),
        fitted.score(x.view()).unwrap()
    );
    let forecast =
        FittedNetwork::forecast(network.clone(), fitted.scaler().clone(), Loss::Mse, 1.0);
    assert!(forecast.is_err());
}

#[test]
fn forecasts_come_with_bands_where_a_score_of_one_lies() {
    let x = wave(120, 1);
    for loss in [Loss::Mse, Loss::Mae, Loss::Huber { delta: 0.3 }] {
        let training = short(3).loss(loss).unwrap();
        let fitted = small_forecaster().training(training).fit(x.view()).unwrap();
        let bands = fitted
            .expectations(&Rows::untimed(x.view()))
            .unwrap()
            .unwrap();
        assert!(bands[..10].iter().all(|band| band.expected.is_nan()));
        let mut live = fitted.clone().live();
        assert_eq!(live.expectation(), None);
        for i in 0..50 {
            live.learn(&[x[[i, 0]]]).unwrap();
        }
        let band = bands[50];
        assert_eq!(live.expectation(), Some(band));
        let score = |value: f64| live.score(&[value]).unwrap().ready().unwrap();
        assert!(
            (score(band.upper) - 1.0).abs() < 1e-4,
            "{}",
            score(band.upper)
        );
        assert!(
            (score(band.lower) - 1.0).abs() < 1e-4,
            "{}",
            score(band.lower)
        );
        assert!(score(band.expected) < 1e-6);
    }
    assert!(
        small_lstm()
            .fit(x.view())
            .unwrap()
            .live()
            .expectation()
            .is_none()
    );
}

#[test]
fn pieces_of_many_series_score_as_each_alone() {
    let x = wave(90, 2);
    for (fitted, _) in all(&x) {
        let rows = fitted.piece();
        let starts = [0, 3, 17, 80 - rows];
        let mut pieces = Vec::new();
        let mut expected = Vec::new();
        for start in starts {
            let mut live = fitted.clone().live();
            for i in start..start + rows {
                let row = x.row(i).to_vec();
                expected.extend(live.score_then_learn(&row).unwrap().ready());
                pieces.extend(row);
            }
        }
        let mut scores = [0.0; 4];
        let mut scratch = Scratch::default();
        fitted
            .score_pieces(&pieces, &mut scores, &mut scratch)
            .unwrap();
        for (score, expected) in scores.iter().zip(&expected) {
            assert!((score / expected - 1.0).abs() < 1e-4, "{score} {expected}");
        }
        assert_eq!(expected.len(), 4);
        assert!(
            fitted
                .score_pieces(&pieces[1..], &mut scores, &mut scratch)
                .is_err()
        );
        pieces[1] = f64::NAN;
        assert!(
            fitted
                .score_pieces(&pieces, &mut scores, &mut scratch)
                .is_err()
        );
    }
}
