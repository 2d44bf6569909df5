use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{AuthConfig, SecretText, Span};

/// Who is told.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum SinkConfig {
    /// The log of the service.
    Log {},
    /// A JSON document by HTTP POST.
    Webhook {
        /// The address; it may be secret.
        url: SecretText,
        /// A bearer token.
        #[serde(default)]
        token: Option<SecretText>,
        /// Another way to authenticate; not together with `token`.
        #[serde(default)]
        auth: AuthConfig,
        /// The body, in place of the default one. An object or list is sent as JSON, with
        /// placeholders such as `{summary}` filled within its texts; a text is sent as plain text.
        /// Unknown placeholders are errors that name the known ones.
        #[serde(default)]
        template: Option<Value>,
        /// Links added to every alert.
        #[serde(default)]
        links: LinksConfig,
        /// Whether it is told that alerts have ended.
        #[serde(default = "yes")]
        send_resolved: bool,
        /// The longest that one delivery may take.
        #[serde(default = "default_timeout")]
        timeout: Span,
    },
    /// Alertmanager's API v2.
    Alertmanager {
        /// Every member of the cluster, never a load balancer in front of it.
        urls: Vec<String>,
        /// How to authenticate.
        #[serde(default)]
        auth: AuthConfig,
        /// How often firing alerts are sent again.
        #[serde(default = "default_resend")]
        resend: Span,
        /// Labels added to every alert.
        #[serde(default)]
        labels: BTreeMap<String, String>,
        /// Links added to every alert.
        #[serde(default)]
        links: LinksConfig,
        /// The longest that one delivery may take.
        #[serde(default = "default_timeout")]
        timeout: Span,
    },
    /// A channel of Slack, by an incoming web hook.
    Slack {
        /// The address of the web hook; it is secret.
        url: SecretText,
        /// The channel or person that is told, for example `#ops`. Web hooks of Slack's applications
        /// have one of their own and pay no heed to this; older ones do.
        #[serde(default)]
        channel: Option<String>,
        /// A token of the same application with the scope `files:write`: with it, messages show
        /// plots.
        #[serde(default)]
        upload_token: Option<SecretText>,
        /// The address of Slack's Web API, to which plots are uploaded.
        #[serde(default = "default_slack_api")]
        api_url: String,
        /// Links added to every alert.
        #[serde(default)]
        links: LinksConfig,
        /// Whether it is told that alerts have ended.
        #[serde(default = "yes")]
        send_resolved: bool,
        /// The longest that one delivery may take.
        #[serde(default = "default_timeout")]
        timeout: Span,
    },
    /// A channel or chat of Microsoft Teams, by the web hook of a workflow, as Adaptive Cards.
    Teams {
        /// The address of the web hook; it is secret.
        url: SecretText,
        /// Links added to every alert.
        #[serde(default)]
        links: LinksConfig,
        /// Whether it is told that alerts have ended.
        #[serde(default = "yes")]
        send_resolved: bool,
        /// The longest that one delivery may take.
        #[serde(default = "default_timeout")]
        timeout: Span,
    },
    /// A channel of Discord, by a web hook.
    Discord {
        /// The address of the web hook; it is secret.
        url: SecretText,
        /// Links added to every alert.
        #[serde(default)]
        links: LinksConfig,
        /// Whether it is told that alerts have ended.
        #[serde(default = "yes")]
        send_resolved: bool,
        /// The longest that one delivery may take.
        #[serde(default = "default_timeout")]
        timeout: Span,
    },
    /// PagerDuty, by its Events API v2: an incident for each alert.
    Pagerduty {
        /// The routing key, also called integration key: 32 letters and digits.
        routing_key: SecretText,
        /// The address of the service; in the EU `https://events.eu.pagerduty.com`.
        #[serde(default = "default_pagerduty")]
        url: String,
        /// Links added to every incident.
        #[serde(default)]
        links: LinksConfig,
        /// Whether it is told that alerts have ended.
        #[serde(default = "yes")]
        send_resolved: bool,
        /// The longest that one delivery may take.
        #[serde(default = "default_timeout")]
        timeout: Span,
    },
    /// Mails through an SMTP server.
    Email {
        /// The server's name.
        host: String,
        /// The server's port; by default 587, 465 or 25, as `security` has it.
        #[serde(default)]
        port: Option<u16>,
        /// How the connection is encrypted.
        #[serde(default)]
        security: EmailSecurity,
        /// A file with a certificate to trust besides those of the system, in PEM.
        #[serde(default)]
        ca: Option<PathBuf>,
        /// The user's name, where the server asks for it.
        #[serde(default)]
        user: Option<String>,
        /// The user's password.
        #[serde(default)]
        password: Option<SecretText>,
        /// The sender: `bongsu@example.org`.
        from: String,
        /// The recipients, at least one: `Ops <ops@example.org>`.
        to: Vec<String>,
        /// Whether mails show plots.
        #[serde(default = "yes")]
        plots: bool,
        /// Links added to every alert.
        #[serde(default)]
        links: LinksConfig,
        /// Whether it is told that alerts have ended.
        #[serde(default = "yes")]
        send_resolved: bool,
        /// The longest that one delivery may take.
        #[serde(default = "default_timeout")]
        timeout: Span,
    },
}

