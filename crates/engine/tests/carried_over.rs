//! A configuration of Alertmanager, which its own tool takes, is carried over as it stands.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::Command;

use bongsu_engine::config;

/// What Alertmanager's own tool says of a configuration.
fn amtool(text: &str) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("alertmanager.yml");
    std::fs::write(&path, text).unwrap();
    let check = Command::new("amtool")
        .arg("check-config")
        .arg(&path)
        .output()
        .unwrap();
    let said = [check.stdout, check.stderr].concat();
    (
        check.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// Reads it under `alerting.routing`; gives the sinks of each receiver, or the error.
fn carried_over(text: &str) -> Result<Vec<String>, String> {
    let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
    let yaml = format!(
        "source: {{type: csv, path: x.csv}}\nqueries: [{{name: a, expr: a}}]\nalerting:\n  routing:\n{indented}"
    );
    let config = config::parse(&yaml, None).map_err(|e| e.to_string())?;
    let routing = &config.alerting.as_ref().unwrap().routing;
    Ok(routing
        .receivers
        .iter()
        .map(|receiver| receiver.name.clone())
        .collect())
}

const CONFIG: &str = r##"
global:
  resolve_timeout: 5m
  smtp_smarthost: mail.example.org:587
  smtp_from: alertmanager@example.org
  slack_api_url: https://hooks.slack.com/services/T000/B000/hunter2
  pagerduty_url: https://events.eu.pagerduty.com/v2/enqueue
route:
  receiver: chat
  group_by: [alertname, cluster]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 3h
  routes:
  - receiver: pager
    matchers: [ 'severity="critical"' ]
    continue: true
  - receiver: mail
    match_re: { service: ^(foo1|foo2|baz)$ }
    mute_time_intervals: [ nights ]
  - receiver: hooks
    matchers: [ team=~"a|b", env!="test" ]
receivers:
- name: chat
  slack_configs:
  - channel: '#alerts'
    send_resolved: true
    title: '{{ .CommonLabels.alertname }}'
  discord_configs:
  - webhook_url: https://discord.com/api/webhooks/1/hunter2
- name: pager
  pagerduty_configs:
  - routing_key: 0123456789abcdef0123456789abcdef
- name: mail
  email_configs:
  - to: 'ops@example.org, "Doe, Jo" <jo@example.org>'
    headers: { Subject: 'x' }
    auth_username: am
    auth_password: hunter2
  - to: night@example.org
    smarthost: relay.example.org:25
    require_tls: false
- name: hooks
  webhook_configs:
  - url: https://hook.example.org/x
    max_alerts: 10
    http_config:
      basic_auth: { username: am, password: hunter2 }
      follow_redirects: false
  - url: https://hook.example.org/y
    http_config:
      authorization: { type: Bearer, credentials: hunter2 }
inhibit_rules:
- source_matchers: [ severity="critical" ]
  target_matchers: [ severity="warning" ]
  equal: [ alertname ]
time_intervals:
- name: nights
  time_intervals:
  - times: [ { start_time: '22:00', end_time: '24:00' } ]
    weekdays: [ 'monday:friday' ]
    location: Asia/Seoul
"##;

#[test]
fn a_configuration_that_alertmanager_takes_is_taken() {
    let (taken, said) = amtool(CONFIG);
    assert!(taken, "{said}");
    assert_eq!(
        carried_over(CONFIG).unwrap(),
        ["chat", "pager", "mail", "hooks"]
    );
}

#[test]
fn what_only_alertmanager_can_do_is_named() {
    for (from, to, named) in [
        (
            "follow_redirects: false",
            "proxy_url: http://hunter2:1",
            "webhook_configs[0].http_config.proxy_url: cannot be carried over",
        ),
        (
            "  smtp_from:",
            "  smtp_hello: hunter2.example.org\n  smtp_from:",
            "email_configs[0].hello: cannot be carried over",
        ),
        (
            "headers: { Subject: 'x' }",
            "headers: { Reply-To: 'hunter2@example.org' }",
            "email_configs[0].headers.Reply-To: cannot be carried over",
        ),
        (
            "- name: hooks\n  webhook_configs:",
            "- name: hooks\n  victorops_configs: [ { api_key: hunter2, routing_key: x } ]\n  webhook_configs:",
            "victorops_configs[0]: cannot be carried over",
        ),
    ] {
        let config = CONFIG.replacen(from, to, 1);
        assert_ne!(config, CONFIG);
        let (taken, said) = amtool(&config);
        assert!(taken, "{to}: {said}");
        let error = carried_over(&config).unwrap_err();
        assert!(
            error.contains(named) && !error.contains("hunter2"),
            "{error}"
        );
    }
}
