//! Sinks and alert policies from their configuration.

use bongsu_alert::{
    AlertmanagerSink, Auth, DeadLetters, Dispatcher, EmailSink, Links, LogSink, PagerDutySink,
    Policy, Sink, SlackSink, SmtpSecurity, WebhookSink,
};
use bongsu_core::Labels;

use crate::Error;
use crate::config::{
    AlertPolicy, AuthConfig, Config, EmailSecurity, LinksConfig, SilencesConfig, SinkConfig,
};

/// A dispatcher to the configured sinks and receivers; to the log when there are none.
pub(crate) fn build(config: &Config) -> Result<Dispatcher, Error> {
    let mut dispatcher = Dispatcher::new();
    if let Some(path) = &config.output.dead_letters {
        dispatcher = dispatcher.dead_letters(DeadLetters::new(path));
    }
    if let Some(alerting) = &config.alerting {
        for (receiver, sinks) in alerting.receivers()? {
            for (i, config) in sinks.iter().enumerate() {
                let wrong = |e: &dyn std::fmt::Display| {
                    Error::config(format!("alerting: receiver `{receiver}`, sink {i}: {e}"))
                };
                let sink = sink(config, &format!("{receiver}-{i}")).map_err(|e| wrong(&e))?;
                dispatcher = dispatcher
                    .with_receiver(&receiver, sink)
                    .map_err(|e| wrong(&e))?;
            }
        }
    }
    let configs = &config.sinks;
    if configs.is_empty() && config.alerting.is_none() {
        return dispatcher
            .with_sink(LogSink::default())
            .map_err(Error::config);
    }
    for (i, config) in configs.iter().enumerate() {
        let wrong = |e: &dyn std::fmt::Display| Error::config(format!("sinks[{i}]: {e}"));
        let sink = sink(config, &i.to_string()).map_err(|e| wrong(&e))?;
        dispatcher = dispatcher.with_boxed(sink).map_err(|e| wrong(&e))?;
    }
    Ok(dispatcher)
}

fn sink(config: &SinkConfig, index: &str) -> Result<Box<dyn Sink>, Error> {
    Ok(match config {
        SinkConfig::Log {} => Box::new(LogSink::new(format!("log-{index}"))),
        SinkConfig::Webhook {
            url,
            token,
            links,
            timeout,
        } => {
            let auth = token
                .as_ref()
                .map_or(Auth::None, |token| Auth::Bearer(token.secret().clone()));
            let sink = WebhookSink::builder(url.secret().clone())
                .name(format!("webhook-{index}"))
                .auth(auth)
                .links(links_of(links)?)
                .timeout(timeout.duration());
            Box::new(sink.build().map_err(Error::config)?)
        }
        SinkConfig::Alertmanager {
            urls,
            auth,
            resend,
            labels,
            links,
            timeout,
        } => {
            let labels = labels
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            let sink = AlertmanagerSink::builder(urls.clone())
                .name(format!("alertmanager-{index}"))
                .auth(auth_of(auth)?)
                .resend(resend.duration())
                .labels(Labels::from_pairs(labels)?)
                .links(links_of(links)?)
                .timeout(timeout.duration());
            Box::new(sink.build().map_err(Error::config)?)
        }
        SinkConfig::Slack {
            url,
            links,
            timeout,
        } => {
            let sink = SlackSink::builder(url.secret().clone())
                .name(format!("slack-{index}"))
                .links(links_of(links)?)
                .timeout(timeout.duration());
            Box::new(sink.build().map_err(Error::config)?)
        }
        SinkConfig::Pagerduty {
            routing_key,
            url,
            links,
            timeout,
        } => {
            let sink = PagerDutySink::builder(routing_key.secret().clone())
                .name(format!("pagerduty-{index}"))
                .url(url)
                .links(links_of(links)?)
                .timeout(timeout.duration());
            Box::new(sink.build().map_err(Error::config)?)
        }
        SinkConfig::Email {
            host,
            port,
            security,
            ca,
            user,
            password,
            from,
            to,
            links,
            timeout,
        } => {
            let mut sink = EmailSink::builder(host, from, to)
                .name(format!("email-{index}"))
                .security(match security {
                    EmailSecurity::Starttls => SmtpSecurity::StartTls,
                    EmailSecurity::Tls => SmtpSecurity::Tls,
                    EmailSecurity::None => SmtpSecurity::None,
                })
                .links(links_of(links)?)
                .timeout(timeout.duration());
            if let Some(port) = port {
                sink = sink.port(*port);
            }
            if let Some(path) = ca {
                let pem = std::fs::read_to_string(path)
                    .map_err(|e| Error::config(format!("ca: {}: {e}", path.display())))?;
                sink = sink.ca(pem);
            }
            match (user, password) {
                (Some(user), Some(password)) => {
                    sink = sink.login(user, password.secret().clone());
                }
                (None, None) => {}
                _ => {
                    let message = "`user` and `password` belong together";
                    return Err(Error::config(message));
                }
            }
            Box::new(sink.build().map_err(Error::config)?)
        }
    })
}

/// The Alertmanager whose silences are heeded.
pub(crate) fn silences(config: &SilencesConfig) -> Result<AlertmanagerSink, Error> {
    let wrong = |e| Error::config(format!("alerting.silences: {e}"));
    let sink = AlertmanagerSink::builder(config.urls.clone())
        .auth(auth_of(&config.auth)?)
        .timeout(config.timeout.duration());
    sink.build().map_err(wrong)
}

fn links_of(config: &LinksConfig) -> Result<Links, Error> {
    let mut links = Links::default();
    let wrong = |e: bongsu_alert::Error| Error::config(format!("links: {e}"));
    if let Some(address) = &config.runbook {
        links = links.runbook(address).map_err(wrong)?;
    }
    if let Some(address) = &config.dashboard {
        links = links.dashboard(address).map_err(wrong)?;
    }
    Ok(links)
}

fn auth_of(config: &AuthConfig) -> Result<Auth, Error> {
    Ok(match config {
        AuthConfig::None => Auth::None,
        AuthConfig::Basic { username, password } => Auth::Basic {
            user: username.clone(),
            password: password.secret().clone(),
        },
        AuthConfig::Bearer { token } => Auth::Bearer(token.secret().clone()),
        AuthConfig::Headers { headers } => {
            let mut all = headers.iter();
            let (Some((name, value)), None) = (all.next(), all.next()) else {
                let found = headers.len();
                return Err(Error::config(format!(
                    "auth.headers has {found} headers, but must have exactly one"
                )));
            };
            Auth::Header {
                name: name.clone(),
                value: value.secret().clone(),
            }
        }
    })
}

/// The policy that a query's `alert` section describes.
pub(crate) fn policy(config: &AlertPolicy) -> Result<Policy, Error> {
    let policy = Policy::default()
        .for_duration(config.for_duration.duration())
        .keep_firing_for(config.keep_firing_for.duration())
        .cooldown(config.cooldown.duration())
        .min_points(config.min_points)
        .severity(config.severity);
    policy
        .validate()
        .map_err(|e| Error::config(format!("alert: {e}")))?;
    Ok(policy)
}