impl SinkConfig {
    /// Whether people read what it is told. Without the section `alerting` these sinks hear messages
    /// for groups of alerts; the others, which are read by programs, hear of each alert.
    #[must_use]
    pub const fn is_for_people(&self) -> bool {
        match self {
            Self::Log {} | Self::Webhook { .. } | Self::Alertmanager { .. } => false,
            Self::Slack { .. }
            | Self::Teams { .. }
            | Self::Discord { .. }
            | Self::Pagerduty { .. }
            | Self::Email { .. } => true,
        }
    }

    /// The word for its kind.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Log {} => "log",
            Self::Webhook { .. } => "webhook",
            Self::Alertmanager { .. } => "alertmanager",
            Self::Slack { .. } => "slack",
            Self::Teams { .. } => "teams",
            Self::Discord { .. } => "discord",
            Self::Pagerduty { .. } => "pagerduty",
            Self::Email { .. } => "email",
        }
    }

    /// Whether it is told that alerts have ended.
    pub(crate) const fn sends_resolved(&self) -> bool {
        match self {
            Self::Log {} | Self::Alertmanager { .. } => true,
            Self::Webhook { send_resolved, .. }
            | Self::Slack { send_resolved, .. }
            | Self::Teams { send_resolved, .. }
            | Self::Discord { send_resolved, .. }
            | Self::Pagerduty { send_resolved, .. }
            | Self::Email { send_resolved, .. } => *send_resolved,
        }
    }

    /// Where it leads: the same for what reaches the same people or the same program. Credentials,
    /// texts and patience may differ. It may hold secrets.
    pub(crate) fn place(&self) -> Vec<String> {
        let sorted = |texts: &[String]| {
            let mut texts = texts.to_vec();
            texts.sort_unstable();
            texts.dedup();
            texts
        };
        match self {
            Self::Log {} => Vec::new(),
            Self::Webhook { url, .. } | Self::Teams { url, .. } | Self::Discord { url, .. } => {
                vec![url.secret().expose().to_owned()]
            }
            Self::Slack { url, channel, .. } => std::iter::once(url.secret().expose().to_owned())
                .chain(channel.clone())
                .collect(),
            // Labels are part of what an alert is there.
            Self::Alertmanager { urls, labels, .. } => {
                let urls: Vec<String> = urls.iter().map(|url| member(url).to_owned()).collect();
                let labels = labels.iter().flat_map(|(name, value)| [name, value]);
                let labels = std::iter::once("labels").chain(labels.map(String::as_str));
                let labels = labels.map(ToOwned::to_owned);
                sorted(&urls).into_iter().chain(labels).collect()
            }
            Self::Pagerduty {
                routing_key, url, ..
            } => vec![routing_key.secret().expose().to_owned(), url.clone()],
            Self::Email { to, .. } => sorted(to),
        }
    }

    /// What is left of it beside `others`: the members of a cluster that none of them tells of the
    /// same alerts. `None` where nothing is.
    pub(crate) fn beside<'a>(&self, others: impl Iterator<Item = &'a Self>) -> Option<Self> {
        let mut left = self.clone();
        let Self::Alertmanager { urls, labels, .. } = &mut left else {
            return Some(left);
        };
        for other in others {
            if let Self::Alertmanager {
                urls: theirs,
                labels: same,
                ..
            } = other
                && labels == same
            {
                urls.retain(|url| theirs.iter().all(|their| member(their) != member(url)));
            }
        }
        (!urls.is_empty()).then_some(left)
    }

    /// Whether it shows plots.
    pub(crate) const fn shows_plots(&self) -> bool {
        match self {
            Self::Slack { upload_token, .. } => upload_token.is_some(),
            Self::Email { plots, .. } => *plots,
            _ => false,
        }
    }
}

/// The address of a member of a cluster.
fn member(url: &str) -> &str {
    url.trim_end_matches('/')
}

/// How a connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmailSecurity {
    /// It begins open and must become encrypted before anything is sent; port 587.
    #[default]
    Starttls,
    /// It is encrypted from the beginning; port 465.
    Tls,
    /// Not at all; port 25. Then there must be no password.
    None,
}

