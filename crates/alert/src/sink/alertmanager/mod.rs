mod builder;
pub(crate) mod labels;
mod member;
mod payload;
mod silences;

use std::time::Duration;

use bongsu_core::{Alert, Timestamp};
use futures_util::future::join_all;

pub use self::builder::{Alertmanager, AlertmanagerBuilder};
use self::member::Member;
use self::payload::Translation;
use super::http::HttpClient;
use super::{BoxFuture, Mode, SLACK, Sink};
use crate::{Error, ErrorKind, Retry};

/// The most alerts in one request.
const BATCH: usize = 256;

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

impl AlertmanagerSink {
    /// Starts with the base addresses of all members of the cluster, such as `http://host:9093`.
    pub fn builder<T: Into<String>>(members: impl IntoIterator<Item = T>) -> AlertmanagerBuilder {
        Alertmanager::builder(members.into_iter().map(Into::into).collect())
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
