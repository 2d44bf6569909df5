//! Connections to servers of the Prometheus family, from their configuration.

use std::collections::BTreeMap;

use bongsu_prometheus::{Auth, ClientAuth, ClientConfig, OAuth2, SigV4, Tls};

use crate::Error;
use crate::config::{AuthConfig, ClientAuthConfig, SecretText, Span, TlsConfig};

/// What every server needs.
pub(crate) struct Connection<'a> {
    pub(crate) url: &'a str,
    pub(crate) auth: &'a AuthConfig,
    pub(crate) tls: &'a TlsConfig,
    pub(crate) timeout: Span,
    pub(crate) headers: &'a BTreeMap<String, SecretText>,
}

impl Connection<'_> {
    /// A client's configuration. Messages begin with `section`, where it is configured.
    pub(crate) fn client_config(&self, section: &str) -> Result<ClientConfig, Error> {
        let wrong = |e: bongsu_prometheus::Error| Error::config(format!("{section}: {e}"));
        let mut client = ClientConfig::new(self.url)
            .and_then(|c| c.timeout(self.timeout.duration()))
            .and_then(|c| c.auth(auth_of(self.auth)?))
            .map_err(wrong)?
            .tls(tls_of(self.tls));
        for (name, value) in self.headers {
            client = client
                .header(name, value.secret().expose())
                .map_err(wrong)?;
        }
        Ok(client)
    }

    /// Checks what a client would not notice before it connects.
    pub(crate) fn check(&self, section: &str) -> Result<(), Error> {
        if has_userinfo(self.url) {
            return Err(Error::config(format!(
                "{section}.url holds a user name or password; write them under {section}.auth, \
                 for example {{type: basic, username: ..., password: ...}}"
            )));
        }
        if self.timeout.duration().is_zero() {
            return Err(Error::config(format!(
                "{section}.timeout is 0s, but must be above 0"
            )));
        }
        self.check_files(section)
    }

    /// The files must be there even while the address is one of plain HTTP, which does not use them.
    fn check_files(&self, section: &str) -> Result<(), Error> {
        if let AuthConfig::OAuth2 { tls, .. } = self.auth {
            check_files(tls, &format!("{section}.auth"))?;
        }
        check_files(self.tls, section)
    }
}

fn check_files(tls: &TlsConfig, section: &str) -> Result<(), Error> {
    for (key, path) in [
        ("ca", &tls.ca),
        ("client_certificate", &tls.client_certificate),
        ("client_key", &tls.client_key),
    ] {
        if let Some(path) = path {
            std::fs::read(path).map_err(|e| {
                Error::config(format!("{section}.tls.{key}: {}: {e}", path.display()))
            })?;
        }
    }
    Ok(())
}

/// Whether something stands before an `@` in the address's host.
fn has_userinfo(url: &str) -> bool {
    let after_scheme = url.split_once(':').map_or(url, |(_, rest)| rest);
    let authority = after_scheme.trim_start_matches(['/', '\\']);
    let end = authority.find(['/', '\\', '?', '#']);
    authority
        .get(..end.unwrap_or(authority.len()))
        .is_some_and(|host| host.contains('@'))
}

fn auth_of(config: &AuthConfig) -> Result<Auth, bongsu_prometheus::Error> {
    Ok(match config {
        AuthConfig::None => Auth::None,
        AuthConfig::Basic { username, password } => Auth::Basic {
            username: username.clone(),
            password: password.secret().clone(),
        },
        AuthConfig::Bearer { token } => Auth::Bearer(token.secret().clone()),
        AuthConfig::Headers { headers } => {
            let pairs = headers
                .iter()
                .map(|(name, value)| (name.clone(), value.secret().clone()));
            Auth::Headers(pairs.collect())
        }
        AuthConfig::OAuth2 {
            token_url,
            client_id,
            client_secret,
            scopes,
            params,
            client_auth,
            tls,
        } => {
            let secret = client_secret.secret().clone();
            let mut client = OAuth2::new(token_url, client_id, secret)?
                .tls(tls_of(tls))
                .client_auth(match client_auth {
                    ClientAuthConfig::Basic => ClientAuth::Basic,
                    ClientAuthConfig::Body => ClientAuth::Body,
                });
            for scope in scopes {
                client = client.scope(scope)?;
            }
            for (name, value) in params {
                client = client.param(name, value.secret().clone())?;
            }
            Auth::OAuth2(client)
        }
        AuthConfig::SigV4 {
            region,
            access_key,
            secret_key,
            session_token,
            service,
        } => {
            let secret = secret_key.secret().clone();
            let mut keys = SigV4::new(region, access_key, secret)?.service(service)?;
            if let Some(token) = session_token {
                keys = keys.session_token(token.secret().clone())?;
            }
            Auth::SigV4(keys)
        }
    })
}

fn tls_of(config: &TlsConfig) -> Tls {
    Tls {
        ca: config.ca.clone(),
        client_certificate: config.client_certificate.clone(),
        client_key: config.client_key.clone(),
        insecure_skip_verify: config.insecure_skip_verify,
    }
}
