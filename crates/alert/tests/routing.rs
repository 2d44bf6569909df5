//! Routing trees as Alertmanager reads them.
#![allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]

mod common;

use bongsu_alert::{Lifecycle, RoutingConfig, RoutingTree, Subject};
use bongsu_core::{Severity, Timestamp};
use common::{fire, labels};

/// The example of Alertmanager's documentation, with what it leaves out added.
const DOCUMENTED: &str = r#"
global:
  resolve_timeout: 5m
templates: [ '/etc/alertmanager/*.tmpl' ]
route:
  receiver: 'default-receiver'
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  group_by: [cluster, alertname]
  routes:
  - receiver: 'database-pager'
    group_wait: 10s
    matchers:
    - service=~"mysql|cassandra"
  - receiver: 'frontend-pager'
    group_by: [product, environment]
    matchers:
    - team="frontend"
  - receiver: 'dev-pager'
    matchers:
      - service="inhouse-service"
    mute_time_intervals:
      - offhours
      - holidays
    continue: true
  - receiver: 'on-call-pager'
    matchers:
      - service="inhouse-service"
    active_time_intervals:
      - offhours
      - holidays
receivers:
- name: default-receiver
- name: database-pager
  pagerduty_configs:
  - routing_key: R0UT1NG
- name: frontend-pager
- name: dev-pager
- name: on-call-pager
time_intervals:
- name: offhours
  time_intervals:
  - times:
    - start_time: 18:00
      end_time: '24:00'
    - start_time: '00:00'
      end_time: 08:00
    location: Asia/Seoul
- name: holidays
  time_intervals:
  - months: [12]
    days_of_month: [25]
inhibit_rules:
- source_matchers: [ severity="critical" ]
  target_matchers: [ severity=~"warning|minor" ]
  equal: [ alertname, cluster ]
"#;

fn config(yaml: &str) -> RoutingConfig {
    serde_saphyr::from_str(yaml).unwrap()
}

fn receivers(tree: &RoutingTree, pairs: &[(&str, &str)]) -> String {
    let alert = fire(
        &mut Lifecycle::new(),
        &labels(pairs),
        Timestamp::from_secs(0),
    );
    let found: Vec<_> = tree
        .test(Subject::new(&alert))
        .map(|(_, receiver)| receiver)
        .collect();
    found.join(" ")
}

#[test]
fn the_documented_example_routes_as_documented() {
    let config = config(DOCUMENTED);
    assert!(!format!("{config:?}").contains("R0UT1NG"));
    let tree = RoutingTree::new(&config).unwrap();
    for (pairs, expected) in [
        (&[("x", "y")][..], "default-receiver"),
        (&[("service", "mysql")], "database-pager"),
        (&[("service", "mysql2")], "default-receiver"),
        (&[("team", "frontend")], "frontend-pager"),
        (
            &[("team", "frontend"), ("service", "cassandra")],
            "database-pager",
        ),
        (&[("service", "inhouse-service")], "dev-pager on-call-pager"),
    ] {
        assert_eq!(receivers(&tree, pairs), expected, "{pairs:?}");
    }
    assert_eq!(tree.receivers().count(), 5);
}

/// A node without a matching child keeps the alert; `continue` goes on with the siblings, also after
/// a child deep below.
#[test]
fn nested_routes_and_continue() {
    let tree = RoutingTree::new(&config(
        r#"
route:
  receiver: root
  routes:
  - matchers: ['owner="a"']
    receiver: a
    routes:
    - matchers: ['env="test"']
      receiver: a-test
      continue: true
    - match_re: { env: "test|prod" }
      receiver: a-any
  - match: { owner: b }
    continue: true
    routes:
    - matchers: ['{env!="prod"}']
      receiver: b-other
  - matchers: ['owner=~"a|b"']
    receiver: last
receivers: [ {name: root}, {name: a}, {name: a-test}, {name: a-any}, {name: b-other}, {name: last} ]
"#,
    ))
    .unwrap();
    for (pairs, expected) in [
        (&[("owner", "a")][..], "a"),
        (&[("owner", "a"), ("env", "test")], "a-test a-any"),
        (&[("owner", "a"), ("env", "prod")], "a-any"),
        (&[("owner", "b")], "b-other last"),
        (&[("owner", "b"), ("env", "prod")], "root last"),
        (&[("owner", "c")], "root"),
    ] {
        assert_eq!(receivers(&tree, pairs), expected, "{pairs:?}");
    }
}

