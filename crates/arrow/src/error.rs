use arrow_schema::ArrowError;

/// What went wrong, with the place where it did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The job cannot be done by anyone.
    #[error("job: {0}")]
    Job(String),
    /// The stream is not what it should be.
    #[error("input: {0}")]
    Input(String),
    /// A series cannot be done.
    #[error("series {series}: {reason}")]
    Series {
        /// The values of the columns that name it.
        series: String,
        /// Why.
        reason: String,
    },
    /// Results cannot be written.
    #[error("output: {0}")]
    Output(std::io::Error),
}

impl Error {
    pub(crate) const fn job(message: String) -> Self {
        Self::Job(message)
    }

    /// What the library says of a job before there are rows.
    pub(crate) fn input(message: impl std::fmt::Display) -> Self {
        Self::Input(message.to_string())
    }

    /// What writing says.
    pub(crate) fn output(error: ArrowError) -> Self {
        Self::Output(match error {
            ArrowError::IoError(_, error) => error,
            other => std::io::Error::other(other),
        })
    }
}

impl From<bongsu_engine::Error> for Error {
    fn from(error: bongsu_engine::Error) -> Self {
        Self::Job(error.to_string())
    }
}
