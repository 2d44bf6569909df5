use std::time::Duration;

use bongsu_core::Secret;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};

use super::EmailSink;
use crate::annotations::Links;
use crate::sink::DEFAULT_TIMEOUT;
use crate::{Error, SmtpSecurity};

/// Builds an [`EmailSink`].
#[derive(Debug, Clone)]
pub struct EmailBuilder {
    host: String,
    port: Option<u16>,
    security: SmtpSecurity,
    ca: Option<String>,
    login: Option<(String, Secret)>,
    from: String,
    to: Vec<String>,
    name: String,
    timeout: Duration,
    links: Links,
}

impl EmailBuilder {
    pub(super) fn new(host: String, from: String, to: Vec<String>) -> Self {
        Self {
            host,
            port: None,
            security: SmtpSecurity::default(),
            ca: None,
            login: None,
            from,
            to,
            name: "email".to_owned(),
            timeout: DEFAULT_TIMEOUT,
            links: Links::default(),
        }
    }

    /// The sink's name. Default: `email`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The server's port. Default: that of the [`SmtpSecurity`], 587, 465 or 25.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// How the connection is encrypted. Default: [`SmtpSecurity::StartTls`].
    #[must_use]
    pub fn security(mut self, security: SmtpSecurity) -> Self {
        self.security = security;
        self
    }

    /// A certificate in PEM to trust besides those of the system. Default: none.
    #[must_use]
    pub fn ca(mut self, pem: impl Into<String>) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// The user's name and the password. Default: no authentication.
    #[must_use]
    pub fn login(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.login = Some((user.into(), password));
        self
    }

    /// The longest that a delivery may take. Domain: above 0. Default: 10 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Links to add to each alert. Default: none.
    #[must_use]
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// The sink.
    ///
    /// # Errors
    /// When the host is empty, an address is not one of a mailbox, there is no recipient, a password
    /// would be sent without encryption, the certificate cannot be read, or the time-out is 0.
    pub fn build(self) -> Result<EmailSink, Error> {
        if self.timeout.is_zero() {
            return Err(Error::parameter("timeout", "0s", "above 0"));
        }
        if self.host.is_empty()
            || self
                .host
                .chars()
                .any(|c| c.is_whitespace() || c.is_control())
        {
            let value = format!("{:?}", self.host);
            return Err(Error::parameter("host", value, "the name of a server"));
        }
        if self.login.is_some() && self.security == SmtpSecurity::None {
            let domain = "`starttls` or `tls` where a password is sent";
            return Err(Error::parameter("security", "`none`", domain));
        }
        let from = mailbox("from", &self.from)?;
        let to = self
            .to
            .iter()
            .map(|address| mailbox("to", address))
            .collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err(Error::parameter("to", "empty", "at least one address"));
        }
        let recipients = to.iter().map(|to| to.email.clone()).collect();
        let envelope = Envelope::new(Some(from.email.clone()), recipients)
            .map_err(|e| Error::parameter("to", e, "at least one address"))?;
        let (tls, port) = match self.security {
            SmtpSecurity::StartTls => (Tls::Required(self.tls()?), 587),
            SmtpSecurity::Tls => (Tls::Wrapper(self.tls()?), 465),
            SmtpSecurity::None => (Tls::None, 25),
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&self.host)
            .port(self.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(self.timeout));
        let mut hidden = None;
        let transport = match self.login {
            Some((user, password)) => {
                hidden = Some(password.clone());
                transport.credentials(Credentials::new(user, password.expose().to_owned()))
            }
            None => transport,
        };
        Ok(EmailSink {
            transport: transport.build(),
            name: self.name,
            from,
            to,
            envelope,
            hidden,
            timeout: self.timeout,
            links: self.links,
        })
    }

    fn tls(&self) -> Result<TlsParameters, Error> {
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.ca {
            let certificate = Certificate::from_pem(pem.as_bytes())
                .map_err(|e| Error::parameter("ca", e, "a certificate in PEM"))?;
            builder = builder.add_root_certificate(certificate);
        }
        builder
            .build()
            .map_err(|e| Error::parameter("host", format!("`{}`: {e}", self.host), "a host's name"))
    }
}

fn mailbox(name: &str, address: &str) -> Result<Mailbox, Error> {
    address.parse().map_err(|_| {
        let domain = "an address such as ops@example.org or Ops <ops@example.org>";
        Error::parameter(name, format!("{address:?}"), domain)
    })
}
