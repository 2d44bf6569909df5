use std::time::Duration;

use bongsu_core::Labels;

use super::AlertmanagerSink;
use super::labels::SentLabels;
use super::member::Member;
use super::payload::Translation;
use crate::Error;
use crate::annotations::{Links, checked};
use crate::sink::DEFAULT_TIMEOUT;
use crate::sink::auth::Auth;
use crate::sink::http::HttpClient;

const MINUTE: Duration = Duration::from_secs(60);

/// Builds an [`AlertmanagerSink`].
#[derive(Debug, Clone)]
pub struct AlertmanagerBuilder {
    members: Vec<String>,
    name: String,
    path_prefix: String,
    auth: Auth,
    timeout: Duration,
    resend: Duration,
    interval: Duration,
    alertname: String,
    labels: Labels,
    links: Links,
    generator_url: Option<String>,
}

impl AlertmanagerBuilder {
    pub(super) fn new(members: Vec<String>) -> Self {
        Self {
            members,
            name: "alertmanager".to_owned(),
            path_prefix: String::new(),
            auth: Auth::None,
            timeout: DEFAULT_TIMEOUT,
            resend: MINUTE,
            interval: MINUTE,
            alertname: "BongsuAnomaly".to_owned(),
            labels: Labels::empty(),
            links: Links::default(),
            generator_url: None,
        }
    }

    /// The sink's name. Default: `alertmanager`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What stands before `/api/v2/alerts` in the members' paths. Default: nothing.
    #[must_use]
    pub fn path_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.path_prefix = prefix.into();
        self
    }

    /// How it proves who it is. Default: not at all.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// The longest that a delivery may take. Domain: above 0. Default: 10 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The pause after which everything is sent again. Domain: above 0. Default: 1 minute.
    #[must_use]
    pub fn resend(mut self, resend: Duration) -> Self {
        self.resend = resend;
        self
    }

    /// How often alerts are dispatched. A firing alert ends by itself four times the longest of
    /// this, the resend pause and one minute after it was last sent. Default: 1 minute.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The label `alertname` of alerts whose identity has none. Domain: not empty.
    /// Default: `BongsuAnomaly`.
    #[must_use]
    pub fn alertname(mut self, alertname: impl Into<String>) -> Self {
        self.alertname = alertname.into();
        self
    }

    /// Labels to add to each alert that does not have them. Default: none.
    #[must_use]
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// Links to add to the annotations. Default: none.
    #[must_use]
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// The page behind an alert's "Source" link, with placeholders as in [`Links`].
    /// Default: none.
    #[must_use]
    pub fn generator_url(mut self, address: impl Into<String>) -> Self {
        self.generator_url = Some(address.into());
        self
    }

    /// The sink.
    ///
    /// # Errors
    /// When there is no member, a member or the generator's address is not an `http` or `https`
    /// address, a member's address holds credentials, a query or a fragment, a duration is 0, the
    /// alert name is empty, or the credentials cannot be sent as a header.
    pub fn build(self) -> Result<AlertmanagerSink, Error> {
        if self.members.is_empty() {
            return Err(Error::parameter("members", "empty", "at least one address"));
        }
        if self.resend.is_zero() {
            return Err(Error::parameter("resend", "0s", "above 0"));
        }
        if self.alertname.is_empty() {
            return Err(Error::parameter("alertname", "empty", "a name"));
        }
        let members = self
            .members
            .iter()
            .map(|address| Member::new(address, &self.path_prefix))
            .collect::<Result<_, _>>()?;
        let generator_url = self
            .generator_url
            .map(|address| checked("generator_url", address))
            .transpose()?;
        Ok(AlertmanagerSink {
            name: self.name,
            members,
            http: HttpClient::new(self.timeout, self.auth)?,
            timeout: self.timeout,
            resend: self.resend,
            translation: Translation {
                labels: SentLabels::new(self.alertname, self.labels),
                links: self.links,
                generator_url,
                lifetime: 4 * self.interval.max(self.resend).max(MINUTE),
            },
        })
    }
}
