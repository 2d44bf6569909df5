use std::borrow::Cow;

use bongsu_alert::{
    GlobalConfig, ReceiverConfig, RouteConfig, RoutingConfig, RoutingTree, SuppressConfig,
    Suppressor,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::carried_over::carried_over;
use super::{AuthConfig, Config, SinkConfig, Span};
use crate::{Error, sinks};

/// Who is told of which alerts, and what keeps messages few.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertingConfig {
    /// Routes, receivers, inhibition and time intervals in the shape of Alertmanager's
    /// configuration file. A receiver lists its sinks under `sinks`, as the top level does;
    /// `webhook_configs`, `slack_configs`, `pagerduty_configs`, `email_configs`, `discord_configs`,
    /// `msteams_configs` and `msteamsv2_configs` of Alertmanager are understood, too: their addresses,
    /// keys, channels and recipients, `send_resolved`, `timeout`, of `http_config` the password or
    /// bearer token of a web hook, and from `global` what stands for a key that is left out. What would
    /// change the delivery and cannot be carried over is an error that names the key; what only
    /// concerns Alertmanager's own texts is left out.
    pub routing: RoutingConfig,
    /// Flapping, mutes, maintenance, budget of messages, escalation and limits.
    #[serde(default)]
    pub suppress: SuppressConfig,
    /// An Alertmanager whose silences are heeded.
    #[serde(default)]
    pub silences: Option<SilencesConfig>,
}

/// An Alertmanager whose silences are heeded.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilencesConfig {
    /// The members of the cluster; the first that answers is believed.
    pub urls: Vec<String>,
    /// How to authenticate.
    #[serde(default)]
    pub auth: AuthConfig,
    /// How often they are read.
    #[serde(default = "every")]
    pub every: Span,
    /// The longest that one request may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

fn every() -> Span {
    Span::from_secs(60)
}

fn timeout() -> Span {
    Span::from_secs(10)
}

/// The receiver of the sinks for people at the top level, where nothing else is configured.
pub(crate) const EVERYBODY: &str = "default";

impl AlertingConfig {
    /// One receiver that hears of everything, grouped by query, all else at its default.
    fn by_query() -> Self {
        let route = RouteConfig {
            receiver: Some(EVERYBODY.to_owned()),
            group_by: Some(vec!["query".to_owned()]),
            ..RouteConfig::default()
        };
        let receiver = ReceiverConfig {
            name: EVERYBODY.to_owned(),
            ..ReceiverConfig::default()
        };
        Self {
            routing: RoutingConfig {
                route,
                receivers: vec![receiver],
                ..RoutingConfig::default()
            },
            suppress: SuppressConfig::default(),
            silences: None,
        }
    }

    /// Checks it all; the message begins with the key.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        self.receivers()?;
        if let Some(silences) = &self.silences {
            for (key, span) in [("every", silences.every), ("timeout", silences.timeout)] {
                if span.millis() < 1 {
                    let message = format!("alerting.silences.{key} is {span}, but must be above 0");
                    return Err(Error::config(message));
                }
            }
            sinks::silences(silences)?;
        }
        self.suppressor().map(|_| ())
    }

    /// What it makes of alerts, with nothing known yet.
    pub(crate) fn suppressor(&self) -> Result<Suppressor, Error> {
        let at = |key: &str, e: bongsu_alert::Error| Error::config(format!("alerting.{key}: {e}"));
        let tree = RoutingTree::new(&self.routing).map_err(|e| at("routing", e))?;
        Suppressor::new(&self.suppress, tree).map_err(|e| at("suppress", e))
    }

    /// The receivers' names and sinks.
    pub(crate) fn receivers(&self) -> Result<Vec<(String, Vec<SinkConfig>)>, Error> {
        let receivers = self.routing.receivers.iter().enumerate();
        receivers
            .map(|(i, receiver)| {
                let at = format!("alerting.routing.receivers[{i}]");
                let sinks = sinks_of(receiver, &self.routing.global, &at)?;
                Ok((receiver.name.clone(), sinks))
            })
            .collect()
    }
}

impl Config {
    /// How people are told: as the section `alerting` says; without it, sinks for people at the top
    /// level hear one message for each query.
    pub(crate) fn told(&self) -> Option<Cow<'_, AlertingConfig>> {
        if let Some(alerting) = &self.alerting {
            return Some(Cow::Borrowed(alerting));
        }
        let any = self.sinks.iter().any(SinkConfig::is_for_people);
        any.then(|| Cow::Owned(AlertingConfig::by_query()))
    }
}

