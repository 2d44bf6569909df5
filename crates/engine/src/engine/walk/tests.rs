use bongsu_core::{Labels, METRIC_NAME, Series, Timestamp};

use super::*;
use crate::config::parse;

const STEP: i64 = 300;
const DAY: i64 = 86_400;

/// Two hosts with a daily rhythm for nine days: one breaks down twice, the other rises for good after
/// six days and is away for two hours.
fn fleet() -> Vec<Series> {
    let host = |name: &str, seed: u64| {
        let labels = Labels::from_pairs([(METRIC_NAME, "load"), ("host", name)]).unwrap();
        let mut series = Series::empty(labels);
        let mut noise = seed;
        for i in 0..9 * DAY / STEP {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let wiggle = (noise >> 40) as f64 / (1_u64 << 24) as f64 - 0.5;
            let day = (i * STEP % DAY) as f64 / DAY as f64;
            let mut value = 100.0 + 20.0 * (std::f64::consts::TAU * day).sin() + 4.0 * wiggle;
            let at = i * STEP;
            match name {
                "a" if (1_300..1_310).contains(&i) || (2_200..2_206).contains(&i) => value += 150.0,
                "b" if at >= 6 * DAY => value += 60.0,
                "b" if (1_000..1_024).contains(&i) => continue,
                _ => {}
            }
            series.push(Timestamp::from_secs(at), value).unwrap();
        }
        series
    };
    vec![host("a", 1), host("b", 12_345)]
}

const SUPPRESSION: &str = "
alerting:
  routing: {route: {receiver: team, group_by: [query], group_wait: 10m}, receivers: [{name: team, sinks: [{type: webhook, url: 'http://127.0.0.1:1/'}]}]}";

async fn walk(queries: &str, mode: WalkMode) -> Walked {
    let text = format!("source: {{type: csv, path: none.csv}}\nqueries: [{queries}]{SUPPRESSION}");
    let config = parse(&text, None).unwrap();
    walk_forward(&config, fleet(), mode).await.unwrap()
}

/// The verdicts and alerts of each query, whatever the order of the queries.
fn by_query(walked: &Walked) -> (Vec<(String, Verdict)>, Vec<Alert>) {
    let (mut verdicts, mut alerts) = (walked.verdicts.clone(), walked.alerts.clone());
    verdicts.sort_by(|(a, _), (b, _)| a.cmp(b));
    let query = |alert: &Alert| alert.labels.get("query").unwrap_or_default().to_owned();
    alerts.sort_by_key(query);
    (verdicts, alerts)
}

async fn agree(queries: &str) -> [Walked; 2] {
    let exact = walk(queries, WalkMode::Exact).await;
    let fast = walk(queries, WalkMode::Fast).await;
    let ((verdicts, alerts), (fast_verdicts, fast_alerts)) = (by_query(&exact), by_query(&fast));
    assert_eq!(verdicts.len(), fast_verdicts.len());
    for (one, other) in verdicts.iter().zip(&fast_verdicts) {
        assert_eq!(one, other);
    }
    assert_eq!(alerts, fast_alerts);
    assert_eq!(exact.trainings, fast.trainings);
    [exact, fast]
}

#[tokio::test]
async fn both_ways_give_the_same_verdicts_and_alerts() {
    let [exact, fast] = agree(
        "{name: auto, expr: load, step: 5m, absent_after: 30m, alert: {for: 10m, keep_firing_for: 15m}},
         {name: ewma, expr: load, step: 10m, detector: ewma, budget: {alerts_per_day: 4}}",
    )
    .await;
    assert!(exact.verdicts.len() > 7_000, "{}", exact.verdicts.len());
    let of_auto = |alert: &&Alert| alert.labels.get("query") == Some("auto");
    let hosts = |host: &str| {
        let all = exact.alerts.iter().filter(of_auto);
        all.filter(|alert| alert.labels.get("host") == Some(host))
            .count()
    };
    assert!(hosts("a") >= 2 && hosts("b") >= 2, "{:#?}", exact.alerts);
    // Messages are grouped, so that there are fewer of them than beginnings and ends.
    let (messages, alerts) = (exact.messages.len(), exact.alerts.len());
    assert!(
        (1..=2 * alerts).contains(&messages),
        "{messages} messages on {alerts} alerts"
    );
    assert!(fast.messages.is_empty());
}

#[tokio::test]
async fn both_ways_train_at_the_same_moments() {
    let [exact, _] = agree(
        "{name: trained, expr: load, step: 5m, detector: hbos, parameters: {max_alarm_share: 0.01},
          training: {window: 2d, schedule: {every: 1d}}, alert: {for: 10m}}",
    )
    .await;
    let (_, versions) = &exact.trainings[0];
    assert!((4..=9).contains(versions), "{versions} trainings");
    assert!(!exact.alerts.is_empty());
}

#[tokio::test]
async fn drift_trains_in_both_ways_though_not_at_the_same_moment() {
    let query = "{name: trained, expr: load, step: 5m, detector: hbos,
        parameters: {max_alarm_share: 0.01}, training: {window: 2d, on_drift: {wait: 12h, share: 0.5}}}";
    for mode in [WalkMode::Exact, WalkMode::Fast] {
        let walked = walk(query, mode).await;
        assert!(walked.trainings[0].1 >= 2, "{mode}: {:?}", walked.trainings);
    }
}

#[tokio::test]
async fn what_cannot_be_judged_is_told() {
    for mode in [WalkMode::Exact, WalkMode::Fast] {
        let walked = walk("{name: memory, expr: memory, step: 5m}", mode).await;
        assert!(walked.verdicts.is_empty());
        let (query, problem) = &walked.problems[0];
        assert!(
            query == "memory" && problem.contains("no channel `memory`"),
            "{problem}"
        );
    }
}
