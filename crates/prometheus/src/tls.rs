use std::fs;
use std::path::PathBuf;

use reqwest::{Certificate, ClientBuilder, Identity};

use crate::{Error, ErrorKind};

/// How an `https` server is verified, and how the client proves who it is.
///
/// All files are PEM. The default trusts the operating system's authorities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The authorities to trust instead of the operating system's (default none).
    pub ca: Option<PathBuf>,
    /// The client's certificate chain (default none). Needs [`Tls::client_key`].
    pub client_certificate: Option<PathBuf>,
    /// The client's private key (default none). Needs [`Tls::client_certificate`].
    pub client_key: Option<PathBuf>,
    /// Accept any certificate, so that anyone on the way can read and change everything (default
    /// false).
    pub insecure_skip_verify: bool,
}

impl Tls {
    /// Trusts the authorities in the PEM file `path` instead of the operating system's.
    #[must_use]
    pub fn ca(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca = Some(path.into());
        self
    }

    /// Presents the certificate chain and private key in these PEM files.
    #[must_use]
    pub fn client_identity(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.client_certificate = Some(certificate.into());
        self.client_key = Some(key.into());
        self
    }

    /// Accepts any certificate when `skip` (default false).
    #[must_use]
    pub const fn insecure_skip_verify(mut self, skip: bool) -> Self {
        self.insecure_skip_verify = skip;
        self
    }

    /// Applies the settings to `builder`; `https` says whether they will be used at all.
    pub(crate) fn apply(
        &self,
        builder: ClientBuilder,
        https: bool,
    ) -> Result<ClientBuilder, Error> {
        if !https {
            // The system's authorities are not even looked for: minimal containers have none.
            return Ok(builder.tls_certs_only([]));
        }
        let mut builder = builder;
        if let Some(path) = &self.ca {
            let pem = fs::read(path).map_err(|e| Error::file(path, e))?;
            let authorities = Certificate::from_pem_bundle(&pem)
                .ok()
                .filter(|found| !found.is_empty())
                .ok_or_else(|| {
                    Error::parameter("ca", path.display(), "a PEM file with certificates")
                })?;
            builder = builder.tls_certs_only(authorities);
        }
        match (&self.client_certificate, &self.client_key) {
            (None, None) => {}
            (Some(certificate), Some(key)) => {
                let mut pem = fs::read(key).map_err(|e| Error::file(key, e))?;
                pem.push(b'\n');
                pem.extend(fs::read(certificate).map_err(|e| Error::file(certificate, e))?);
                // The library's message could quote the key, so it is not passed on.
                let identity = Identity::from_pem(&pem).map_err(|_| {
                    Error::plain(
                        ErrorKind::Configuration,
                        format!(
                            "{} and {} are not a PEM certificate chain and its private key",
                            certificate.display(),
                            key.display()
                        ),
                    )
                })?;
                builder = builder.identity(identity);
            }
            _ => {
                return Err(Error::plain(
                    ErrorKind::Configuration,
                    "`client_certificate` and `client_key` go together, but only one is set",
                ));
            }
        }
        Ok(builder.tls_danger_accept_invalid_certs(self.insecure_skip_verify))
    }
}

/// Makes `ring` the process' TLS provider unless there is one already: without any, building a
/// client would panic.
pub(crate) fn install_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may win the race, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
