use std::time::Duration;

use bongsu_core::Labels;

use super::AlertmanagerSink;
use super::labels::SentLabels;
use super::member::Member;
use super::payload::Translation;
use crate::Error;
use crate::annotations::checked;
use crate::matcher::ALERTNAME;
use crate::sink::auth::Auth;
use crate::sink::builder::SinkBuilder;
use crate::sink::http::HttpClient;

const MINUTE: Duration = Duration::from_secs(60);

/// Builds an [`AlertmanagerSink`].
pub type AlertmanagerBuilder = SinkBuilder<Alertmanager>;

/// What only Alertmanager has, for [`SinkBuilder`].
#[derive(Debug, Clone)]
pub struct Alertmanager {
    members: Vec<String>,
    path_prefix: String,
    auth: Auth,
    resend: Duration,
    interval: Duration,
    alertname: String,
    labels: Labels,
    generator_url: Option<String>,
}

impl Alertmanager {
    pub(super) fn builder(members: Vec<String>) -> AlertmanagerBuilder {
        let own = Self {
            members,
            path_prefix: String::new(),
            auth: Auth::None,
            resend: MINUTE,
            interval: MINUTE,
            alertname: ALERTNAME.to_owned(),
            labels: Labels::empty(),
            generator_url: None,
        };
        SinkBuilder::new("alertmanager", own)
    }
}

impl AlertmanagerBuilder {
    /// What stands before `/api/v2/alerts` in the members' paths. Default: nothing.
    #[must_use]
    pub fn path_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.own.path_prefix = prefix.into();
        self
    }

    /// How it proves who it is. Default: not at all.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.own.auth = auth;
        self
    }

    /// The pause after which everything is sent again. Domain: above 0. Default: 1 minute.
    #[must_use]
    pub fn resend(mut self, resend: Duration) -> Self {
        self.own.resend = resend;
        self
    }

    /// How often alerts are dispatched. A firing alert ends by itself four times the longest of
    /// this, the resend pause and one minute after it was last sent. Default: 1 minute.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.own.interval = interval;
        self
    }

    /// The label `alertname` of alerts whose identity has none. Domain: not empty.
    /// Default: `BongsuAnomaly`.
    #[must_use]
    pub fn alertname(mut self, alertname: impl Into<String>) -> Self {
        self.own.alertname = alertname.into();
        self
    }

    /// Labels to add to each alert that does not have them. Default: none.
    #[must_use]
    pub fn labels(mut self, labels: Labels) -> Self {
        self.own.labels = labels;
        self
    }

    /// The page behind an alert's "Source" link, with placeholders as in
    /// [`Links`](crate::Links).
    /// Default: none.
    #[must_use]
    pub fn generator_url(mut self, address: impl Into<String>) -> Self {
        self.own.generator_url = Some(address.into());
        self
    }

    /// The sink.
    ///
    /// # Errors
    /// When there is no member, a member or the generator's address is not an `http` or `https`
    /// address, a member's address holds credentials, a query or a fragment, a duration is 0, the
    /// alert name is empty, or the credentials cannot be sent as a header.
    pub fn build(self) -> Result<AlertmanagerSink, Error> {
        let own = self.own;
        if own.members.is_empty() {
            return Err(Error::parameter("members", "empty", "at least one address"));
        }
        if own.resend.is_zero() {
            return Err(Error::parameter("resend", "0s", "above 0"));
        }
        if own.alertname.is_empty() {
            return Err(Error::parameter("alertname", "empty", "a name"));
        }
        let members = own
            .members
            .iter()
            .map(|address| Member::new(address, &own.path_prefix))
            .collect::<Result<_, _>>()?;
        let generator_url = own
            .generator_url
            .map(|address| checked("generator_url", address))
            .transpose()?;
        Ok(AlertmanagerSink {
            name: self.name,
            members,
            http: HttpClient::new(self.timeout, own.auth)?,
            timeout: self.timeout,
            resend: own.resend,
            translation: Translation {
                labels: SentLabels::new(own.alertname, own.labels),
                links: self.links,
                generator_url,
                lifetime: 4 * own.interval.max(own.resend).max(MINUTE),
            },
        })
    }
}
