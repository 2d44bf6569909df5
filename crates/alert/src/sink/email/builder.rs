use std::sync::{Arc, Mutex};

use bongsu_core::Secret;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};

use super::EmailSink;
use crate::sink::builder::SinkBuilder;
use crate::sink::plot::Plotter;
use crate::{Error, SmtpSecurity};

/// Builds an [`EmailSink`].
pub type EmailBuilder = SinkBuilder<Email>;

/// What only mail has, for [`SinkBuilder`].
#[derive(Debug, Clone)]
pub struct Email {
    host: String,
    port: Option<u16>,
    security: SmtpSecurity,
    ca: Option<String>,
    login: Option<(String, Secret)>,
    from: String,
    to: Vec<String>,
    plotter: Option<Arc<dyn Plotter>>,
}

impl Email {
    pub(super) fn to(host: String, from: String, to: Vec<String>) -> EmailBuilder {
        let own = Self {
            host,
            port: None,
            security: SmtpSecurity::default(),
            ca: None,
            login: None,
            from,
            to,
            plotter: None,
        };
        SinkBuilder::new("email", own)
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

impl EmailBuilder {
    /// The server's port. Default: that of the [`SmtpSecurity`], 587, 465 or 25.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.own.port = Some(port);
        self
    }

    /// How the connection is encrypted. Default: [`SmtpSecurity::StartTls`].
    #[must_use]
    pub fn security(mut self, security: SmtpSecurity) -> Self {
        self.own.security = security;
        self
    }

    /// A certificate in PEM to trust besides those of the system. Default: none.
    #[must_use]
    pub fn ca(mut self, pem: impl Into<String>) -> Self {
        self.own.ca = Some(pem.into());
        self
    }

    /// The user's name and the password. Default: no authentication.
    #[must_use]
    pub fn login(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.own.login = Some((user.into(), password));
        self
    }

    /// Shows plots of the first three alerts that fire. Default: none.
    #[must_use]
    pub fn plots(mut self, plotter: Arc<dyn Plotter>) -> Self {
        self.own.plotter = Some(plotter);
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
        let own = self.own;
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if own.host.is_empty() || own.host.chars().any(odd) {
            let value = format!("{:?}", own.host);
            return Err(Error::parameter("host", value, "the name of a server"));
        }
        if own.login.is_some() && own.security == SmtpSecurity::None {
            let domain = "`starttls` or `tls` where a password is sent";
            return Err(Error::parameter("security", "`none`", domain));
        }
        let from = mailbox("from", &own.from)?;
        let to = own
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
        let (tls, port) = match own.security {
            SmtpSecurity::StartTls => (Tls::Required(own.tls()?), 587),
            SmtpSecurity::Tls => (Tls::Wrapper(own.tls()?), 465),
            SmtpSecurity::None => (Tls::None, 25),
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&own.host)
            .port(own.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(self.timeout));
        let mut hidden = None;
        let transport = match own.login {
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
            plotter: own.plotter,
            progress: Mutex::default(),
        })
    }
}

fn mailbox(name: &str, address: &str) -> Result<Mailbox, Error> {
    address.parse().map_err(|_| {
        let domain = "an address such as ops@example.org or Ops <ops@example.org>";
        Error::parameter(name, format!("{address:?}"), domain)
    })
}
