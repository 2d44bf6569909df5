//! Who may read, and who may change something.

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use bongsu_core::Secret;

use super::Served;
use super::api::refused;
use crate::config::ServerConfig;

/// What requests must bring. Clones share it, so that a token may change while the server runs.
#[derive(Debug, Clone)]
pub(crate) struct Access(Arc<RwLock<Needed>>);

#[derive(Debug, Clone)]
struct Needed {
    /// What reading needs, where it needs something.
    read: Option<Secret>,
    /// What changing something needs.
    change: Option<Secret>,
    /// Whether every client has shown a certificate.
    certified: bool,
}

impl Access {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self(Arc::new(RwLock::new(Needed::new(config))))
    }

    /// Asks for what `config` says from now on.
    pub(crate) fn renew(&self, config: &ServerConfig) {
        let mut needed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *needed = Needed::new(config);
    }

    fn needed(&self) -> Needed {
        let needed = self.0.read().unwrap_or_else(PoisonError::into_inner);
        needed.clone()
    }
}

impl Needed {
    fn new(config: &ServerConfig) -> Self {
        let secret = |text: &Option<crate::config::SecretText>| {
            text.as_ref().map(|text| text.secret().clone())
        };
        let tls = config.tls.as_ref();
        Self {
            read: secret(&config.read_token),
            change: secret(&config.token),
            certified: tls.is_some_and(|tls| tls.client_ca.is_some()),
        }
    }
}

pub(super) async fn reading(
    State(served): State<Served>,
    request: Request,
    next: Next,
) -> Response {
    let access = served.access.needed();
    let given = given(&request);
    let may = match (&access.read, &access.change) {
        (None, _) => true,
        (Some(read), change) => given.is_some_and(|given| {
            same(given, read) || change.as_ref().is_some_and(|change| same(given, change))
        }),
    };
    if may {
        next.run(request).await
    } else {
        unauthorized()
    }
}

pub(super) async fn changing(
    State(served): State<Served>,
    request: Request,
    next: Next,
) -> Response {
    if is_of_a_foreign_page(request.headers()) {
        let message = "orders from pages of other addresses are not taken".to_owned();
        return refused(StatusCode::FORBIDDEN, message);
    }
    let access = served.access.needed();
    match &access.change {
        None if access.certified => next.run(request).await,
        None => {
            let message = "this service takes no orders: server.token is not set".to_owned();
            refused(StatusCode::FORBIDDEN, message)
        }
        Some(token) if given(&request).is_some_and(|given| same(given, token)) => {
            next.run(request).await
        }
        Some(_) => unauthorized(),
    }
}

/// Whether a browser sends this for a page that this server did not serve. A client certificate goes
/// with every request of the browser, whoever asked for it.
fn is_of_a_foreign_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let foreign_site = |site: &str| !matches!(site, "same-origin" | "none");
    if text("sec-fetch-site").is_some_and(foreign_site) {
        return true;
    }
    // Browsers that do not say so name at least the page's address: `https://host:port`, or `null`.
    let host = text("host");
    text("origin").is_some_and(|origin| origin.split_once("://").map(|(_, rest)| rest) != host)
}

fn given(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?;
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn unauthorized() -> Response {
    let message = "give the token: `Authorization: Bearer ...`".to_owned();
    let mut response = refused(StatusCode::UNAUTHORIZED, message);
    let how = header::HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    response
}

/// Compares in a time that does not depend on where they differ.
fn same(given: &str, token: &Secret) -> bool {
    let (given, token) = (given.as_bytes(), token.expose().as_bytes());
    let differences = given.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == token.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_of_foreign_pages_are_known() {
        let headers = |pairs: &[(&'static str, &'static str)]| -> HeaderMap {
            let pair = |(name, value): &(&'static str, &'static str)| {
                let name = header::HeaderName::from_static(name);
                (name, header::HeaderValue::from_static(value))
            };
            pairs.iter().map(pair).collect()
        };
        let host = ("host", "bongsu:9469");
        for (foreign, more) in [
            (false, &[][..]),
            (false, &[("origin", "https://bongsu:9469")]),
            (false, &[("sec-fetch-site", "same-origin")]),
            (false, &[("sec-fetch-site", "none")]),
            (true, &[("sec-fetch-site", "cross-site")]),
            (true, &[("sec-fetch-site", "same-site")]),
            (true, &[("origin", "https://evil")]),
            (true, &[("origin", "https://bongsu:9470")]),
            (true, &[("origin", "null")]),
        ] {
            let all: Vec<_> = [host].into_iter().chain(more.iter().copied()).collect();
            assert_eq!(is_of_a_foreign_page(&headers(&all)), foreign, "{more:?}");
        }
    }
}
