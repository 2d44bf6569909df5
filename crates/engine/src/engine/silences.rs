//! Silences: those made in Alertmanager, read from time to time, and those made here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_alert::{AlertmanagerSink, Silence, Suppressor};
use bongsu_core::Timestamp;
use tokio::task::{JoinError, JoinSet};

use super::Engine;
use crate::Error;
use crate::config::Config;
use crate::server::{Maker, SilenceOrder, SilenceView};
use crate::sinks;

/// So many silences are made here at most.
const MOST_OWN: usize = 1_000;

/// Silences as they were read, or why they were not.
type Heard = Result<(Vec<Silence>, Vec<bongsu_alert::Error>), bongsu_alert::Error>;

/// Where silences are read, and when.
#[derive(Debug)]
pub(super) struct Silences {
    alertmanager: Option<Arc<AlertmanagerSink>>,
    every: Duration,
    next: Instant,
    reading: JoinSet<Heard>,
    /// Whether it was said that they cannot be read.
    told: bool,
}

impl Silences {
    pub(super) fn new(config: &Config) -> Result<Self, Error> {
        let silences = config.alerting.as_ref().and_then(|a| a.silences.as_ref());
        let alertmanager = silences.map(sinks::silences).transpose()?;
        Ok(Self {
            alertmanager: alertmanager.map(Arc::new),
            every: silences.map_or(Duration::MAX, |silences| silences.every.duration()),
            next: Instant::now(),
            reading: JoinSet::new(),
            told: false,
        })
    }

    /// Begins to read them when it is time.
    pub(super) fn start(&mut self) {
        let Some(alertmanager) = &self.alertmanager else {
            return;
        };
        if self.reading.is_empty() && self.next <= Instant::now() {
            self.next = Instant::now() + self.every;
            let alertmanager = Arc::clone(alertmanager);
            self.reading
                .spawn(async move { alertmanager.silences().await });
        }
    }

    /// Waits until they are read; `None` when they are not being read.
    pub(super) async fn heard(&mut self) -> Option<Result<Heard, JoinError>> {
        self.reading.join_next().await
    }
}

