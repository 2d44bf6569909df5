//! The loop while it is busy, and what it does in turn.

use std::time::Duration;

use bongsu_alert::Transition;
use bongsu_core::{Labels, METRIC_NAME, Series, Timestamp};
use tokio::time::timeout;

use super::{Engine, Options};
use crate::Unobserved;
use crate::config::parse;
use crate::server::SilenceOrder;
use crate::source::Source;

const LONG: Duration = Duration::from_secs(20);

fn engine(rest: &str) -> Engine {
    let mut series = Series::empty(Labels::from_pairs([(METRIC_NAME, "load")]).unwrap());
    for i in 0..60_u32 {
        let value = if i == 59 {
            900.0
        } else {
            f64::from(10 + i * i % 7)
        };
        let at = Timestamp::from_secs(60 * i64::from(i));
        series.push(at, value).unwrap();
    }
    let config = parse(
        &format!("source: {{type: csv, path: none.csv}}\n{rest}"),
        None,
    );
    Engine::with_source(
        config.unwrap(),
        Source::Fixed(vec![series]),
        Options::default(),
        Box::new(Unobserved),
    )
    .unwrap()
}

const ONE: &str = "queries: [{name: load, expr: load, step: 1m, detector: ewma}]";

pub(super) fn order() -> SilenceOrder {
    SilenceOrder {
        matchers: vec!["query=\"load\"".to_owned()],
        starts_at: None,
        ends_at: None,
        duration: Some(crate::config::Span::from_secs(7_200)),
        created_by: "kim".to_owned(),
        comment: "move".to_owned(),
    }
}

#[tokio::test]
async fn questions_are_answered_and_orders_wait_while_something_takes_long() {
    let mut engine = engine(ONE);
    let control = engine.control();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let order = tokio::spawn({
        let control = control.clone();
        async move { control.silence(order()).await }
    });
    let asked = tokio::spawn(async move {
        let mut silences = Vec::new();
        for _ in 0..40 {
            // More than wait at once.
            silences.push(
                timeout(LONG, control.silences())
                    .await
                    .unwrap()
                    .unwrap()
                    .len(),
            );
        }
        let steps = timeout(LONG, control.explain(1)).await.unwrap().unwrap();
        assert!(silences.iter().all(|n| *n == 0) && steps.is_empty());
        release.send(()).unwrap();
    });
    let work = engine.aside(move || released.recv_timeout(LONG));
    work.await.expect("nobody was answered");
    asked.await.unwrap();
    assert!(!order.is_finished());
    engine.obey_all().await;
    order.await.unwrap().unwrap();
    assert_eq!(engine.list_silences().len(), 1);
}

#[tokio::test]
async fn a_service_that_is_told_to_stop_leaves_the_rest_for_the_next_start() {
    let two = ONE.replace(
        "queries: [",
        "queries: [{name: also, expr: load, step: 1m, detector: ewma}, ",
    );
    let mut engine = engine(&two);
    engine.start_fetching(engine.source.now(), true).await;
    let mut fetched = Vec::new();
    while let Some(one) = engine.fetching.join_next().await {
        fetched.push(one);
    }
    assert_eq!(fetched.len(), 2);
    engine
        .stopping
        .store(true, std::sync::atomic::Ordering::Relaxed);
    engine.apply(fetched).await;
    assert!(
        engine
            .state
            .queries
            .iter()
            .all(|query| query.cursor.is_none())
    );
}

#[tokio::test]
async fn a_query_that_is_always_due_leaves_others_their_turn() {
    let trained = "{window: 30m, min_points: 10, max_alarm_rate: 1}";
    let query = |name: &str| {
        format!("{{name: {name}, expr: load, step: 1m, detector: ewma, training: {trained}}}")
    };
    let (a, b, c) = (query("a"), query("b"), query("c"));
    let mut engine = engine(&format!("queries: [{a}, {b}, {c}]"));
    engine.once().await.unwrap();
    engine.turn = 0;
    let mut order = Vec::new();
    for _ in 0..6 {
        // The first two always want to be trained.
        engine.request_training(Some("a")).unwrap();
        engine.request_training(Some("b")).unwrap();
        if order.len() == 2 {
            engine.request_training(Some("c")).unwrap();
        }
        assert!(engine.start_training());
        let under_way = engine.queries.iter().position(|q| q.meanwhile.is_some());
        order.push(under_way.unwrap());
        let trained = engine.training.join_next().await.unwrap();
        engine.finish_training(trained).await;
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 0]);
}

#[tokio::test]
async fn silences_hold_without_the_section_for_alerting() {
    let mut engine = engine(ONE);
    engine.once().await.unwrap();
    let alert = engine.active().next().unwrap().clone();
    let told = |engine: &Engine| {
        let waiting = engine.courier.undelivered().alerts;
        let queues = waiting.queues().map(|(_, alerts)| alerts.len());
        queues.sum::<usize>()
    };
    assert_eq!(told(&engine), 0);

    let id = engine.make_silence(order()).await.unwrap();
    assert_eq!(engine.list_silences().len(), 1);
    let fired = Transition::Fired(alert.clone());
    engine.tell(vec![fired.clone()]);
    engine.tell_unsilenced();
    assert_eq!(told(&engine), 0, "it is silenced");
    engine.end_silence(id).await.unwrap();
    engine.tell_unsilenced();
    assert_eq!(told(&engine), 1, "it still fires after its silence");

    // Of one that nobody heard of nobody hears the end.
    engine.make_silence(order()).await.unwrap();
    engine.tell(vec![fired]);
    let mut ended = alert.clone();
    ended.state = bongsu_core::AlertState::Resolved;
    engine.tell(vec![Transition::Resolved(ended)]);
    assert_eq!(told(&engine), 1);

    // One that was forgotten while it was silenced is not told when the silence is over.
    let mut other = alert;
    other.labels = Labels::from_pairs([("query", "load"), ("instance", "gone")]).unwrap();
    engine.tell(vec![Transition::Fired(other)]);
    for silence in engine.list_silences() {
        engine.end_silence(silence.id.clone()).await.unwrap();
    }
    engine.tell_unsilenced();
    assert_eq!(told(&engine), 1);
}

#[tokio::test]
async fn an_engine_that_was_broken_off_does_not_go_on() {
    let mut engine = engine(ONE);
    {
        let mut run = std::pin::pin!(engine.run(std::future::pending()));
        let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(run.as_mut().poll(cx)));
        assert!(begun.await.is_pending());
    }
    for error in [
        engine.once().await.unwrap_err(),
        engine.run(std::future::ready(())).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("broken off"), "{error}");
    }
}

#[tokio::test]
async fn an_engine_that_came_to_an_end_may_go_on() {
    let mut engine = engine(ONE);
    engine.once().await.unwrap();
    engine.once().await.unwrap();
    let end = engine.run(std::future::pending()).await.unwrap();
    assert!(matches!(end, super::End::NoMoreData));
}
