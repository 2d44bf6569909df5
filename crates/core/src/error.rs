use std::fmt::Display;

/// What went wrong, in the words of the caller: every message names the parameter or input,
/// its value and the domain it should have been in.
///
/// The type is opaque; [`Error::kind`] tells the cases apart.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Repr>);

/// The classes of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A parameter is outside its domain.
    InvalidParameter,
    /// Input data break a rule, for example time that does not increase.
    InvalidInput,
    /// A NaN or an infinity where the method needs finite numbers.
    NonFinite,
    /// Lengths or numbers of features do not fit together.
    Shape,
    /// There are fewer points than the method needs.
    NotEnoughData,
    /// What was asked for is not something this model can give.
    Unsupported,
    /// A snapshot is damaged, of another kind, or of a version this build cannot read.
    Snapshot,
    /// Reading or writing a file failed.
    Io,
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
    #[error("{what} is {value}, but must be finite")]
    NonFinite { what: String, value: f64 },
    #[error("{what} is {found}, but must be {expected}")]
    Shape {
        what: String,
        found: usize,
        expected: usize,
    },
    #[error("{what} needs at least {needed} points, but there are {found}")]
    NotEnoughData {
        what: String,
        needed: usize,
        found: usize,
    },
    #[error("{0}")]
    Unsupported(String),
    #[error("snapshot: {0}")]
    Snapshot(String),
    #[error("{path}: {source}")]
    Io {
        path: String,
        source: std::io::Error,
    },
}

impl Error {
    /// The class of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match *self.0 {
            Repr::Parameter { .. } => ErrorKind::InvalidParameter,
            Repr::Input(_) => ErrorKind::InvalidInput,
            Repr::NonFinite { .. } => ErrorKind::NonFinite,
            Repr::Shape { .. } => ErrorKind::Shape,
            Repr::NotEnoughData { .. } => ErrorKind::NotEnoughData,
            Repr::Unsupported(_) => ErrorKind::Unsupported,
            Repr::Snapshot(_) => ErrorKind::Snapshot,
            Repr::Io { .. } => ErrorKind::Io,
        }
    }

    /// Parameter `name` has `value`, which is outside `domain` (for example `"in (0, 0.5]"`).
    #[must_use]
    pub fn parameter(
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

    /// The input breaks a rule that `message` states.
    #[must_use]
    pub fn input(message: impl Into<String>) -> Self {
        Self::from(Repr::Input(message.into()))
    }

    /// `what` (for example `"value in row 3"`) is NaN or infinite.
    #[must_use]
    pub fn non_finite(what: impl Into<String>, value: f64) -> Self {
        Self::from(Repr::NonFinite {
            what: what.into(),
            value,
        })
    }

    /// `what` (for example `"number of features"`) is `found` where `expected` is needed.
    #[must_use]
    pub fn shape(what: impl Into<String>, found: usize, expected: usize) -> Self {
        Self::from(Repr::Shape {
            what: what.into(),
            found,
            expected,
        })
    }

    /// `what` needs `needed` points and got `found`.
    #[must_use]
    pub fn not_enough_data(what: impl Into<String>, needed: usize, found: usize) -> Self {
        Self::from(Repr::NotEnoughData {
            what: what.into(),
            needed,
            found,
        })
    }

    /// The model cannot give what was asked for; `message` says what and why.
    #[must_use]
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::from(Repr::Unsupported(message.into()))
    }

    /// A snapshot cannot be read or written.
    #[must_use]
    pub fn snapshot(message: impl Into<String>) -> Self {
        Self::from(Repr::Snapshot(message.into()))
    }

    /// Reading or writing `path` failed.
    #[must_use]
    pub fn io(path: impl AsRef<std::path::Path>, source: std::io::Error) -> Self {
        Self::from(Repr::Io {
            path: path.as_ref().display().to_string(),
            source,
        })
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
    fn messages_name_parameter_value_and_domain() {
        let error = Error::parameter("nu", 1.5, "in (0, 1]");
        assert_eq!(
            error.to_string(),
            "parameter `nu` is 1.5, but must be in (0, 1]"
        );
        assert_eq!(error.kind(), ErrorKind::InvalidParameter);
    }

    #[test]
    fn errors_cross_threads() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<Error>();
    }

    #[test]
    fn io_errors_keep_their_source_text_and_path() {
        let error = Error::io("state/x.bngs", std::io::Error::other("disk full"));
        assert_eq!(error.to_string(), "state/x.bngs: disk full");
        assert_eq!(error.kind(), ErrorKind::Io);
    }
}
