use std::fmt::Display;
use std::time::Duration;

/// What went wrong, with the place where it did.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Repr>);

/// The classes of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration, or a parameter, is not usable.
    Config,
    /// The data cannot be had: the server is away or refuses.
    Source,
    /// A file of data is not what it should be.
    Input,
    /// The state cannot be read or written.
    State,
    /// A report or a plot could not be made.
    Report,
}

/// What helps where one moment of a query is too large.
const LARGER: &str = "this is a single moment: raise source.max_response_bytes, or let the query \
                      have fewer series";

#[derive(Debug, thiserror::Error)]
enum Repr {
    #[error("{0}")]
    Config(String),
    #[error("{0}")]
    Source(String),
    #[error("{0}")]
    Server(bongsu_prometheus::Error),
    #[error("{0}; {LARGER}")]
    TooLarge(bongsu_prometheus::Error),
    #[error("{0}")]
    Input(String),
    #[error("{0}")]
    State(String),
    #[error("{0}")]
    Report(String),
    #[error(transparent)]
    Core(bongsu_core::Error),
}

impl Error {
    /// The class of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match &*self.0 {
            Repr::Config(_) => ErrorKind::Config,
            Repr::Source(_) | Repr::Server(_) | Repr::TooLarge(_) => ErrorKind::Source,
            Repr::Input(_) => ErrorKind::Input,
            Repr::State(_) => ErrorKind::State,
            Repr::Report(_) => ErrorKind::Report,
            Repr::Core(error) => match error.kind() {
                bongsu_core::ErrorKind::InvalidParameter => ErrorKind::Config,
                bongsu_core::ErrorKind::Snapshot | bongsu_core::ErrorKind::Io => ErrorKind::State,
                _ => ErrorKind::Input,
            },
        }
    }

    pub(crate) fn config(message: impl Display) -> Self {
        Self::from(Repr::Config(message.to_string()))
    }

    pub(crate) fn source(message: impl Display) -> Self {
        Self::from(Repr::Source(message.to_string()))
    }

    pub(crate) fn server(error: bongsu_prometheus::Error) -> Self {
        Self::from(Repr::Server(error))
    }

    /// One moment of a query is too large an answer.
    pub(crate) fn too_large(error: bongsu_prometheus::Error) -> Self {
        Self::from(Repr::TooLarge(error))
    }

    /// How long the server that refused asked to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match &*self.0 {
            Repr::Server(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Why data could not be had, in one word.
    pub(crate) fn reason(&self) -> &'static str {
        use bongsu_prometheus::ErrorKind as Kind;
        let (Repr::Server(error) | Repr::TooLarge(error)) = &*self.0 else {
            return "source";
        };
        match error.kind() {
            Kind::Connection => "connection",
            Kind::Tls => "tls",
            Kind::Timeout => "timeout",
            Kind::Denied => "denied",
            Kind::NotFound => "not_found",
            Kind::Query => "query",
            Kind::RateLimited => "rate_limited",
            Kind::Unavailable => "unavailable",
            Kind::TooLarge => "too_large",
            Kind::ContentType | Kind::Decode => "answer",
            _ => "other",
        }
    }

    pub(crate) fn input(message: impl Display) -> Self {
        Self::from(Repr::Input(message.to_string()))
    }

    pub(crate) fn state(message: impl Display) -> Self {
        Self::from(Repr::State(message.to_string()))
    }

    pub(crate) fn report(message: impl Display) -> Self {
        Self::from(Repr::Report(message.to_string()))
    }
}

impl From<Repr> for Error {
    fn from(repr: Repr) -> Self {
        Self(Box::new(repr))
    }
}

impl From<bongsu_core::Error> for Error {
    fn from(error: bongsu_core::Error) -> Self {
        Self::from(Repr::Core(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cross_threads_and_keep_their_class() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<Error>();
        let error = Error::from(bongsu_core::Error::parameter("window", 0, "at least 2"));
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}
