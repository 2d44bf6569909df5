//! Sinks and alert policies from their configuration.

use std::sync::Arc;

use bongsu_alert::{
    AlertmanagerSink, Auth, DeadLetters, DiscordSink, Dispatcher, EmailSink, Links, LogSink,
    PagerDutySink, Plotter, Policy, Sink, SlackSink, SmtpSecurity, TeamsSink, Template,
    WebhookSink,
};
use bongsu_core::{Alert, Labels};

use crate::Error;
use crate::config::{
    AlertPolicy, AlertingConfig, AuthConfig, Config, EVERYBODY, EmailSecurity, LinksConfig,
    SilencesConfig, SinkConfig,
};

/// Where nothing can be drawn: settings are checked all the same.
#[derive(Debug)]
struct NoPlots;

impl Plotter for NoPlots {
    fn png(&self, _alert: &Alert) -> Option<Vec<u8>> {
        None
    }
}

/// What draws plots for the sinks that show them.
pub(crate) type Plots<'a> = Option<&'a Arc<dyn Plotter>>;

/// A dispatcher to the configured sinks and receivers; to the log when there are none.
pub(crate) fn build(config: &Config, plots: Plots<'_>) -> Result<Dispatcher, Error> {
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
                let name = format!("{receiver}-{i}");
                let sink = sink(config, &name, plots).map_err(|e| wrong(&e))?;
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
    let routed = config.alerting.is_none();
    for (i, config) in configs.iter().enumerate() {
        let wrong = |e: &dyn std::fmt::Display| Error::config(format!("sinks[{i}]: {e}"));
        let sink = sink(config, &i.to_string(), plots).map_err(|e| wrong(&e))?;
        dispatcher = if routed && config.is_for_people() {
            dispatcher.with_receiver(EVERYBODY, sink)
        } else {
            dispatcher.with_boxed(sink)
        }
        .map_err(|e| wrong(&e))?;
    }
    Ok(dispatcher)
}

/// Whether any sink shows plots.
pub(crate) fn show_plots(config: &Config) -> bool {
    let top = config.sinks.iter().any(SinkConfig::shows_plots);
    let receivers = config.alerting.as_ref().map(AlertingConfig::receivers);
    let receivers = receivers.and_then(Result::ok).unwrap_or_default();
    let mut routed = receivers.iter().flat_map(|(_, sinks)| sinks);
    top || routed.any(SinkConfig::shows_plots)
}

fn sink(config: &SinkConfig, index: &str, plots: Plots<'_>) -> Result<Box<dyn Sink>, Error> {
    Ok(match config {
        SinkConfig::Log {} => Box::new(LogSink::new(format!("log-{index}"))),
        SinkConfig::Webhook {
            url,
            token,
            template,
            links,
            timeout,
        } => {
            let auth = token
                .as_ref()
                .map_or(Auth::None, |token| Auth::Bearer(token.secret().clone()));
            let mut sink = WebhookSink::builder(url.secret().clone())
                .name(format!("webhook-{index}"))
                .auth(auth)
                .links(links_of(links)?)
                .timeout(timeout.duration());
            if let Some(template) = template {
                sink = sink.template(Template::new(template).map_err(Error::config)?);
            }
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
            upload_token,
            api_url,
            links,
            timeout,
        } => {
            let mut sink = SlackSink::builder(url.secret().clone())
                .name(format!("slack-{index}"))
                .links(links_of(links)?)
                .timeout(timeout.duration());
            if let Some(token) = upload_token {
                let plotter = plots.map_or_else(|| Arc::new(NoPlots) as Arc<_>, Arc::clone);
                sink = sink.plots(token.secret().clone(), plotter).api_url(api_url);
            }
            Box::new(sink.build().map_err(Error::config)?)
        }
        SinkConfig::Teams {
            url,
            links,
            timeout,
        } => {
            let sink = TeamsSink::builder(url.secret().clone())
                .name(format!("teams-{index}"))
                .links(links_of(links)?)
                .timeout(timeout.duration());
            Box::new(sink.build().map_err(Error::config)?)
        }
        SinkConfig::Discord {
            url,
            links,
            timeout,
        } => {
            let sink = DiscordSink::builder(url.secret().clone())
                .name(format!("discord-{index}"))
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
            plots: wanted,
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
            if let (true, Some(plotter)) = (*wanted, plots) {
                sink = sink.plots(Arc::clone(plotter));
            }
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
