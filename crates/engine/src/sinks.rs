//! Sinks and alert policies from their configuration.

pub(crate) mod identity;

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_alert::{
    AlertmanagerSink, Auth, DeadLetters, DiscordSink, Dispatcher, EmailSink, FiringOnly, Links,
    LogSink, PagerDutySink, Plotter, Policy, Sink, SlackSink, SmtpSecurity, TeamsSink, Template,
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
    let all = placed(config)?;
    if all.is_empty() && config.alerting.is_none() {
        return dispatcher
            .with_sink(LogSink::default())
            .map_err(Error::config);
    }
    for placed in all {
        dispatcher = placed.join(dispatcher, plots)?;
    }
    Ok(dispatcher)
}

/// A sink and its place in the configuration.
struct Placed {
    name: String,
    /// What versions before named it, by where it stands.
    former_name: String,
    receiver: Option<String>,
    config: SinkConfig,
    /// What messages about it begin with.
    written_at: String,
}

impl Placed {
    /// `dispatcher` with this sink.
    fn join(self, dispatcher: Dispatcher, plots: Plots<'_>) -> Result<Dispatcher, Error> {
        let wrong = |e: &dyn std::fmt::Display| Error::config(format!("{}: {e}", self.written_at));
        let mut sink = sink(&self.config, self.name.clone(), plots).map_err(|e| wrong(&e))?;
        if !self.config.sends_resolved() {
            sink = Box::new(FiringOnly::new(sink));
        }
        match &self.receiver {
            Some(receiver) => dispatcher.with_receiver(receiver, sink),
            None => dispatcher.with_boxed(sink),
        }
        .map_err(|e| wrong(&e))
    }
}

/// All sinks that are configured.
fn placed(config: &Config) -> Result<Vec<Placed>, Error> {
    let mut all = Vec::new();
    let mut add =
        |receiver: Option<&str>, config: &SinkConfig, former_name: String, written_at: String| {
            let base = identity::name(config, receiver);
            let same = |other: &&Placed| identity::place(&other.name) == base;
            let name = identity::repeated(&base, all.iter().filter(same).count());
            all.push(Placed {
                name,
                former_name,
                receiver: receiver.map(ToOwned::to_owned),
                config: config.clone(),
                written_at,
            });
        };
    let receivers = config.alerting.as_ref().map(AlertingConfig::receivers);
    for (receiver, sinks) in receivers.transpose()?.unwrap_or_default() {
        for (i, config) in sinks.iter().enumerate() {
            let former = format!("{}-{receiver}-{i}", config.kind());
            let written_at = format!("alerting: receiver `{receiver}`, sink {i}");
            add(Some(receiver.as_str()), config, former, written_at);
        }
    }
    let routed = config.alerting.is_none();
    for (i, config) in config.sinks.iter().enumerate() {
        let receiver = (routed && config.is_for_people()).then_some(EVERYBODY);
        let former = format!("{}-{i}", config.kind());
        add(receiver, config, former, format!("sinks[{i}]"));
    }
    Ok(all)
}

/// The present names of sinks by those that versions before gave them, as `config` has them.
pub(crate) fn former_names(config: &Config) -> Result<BTreeMap<String, String>, Error> {
    let all = placed(config)?.into_iter();
    Ok(all.map(|sink| (sink.former_name, sink.name)).collect())
}

/// What goes from `old` to `new` and holds the state: by name, a dispatcher to the members that
/// nobody else tells of the same alerts, or `None` where others tell them all.
pub(crate) fn leaving(
    old: &Config,
    new: &Config,
) -> Result<BTreeMap<String, Option<Dispatcher>>, Error> {
    let (old, new) = (placed(old)?, placed(new)?);
    let stays = |sink: &Placed| new.iter().any(|new| new.name == sink.name);
    let state = |sink: &Placed| matches!(sink.config, SinkConfig::Alertmanager { .. });
    let gone = old.into_iter().filter(|sink| state(sink) && !stays(sink));
    gone.map(|mut sink| {
        let name = sink.name.clone();
        let left = sink.config.beside(new.iter().map(|new| &new.config));
        let left = left.map(|left| {
            sink.config = left;
            sink.join(Dispatcher::new(), None)
        });
        Ok((name, left.transpose()?))
    })
    .collect()
}

