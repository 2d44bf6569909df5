//! Each stage that keeps messages back, and what is told when it ends.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod world;

use bongsu_alert::{Silence, SuppressConfig, Suppressor};
use bongsu_core::{Severity, Timestamp, Verdict};
use world::{SIMPLE, World, identity, suppress, tree, verdict};

fn world(config: &str) -> World {
    World::new(&suppress(config), tree(SIMPLE))
}

#[test]
fn a_flapping_alert_is_told_once_and_held_until_it_rests() {
    let mut world = world("{}");
    for minute in 0..30 {
        // It changes at every check for the first half hour.
        let second = minute * 60;
        if minute % 2 == 0 {
            world.fire(second, "a/1");
        } else {
            world.end(second, "a/1");
        }
    }
    let heard = world.heard();
    // The ninth change, at 480 seconds, makes it 50 %; the next look at its group is at 690.
    assert_eq!(
        heard[..3],
        ["30 r fired +a/1", "330 r resolved -a/1", "390 r fired +a/1"]
    );
    assert!(
        heard[3].starts_with("690 r flapping -a/1 (flapping: "),
        "{heard:?}"
    );
    assert_eq!(heard.len(), 4, "{heard:?}");
    assert!(world.pages[3].is_open());
    // It comes to rest normal: the end is told once.
    for minute in 30..60 {
        world.end(minute * 60, "a/1");
    }
    world.tick_to(4000);
    let heard = world.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].ends_with(" r resolved -a/1"), "{heard:?}");
    let path = world.path("a/1").join("\n");
    for part in [
        "flapping noted: flapping begins",
        "flapping ends",
        "it is flapping, which was told",
    ] {
        assert!(path.contains(part), "{path}");
    }
}

#[test]
fn an_alert_that_stays_after_flapping_is_told_again() {
    let mut world = world("{}");
    for minute in 0..20 {
        world.point(minute * 60, "a/1", if minute % 2 == 0 { 4.0 } else { 0.1 });
    }
    world.heard();
    for minute in 20..60 {
        world.fire(minute * 60, "a/1");
    }
    let heard = world.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(
        heard[0].ends_with("r fired +a/1 (has stopped flapping)"),
        "{heard:?}"
    );
    // A series that vanishes while it flaps does not stay open for ever.
    for minute in 60..80 {
        world.point(minute * 60, "a/1", if minute % 2 == 0 { 4.0 } else { 0.1 });
    }
    world.lifecycle_end(80 * 60, "a/1");
    world.tick_to(80 * 60 + 3 * 3600);
    assert!(world.heard().last().unwrap().ends_with("r resolved -a/1"));
    assert_eq!(world.suppressor.status().alerts, 0);
}

#[test]
fn what_is_owed_stays_owed_when_it_fires_again_for_a_moment() {
    let mut world = world("flapping: null");
    world.fire(0, "a/1");
    // It lasts for longer than its group waits, and a second time for shorter, between two looks.
    world.fire(40, "a/2");
    world.end(160, "a/2");
    world.fire(310, "a/2");
    world.end(320, "a/2");
    world.tick_to(1000);
    let heard = world.heard();
    assert_eq!(heard[0], "30 r fired +a/1");
    assert!(
        heard[1].starts_with("330 r") && heard[1].contains("-a/2"),
        "{heard:?}"
    );
    assert_eq!(heard.len(), 2, "{heard:?}");
}

#[test]
fn what_was_told_to_flap_is_told_to_end_also_when_it_is_silenced_meanwhile() {
    let mut world = world("{}");
    for minute in 0..20 {
        world.point(minute * 60, "a/1", if minute % 2 == 0 { 4.0 } else { 0.1 });
    }
    let heard = world.heard();
    assert!(heard.last().unwrap().contains("flapping"), "{heard:?}");
    let (from, to) = (Timestamp::from_secs(1_200), Timestamp::from_secs(90_000));
    let silence = Silence::new("s", &["job=\"a\"".to_owned()], from, to, "kim", "known");
    world
        .suppressor
        .set_silences(vec![silence.unwrap()])
        .unwrap();
    for minute in 20..60 {
        world.fire(minute * 60, "a/1");
    }
    assert_eq!(world.heard(), Vec::<String>::new());
    world.end(3_600, "a/1");
    world.tick_to(5_000);
    let heard = world.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].contains("resolved -a/1"), "{heard:?}");
}

