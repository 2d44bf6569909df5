//! What can go wrong.

use kube::core::Status;

/// Why objects were not made or not applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside of its domain.
    #[error("`{parameter}` is {value:?}, but must be {domain}")]
    Setting {
        /// Its name.
        parameter: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        domain: &'static str,
    },
    /// The configuration is no YAML or JSON.
    #[error("the configuration cannot be read: {0}")]
    Configuration(String),
    /// An object cannot be written as text.
    #[error("an object cannot be written: {0}")]
    Write(String),
    /// No cluster is known, or its description is wrong.
    #[error("no cluster to talk to: {0}")]
    Connection(String),
    /// The cluster cannot be reached, or does not answer as Kubernetes does.
    #[error("the cluster did not answer: {0}")]
    Unreachable(String),
    /// The cluster refuses an object.
    #[error("{object}: the cluster refuses it ({code} {reason}): {message}")]
    Refused {
        /// Its kind and name.
        object: String,
        /// The status of HTTP.
        code: u16,
        /// Kubernetes' word for it.
        reason: String,
        /// What the cluster says.
        message: String,
    },
    /// Fields of an object belong to somebody else.
    #[error("{object}: fields belong to others: {}; they are taken over if asked for", fields.join(", "))]
    Conflict {
        /// Its kind and name.
        object: String,
        /// Each with who manages it.
        fields: Vec<String>,
    },
}

impl Error {
    pub(crate) fn of(object: &str, error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::refused(object, &status),
            other => Self::Unreachable(chain(&other)),
        }
    }

    fn refused(object: &str, status: &Status) -> Self {
        let object = object.to_owned();
        let causes = status.details.iter().flat_map(|details| &details.causes);
        let fields: Vec<String> = causes
            .filter(|cause| cause.reason == "FieldManagerConflict")
            .map(|cause| format!("{} ({})", cause.field, cause.message))
            .collect();
        if status.code == 409 && !fields.is_empty() {
            return Self::Conflict { object, fields };
        }
        Self::Refused {
            object,
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
        }
    }
}

/// An error with what it stems from, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let said = source.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = source.source();
    }
    text
}