/// Whether any sink shows plots.
pub(crate) fn show_plots(config: &Config) -> bool {
    let top = config.sinks.iter().any(SinkConfig::shows_plots);
    let receivers = config.alerting.as_ref().map(AlertingConfig::receivers);
    let receivers = receivers.and_then(Result::ok).unwrap_or_default();
    let mut routed = receivers.iter().flat_map(|(_, sinks)| sinks);
    top || routed.any(SinkConfig::shows_plots)
}

fn sink(config: &SinkConfig, name: String, plots: Plots<'_>) -> Result<Box<dyn Sink>, Error> {
    Ok(match config {
        SinkConfig::Log {} => Box::new(LogSink::new(name)),
        SinkConfig::Webhook {
            url,
            token,
            auth,
            template,
            links,
            timeout,
            send_resolved: _,
        } => {
            let auth = match (token, auth_of(auth)?) {
                (Some(token), Auth::None) => Auth::Bearer(token.secret().clone()),
                (None, auth) => auth,
                (Some(_), _) => {
                    let message = "`token` and `auth` exclude each other";
                    return Err(Error::config(message));
                }
            };
            let mut sink = WebhookSink::builder(url.secret().clone())
                .name(name)
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
                .name(name)
                .auth(auth_of(auth)?)
                .resend(resend.duration())
                .labels(Labels::from_pairs(labels)?)
                .links(links_of(links)?)
                .timeout(timeout.duration());
            Box::new(sink.build().map_err(Error::config)?)
        }
        SinkConfig::Slack {
            url,
            channel,
            upload_token,
            api_url,
            links,
            timeout,
            send_resolved: _,
        } => {
            let mut sink = SlackSink::builder(url.secret().clone())
                .name(name)
                .links(links_of(links)?)
                .timeout(timeout.duration());
            if let Some(channel) = channel {
                sink = sink.channel(channel);
            }
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
            send_resolved: _,
        } => {
            let sink = TeamsSink::builder(url.secret().clone())
                .name(name)
                .links(links_of(links)?)
                .timeout(timeout.duration());
            Box::new(sink.build().map_err(Error::config)?)
        }
        SinkConfig::Discord {
            url,
            links,
            timeout,
            send_resolved: _,
        } => {
            let sink = DiscordSink::builder(url.secret().clone())
                .name(name)
                .links(links_of(links)?)
                .timeout(timeout.duration());
            Box::new(sink.build().map_err(Error::config)?)
        }
        SinkConfig::Pagerduty {
            routing_key,
            url,
            links,
            timeout,
            send_resolved: _,
        } => {
            let sink = PagerDutySink::builder(routing_key.secret().clone())
                .name(name)
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
            send_resolved: _,
        } => {
            let mut sink = EmailSink::builder(host, from, to)
                .name(name)
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

/// The labels that the Alertmanager whose silences are heeded gets with each alert: those of the
/// sink with one of its addresses, else of the first one.
pub(crate) fn sent_labels(config: &Config) -> Result<Labels, Error> {
    let silences = config.alerting.as_ref().and_then(|a| a.silences.as_ref());
    let heeded = |urls: &[String]| {
        let base = |url: &str| url.trim_end_matches('/').to_owned();
        let heeded: Vec<String> = silences
            .iter()
            .flat_map(|s| &s.urls)
            .map(|u| base(u))
            .collect();
        urls.iter().any(|url| heeded.contains(&base(url)))
    };
    let sinks = config.sinks.iter().filter_map(|sink| match sink {
        SinkConfig::Alertmanager { urls, labels, .. } => Some((heeded(urls), labels)),
        _ => None,
    });
    // Of equals the last is the greatest.
    let best = sinks.rev().max_by_key(|&(heeded, _)| heeded);
    let labels = best.into_iter().flat_map(|(_, labels)| labels);
    let labels = labels.map(|(name, value)| (name.as_str(), value.as_str()));
    Ok(Labels::from_pairs(labels)?)
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
        AuthConfig::OAuth2 { .. } | AuthConfig::SigV4 { .. } => {
            return Err(Error::config(
                "auth.type must be `none`, `basic`, `bearer` or `headers` here: `oauth2` and `sigv4` \
                 are for sources and remote write",
            ));
        }
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