/// Links that help whoever is woken. `{name}` stands for the value of the alert's label `name`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LinksConfig {
    /// Where to read what to do: `https://wiki/runbooks/{query}`.
    pub runbook: Option<String>,
    /// Where to see it: `https://grafana/d/node?var-instance={instance}`.
    pub dashboard: Option<String>,
}

fn default_timeout() -> Span {
    Span::from_secs(30)
}

fn default_resend() -> Span {
    Span::from_secs(60)
}

fn default_slack_api() -> String {
    "https://slack.com/api".to_owned()
}

const fn yes() -> bool {
    true
}

fn default_pagerduty() -> String {
    "https://events.pagerduty.com".to_owned()
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    const BASE: &str = "
source: {type: csv, path: x.csv}
queries: [{name: a, expr: a}]
";

    fn with(sink: &str) -> String {
        format!("{BASE}sinks: [{{type: log}}, {sink}]\n")
    }

    #[test]
    fn sinks_are_read_with_their_defaults() {
        let key = "k".repeat(32);
        for sink in [
            "{type: slack, url: 'https://hooks.slack.com/services/T/B/X'}".to_owned(),
            "{type: slack, url: 'https://h/x', timeout: 5s, links: {runbook: 'https://w/{query}'}}"
                .to_owned(),
            "{type: slack, url: 'https://h/x', upload_token: xoxb-1}".to_owned(),
            "{type: teams, url: 'https://h/x?sig=1'}".to_owned(),
            "{type: discord, url: 'https://discord.com/api/webhooks/1/x', timeout: 5s}".to_owned(),
            "{type: webhook, url: 'https://h/x', template: {text: '{summary}', all: [{each_alert: '{name}'}]}}"
                .to_owned(),
            "{type: webhook, url: 'https://h/x', template: '{text}'}".to_owned(),
            format!("{{type: pagerduty, routing_key: {key}}}"),
            format!(
                "{{type: pagerduty, routing_key: {key}, url: 'https://events.eu.pagerduty.com'}}"
            ),
            "{type: email, host: h, from: a@b.c, to: [d@e.f, 'G <g@h.i>']}".to_owned(),
            "{type: email, host: h, security: none, port: 2525, from: a@b.c, to: [d@e.f]}"
                .to_owned(),
            "{type: email, host: h, user: u, password: p, from: a@b.c, to: [d@e.f]}".to_owned(),
        ] {
            let config = parse(&with(&sink), None);
            assert!(config.is_ok(), "{sink}: {config:?}");
        }
    }

    #[test]
    fn wrong_values_are_named_and_secrets_are_not() {
        for (sink, path) in [
            (
                "{type: slack, url: 'hooks/MARKED'}",
                "sinks[1]: parameter `url`",
            ),
            (
                "{type: slack, url: 'http://h/MARKED', timeout: 0s}",
                "sinks[1].timeout",
            ),
            (
                "{type: slack, url: 'http://h/MARKED', links: {runbook: wiki}}",
                "sinks[1]: links: parameter `runbook`",
            ),
            ("{type: teams, url: MARKED}", "sinks[1]: parameter `url`"),
            ("{type: discord, url: MARKED, timeout: 0s}", "sinks[1]"),
            (
                "{type: slack, url: 'http://h/MARKED', upload_token: MARKED, api_url: slack}",
                "sinks[1]: parameter `api_url`",
            ),
            (
                "{type: webhook, url: 'http://h/MARKED', template: {text: '{sumary}'}}",
                "did you mean `summary`?",
            ),
            ("{type: pagerduty, routing_key: MARKED}", "`routing_key`"),
            (
                "{type: email, host: '', from: a@b.c, to: [d@e.f]}",
                "`host`",
            ),
            ("{type: email, host: h, from: a, to: [d@e.f]}", "`from`"),
            ("{type: email, host: h, from: a@b.c, to: []}", "`to`"),
            (
                "{type: email, host: h, from: a@b.c, to: ['d@e.f, g@h.i']}",
                "`to`",
            ),
            (
                "{type: email, host: h, from: a@b.c, to: [d@e.f], ca: /nowhere.pem}",
                "sinks[1]: ca: /nowhere.pem",
            ),
            (
                "{type: email, host: h, from: a@b.c, to: [d@e.f], password: MARKED}",
                "`user`",
            ),
            (
                "{type: email, host: h, security: none, from: a@b.c, to: [d@e.f], user: u, password: MARKED}",
                "`security`",
            ),
        ] {
            let error = parse(&with(sink), None).unwrap_err().to_string();
            assert!(error.contains(path), "{sink}: {error}");
            assert!(!error.contains("MARKED"), "{error}");
        }
    }
}
