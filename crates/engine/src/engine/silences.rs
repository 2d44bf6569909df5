//! Silences made in Alertmanager, read from time to time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bongsu_alert::{AlertmanagerSink, Silence};
use tokio::task::{JoinError, JoinSet};

use super::Engine;
use crate::Error;
use crate::config::Config;
use crate::sinks;

/// Silences as they were read, or why they were not.
type Heard = Result<Vec<Silence>, bongsu_alert::Error>;

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
        let heeded = heard.and_then(|silences| match &mut self.suppressor {
            Some(suppressor) => suppressor.set_silences(silences),
            None => Ok(()),
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
}
