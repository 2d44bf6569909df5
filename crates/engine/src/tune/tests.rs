use super::*;

/// A load with noise that repeats from run to run, and pairs of odd values.
fn labelled(rows: usize) -> (Table, Vec<bool>) {
    let mut state = 11_u32;
    let mut csv = String::from("timestamp,load\n");
    let mut labels = Vec::new();
    for row in 0..rows {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 8) / f64::from(1 << 24);
        let odd = row % 150 == 120 || row % 150 == 121;
        labels.push(odd);
        // The level wanders, so that a short memory is better than a long one.
        let level = 20.0 * (row as f64 / 90.0).sin();
        csv += &format!(
            "{},{}\n",
            60 * row,
            level + noise + if odd { 3.0 } else { 0.0 }
        );
    }
    (Table::read(csv.as_bytes()).unwrap(), labels)
}

fn request(detector: &str) -> TuneRequest {
    TuneRequest {
        detector: detector.to_owned(),
        trials: 24,
        ..TuneRequest::default()
    }
}

fn quiet(_: usize, _: usize, _: Option<f64>) {}

#[test]
fn labels_find_a_better_memory_which_holds_for_later_rows() {
    let (table, labels) = labelled(1_500);
    let request = TuneRequest {
        search: vec!["window".to_owned()],
        ..request("zscore")
    };
    let tuned = tune(&table, Some(&labels), &request, &quiet).unwrap();
    let (test, before) = (tuned.test.unwrap(), tuned.before.unwrap());
    assert!(tuned.found > before + 0.05, "{tuned:?}");
    assert!(test.found.unwrap() > test.before.unwrap(), "{tuned:?}");
    assert_eq!((test.rows, tuned.trials, tuned.failed), (450, 24, 0));
    let window: f64 = tuned.parameters["window"].parse().unwrap();
    assert!(window < 100.0);
    assert_eq!(
        tune(&table, Some(&labels), &request, &quiet).unwrap(),
        tuned
    );
}

#[test]
fn rows_of_the_test_part_change_nothing_that_is_found() {
    let (table, mut labels) = labelled(1_000);
    let request = request("ewma");
    let first = tune(&table, Some(&labels), &request, &quiet).unwrap();
    let mut other = table.clone();
    for (row, label) in labels.iter_mut().enumerate().skip(700) {
        *label = !*label;
        other.values[[row, 0]] = 1e6 - other.values[[row, 0]];
    }
    let second = tune(&other, Some(&labels), &request, &quiet).unwrap();
    assert_eq!(first.parameters, second.parameters);
    assert_ne!(first.test, second.test);
}

#[test]
fn without_labels_the_alarms_come_near_the_budget() {
    let (table, _) = labelled(1_500);
    let alarms = |parameters: &BTreeMap<String, String>| {
        let request = DetectRequest {
            detector: "zscore".to_owned(),
            parameters: parameters.clone(),
            ..DetectRequest::default()
        };
        let rows: Vec<bool> = (detect(&table, &request).unwrap().iter())
            .map(|row| row.anomalous)
            .collect();
        bongsu_eval::events(&rows).len() as f64
    };
    let weeks = 1_499.0 / (7.0 * 24.0 * 60.0);
    let request = TuneRequest {
        alarm_budget: 10.0 / weeks,
        search: vec!["threshold".to_owned()],
        trials: 300,
        ..request("zscore")
    };
    let tuned = tune(&table, None, &request, &quiet).unwrap();
    assert_eq!((tuned.goal.as_str(), tuned.test), ("steadiness", None));
    let far = |alarms: f64| ((alarms + 0.5) / 10.5).ln().abs();
    assert!(far(alarms(&tuned.parameters)) <= far(alarms(&BTreeMap::new())));
    assert!(far(alarms(&tuned.parameters)) < 0.5, "{tuned:?}");
}

#[test]
fn what_is_wrong_is_said() {
    let (table, labels) = labelled(400);
    let mut late = vec![false; 400];
    late[399] = true;
    for (request, labels, message) in [
        (request("zscor"), Some(&labels), "did you mean `zscore`"),
        (
            TuneRequest {
                trials: 0,
                ..request("zscore")
            },
            Some(&labels),
            "trials",
        ),
        (
            TuneRequest {
                test_share: 0.95,
                ..request("zscore")
            },
            Some(&labels),
            "test_share",
        ),
        (
            TuneRequest {
                alarm_budget: f64::NAN,
                ..request("zscore")
            },
            None,
            "alarm_budget",
        ),
        (
            TuneRequest {
                measure: "vus".to_owned(),
                ..request("zscore")
            },
            Some(&labels),
            "vus_pr",
        ),
        (
            TuneRequest {
                search: vec!["windw".to_owned()],
                ..request("zscore")
            },
            Some(&labels),
            "no parameter `windw`",
        ),
        (
            TuneRequest {
                search: vec!["timezone".to_owned()],
                ..request("auto-stream")
            },
            Some(&labels),
            "cannot be searched",
        ),
        (
            TuneRequest {
                parameters: [("window".to_owned(), "9".to_owned())].into(),
                search: vec!["window".to_owned()],
                ..request("zscore")
            },
            Some(&labels),
            "not both",
        ),
        (request("zscore"), Some(&late), "no row of the first 280"),
    ] {
        let error = tune(&table, labels.map(Vec::as_slice), &request, &quiet);
        let error = error.unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let short = tune(&table, Some(&[true, false]), &request("zscore"), &quiet);
    assert!(short.unwrap_err().to_string().contains("number of labels"));
}
