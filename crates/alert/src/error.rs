use std::fmt::Display;
use std::time::Duration;

/// What went wrong while following an alert or delivering it.
///
/// The type is opaque; [`Error::kind`] tells the cases apart and [`Error::retry`] says whether the
/// same delivery can succeed later. No message holds an address of a web hook or a credential.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Repr>);

/// The classes of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A parameter is outside its domain.
    InvalidParameter,
    /// A verdict breaks a rule, for example a score that is not a number.
    InvalidInput,
    /// No more alerts can be followed.
    Full,
    /// The receiver cannot be reached, or the connection broke.
    Network,
    /// The receiver did not answer in time.
    Timeout,
    /// The receiver asks for fewer requests.
    RateLimited,
    /// The receiver failed to do its work.
    Server,
    /// The receiver does not know the address or the credentials: somebody has to set them right.
    Misconfigured,
    /// The receiver understood the request and refuses its content.
    Rejected,
    /// Some receivers took the alerts, others did not.
    Partial,
    /// A queue was full and its oldest entries were lost.
    Overflow,
}

/// What to do with a delivery that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// Sending the same again cannot help.
    Never,
    /// Again soon, then with growing pauses.
    Backoff,
    /// Again, but rarely: somebody has to change a setting first.
    Slow,
    /// Again, but not before this much time has passed.
    After(Duration),
}

#[derive(Debug, thiserror::Error)]
enum Repr {
    #[error("parameter `{name}` is {value}, but must be {domain}")]
    Parameter {
        name: String,
        value: String,
        domain: String,
    },
    #[error("{0}")]
    Input(String),
    #[error("{limit} alerts are followed already, and none of them can be forgotten yet")]
    Full { limit: usize },
    #[error("{message}")]
    Delivery {
        kind: ErrorKind,
        message: String,
        after: Option<Duration>,
    },
    #[error(
        "{lost} undelivered alerts or messages were dropped, oldest first: the queue holds {limit} \
         of them and {bytes} bytes"
    )]
    Overflow {
        lost: u64,
        limit: usize,
        bytes: usize,
    },
}

impl Error {
    /// The class of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match *self.0 {
            Repr::Parameter { .. } => ErrorKind::InvalidParameter,
            Repr::Input(_) => ErrorKind::InvalidInput,
            Repr::Full { .. } => ErrorKind::Full,
            Repr::Delivery { kind, .. } => kind,
            Repr::Overflow { .. } => ErrorKind::Overflow,
        }
    }

    /// Whether the same delivery can succeed later.
    #[must_use]
    pub fn retry(&self) -> Retry {
        if let Repr::Delivery {
            after: Some(after), ..
        } = *self.0
        {
            return Retry::After(after);
        }
        match self.kind() {
            ErrorKind::Network
            | ErrorKind::Timeout
            | ErrorKind::RateLimited
            | ErrorKind::Server => Retry::Backoff,
            ErrorKind::Misconfigured => Retry::Slow,
            ErrorKind::InvalidParameter
            | ErrorKind::InvalidInput
            | ErrorKind::Full
            | ErrorKind::Rejected
            | ErrorKind::Partial
            | ErrorKind::Overflow => Retry::Never,
        }
    }

    /// A delivery failed: for sinks of your own. `message` names the receiver and what it said,
    /// without addresses or credentials that are secret.
    #[must_use]
    pub fn delivery(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::from(Repr::Delivery {
            kind,
            message: message.into(),
            after: None,
        })
    }

    /// A delivery failed, and the receiver says when to try again.
    #[must_use]
    pub fn delivery_after(kind: ErrorKind, message: impl Into<String>, after: Duration) -> Self {
        Self::from(Repr::Delivery {
            kind,
            message: message.into(),
            after: Some(after),
        })
    }

    pub(crate) fn parameter(
        name: impl Into<String>,
        value: impl Display,
        domain: impl Into<String>,
    ) -> Self {
        Self::from(Repr::Parameter {
            name: name.into(),
            value: value.to_string(),
            domain: domain.into(),
        })
    }

    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::from(Repr::Input(message.into()))
    }

    pub(crate) fn full(limit: usize) -> Self {
        Self::from(Repr::Full { limit })
    }

    pub(crate) fn overflow(lost: u64, limit: usize, bytes: usize) -> Self {
        Self::from(Repr::Overflow { lost, limit, bytes })
    }
}

impl From<Repr> for Error {
    fn from(repr: Repr) -> Self {
        Self(Box::new(repr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cross_threads() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<Error>();
    }

    #[test]
    fn the_kind_decides_about_a_retry_unless_the_receiver_does() {
        let retry = |kind| Error::delivery(kind, "x").retry();
        assert_eq!(retry(ErrorKind::Network), Retry::Backoff);
        assert_eq!(retry(ErrorKind::Server), Retry::Backoff);
        assert_eq!(retry(ErrorKind::Misconfigured), Retry::Slow);
        assert_eq!(retry(ErrorKind::Rejected), Retry::Never);
        let after = Duration::from_secs(7);
        assert_eq!(
            Error::delivery_after(ErrorKind::RateLimited, "x", after).retry(),
            Retry::After(after)
        );
    }
}