fn sinks_of(
    receiver: &ReceiverConfig,
    global: &GlobalConfig,
    at: &str,
) -> Result<Vec<SinkConfig>, Error> {
    let mut sinks = Vec::new();
    for (key, section) in &receiver.sections {
        let at = format!("{at}.{key}");
        let Value::Array(entries) = section else {
            return Err(Error::config(format!("{at}: must be a list")));
        };
        for (i, entry) in entries.iter().enumerate() {
            let at = format!("{at}[{i}]");
            let sink = match key.as_str() {
                "sinks" => entry.clone(),
                key => carried_over(key, entry, global, &at)?,
            };
            // The value may be a secret, so it is not shown.
            let sink = serde_path_to_error::deserialize(sink).map_err(|e| {
                let message = super::load::without_value(&e.inner().to_string());
                Error::config(format!("{at}.{}: {message}", e.path()))
            })?;
            sinks.push(sink);
        }
    }
    Ok(sinks)
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    fn with(alerting: &str) -> Result<usize, String> {
        let text = format!(
            "source: {{type: csv, path: x.csv}}\nqueries: [{{name: a, expr: a}}]\nalerting: {alerting}"
        );
        let config = parse(&text, None).map_err(|e| e.to_string())?;
        let receivers = config
            .alerting
            .unwrap()
            .receivers()
            .map_err(|e| e.to_string())?;
        Ok(receivers.iter().map(|(_, sinks)| sinks.len()).sum())
    }

    #[test]
    fn a_configuration_of_alertmanager_can_be_carried_over() {
        let sinks = with(
            "{routing: {global: {resolve_timeout: 5m}, route: {receiver: hook, group_by: [query],
              routes: [{receiver: own, matchers: ['severity=\"critical\"'], continue: true}]},
              receivers: [{name: hook, webhook_configs: [{url: 'http://h/x', send_resolved: true}]},
                          {name: own, sinks: [{type: log}]}],
              inhibit_rules: [{source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [instance]}]},
              suppress: {budget: {rate: {burst: 5, every: 1m}}}}",
        );
        assert_eq!(sinks, Ok(2));
    }

    #[test]
    fn without_the_section_people_hear_a_message_for_each_query() {
        let with = |rest: &str| {
            let text = format!(
                "source: {{type: csv, path: x.csv}}\nqueries: [{{name: a, expr: a}}]\n{rest}"
            );
            parse(&text, None).unwrap()
        };
        let slack = "{type: slack, url: 'http://h/x'}";
        let config = with(&format!("sinks: [{{type: log}}, {slack}]"));
        let told = config.told().unwrap();
        assert_eq!(told.routing.route.group_by, Some(vec!["query".to_owned()]));
        assert!(told.suppressor().is_ok());
        assert!(with("sinks: [{type: log}]").told().is_none());
        assert!(with("sinks: []").told().is_none());
        let own = with(&format!(
            "sinks: [{slack}]\nalerting: {{routing: {{route: {{receiver: b}}, receivers: [{{name: b}}]}}}}"
        ));
        assert_eq!(own.told().unwrap().routing.route.group_by, None);
        let older =
            "prometheus_url: 'http://p:9090'\nmetrics: [up]\nslack_webhook_url: 'http://h/x'";
        assert!(parse(older, None).unwrap().told().is_some());
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place_and_never_shows_a_secret() {
        for (wrong, word) in [
            (
                "{routing: {route: {receiver: a}, receivers: [{name: b}]}}",
                "there is no receiver `a`",
            ),
            (
                "{routing: {route: {receiver: a}, receivers: [{name: a, sinks: [{type: webhok, url: hunter2}]}]}}",
                "alerting.routing.receivers[0].sinks[0]",
            ),
            (
                "{routing: {route: {receiver: a}, receivers: [{name: a, opsgenie_configs: [{api_key: hunter2}]}]}}",
                "opsgenie_configs[0]: cannot be carried over",
            ),
            (
                "{routing: {route: {receiver: a}, receivers: [{name: a, webhook_configs: [{}]}]}}",
                "webhook_configs[0].url: is missing",
            ),
            (
                "{routing: {route: {receiver: a}, receivers: [{name: a}]}, suppress: {limits: {alerts: 0}}}",
                "alerting.suppress",
            ),
        ] {
            let error = with(wrong).unwrap_err();
            assert!(
                error.contains(word) && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
