//! The ways in which a client proves who it is.

mod oauth2;
mod sigv4;

use bongsu_core::Secret;
use reqwest::header::{HeaderName, HeaderValue};

pub(crate) use self::oauth2::Tokens;
pub use self::oauth2::{ClientAuth, OAuth2};
pub use self::sigv4::SigV4;
pub(crate) use self::sigv4::{Signed, with_spaces_as_percent};
use crate::Error;
use crate::config::sensitive;

/// How the client proves who it is. The ways exclude each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Auth {
    /// Not at all (the default).
    #[default]
    None,
    /// HTTP basic authentication.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// `Authorization: Bearer <token>`.
    Bearer(Secret),
    /// Headers with secret values, for proxies with keys of their own.
    Headers(Vec<(String, Secret)>),
    /// A bearer token that is fetched, and fetched again before it ends.
    OAuth2(OAuth2),
    /// Each request is signed, as Amazon's services want it.
    SigV4(SigV4),
}

impl Auth {
    /// Whether the client sets the header `Authorization` by itself, request by request.
    pub(crate) const fn sets_authorization(&self) -> bool {
        matches!(self, Self::Basic { .. } | Self::OAuth2(_) | Self::SigV4(_))
    }
}

/// The headers that `auth` adds to every request alike.
pub(crate) fn auth_headers(auth: &Auth) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let pairs = match auth {
        Auth::None | Auth::Basic { .. } | Auth::OAuth2(_) | Auth::SigV4(_) => {
            return Ok(Vec::new());
        }
        Auth::Bearer(token) => {
            let value = format!("Bearer {}", token.expose());
            return Ok(vec![sensitive("authorization", &value)?]);
        }
        Auth::Headers(pairs) => pairs,
    };
    pairs
        .iter()
        .map(|(name, value)| sensitive(name, value.expose()))
        .collect()
}
