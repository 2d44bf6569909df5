use std::time::Duration;

use super::DEFAULT_TIMEOUT;
use crate::annotations::Links;

/// What all builders of sinks have in common; `T` holds what only one kind of them has.
///
/// ```
/// use std::time::Duration;
/// use bongsu_alert::{DiscordSink, Links, Sink};
/// use bongsu_core::Secret;
/// let sink = DiscordSink::builder(Secret::new("https://discord.com/api/webhooks/1/T0K3N"))
///     .name("operators")
///     .timeout(Duration::from_secs(5))
///     .links(Links::default().runbook("https://wiki.example/{alertname}")?)
///     .build()?;
/// assert_eq!(sink.name(), "operators");
/// # Ok::<(), bongsu_alert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SinkBuilder<T> {
    pub(super) name: String,
    pub(super) timeout: Duration,
    pub(super) links: Links,
    pub(super) own: T,
}

impl<T> SinkBuilder<T> {
    pub(super) fn new(name: &str, own: T) -> Self {
        Self {
            name: name.to_owned(),
            timeout: DEFAULT_TIMEOUT,
            links: Links::default(),
            own,
        }
    }

    /// The sink's name. Default: the kind of the sink, such as `slack`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The longest that a delivery may take. Domain: above 0. Default: 10 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Links to add to each alert. Default: none.
    #[must_use]
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }
}
