/// Why a plot or a report could not be made.
///
/// The type is opaque; [`Error::kind`] tells the cases apart.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Repr>);

/// The classes of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The data of a plot do not fit together.
    InvalidInput,
    /// Turning a drawing into pixels or a report into text failed.
    Render,
}

#[derive(Debug, thiserror::Error)]
enum Repr {
    #[error(transparent)]
    Input(bongsu_core::Error),
    #[cfg(feature = "png")]
    #[error("drawing a PNG: {0}")]
    Png(String),
    #[error("writing the report: {0}")]
    Template(askama::Error),
}

impl Error {
    /// The class of this error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match *self.0 {
            Repr::Input(_) => ErrorKind::InvalidInput,
            #[cfg(feature = "png")]
            Repr::Png(_) => ErrorKind::Render,
            Repr::Template(_) => ErrorKind::Render,
        }
    }

    /// `what` has `found` elements where `expected` are needed.
    pub(crate) fn shape(what: &str, found: usize, expected: usize) -> Self {
        bongsu_core::Error::shape(what, found, expected).into()
    }

    #[cfg(feature = "png")]
    pub(crate) fn png(reason: impl std::fmt::Display) -> Self {
        Self(Box::new(Repr::Png(reason.to_string())))
    }
}

impl From<bongsu_core::Error> for Error {
    fn from(error: bongsu_core::Error) -> Self {
        Self(Box::new(Repr::Input(error)))
    }
}

impl From<askama::Error> for Error {
    fn from(error: askama::Error) -> Self {
        Self(Box::new(Repr::Template(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_cross_threads_and_name_the_input() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<Error>();
        let error = Error::shape("number of lower bounds", 2, 3);
        assert_eq!(
            error.to_string(),
            "number of lower bounds is 2, but must be 3"
        );
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
