mod payload;

use std::time::Duration;

use bongsu_core::{Alert, Labels, Timestamp};
use futures_util::future::join_all;
use reqwest::Url;

use self::payload::Translation;
use super::auth::Auth;
use super::http::HttpClient;
use super::{BoxFuture, DEFAULT_TIMEOUT, Mode, SLACK, Sink};
use crate::annotations::{Links, checked};
use crate::{Error, ErrorKind, Retry};

/// The most alerts in one request.
const BATCH: usize = 256;
const MINUTE: Duration = Duration::from_secs(60);

/// Keeps the members of an Alertmanager cluster informed, through their API v2.
///
/// It posts all firing and recently resolved alerts to every member, at each transition and again
/// after [`resend`](AlertmanagerBuilder::resend). A firing alert ends by itself four intervals
/// later, so that a dead sender leaves nothing firing; a resolved one is sent with its real end.
/// Give the members' own addresses, not that of a load balancer before them.
///
/// Labels are the identity, `alertname` and `severity`; everything that changes is an annotation
/// (see [`annotations`](crate::annotations())). Label names are made acceptable: other characters
/// become `_`, the metric's name becomes the label `metric`, and a name already taken gets the
/// prefix `exported_`.
///
/// A delivery succeeds when one member took it; the others' failures are then an error of the kind
/// [`Partial`](ErrorKind::Partial). A 400 may have stored the valid alerts of the batch, so it is
/// reported with the member's words and the batch waits for the next regular resend.
///
/// ```
/// use bongsu_alert::{AlertmanagerSink, Auth};
/// use bongsu_core::{Labels, Secret};
///
/// let sink = AlertmanagerSink::builder(["http://am-0:9093", "http://am-1:9093"])
///     .path_prefix("/alertmanager")
///     .auth(Auth::Bearer(Secret::new("hunter2")))
///     .labels(Labels::from_pairs([("team", "storage")])?)
///     .build()?;
/// # let _ = sink;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AlertmanagerSink {
    name: String,
    members: Vec<Member>,
    http: HttpClient,
    timeout: Duration,
    resend: Duration,
    translation: Translation,
}

#[derive(Debug)]
struct Member {
    name: String,
    url: Url,
}

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
                alertname: self.alertname,
                extra: self.labels,
                links: self.links,
                generator_url,
                lifetime: 4 * self.interval.max(self.resend).max(MINUTE),
            },
        })
    }
}

impl AlertmanagerSink {
    /// Starts with the base addresses of all members of the cluster, such as `http://host:9093`.
    pub fn builder<T: Into<String>>(members: impl IntoIterator<Item = T>) -> AlertmanagerBuilder {
        AlertmanagerBuilder {
            members: members.into_iter().map(Into::into).collect(),
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

    /// Posts every batch to one member. A refused batch does not keep the next ones back.
    async fn post(&self, member: &Member, batches: &[String]) -> Result<(), Error> {
        let mut refused = None;
        let posting = async {
            for body in batches {
                let posted = self
                    .http
                    .post(&member.url, &member.name, body.clone())
                    .await;
                match posted {
                    Err(error) if error.kind() == ErrorKind::Rejected => refused = Some(error),
                    other => other?,
                }
            }
            Ok(())
        };
        tokio::time::timeout(self.timeout, posting)
            .await
            .unwrap_or_else(|_| {
                let message = format!("{} did not answer in time", member.name);
                Err(Error::delivery(ErrorKind::Timeout, message))
            })?;
        refused.map_or(Ok(()), Err)
    }
}

impl Member {
    fn new(address: &str, prefix: &str) -> Result<Self, Error> {
        let refused = |domain| Error::parameter("members", "an address", domain);
        let mut url = Url::parse(address)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| refused("an http or https address such as http://host:9093"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("without credentials; give them as `auth`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("without a query and a fragment"));
        }
        let name = format!("Alertmanager {}", url.origin().ascii_serialization());
        let parts = [url.path(), prefix].map(|part| part.trim_matches('/').to_owned());
        let mut path = String::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            path.push('/');
            path.push_str(part);
        }
        path.push_str("/api/v2/alerts");
        url.set_path(&path);
        Ok(Self { name, url })
    }
}

impl Sink for AlertmanagerSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn mode(&self) -> Mode {
        Mode::State {
            resend: self.resend,
        }
    }

    fn timeout(&self) -> Duration {
        self.timeout + SLACK
    }

    fn deliver<'a>(
        &'a self,
        now: Timestamp,
        alerts: &'a [Alert],
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let batches = alerts
                .chunks(BATCH)
                .map(|batch| {
                    let batch: Vec<_> = batch
                        .iter()
                        .map(|alert| self.translation.translate(now, alert))
                        .collect();
                    serde_json::to_string(&batch)
                })
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| {
                    let message = format!("the alerts cannot be written: {e}");
                    Error::delivery(ErrorKind::Rejected, message)
                })?;
            let posts = self
                .members
                .iter()
                .map(|member| self.post(member, &batches));
            outcome(join_all(posts).await)
        })
    }
}

/// One result from those of all members.
fn outcome(results: Vec<Result<(), Error>>) -> Result<(), Error> {
    let members = results.len();
    let errors: Vec<Error> = results.into_iter().filter_map(Result::err).collect();
    let said = || {
        errors
            .iter()
            .map(Error::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let Some(soonest) = errors.iter().min_by_key(|error| patience(error.retry())) else {
        return Ok(());
    };
    let failed = errors.len();
    if failed < members {
        let message = format!("{failed} of {members} members failed: {}", said());
        return Err(Error::delivery(ErrorKind::Partial, message));
    }
    Err(match soonest.retry() {
        Retry::After(after) => Error::delivery_after(soonest.kind(), said(), after),
        _ => Error::delivery(soonest.kind(), said()),
    })
}

/// Orders by how soon another attempt makes sense.
fn patience(retry: Retry) -> (u8, Duration) {
    match retry {
        Retry::Backoff => (0, Duration::ZERO),
        Retry::After(after) => (1, after),
        Retry::Slow => (2, Duration::ZERO),
        Retry::Never => (3, Duration::ZERO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined() {
        let url = |address, prefix| Member::new(address, prefix).unwrap().url.to_string();
        assert_eq!(url("http://a:9093", ""), "http://a:9093/api/v2/alerts");
        assert_eq!(
            url("https://a/x/", "/y/z/"),
            "https://a/x/y/z/api/v2/alerts"
        );
    }

    #[test]
    fn bad_addresses_are_refused_without_being_shown() {
        for address in [
            "a:9093",
            "ftp://a",
            "http://u:hunter2@a",
            "http://a?x=hunter2",
            "",
        ] {
            let error = Member::new(address, "").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn one_success_is_enough_and_the_rest_is_told() {
        let network = || Err(Error::delivery(ErrorKind::Network, "b is away"));
        let rejected = || Err(Error::delivery(ErrorKind::Rejected, "c: bad"));
        assert!(outcome(vec![Ok(()), Ok(())]).is_ok());
        let partial = outcome(vec![Ok(()), network()]).unwrap_err();
        assert_eq!(partial.kind(), ErrorKind::Partial);
        assert_eq!(partial.to_string(), "1 of 2 members failed: b is away");
        let failed = outcome(vec![rejected(), network()]).unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Network);
        assert_eq!(failed.to_string(), "c: bad; b is away");
        assert_eq!(failed.retry(), Retry::Backoff);
    }
}
