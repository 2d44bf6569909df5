//! Groups, their waits and inhibition, as Alertmanager documents them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod world;

use bongsu_alert::SuppressConfig;
use bongsu_core::Timestamp;
use world::{World, tree};

#[test]
fn the_first_message_waits_and_later_ones_keep_the_interval() {
    let mut world = World::simple();
    world.fire(0, "a/1");
    world.fire(10, "a/2");
    world.fire(20, "b/1");
    // After the first look of group a: told at the next one.
    world.fire(40, "a/3");
    world.tick_to(600);
    assert_eq!(
        world.heard(),
        [
            "30 r fired +a/1 +a/2",
            "50 r fired +b/1",
            "330 r fired +a/1 +a/2 +a/3",
        ]
    );
    world.end(700, "a/2");
    world.tick_to(1000);
    assert_eq!(world.heard(), ["930 r resolved +a/1 +a/3 -a/2"]);
    world.end(1001, "a/1");
    world.end(1002, "a/3");
    world.end(1003, "b/1");
    world.tick_to(9000);
    assert_eq!(
        world.heard(),
        ["1230 r resolved -a/1 -a/3", "1250 r resolved -b/1"]
    );
    assert_eq!(world.suppressor.next_due(), None);
    assert_eq!(world.suppressor.status().alerts, 0);
    assert_eq!(world.suppressor.status().groups, 0);
}

/// What is over before the first look at its group makes no noise.
#[test]
fn what_ends_within_the_wait_is_not_told() {
    let mut world = World::simple();
    world.fire(0, "a/1");
    world.end(20, "a/1");
    world.tick_to(1000);
    assert_eq!(world.heard(), [""; 0]);
    let path = world.path("a/1");
    let last = path.last().unwrap();
    assert_eq!(
        last,
        "grouping dropped: it ended before its group was looked at"
    );
}

/// What lasted longer but fits between two looks is told late, not never.
#[test]
fn what_fits_between_two_looks_is_told() {
    let mut world = World::simple();
    world.fire(0, "a/1");
    world.fire(40, "a/2");
    world.end(120, "a/2");
    world.fire(50, "a/3");
    world.end(60, "a/3");
    world.tick_to(400);
    assert_eq!(
        world.heard(),
        [
            "30 r fired +a/1",
            "330 r resolved +a/1 -a/2 (fired and ended between two messages)",
        ]
    );
}

#[test]
fn an_alert_that_comes_back_before_the_next_look_was_never_away() {
    let mut world = World::simple();
    world.fire(0, "a/1");
    world.end(60, "a/1");
    world.fire(120, "a/1");
    world.tick_to(1000);
    assert_eq!(world.heard(), ["30 r fired +a/1"]);
    world.end(1001, "a/1");
    world.tick_to(2000);
    assert_eq!(world.heard(), ["1230 r resolved -a/1"]);
}

/// `repeat_interval` is rounded up to a multiple of `group_interval`.
#[test]
fn reminders_come_when_nothing_else_did() {
    let routing = "
route: { receiver: r, group_by: [job], group_wait: 0s, group_interval: 5m, repeat_interval: 12m }
receivers: [ { name: r } ]
";
    let mut world = World::new(&SuppressConfig::default(), tree(routing));
    world.fire(0, "a/1");
    world.tick_to(1000);
    assert_eq!(world.heard(), ["0 r fired +a/1", "900 r reminder +a/1"]);
    // News starts the wait again.
    world.fire(1100, "a/2");
    world.tick_to(2200);
    assert_eq!(
        world.heard(),
        ["1200 r fired +a/1 +a/2", "2100 r reminder +a/1 +a/2"]
    );
}

#[test]
fn three_dots_make_every_alert_its_own_group() {
    let routing = "
route: { receiver: r, group_by: ['...'], group_wait: 0s }
receivers: [ { name: r } ]
";
    let mut world = World::new(&SuppressConfig::default(), tree(routing));
    world.fire(0, "a/1");
    world.fire(0, "a/2");
    world.tick_to(0);
    assert_eq!(world.heard().len(), 2);
    assert_eq!(world.pages[0].group, world.pages[0].alerts[0].labels);
    assert_ne!(world.pages[0].key(), world.pages[1].key());
}

#[test]
fn routes_closed_by_the_clock_hold_news_and_ends() {
    let routing = "
route:
  receiver: none
  group_by: [job]
  routes:
  - receiver: day
    continue: true
    active_time_intervals: [office]
  - receiver: night
    mute_time_intervals: [office]
receivers: [ { name: none }, { name: day }, { name: night } ]
time_intervals:
- name: office
  time_intervals: [ { times: [ { start_time: '00:10', end_time: '00:20' } ] } ]
";
    let mut world = World::new(&SuppressConfig::default(), tree(routing));
    world.fire(0, "a/1");
    world.end(1000, "a/1");
    world.tick_to(2000);
    // Day is open from 600 to 1200, and is looked at every 300 seconds after 30.
    assert_eq!(
        world.heard(),
        [
            "30 night fired +a/1",
            "630 day fired +a/1",
            "1230 night resolved -a/1",
        ]
    );
    world.tick_to(86_400 + 700);
    assert_eq!(world.heard(), ["87030 day resolved -a/1"]);
    let path = world.path("a/1").join("\n");
    assert!(
        path.contains("route held: the route is active only in office"),
        "{path}"
    );
    assert!(path.contains("route held: the route is muted by the time interval `office`"));
}

