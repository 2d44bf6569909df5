//! What the report says of how metrics go together.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::time::Duration;

use bongsu_core::{ErrorKind, Timestamp};
use bongsu_rca::correlation::{benjamini_hochberg, pearson};
use bongsu_rca::{
    Graph, Metric, Observations, Options, Provenance, RcaReport, Relations, analyse_observations,
};
use statrs::function::beta::beta_reg;

const ROWS: usize = 200;
const ONSET: usize = 120;

fn noise(i: usize, s: usize) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (s as u64 + 7).wrapping_mul(0xd1b5_4a32_d192_ed03);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
}

/// A level that begins at the onset, `late` rows later, and is restless from then on.
fn unrest(i: usize, late: usize) -> f64 {
    let since = i.checked_sub(late).filter(|&k| k >= ONSET);
    since.map_or(0.0, |k| 20.0 + 40.0 * noise(k, 99))
}

/// store moves, cart three rows later, shop five rows after it; mail is idle. A row each half minute.
fn data() -> Observations {
    let metrics = ["store", "cart", "shop", "mail"].map(|s| Metric::new(s, "latency"));
    let delays = [Some(0), Some(3), Some(8), None];
    let column = |s: usize, delay: Option<usize>| -> Vec<f64> {
        let value = |i| 50.0 + noise(i, s) + delay.map_or(0.0, |late| unrest(i, late));
        (0..ROWS).map(value).collect()
    };
    let columns = (0..4).map(|s| column(s, delays[s])).collect();
    let times = (0..ROWS)
        .map(|i| Timestamp::from_secs(30 * i as i64))
        .collect();
    Observations::new(times, metrics.to_vec(), columns).unwrap()
}

fn graph() -> Graph {
    let mut graph = Graph::new();
    for (caller, callee) in [("shop", "cart"), ("cart", "store"), ("shop", "mail")] {
        graph.add(caller, callee, Provenance::Configured);
    }
    graph
}

fn analyse(data: &Observations, graph: &Graph, options: &Options) -> RcaReport {
    let onset = Timestamp::from_secs(30 * ONSET as i64);
    analyse_observations(data, None, Some(onset), graph, options).unwrap()
}

/// The p-value of a correlation, times the number of lags.
fn at_any_lag(r: f64, points: usize, max_lag: usize) -> f64 {
    let lags = 2.0 * max_lag as f64 + 1.0;
    let freedom = points as f64 - 2.0;
    let tail = beta_reg(0.5 * freedom, 0.5, (1.0 - r) * (1.0 + r));
    (lags * tail).min(1.0)
}

fn services(relations: &Relations) -> Vec<String> {
    let first = &relations.chains[0];
    let mut names = vec![first.links[0].cause.service.clone()];
    names.extend(first.links.iter().map(|link| link.effect.service.clone()));
    names
}

#[test]
fn causes_and_effects_stand_in_the_report_with_their_lags() {
    let data = data();
    for graph in [graph(), Graph::new()] {
        let report = analyse(&data, &graph, &Options::default());
        let relations = report.relations.unwrap();
        assert_eq!(
            services(&relations),
            ["store", "cart", "shop"],
            "{relations:#?}"
        );
        let links = &relations.chains[0].links;
        assert_eq!((links[0].lag_minutes, links[1].lag_minutes), (1.5, 2.5));
        assert!(
            links
                .iter()
                .all(|l| l.correlation > 0.8 && l.confidence > 80.0)
        );
        let least = links.iter().map(|l| l.confidence).fold(100.0, f64::min);
        assert_eq!(relations.chains[0].confidence, least);
        let text = relations.chains[0].to_string();
        assert!(
            text.starts_with("latency of store -> latency of cart (r 0.9"),
            "{text}"
        );
        assert!(
            text.contains("1.50 min later) -> latency of shop"),
            "{text}"
        );
    }
}