#[test]
fn severity_and_names_are_those_that_alertmanager_sees() {
    let tree = RoutingTree::new(&config(
        r#"
route:
  receiver: other
  routes:
  - { receiver: up, matchers: [ 'metric="up"', 'severity="major"', 'alertname="BongsuAnomaly"' ] }
receivers: [ {name: other}, {name: up} ]
"#,
    ))
    .unwrap();
    let identity = labels(&[("__name__", "up"), ("severity", "none")]);
    let mut alert = fire(&mut Lifecycle::new(), &identity, Timestamp::from_secs(0));
    let receiver = |alert: &_| {
        let found = tree.test(Subject::new(alert)).next();
        found.map(|(path, receiver)| (path.to_owned(), receiver.to_owned()))
    };
    assert_eq!(receiver(&alert).unwrap().1, "other");
    alert.severity = Severity::Major;
    let path = r#"{}/{alertname="BongsuAnomaly",metric="up",severity="major"}"#;
    assert_eq!(receiver(&alert), Some((path.to_owned(), "up".to_owned())));
}

#[test]
fn what_is_wrong_is_named_with_its_path() {
    let tail = "\nreceivers: [ {name: r} ]";
    for (route, message) in [
        ("route: {}", "route: a receiver is missing"),
        (
            "route: { receiver: r, routes: [ {}, { receiver: x } ] }",
            "route.routes[1].receiver: there is no receiver `x`; there are `r`",
        ),
        (
            "route: { receiver: r, matchers: [ a=b ] }",
            "route: the root takes every alert and has no matchers",
        ),
        (
            "route: { receiver: r, continue: true }",
            "route: the root takes every alert and has no continue",
        ),
        (
            "route: { receiver: r, routes: [ { matchers: [ a=b, 'c=~\"(\"' ] } ] }",
            "route.routes[0].matchers[1]: `c=~\"(\"` is not a list of matchers",
        ),
        (
            "route: { receiver: r, routes: [ { match_re: { c: '(' } } ] }",
            "route.routes[0].match_re.c: `(` is not a regular expression",
        ),
        (
            "route: { receiver: r, group_by: [ a, '...' ] }",
            "route.group_by: `...` must stand alone",
        ),
        (
            "route: { receiver: r, group_by: [ a, a ] }",
            "route.group_by: a label comes twice",
        ),
        (
            "route: { receiver: r, group_interval: 0s }",
            "route: parameter `group_interval` is 0s",
        ),
        (
            "route: { receiver: r, routes: [ { mute_time_intervals: [ night ] } ] }",
            "route.routes[0].mute_time_intervals[0]: there is no time interval `night`",
        ),
        (
            "route: { receiver: r }\ntime_intervals: [ { name: a }, { name: a } ]",
            "time_intervals[1].name: `a` comes twice",
        ),
        (
            "route: { receiver: r }\ntime_intervals: [ { name: a, time_intervals: [ { months: [ 13 ] } ] } ]",
            "time_intervals[0].time_intervals[0]: parameter `months` is `13`",
        ),
        (
            "route: { receiver: r }\ninhibit_rules: [ { source_matchers: [ a=b ] } ]",
            "inhibit_rules[0]: a rule needs target_matchers",
        ),
        (
            "route: { receiver: r }\ninhibit_rules: [ { source_matchers: [ a ] } ]",
            "inhibit_rules[0].source_matchers[0]: `a` is not a list of matchers",
        ),
    ] {
        let error = RoutingTree::new(&config(&format!("{route}{tail}"))).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn unknown_keys_are_errors() {
    for yaml in [
        "route: { receiver: r, group_wiat: 1s }",
        "routes: {}\nroute: { receiver: r }",
        "route: { receiver: r, group_wait: 10 }",
        "route: { receiver: r }\ninhibit_rules: [ { source: [] } ]",
    ] {
        let outcome: Result<RoutingConfig, _> = serde_saphyr::from_str(yaml);
        assert!(outcome.is_err(), "{yaml}: {outcome:?}");
    }
}

/// Nothing that a configuration can nest makes the process overflow its stack.
#[test]
fn deep_trees_are_refused() {
    let mut json = r#"{"receiver":"r"}"#.to_owned();
    for _ in 0..70 {
        json = format!(r#"{{"receiver":"r","routes":[{json}]}}"#);
    }
    let json = format!(r#"{{"route":{json},"receivers":[{{"name":"r"}}]}}"#);
    let config: Option<RoutingConfig> = serde_json::from_str(&json).ok();
    assert!(config.is_none_or(|config| RoutingTree::new(&config).is_err()));
}