#[test]
fn what_came_and_went_while_its_route_was_closed_is_not_told() {
    let routing = "
route: { receiver: none, group_by: [job], routes: [ { receiver: day, active_time_intervals: [office] } ] }
receivers: [ { name: none }, { name: day } ]
time_intervals:
- name: office
  time_intervals: [ { times: [ { start_time: '00:10', end_time: '00:20' } ] } ]
";
    let mut world = World::new(&SuppressConfig::default(), tree(routing));
    // As long as its group waits, but over before the next look at it.
    world.fire(0, "a/1");
    world.fire(40, "a/2");
    world.end(300, "a/2");
    world.end(310, "a/1");
    world.tick_to(1_100);
    assert!(world.heard().is_empty());
    world.fire(610, "a/1");
    world.tick_to(1_100);
    assert_eq!(world.heard().len(), 1);
}

const INHIBIT: &str = "
route: { receiver: r, group_by: ['...'], group_wait: 30s }
receivers: [ { name: r } ]
inhibit_rules:
- name: switch mutes hosts
  source_matchers: [ instance=switch ]
  target_matchers: [ 'instance=~host.*' ]
  equal: [ job ]
";

#[test]
fn a_source_mutes_targets_with_equal_labels() {
    let mut world = World::new(&SuppressConfig::default(), tree(INHIBIT));
    world.fire(0, "a/host1");
    world.fire(0, "b/host1");
    // The source comes within the wait.
    world.fire(10, "a/switch");
    world.tick_to(1000);
    assert_eq!(
        world.heard(),
        ["30 r fired +b/host1", "40 r fired +a/switch"]
    );
    let path = world.path("a/host1");
    let why = r#"inhibition held: inhibited by {__name__="m", instance="switch", job="a"} (switch mutes hosts)"#;
    assert_eq!(path.last().unwrap(), why);
    // When the source is over, what still fires is told at the next look.
    world.end(1001, "a/switch");
    world.tick_to(1300);
    assert_eq!(
        world.heard(),
        ["1230 r fired +a/host1", "1240 r resolved -a/switch"]
    );
}

/// Labels in `equal` that both sides lack are equal.
#[test]
fn a_missing_label_is_an_empty_one() {
    let routing = "
route: { receiver: r, group_wait: 0s, group_by: ['...'] }
receivers: [ { name: r } ]
inhibit_rules:
- { source_matchers: [ job=a ], target_matchers: [ job=b ], equal: [ cluster, instance ] }
";
    let mut world = World::new(&SuppressConfig::default(), tree(routing));
    world.fire(0, "a");
    world.fire(0, "b");
    world.fire(0, "b/1");
    world.tick_to(10);
    assert_eq!(world.heard(), ["0 r fired +b/1", "0 r fired +a"]);
}

/// Alerts that meet both sides of a rule, among them the alert itself, do not inhibit each other.
#[test]
fn what_matches_both_sides_inhibits_only_plain_targets() {
    let routing = "
route: { receiver: r, group_wait: 0s, group_by: ['...'] }
receivers: [ { name: r } ]
inhibit_rules:
- { source_matchers: [ 'instance=~s|both.*' ], target_matchers: [ 'instance=~t|both.*' ], equal: [ job ] }
";
    let told = |names: &[&str]| {
        let mut world = World::new(&SuppressConfig::default(), tree(routing));
        names.iter().for_each(|name| world.fire(0, name));
        world.tick_to(10);
        let mut told = world.heard();
        told.iter_mut()
            .for_each(|line| *line = line.replace("0 r fired +", ""));
        told.sort();
        told.join(" ")
    };
    assert_eq!(told(&["a/both1", "a/both2"]), "a/both1 a/both2");
    assert_eq!(told(&["a/both1", "a/t"]), "a/both1");
    assert_eq!(told(&["a/both1", "a/s"]), "a/s");
    assert_eq!(told(&["a/s", "b/t"]), "a/s b/t");
}

#[test]
fn time_does_not_go_back() {
    let mut world = World::simple();
    world.fire(0, "a/1");
    world.tick_to(40);
    world.fire(41, "a/2");
    assert!(world.suppressor.tick(Timestamp::from_secs(400)).len() == 1);
    assert!(world.suppressor.tick(Timestamp::from_secs(10)).is_empty());
    assert_eq!(world.suppressor.next_due(), Some(Timestamp::from_secs(700)));
}