#[test]
fn correlations_are_those_of_the_library_over_an_hour_on_either_side() {
    let data = data();
    let report = analyse(&data, &graph(), &Options::default());
    let relations = report.relations.unwrap();
    // From the onset at an hour to the end, and the whole hour before.
    assert_eq!(relations.points, ROWS);
    let column = |metric: &Metric| {
        let place = data.metrics().iter().position(|m| m == metric).unwrap();
        &data.columns()[place]
    };
    let mut p_values = Vec::new();
    for one in &relations.correlations {
        let expected = pearson(column(&one.first), column(&one.second)).unwrap();
        assert!((one.r - expected.r).abs() < 1e-9);
        // Lags of up to a tenth of the moments to either side.
        assert!((one.p_value - at_any_lag(one.lag_r, ROWS, 20)).abs() < 1e-9);
        assert!(one.lag_r.abs() >= one.r.abs() - 1e-9 && one.lag_minutes >= 0.0);
        p_values.push(one.p_value);
    }
    let adjusted = benjamini_hochberg(&p_values).unwrap();
    for (one, adjusted) in relations.correlations.iter().zip(adjusted) {
        assert!((one.adjusted_p_value - adjusted).abs() < 1e-9);
    }
    let pair = |a: &str, b: &str| {
        let found = relations.correlations.iter();
        found
            .clone()
            .find(|r| r.first.service == a && r.second.service == b)
            .unwrap()
    };
    let foretold = pair("store", "cart").granger_p_value.unwrap();
    assert!(foretold < 1e-6, "{foretold}");
    let edge = |a: &str, b: &str| {
        let joins = |e: &&bongsu_rca::CausalEdge| {
            let ends = [e.first.service.as_str(), e.second.service.as_str()];
            ends == [a, b] || ends == [b, a]
        };
        relations.causal_graph.iter().any(|e| joins(&e))
    };
    assert!(edge("store", "cart") && edge("cart", "shop"));
}

#[test]
fn what_moves_strictly_one_after_the_other_is_told() {
    // White noise, of which cart has that of store ten rows later, and mail one of its own; no level.
    let metrics = ["store", "cart", "mail"].map(|s| Metric::new(s, "latency"));
    let column = |s: usize, late: usize, of: usize| -> Vec<f64> {
        let value = |i: usize| 50.0 + noise(i, s) + 40.0 * noise(ROWS + i - late, of);
        (0..ROWS).map(value).collect()
    };
    let times = (0..ROWS)
        .map(|i| Timestamp::from_secs(30 * i as i64))
        .collect();
    let columns = vec![column(1, 0, 99), column(2, 10, 99), column(3, 0, 98)];
    let data = Observations::new(times, metrics.to_vec(), columns).unwrap();
    let relations = analyse(&data, &Graph::new(), &Options::default())
        .relations
        .unwrap();
    let significant: Vec<&bongsu_rca::Relation> = relations
        .correlations
        .iter()
        .filter(|one| one.is_significant())
        .collect();
    assert_eq!(significant.len(), 1, "{:#?}", relations.correlations);
    let one = significant[0];
    assert_eq!(
        (one.first.service.as_str(), one.second.service.as_str()),
        ("store", "cart")
    );
    assert!(one.r.abs() < 0.2 && one.lag_r > 0.9, "{one:?}");
    assert_eq!(one.lag_minutes, 5.0);
    assert_eq!(services(&relations), ["store", "cart"]);
}

#[test]
fn times_left_out_change_no_lag() {
    let data = data();
    // A minute and a half of normal times is missing, and a minute of the incident.
    let kept: Vec<usize> = (0..ROWS)
        .filter(|i| !(60..63).contains(i) && !(150..152).contains(i))
        .collect();
    let columns = data
        .columns()
        .iter()
        .map(|c| kept.iter().map(|&i| c[i]).collect());
    let times = kept.iter().map(|&i| data.times()[i]).collect();
    let part = Observations::new(times, data.metrics().to_vec(), columns.collect()).unwrap();
    let relations = analyse(&part, &graph(), &Options::default())
        .relations
        .unwrap();
    assert_eq!(services(&relations), ["store", "cart", "shop"]);
    let lags: Vec<f64> = relations.chains[0]
        .links
        .iter()
        .map(|l| l.lag_minutes)
        .collect();
    assert_eq!(lags, [1.5, 2.5]);
}

#[test]
fn what_moves_at_once_is_told_by_dependencies_alone() {
    let metrics = ["shop", "cart"].map(|s| Metric::new(s, "latency"));
    let column = |s: usize| {
        (0..ROWS)
            .map(|i| 50.0 + noise(i, s) + unrest(i, 0))
            .collect()
    };
    let times = (0..ROWS)
        .map(|i| Timestamp::from_secs(30 * i as i64))
        .collect();
    let data = Observations::new(times, metrics.to_vec(), vec![column(1), column(2)]).unwrap();
    let known = analyse(&data, &graph(), &Options::default())
        .relations
        .unwrap();
    assert_eq!(services(&known), ["cart", "shop"]);
    let link = &known.chains[0].links[0];
    assert_eq!(link.lag_minutes, 0.0);
    assert!(
        link.confidence <= 50.0 && link.confidence > 45.0,
        "{link:?}"
    );
    assert_eq!(known.correlations[0].granger_p_value, None);
    let unknown = analyse(&data, &Graph::new(), &Options::default())
        .relations
        .unwrap();
    assert!(unknown.chains.is_empty());
}

