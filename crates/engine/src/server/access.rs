//! Who may read, and who may change something.

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
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