#[test]
fn repeated_transitions_after_a_replay_are_dropped() {
    let mut world = world("{}");
    world.fire(0, "a/1");
    world.tick_to(100);
    let alert = world.lifecycle.active().next().unwrap().clone();
    world.refire(&alert);
    world.end(200, "a/1");
    // Before its end is told, and after it was.
    world.refire(&alert);
    world.tick_to(1000);
    world.refire(&alert);
    world.tick_to(2000);
    assert_eq!(world.heard(), ["30 r fired +a/1", "330 r resolved -a/1"]);
    let path = world.path("a/1");
    let dropped = path.iter().filter(|step| step.starts_with("dedup dropped"));
    assert_eq!(dropped.count(), 3, "{path:?}");
}

#[test]
fn mutes_hold_what_fires_and_let_ends_pass() {
    let mut world = world(
        "mutes: [ { name: night, matchers: [ job=a ], from: '1970-01-01T00:10:00Z', to: '1970-01-01T00:30:00Z' } ]",
    );
    world.fire(0, "a/1");
    world.fire(620, "a/2");
    world.fire(625, "a/3");
    world.fire(630, "b/1");
    world.end(700, "a/1");
    world.end(900, "a/3");
    world.tick_to(3000);
    // a/1 was told, so its end is told within the mute; a/3 is never told; a/2 after the mute.
    assert_eq!(
        world.heard(),
        [
            "30 r fired +a/1",
            "660 r fired +b/1",
            "930 r resolved -a/1",
            "1830 r fired +a/2",
        ]
    );
    let path = world.path("a/2").join("\n");
    assert!(path.contains("mute held: muted by `night`"), "{path}");
}

#[test]
fn silences_of_alertmanager_are_honoured_also_after_a_restart() {
    let json = r#"[{"id":"5f","createdBy":"kim","comment":"known","status":{"state":"active"},
        "startsAt":"1970-01-01T00:00:00Z","endsAt":"1970-01-01T00:20:00Z",
        "matchers":[{"name":"job","value":"a|b","isRegex":true,"isEqual":true}]}]"#;
    let mut world = world("{}");
    world
        .suppressor
        .set_silences(Silence::parse_all(json).unwrap().0)
        .unwrap();
    world.fire(0, "a/1");
    world.tick_to(500);
    let state = world.suppressor.state().clone();
    world.suppressor =
        Suppressor::restore(&SuppressConfig::default(), tree(SIMPLE), state).unwrap();
    world.tick_to(1000);
    assert!(world.heard().is_empty());
    let why = "silence held: silenced by 5f of kim: known";
    assert_eq!(world.path("a/1").last().unwrap(), why);
    world.tick_to(2000);
    assert_eq!(world.heard(), ["1230 r fired +a/1"]);
}

#[test]
fn maintenance_says_whether_to_page_afterwards() {
    let window = |after: bool| {
        world(&format!(
            "maintenance: [ {{ name: upgrade, page_after: {after}, from: '1970-01-01T00:10:00Z', to: '1970-01-01T00:20:00Z' }} ]"
        ))
    };
    for (after, expected) in [
        (true, vec!["30 r fired +a/1", "1230 r fired +a/1 +a/2"]),
        (false, vec!["30 r fired +a/1"]),
    ] {
        let mut world = window(after);
        world.fire(0, "a/1");
        world.fire(700, "a/2");
        world.tick_to(3000);
        assert_eq!(world.heard(), expected);
        world.end(3001, "a/1");
        world.end(3002, "a/2");
        // What fires later is news in any case.
        world.fire(3100, "a/2");
        world.tick_to(4000);
        let heard = world.heard().join("\n");
        assert!(heard.contains("fired +a/2") || after, "{heard}");
    }
}

#[test]
fn the_budget_turns_a_storm_into_a_digest() {
    let mut world = world("budget: { rate: { burst: 2, every: 10m } }");
    world.fire(0, "a/1");
    world.fire(1, "b/1");
    world.fire(2, "c/1");
    world.fire(3, "d/1");
    world.fire(4, "d/2");
    // It ends before the digest, and is told in it.
    world.end(100, "c/1");
    world.tick_to(2000);
    assert_eq!(
        world.heard(),
        [
            "30 r fired +a/1",
            "31 r fired +b/1",
            "630 r digest +d/1 +d/2 -c/1",
        ]
    );
    let digest = world.pages[2].digest.as_ref().unwrap();
    assert_eq!(
        digest.to_string(),
        "2 alerts fire (2 warning) and 1 ended in 2 groups: m (3)"
    );
    assert_eq!(digest.since, Timestamp::from_secs(32));
    assert_eq!(digest.groups.len(), 2);
    world.end(2001, "d/1");
    world.end(2002, "d/2");
    world.tick_to(3000);
    assert_eq!(world.heard(), ["2133 r resolved -d/1 -d/2"]);
    let keys: Vec<_> = digest_keys(&world);
    assert!(
        keys.contains(&world.pages[3].key()),
        "a group keeps its key"
    );
    let path = world.path("c/1").join("\n");
    assert!(
        path.contains("budget held: the budget of messages to r is used up"),
        "{path}"
    );
    assert!(
        path.contains("grouping paged: told to r: resolved"),
        "{path}"
    );
}