#[test]
fn the_time_around_the_onset_is_a_setting() {
    let data = data();
    let mut options = Options::default();
    for (seconds, points) in [(300, 21), (600, 41), (1_800, 121), (86_400, ROWS)] {
        options.relations_around = Duration::from_secs(seconds);
        let relations = analyse(&data, &graph(), &options).relations.unwrap();
        assert_eq!(relations.points, points, "{seconds}");
    }
    options.relations_around = Duration::MAX;
    let relations = analyse(&data, &graph(), &options).relations.unwrap();
    assert_eq!(relations.points, ROWS);
    options.relations_around = Duration::ZERO;
    let refused = options.validate().unwrap_err().to_string();
    assert!(refused.contains("relations_around"), "{refused}");
}

#[test]
fn it_is_asked_for_and_bounded() {
    let data = data();
    let mut options = Options::default();
    options.relations = 0;
    assert_eq!(analyse(&data, &graph(), &options).relations, None);
    options.relations = 2;
    let two = analyse(&data, &graph(), &options).relations.unwrap();
    assert_eq!((two.metrics.len(), two.correlations.len()), (2, 1));
    options.relations = Options::MOST_RELATED + 1;
    assert_eq!(
        options.validate().unwrap_err().kind(),
        ErrorKind::InvalidParameter
    );
    // Constant metrics and few moments say nothing.
    let constant = |rows: usize, value: &dyn Fn(usize, usize) -> f64| {
        let metrics = ["a", "b"].map(|s| Metric::new(s, "m"));
        let columns = (0..2).map(|s| (0..rows).map(|i| value(i, s)).collect());
        let times = (0..rows)
            .map(|i| Timestamp::from_secs(30 * i as i64))
            .collect();
        Observations::new(times, metrics.to_vec(), columns.collect()).unwrap()
    };
    let at = |data: &Observations, row: i64| {
        let onset = Some(Timestamp::from_secs(30 * row));
        let report = analyse_observations(data, None, onset, &Graph::new(), &Options::default());
        report.unwrap().relations
    };
    assert_eq!(at(&constant(60, &|_, _| 5.0), 40), None);
    assert_eq!(
        at(
            &constant(9, &|i, s| noise(i, s) + if i > 6 { 9.0 } else { 0.0 }),
            6
        ),
        None
    );
    let huge = at(
        &constant(60, &|i, s| {
            1e300 * noise(i, s) + if i > 40 { 1e302 } else { 0.0 }
        }),
        40,
    );
    let finite = |r: &bongsu_rca::Relation| r.r.is_finite() && r.lag_r.is_finite();
    assert!(huge.unwrap().correlations.iter().all(finite));
}

#[test]
fn missing_values_change_neither_correlations_nor_lags() {
    let whole = data();
    let holes = |(s, column): (usize, &Vec<f64>)| -> Vec<f64> {
        let with = |(i, x): (usize, &f64)| {
            if noise(i, 40 + s) < -0.2 {
                f64::NAN
            } else {
                *x
            }
        };
        column.iter().enumerate().map(with).collect()
    };
    let columns: Vec<Vec<f64>> = whole.columns().iter().enumerate().map(holes).collect();
    let times = whole.times().to_vec();
    let data = Observations::new(times, whole.metrics().to_vec(), columns).unwrap();
    let relations = analyse(&data, &graph(), &Options::default())
        .relations
        .unwrap();
    let column = |metric: &Metric| {
        let place = data.metrics().iter().position(|m| m == metric).unwrap();
        &data.columns()[place]
    };
    assert!(!relations.correlations.is_empty());
    for one in &relations.correlations {
        let expected = pearson(column(&one.first), column(&one.second)).unwrap();
        assert!((one.r - expected.r).abs() < 1e-12, "{one:?}");
        assert!(
            (one.p_value - at_any_lag(one.lag_r, expected.points, 20)).abs() < 1e-12,
            "{one:?}"
        );
    }
    let of = |a: &str, b: &str| {
        let is_it = |one: &&_| -> bool {
            let one: &bongsu_rca::Relation = one;
            one.first.service == a && one.second.service == b
        };
        relations
            .correlations
            .iter()
            .find(is_it)
            .unwrap()
            .lag_minutes
    };
    assert_eq!((of("store", "cart"), of("cart", "shop")), (1.5, 2.5));
}
