//! The same warning about the same thing is said a few times a minute at most.

use std::collections::HashMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// What an event is about. Errors and numbers are left out, since they change.
const ABOUT: [&str; 6] = ["query", "sink", "detector", "model", "file", "path"];
/// Alerts that go to the log are its content, and what is said here has been counted.
const UNLIMITED: [&str; 2] = ["bongsu_alert", REPEATED];
/// The target of lines about what was held back.
const REPEATED: &str = "bongsu::repeated";
/// So many different things are counted at once; more are said as they come.
const MOST: usize = 10_000;

/// Lets the first warnings and errors about a thing through, and counts the rest until the window
/// is over.
#[derive(Debug, Clone)]
pub(crate) struct Limiter {
    most: u32,
    window: Duration,
    heard: Arc<Mutex<HashMap<Key, Heard>>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    place: Identifier,
    about: String,
}

#[derive(Debug)]
struct Heard {
    since: Instant,
    said: u32,
    held: u64,
    level: Level,
    message: String,
}

/// What was held back of one thing.
#[derive(Debug, PartialEq)]
struct Summary {
    level: Level,
    about: String,
    message: String,
    held: u64,
}

impl Limiter {
    /// Lets `most` through in each `window`; 0 lets everything through.
    pub(crate) fn new(most: u32, window: Duration) -> Self {
        Self {
            most,
            window,
            heard: Arc::default(),
        }
    }

    /// Tells from time to time, on a thread of its own, what was held back.
    pub(crate) fn follow(&self) {
        let limiter = self.clone();
        let pause = self.window / 10;
        if limiter.most == 0 {
            return;
        }
        // Without the thread nothing is lost but these lines.
        let _ = std::thread::Builder::new()
            .name("log-limiter".to_owned())
            .spawn(move || {
                loop {
                    std::thread::sleep(pause);
                    limiter.tell(Instant::now());
                }
            });
    }

    /// Tells what was held back in windows that are over at `now`.
    fn tell(&self, now: Instant) {
        for Summary {
            level,
            about,
            message,
            held,
        } in self.ended(now)
        {
            if level == Level::ERROR {
                tracing::error!(target: REPEATED, "{message} ... repeated {held} times{about}");
            } else {
                tracing::warn!(target: REPEATED, "{message} ... repeated {held} times{about}");
            }
        }
    }

    fn ended(&self, now: Instant) -> Vec<Summary> {
        let mut ended = Vec::new();
        self.heard().retain(|key, heard| {
            let lasts = now.saturating_duration_since(heard.since) < self.window;
            if !lasts && heard.held > 0 {
                ended.push(Summary {
                    level: heard.level,
                    about: key.about.clone(),
                    message: std::mem::take(&mut heard.message),
                    held: heard.held,
                });
            }
            lasts
        });
        ended
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<Key, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what is heard at `now` is to be said.
    fn says(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        if self.most == 0
            || *metadata.level() > Level::WARN
            || UNLIMITED.contains(&metadata.target())
        {
            return true;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let key = Key {
            place: metadata.callsite(),
            about: fields.about,
        };
        let mut all = self.heard();
        if all.len() >= MOST && !all.contains_key(&key) {
            return true;
        }
        let heard = all.entry(key).or_insert_with(|| Heard {
            since: now,
            said: 0,
            held: 0,
            level: *metadata.level(),
            message: String::new(),
        });
        if heard.said < self.most {
            heard.said += 1;
            return true;
        }
        heard.held += 1;
        heard.message = fields.message;
        false
    }
}

impl<S: Subscriber> Filter<S> for Limiter {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.says(event, Instant::now())
    }
}

/// The message of an event, and what it is about.
#[derive(Default)]
struct Fields {
    message: String,
    about: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a text cannot fail.
        if field.name() == "message" {
            let _ = write!(self.message, "{value:?}");
        } else if ABOUT.contains(&field.name()) {
            let _ = write!(self.about, " {}={value:?}", field.name());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]

    use std::io::Write;

    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::{Layer as _, fmt};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is logged of what `act` says, with a limit of 3.
    fn logged(act: impl FnOnce(&Limiter)) -> String {
        let log = Log::default();
        let limiter = Limiter::new(3, Duration::from_secs(60));
        let to = log.clone();
        let layer = fmt::layer()
            .with_writer(move || to.clone())
            .with_ansi(false)
            .with_filter(limiter.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || act(&limiter));
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_flood_is_told_by_its_first_lines_and_its_size() {
        let text = logged(|limiter| {
            for i in 0..60 {
                for query in ["a", "b"] {
                    let error = format!("attempt {i}");
                    tracing::warn!(query, error, "the query failed");
                }
                tracing::error!(query = %"a", "the disk is full");
                tracing::info!(query = "a", "judged");
                tracing::warn!(target: "bongsu_alert", "an alert");
            }
            let now = Instant::now();
            limiter.tell(now);
            limiter.tell(now + Duration::from_secs(61));
            limiter.tell(now + Duration::from_secs(200));
            tracing::warn!(query = "a", "the query failed");
        });
        let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
        assert_eq!(count("the query failed query=\"a\""), 4, "{text}");
        assert_eq!(count("the query failed query=\"b\""), 3);
        assert_eq!(count("the query failed ... repeated 57 times query=a"), 1);
        assert_eq!(count("the query failed ... repeated 57 times query=b"), 1);
        assert_eq!(
            count("ERROR bongsu::repeated: the disk is full ... repeated 57 times"),
            1
        );
        assert_eq!(count("judged"), 60);
        assert_eq!(count("an alert"), 60);
    }

    #[test]
    fn what_is_rare_is_always_said() {
        let text = logged(|limiter| {
            for i in 0..5 {
                tracing::warn!(query = "a", "the query failed");
                limiter.tell(Instant::now() + Duration::from_secs(61 * (i + 1)));
            }
        });
        assert_eq!(text.lines().count(), 5, "{text}");
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        let limiter = Limiter::new(0, Duration::from_secs(60));
        let log = Log::default();
        let to = log.clone();
        let layer = fmt::layer()
            .with_writer(move || to.clone())
            .with_filter(limiter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for _ in 0..100 {
                tracing::warn!("again");
            }
        });
        let lines = log
            .0
            .lock()
            .unwrap()
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        assert_eq!(lines, 100);
    }
}