fn digest_keys(world: &World) -> Vec<String> {
    let digests = world.pages.iter().filter_map(|page| page.digest.as_ref());
    digests
        .flat_map(|digest| digest.groups.iter().map(|group| group.key.clone()))
        .collect()
}

#[test]
fn severity_rises_and_each_rise_is_told_once() {
    let routing = "
route:
  receiver: chat
  group_by: [job]
  routes: [ { receiver: pager, matchers: [ severity=critical ], group_wait: 0s } ]
receivers: [ { name: chat }, { name: pager } ]
";
    let config = suppress(
        "escalation: [ { after: 10m, severity: major }, { score: 8.0, after: 20m, severity: critical } ]",
    );
    let mut world = World::new(&config, tree(routing));
    for minute in 0..40 {
        world.point(minute * 60, "a/1", if minute < 15 { 4.0 } else { 9.0 });
    }
    let fired_at = Timestamp::from_secs(0);
    assert_eq!(
        world.heard(),
        [
            "30 chat fired +a/1",
            "630 chat escalated +a/1 (severity rose from warning to major)",
            "1200 pager fired +a/1",
            "1230 chat escalated +a/1 (severity rose from major to critical)",
        ]
    );
    assert_eq!(world.pages[2].severity(), Severity::Critical);
    assert_eq!(world.pages[2].alerts[0].fired_at, Some(fired_at));
    assert_eq!(world.pages[2].alerts[0].verdict.score, Some(9.0));
    // Both hear of the end.
    world.end(2400, "a/1");
    world.tick_to(4000);
    assert_eq!(
        world.heard(),
        ["2400 pager resolved -a/1", "2430 chat resolved -a/1"]
    );
}

#[test]
fn an_alert_that_settles_at_a_new_level_says_so() {
    let mut world = world("{}");
    let labels = identity("a/1");
    let judged = |second, score: f64, value, expected: f64| Verdict {
        value: Some(value),
        expected: Some(expected),
        lower: Some(expected - 1.0),
        upper: Some(expected + 1.0),
        ..verdict(&labels, Timestamp::from_secs(second), score)
    };
    world.judged(0, &judged(0, 4.0, 9.0, 2.0));
    world.judged(60, &judged(60, 3.0, 9.0, 4.0));
    world.judged(120, &judged(120, 0.4, 9.0, 8.5));
    world.tick_to(1000);
    assert_eq!(
        world.heard(),
        [
            "30 r fired +a/1",
            "330 r resolved -a/1 (settled at a new level: 8.5 is expected now, it was 2)",
        ]
    );
}

#[test]
fn every_step_is_explained() {
    let mut world = world("{}");
    world.for_duration(120);
    for second in [0, 60, 120] {
        world.fire(second, "a/1");
    }
    world.tick_to(200);
    world.end(240, "a/1");
    world.tick_to(1000);
    assert_eq!(
        world.path("a/1"),
        [
            "lifecycle noted: anomalous; it waits to fire",
            r#"lifecycle noted: it fires: m{instance="1",job="a"} is 4, expected 0.5 (0 to 1), score 4"#,
            r#"grouping noted: it joins the group {job="a"} of the route {} for r, which is looked at 30s after it fired"#,
            "grouping paged: told to r: fired",
            "lifecycle noted: it ended",
            "grouping paged: told to r: resolved",
        ]
    );
    world.fire(2000, "a/2");
    world.end(2060, "a/2");
    let path = world.path("a/2");
    assert_eq!(
        path.last().unwrap(),
        "lifecycle dropped: normal before it fired"
    );
}

