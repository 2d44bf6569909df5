use bongsu_core::Secret;
use reqwest::RequestBuilder;
use reqwest::header::{HeaderName, HeaderValue};

use crate::Error;

/// How a sink proves who it is. The ways exclude each other.
///
/// ```
/// use bongsu_alert::Auth;
/// let auth = Auth::Bearer(bongsu_core::Secret::new("hunter2"));
/// assert_eq!(format!("{auth:?}"), "Bearer(<secret>)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Auth {
    /// Not at all (the default).
    #[default]
    None,
    /// With a user's name and password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// With a token: `Authorization: Bearer <token>`.
    Bearer(Secret),
    /// With a header of the receiver's own.
    Header {
        /// The header's name.
        name: String,
        /// Its whole value.
        value: Secret,
    },
}

impl Auth {
    /// Checks that the parts can be sent as headers.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        match self {
            Self::None => Ok(()),
            Self::Basic { user, .. } if user.contains(':') => Err(Error::parameter(
                "user",
                format!("`{user}`"),
                "without a colon",
            )),
            Self::Basic { .. } => Ok(()),
            Self::Bearer(token) => header_value("token", token.expose()).map(drop),
            Self::Header { name, value } => {
                header_name(name)?;
                header_value("header value", value.expose()).map(drop)
            }
        }
    }

    pub(crate) fn apply(&self, request: RequestBuilder) -> Result<RequestBuilder, Error> {
        Ok(match self {
            Self::None => request,
            Self::Basic { user, password } => request.basic_auth(user, Some(password.expose())),
            Self::Bearer(token) => request.bearer_auth(token.expose()),
            Self::Header { name, value } => request.header(
                header_name(name)?,
                header_value("header value", value.expose())?,
            ),
        })
    }

    /// The texts that no message may hold.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Basic { password, .. } => vec![password.expose()],
            Self::Bearer(token) => vec![token.expose()],
            Self::Header { value, .. } => vec![value.expose()],
        }
    }
}

fn header_name(name: &str) -> Result<HeaderName, Error> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| Error::parameter("header name", format!("`{name}`"), "an HTTP header name"))
}

fn header_value(what: &str, secret: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(secret)
        .map_err(|_| Error::parameter(what, "<secret>", "without control characters"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_header_is_refused_without_showing_it() {
        let error = Auth::Bearer(Secret::new("hunter2\n"))
            .validate()
            .unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let auth = Auth::Header {
            name: "not a name".to_owned(),
            value: Secret::new("x"),
        };
        assert!(auth.validate().is_err());
        let auth = Auth::Basic {
            user: "a:b".to_owned(),
            password: Secret::new("x"),
        };
        assert!(auth.validate().is_err());
    }
}