impl Engine {
    /// Heeds what was read. While it cannot be, the silences known last stay.
    pub(super) fn heed(&mut self, heard: Result<Heard, JoinError>) {
        let heard = match heard {
            Ok(heard) => heard,
            Err(failure) => match failure.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        self.drop_ended_silences();
        let own = &self.state.silences;
        let heeded = heard.and_then(|(mut silences, unread)| {
            for error in unread {
                tracing::warn!(%error, "a silence cannot be read, so it is not heeded");
            }
            match &mut self.suppressor {
                Some(suppressor) => {
                    silences.extend(own.iter().cloned());
                    suppressor.set_silences(silences)
                }
                None => Ok(()),
            }
        });
        match heeded {
            Ok(()) => self.silences.told = false,
            Err(error) if !self.silences.told => {
                tracing::warn!(%error, "silences cannot be read; those known last stay");
                self.silences.told = true;
            }
            Err(_) => {}
        }
    }

    /// Reads them now, and waits for it.
    pub(super) async fn read_silences(&mut self) {
        self.silences.start();
        while let Some(heard) = self.silences.heard().await {
            self.heed(heard);
        }
    }

    /// Makes a silence, which is kept in the state.
    pub(super) async fn make_silence(&mut self, order: SilenceOrder) -> Result<String, Error> {
        self.drop_ended_silences();
        if self.state.silences.len() >= MOST_OWN {
            return Err(Error::state(format!(
                "there are {MOST_OWN} silences already; end some first"
            )));
        }
        let silence = checked(order, self.source.present())?;
        let id = silence.id().to_owned();
        if self.state.silences.iter().any(|known| known.id() == id) {
            return Err(Error::state(format!(
                "there is the same silence already: {id}"
            )));
        }
        self.state.silences.push(silence);
        self.heed_own(None)?;
        tracing::info!(silence = %id, "a silence was made");
        self.keep_silences().await;
        Ok(id)
    }

    /// Ends a silence that was made here.
    pub(super) async fn end_silence(&mut self, id: String) -> Result<String, Error> {
        let own = &mut self.state.silences;
        let Some(at) = own.iter().position(|silence| silence.id() == id) else {
            let mut others = self.suppressor.iter().flat_map(Suppressor::silences);
            return Err(match others.find(|silence| silence.id() == id) {
                Some(_) => Error::state(format!(
                    "silence `{id}` was made in Alertmanager; end it there"
                )),
                None => Error::config(format!("there is no silence `{id}`")),
            });
        };
        own.remove(at);
        self.heed_own(Some(&id))?;
        tracing::info!(silence = %id, "a silence was ended");
        self.keep_silences().await;
        Ok(id)
    }

    /// The silences that are heeded and have not ended.
    pub(super) fn list_silences(&self) -> Vec<SilenceView> {
        let now = self.source.present();
        let heeded = match &self.suppressor {
            Some(suppressor) => suppressor.silences(),
            None => &self.state.silences,
        };
        let lasting = heeded.iter().filter(|silence| now < silence.span().1);
        let own = |id: &str| self.state.silences.iter().any(|silence| silence.id() == id);
        lasting
            .map(|silence| {
                let (starts_at, ends_at) = silence.span();
                let maker = if own(silence.id()) {
                    Maker::Bongsu
                } else {
                    Maker::Alertmanager
                };
                SilenceView {
                    id: silence.id().to_owned(),
                    matchers: silence.matchers().to_vec(),
                    starts_at,
                    ends_at,
                    created_by: silence.created_by().to_owned(),
                    comment: silence.comment().to_owned(),
                    made_in: maker,
                    active: starts_at <= now,
                }
            })
            .collect()
    }

    /// Puts the own silences in the place of what is heeded of them; `gone` was one of them.
    fn heed_own(&mut self, gone: Option<&str>) -> Result<(), Error> {
        let own = &self.state.silences;
        let Some(suppressor) = &mut self.suppressor else {
            return Ok(());
        };
        let theirs = suppressor.silences().iter().filter(|silence| {
            let id = silence.id();
            Some(id) != gone && !own.iter().any(|silence| silence.id() == id)
        });
        let all = theirs.chain(own).cloned().collect();
        suppressor.set_silences(all).map_err(Error::state)
    }

    fn drop_ended_silences(&mut self) {
        let now = self.source.present();
        self.state.silences.retain(|silence| now < silence.span().1);
    }

    /// They must not be lost with the process.
    async fn keep_silences(&mut self) {
        if let Err(error) = self.save().await {
            tracing::error!(%error, "the state cannot be saved; it is tried again after the next tick");
        }
    }
}

/// The silence that `order` asks for.
fn checked(order: SilenceOrder, now: Timestamp) -> Result<Silence, Error> {
    let wrong = |message: &str| Err(Error::input(message));
    for (name, text) in [
        ("created_by", &order.created_by),
        ("comment", &order.comment),
    ] {
        if text.trim().is_empty() {
            return wrong(&format!(
                "{name} is empty, but must say who makes the silence, and why"
            ));
        }
    }
    let starts_at = order.starts_at.unwrap_or(now);
    let ends_at = match (order.ends_at, order.duration) {
        (Some(ends_at), None) => ends_at,
        (None, Some(duration)) => starts_at.add_millis(duration.millis()),
        _ => return wrong("give either ends_at or duration"),
    };
    if ends_at <= starts_at || ends_at <= now {
        return wrong("the silence ends before it starts, or has ended already");
    }
    let content = format!(
        "{:?} {starts_at} {ends_at} {}",
        order.matchers, order.comment
    );
    let id = format!(
        "{:08x}{:08x}",
        crc32c::crc32c(content.as_bytes()),
        starts_at.as_millis() & 0xffff_ffff
    );
    Silence::new(
        id,
        &order.matchers,
        starts_at,
        ends_at,
        order.created_by,
        order.comment,
    )
    .map_err(Error::input)
}