#[test]
fn a_changed_configuration_keeps_what_it_can() {
    let mut world = world("{}");
    world.fire(0, "a/1");
    world.tick_to(100);
    world.heard();
    let state = world.suppressor.state().clone();
    let other = "
route: { receiver: r, routes: [ { receiver: new, matchers: [ job=a ], group_wait: 0s } ] }
receivers: [ { name: r }, { name: new } ]
";
    world.suppressor = Suppressor::restore(&SuppressConfig::default(), tree(other), state).unwrap();
    world.tick_to(400);
    let bye = "still fires; told elsewhere since the configuration changed";
    let expected = [
        format!("30 r resolved -a/1 ({bye})"),
        "30 new fired +a/1".to_owned(),
    ];
    assert_eq!(world.heard(), expected);
    world.end(500, "a/1");
    world.tick_to(1000);
    let heard = world.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(heard[0].ends_with("new resolved -a/1"), "{heard:?}");
}

#[test]
fn settings_outside_their_domain_are_named() {
    for (yaml, message) in [
        ("flapping: { low: 60 }", "parameter `flapping.low` is 60"),
        (
            "flapping: { high: 101 }",
            "parameter `flapping.high` is 101",
        ),
        (
            "budget: { rate: { burst: 0, every: 1m } }",
            "parameter `budget.rate.burst`",
        ),
        (
            "escalation: [ { severity: major } ]",
            "parameter `escalation.after`",
        ),
        ("limits: { steps: 0 }", "parameter `limits.steps` is 0"),
        ("mutes: [ { name: x } ]", "mutes[0]: one of from, to"),
        (
            "maintenance: [ { name: x, matchers: [ a ], to: '2024-01-01T00:00:00Z' } ]",
            "maintenance[0].matchers[0]",
        ),
    ] {
        let error = Suppressor::new(&suppress(yaml), tree(SIMPLE)).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn a_cause_is_told_from_then_on_and_with_the_end() {
    let mut world = World::simple();
    world.fire(0, "a/1");
    world.tick_to(31);
    let fingerprint = identity("a/1").fingerprint();
    assert!(
        world
            .suppressor
            .set_cause(fingerprint, " a deployment\n of api ")
    );
    assert!(!world.suppressor.set_cause(1, "of nothing"));
    world.fire(60, "a/2");
    world.tick_to(331);
    world.end(340, "a/1");
    world.tick_to(700);
    let causes: Vec<Vec<_>> = world
        .pages
        .iter()
        .map(|page| page.alerts.iter().map(|a| a.cause.as_deref()).collect())
        .collect();
    let known = Some("a deployment  of api");
    assert_eq!(causes, [vec![None], vec![known, None], vec![None, known]]);
    assert!(
        world
            .suppressor
            .set_cause(identity("a/2").fingerprint(), "")
    );
}

#[test]
fn digests_come_in_the_order_in_which_they_were_held_back() {
    let jobs = ["a", "b", "c", "d", "e", "f"];
    let backwards: Vec<&str> = jobs.iter().rev().copied().collect();
    for order in [jobs.to_vec(), backwards] {
        let mut world = world("budget: { per: group, rate: { burst: 1, every: 10m } }");
        for (second, job) in (0..).zip(&order) {
            world.fire(second, &format!("{job}/1"));
        }
        for (second, job) in (100..).zip(&order) {
            world.fire(second, &format!("{job}/2"));
        }
        world.tick_to(400);
        world.heard();
        // Nobody asked for long, so that all of them are due at once.
        let pages = world.suppressor.tick(Timestamp::from_secs(2_000));
        world.hear(pages);
        let told: Vec<String> = order
            .iter()
            .map(|job| format!("2000 r digest +{job}/2"))
            .collect();
        assert_eq!(world.heard()[..order.len()], told);
    }
}

#[test]
fn a_digest_speaks_of_groups_that_fire_before_those_that_ended() {
    let mut world = world("budget: { rate: { burst: 1, every: 10m } }");
    for (second, job) in (0..).zip(["z", "d", "a", "c", "b"]) {
        world.fire(second, &format!("{job}/1"));
    }
    world.end(100, "a/1");
    world.end(101, "c/1");
    world.tick_to(2_000);
    let digest = world.pages[1].digest.as_ref().unwrap();
    let groups: Vec<(&str, usize)> = digest
        .groups
        .iter()
        .map(|group| (group.labels.get("job").unwrap(), group.firing))
        .collect();
    assert_eq!(groups, [("b", 1), ("d", 1), ("a", 0), ("c", 0)]);
}
