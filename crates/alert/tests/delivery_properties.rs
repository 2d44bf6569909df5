//! Nothing is lost between a verdict and a receiver: sinks fail, the process is killed at any
//! moment, also while a receiver has taken a message and cannot say so, and starts again from what
//! it saved last.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod story;
mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_alert::{
    BoxFuture, Dispatcher, Error, ErrorKind, Lifecycle, Mode, Page, Pending, PendingPages, Policy,
    Sink, SuppressConfig, Suppressor, SuppressorState, Transition,
};
use bongsu_core::{Alert, AlertState, Timestamp, snapshot};
use proptest::prelude::*;
use story::{
    MINUTE, NAMES, ROUTING, Receivers, STEPS, TAIL, config, deliver, episodes, states, story,
};
use tokio::sync::Notify;
use world::{identity, tree, verdict};

/// What a sink does with a delivery.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Takes,
    Fails,
    AsksForPatience,
    /// It takes the delivery, and the process is killed before it learns of that.
    TakesAndDies,
    /// The process is killed before the delivery arrives.
    Dies,
}

/// What all sinks of all runs share: what they heard, and what they do next.
#[derive(Debug, Default)]
struct Outside {
    moods: Mutex<VecDeque<Mood>>,
    alerts: Mutex<Vec<Alert>>,
    pages: Mutex<Vec<Page>>,
    killed: Notify,
}

#[derive(Debug)]
struct Doubtful {
    name: &'static str,
    outside: Arc<Outside>,
}

impl Doubtful {
    async fn act(&self, take: impl FnOnce()) -> Result<(), Error> {
        let mood = self.outside.moods.lock().unwrap().pop_front();
        match mood.unwrap_or(Mood::Takes) {
            Mood::Takes => take(),
            Mood::Fails => return Err(Error::delivery(ErrorKind::Network, "away")),
            Mood::AsksForPatience => {
                let pause = Duration::from_secs(90);
                return Err(Error::delivery_after(ErrorKind::RateLimited, "slow", pause));
            }
            Mood::TakesAndDies => {
                take();
                self.outside.killed.notify_one();
                std::future::pending::<()>().await;
            }
            Mood::Dies => {
                self.outside.killed.notify_one();
                std::future::pending::<()>().await;
            }
        }
        Ok(())
    }
}

impl Sink for Doubtful {
    fn name(&self) -> &str {
        self.name
    }

    fn mode(&self) -> Mode {
        Mode::Transitions
    }

    fn max_batch(&self) -> usize {
        3
    }

    fn deliver<'a>(
        &'a self,
        _now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.act(|| {
            let mut heard = self.outside.alerts.lock().unwrap();
            heard.extend_from_slice(alerts);
        }))
    }

    fn page<'a>(&'a self, _now: Timestamp, page: &'a Page) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.act(|| self.outside.pages.lock().unwrap().push(page.clone())))
    }
}

struct Process {
    lifecycle: Lifecycle,
    suppressor: Suppressor,
    dispatcher: Dispatcher,
}

/// All that a process saves, in bytes.
#[derive(Clone)]
struct Saved {
    minute: usize,
    lifecycle: Vec<u8>,
    suppressor: Vec<u8>,
    pending: Vec<u8>,
    pages: Vec<u8>,
}

fn dispatcher(outside: &Arc<Outside>) -> Dispatcher {
    let sink = |name| Doubtful {
        name,
        outside: Arc::clone(outside),
    };
    Dispatcher::new()
        .with_sink(sink("all"))
        .unwrap()
        .with_receiver("chat", Box::new(sink("chat")))
        .unwrap()
        .with_receiver("pager", Box::new(sink("pager")))
        .unwrap()
}

impl Process {
    fn new(config: &SuppressConfig, outside: &Arc<Outside>) -> Self {
        Self {
            lifecycle: Lifecycle::new(),
            suppressor: Suppressor::new(config, tree(ROUTING)).unwrap(),
            dispatcher: dispatcher(outside),
        }
    }

    /// Judges a minute and queues what there is to tell.
    fn minute(&mut self, minute: usize, states: &[Vec<bool>]) {
        let now = time(minute);
        let policy = Policy::default();
        let mut news = Vec::new();
        for (name, states) in NAMES.iter().zip(states) {
            let labels = identity(name);
            let verdict = verdict(&labels, now, if states[minute] { 3.0 } else { 0.2 });
            let transition = self.lifecycle.observe(&labels, &policy, &verdict).unwrap();
            self.suppressor
                .observe(&labels, &verdict, transition.as_ref());
            news.extend(transition.and_then(Transition::into_notification));
        }
        self.dispatcher.enqueue(&news);
        let unserved = self.dispatcher.enqueue_pages(self.suppressor.tick(now));
        assert!(unserved.is_empty());
    }

    fn save(&self, minute: usize) -> Saved {
        Saved {
            minute,
            lifecycle: snapshot::to_bytes(&self.lifecycle).unwrap(),
            suppressor: snapshot::to_bytes(self.suppressor.state()).unwrap(),
            pending: snapshot::to_bytes(&self.dispatcher.pending()).unwrap(),
            pages: snapshot::to_bytes(&self.dispatcher.pending_pages()).unwrap(),
        }
    }

    fn load(config: &SuppressConfig, outside: &Arc<Outside>, saved: &Saved) -> Self {
        let state: SuppressorState = snapshot::from_bytes(&saved.suppressor).unwrap();
        let pending: Pending = snapshot::from_bytes(&saved.pending).unwrap();
        let pages: PendingPages = snapshot::from_bytes(&saved.pages).unwrap();
        let mut dispatcher = dispatcher(outside);
        assert!(dispatcher.restore(pending).is_empty());
        assert!(dispatcher.restore_pages(pages).is_empty());
        Self {
            lifecycle: snapshot::from_bytes(&saved.lifecycle).unwrap(),
            suppressor: Suppressor::restore(config, tree(ROUTING), state).unwrap(),
            dispatcher,
        }
    }
}

fn time(minute: usize) -> Timestamp {
    Timestamp::from_secs(i64::try_from(minute).unwrap() * MINUTE)
}

/// Where in a minute the process is killed, beside the deaths within deliveries.
const BEFORE_SAVE: u8 = 0;
const AFTER_SAVE: u8 = 1;
const AFTER_DISPATCH: u8 = 2;

/// Lives through the story; what was told is in `outside`.
async fn live(
    config: &SuppressConfig,
    states: &[Vec<bool>],
    outside: &Arc<Outside>,
    mut kills: BTreeSet<(usize, u8)>,
    every: usize,
) {
    let mut process = Process::new(config, outside);
    let mut saved = process.save(0);
    let mut minute = 0;
    while minute < STEPS + TAIL {
        let mut killed = |at: u8| kills.remove(&(minute, at));
        process.minute(minute, states);
        let mut dies = killed(BEFORE_SAVE);
        if !dies {
            if minute % every == 0 {
                saved = process.save(minute + 1);
            }
            dies = killed(AFTER_SAVE);
        }
        if !dies {
            let dispatch = process
                .dispatcher
                .dispatch(time(minute), &[], &process.lifecycle);
            dies = tokio::select! {
                biased;
                () = outside.killed.notified() => true,
                _ = dispatch => false,
            };
        }
        if dies || killed(AFTER_DISPATCH) {
            process = Process::load(config, outside, &saved);
            minute = saved.minute;
        } else {
            minute += 1;
        }
    }
}

/// The words on one alert: when it began and whether it was over, by when they were first heard.
fn words(alerts: &[Alert]) -> BTreeMap<u64, Vec<(i64, bool)>> {
    let mut words: BTreeMap<u64, Vec<(i64, bool)>> = BTreeMap::new();
    for alert in alerts {
        let began = alert.starts_at.as_millis() / 1000 / MINUTE;
        let word = (began, alert.state == AlertState::Resolved);
        let known = words.entry(alert.labels.fingerprint()).or_default();
        if !known.contains(&word) {
            known.push(word);
        }
    }
    words
}

fn moods() -> impl Strategy<Value = Vec<Mood>> {
    let mood = prop_oneof![
        6 => Just(Mood::Takes),
        2 => Just(Mood::Fails),
        1 => Just(Mood::AsksForPatience),
        1 => Just(Mood::TakesAndDies),
        1 => Just(Mood::Dies),
    ];
    prop::collection::vec(mood, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_alert_is_told_and_ends_in_order(
        story in story(),
        moods in moods(),
        kills in prop::collection::btree_set((1..STEPS + 60, 0..=AFTER_DISPATCH), 0..8),
        every in 1..6_usize,
        budget in any::<bool>(),
    ) {
        let states = states(&story);
        let config = config(true, budget);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (quiet, outside) = (Arc::new(Outside::default()), Arc::new(Outside::default()));
        *outside.moods.lock().unwrap() = moods.into();
        runtime.block_on(async {
            live(&config, &states, &quiet, BTreeSet::new(), 1).await;
            live(&config, &states, &outside, kills, every).await;
        });

        let words = words(&outside.alerts.lock().unwrap());
        for (name, states) in NAMES.iter().zip(&states) {
            let expected: Vec<(i64, bool)> = episodes(states)
                .into_iter()
                .flat_map(|(from, _)| [(from, false), (from, true)])
                .collect();
            let heard = words.get(&identity(name).fingerprint());
            prop_assert_eq!(heard.map_or(&[][..], Vec::as_slice), &expected[..], "{}", name);
        }
        let (mut expected, mut receivers) = (Receivers::new(), Receivers::new());
        deliver(&mut expected, quiet.pages.lock().unwrap().drain(..));
        deliver(&mut receivers, outside.pages.lock().unwrap().drain(..));
        for (name, expected) in &expected {
            let heard = &receivers[name].heard;
            let lost: Vec<_> = expected.heard.difference(heard).collect();
            prop_assert!(lost.is_empty(), "{}: {:?}", name, lost);
            prop_assert_eq!(&receivers[name].fires, &expected.fires);
        }
    }
}
