//! An alert that somebody has taken up leaves people in peace, and its end is told.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod world;

use bongsu_alert::{Acknowledgement, Occasion, Suppressor};
use bongsu_core::{Severity, Timestamp, snapshot};
use world::{World, identity, suppress, tree};

const ROUTING: &str = "
route: { receiver: r, group_by: [job], group_wait: 30s, group_interval: 5m, repeat_interval: 1h }
receivers: [ { name: r } ]
";

fn by(second: i64, who: &str) -> Acknowledgement {
    Acknowledgement {
        at: Timestamp::from_secs(second),
        by: Some(who.to_owned()),
        note: Some("looking".to_owned()),
    }
}

fn take_up(world: &mut World, second: i64, name: &str) -> bool {
    let fingerprint = identity(name).fingerprint();
    let known = world.suppressor.acknowledge(fingerprint, by(second, "kim"));
    world.tick_to(second);
    known
}

fn restart(world: &mut World, config: &str) {
    let saved = snapshot::to_bytes(world.suppressor.state()).unwrap();
    let state = snapshot::from_bytes(&saved).unwrap();
    world.suppressor = Suppressor::restore(&suppress(config), tree(ROUTING), state).unwrap();
}

#[test]
fn nobody_is_reminded_and_the_end_is_told() {
    let mut world = World::new(&suppress("{}"), tree(ROUTING));
    assert!(!take_up(&mut world, 0, "a/1"), "nothing fires");
    world.fire(0, "a/1");
    world.tick_to(40);
    assert_eq!(world.heard(), ["30 r fired +a/1"]);
    assert!(take_up(&mut world, 100, "a/1"));
    assert_eq!(
        world.heard(),
        ["30 r acknowledged +a/1 (acknowledged by kim: looking)"]
    );
    let (first, second) = (&world.pages[0], &world.pages[1]);
    assert_eq!(
        (first.key(), second.occasion),
        (second.key(), Occasion::Acknowledged)
    );
    assert_ne!(first.id(), second.id());
    // It survives a restart.
    restart(&mut world, "{}");
    world.fire(20_000, "a/1");
    world.tick_to(20_000);
    assert!(world.heard().is_empty(), "no reminder");
    let known = world
        .suppressor
        .acknowledgement(identity("a/1").fingerprint());
    assert_eq!(known, Some(&by(100, "kim")));
    // Another one of the group is news, and reminds of itself alone.
    world.fire(20_100, "a/2");
    world.tick_to(25_000);
    let heard = world.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].contains(" fired +a/1 (acknowledged by kim: looking) +a/2"));
    assert!(heard[1].contains(" reminder "), "{heard:?}");
    world.end(25_100, "a/1");
    world.end(25_100, "a/2");
    world.tick_to(26_000);
    let heard = world.heard();
    assert!(heard[0].ends_with("r resolved -a/1 -a/2"), "{heard:?}");
    assert!(world.suppressor.acknowledgements().is_empty());
    // The next time it is new again.
    world.fire(30_000, "a/1");
    world.tick_to(40_000);
    let reminders = world.heard();
    assert!(reminders.len() > 2, "{reminders:?}");
    assert!(!reminders.concat().contains("acknowledged"));
    let path = world.path("a/1").join("\n");
    assert!(
        path.contains("acknowledgement noted: acknowledged by kim: looking"),
        "{path}"
    );
    assert!(
        path.contains("acknowledgement paged: told to r: acknowledged"),
        "{path}"
    );
}

#[test]
fn severity_does_not_rise() {
    let escalation = "escalation: [ { after: 10m, severity: major } ]";
    for taken_up in [false, true] {
        let mut world = World::new(&suppress(escalation), tree(ROUTING));
        world.fire(0, "a/1");
        world.tick_to(40);
        if taken_up {
            take_up(&mut world, 100, "a/1");
        }
        world.heard();
        for minute in 2..30 {
            world.fire(60 * minute, "a/1");
        }
        world.tick_to(1800);
        assert_eq!(world.heard().is_empty(), taken_up);
        let worst = world
            .pages
            .iter()
            .map(bongsu_alert::Page::severity)
            .max()
            .unwrap();
        assert_eq!(worst == Severity::Major, !taken_up);
    }
}

#[test]
fn one_that_rose_just_before_is_not_told_to_have_risen() {
    let escalation = "escalation: [ { after: 10m, severity: major } ]";
    let mut world = World::new(&suppress(escalation), tree(ROUTING));
    world.fire(0, "a/1");
    world.tick_to(40);
    world.fire(601, "a/1");
    take_up(&mut world, 602, "a/1");
    world.heard();
    world.tick_to(3_000);
    assert!(world.heard().is_empty());
}

#[test]
fn one_that_nobody_was_told_of_is_told_as_taken_up() {
    let mut world = World::new(&suppress("{}"), tree(ROUTING));
    world.fire(0, "a/1");
    assert!(take_up(&mut world, 10, "a/1"));
    assert!(world.heard().is_empty());
    world.tick_to(100);
    assert_eq!(
        world.heard(),
        ["30 r fired +a/1 (acknowledged by kim: looking)"]
    );
}

#[test]
fn the_budget_does_not_hold_it_back() {
    let budget = "budget: { rate: { burst: 1, every: 1h } }";
    let mut world = World::new(&suppress(budget), tree(ROUTING));
    world.fire(0, "a/1");
    world.tick_to(40);
    take_up(&mut world, 50, "a/1");
    assert_eq!(world.heard().len(), 2);
}

#[test]
fn to_say_the_same_again_tells_nobody_and_another_word_is_told_once() {
    let mut world = World::new(&suppress("{}"), tree(ROUTING));
    world.fire(0, "a/1");
    world.tick_to(40);
    assert!(take_up(&mut world, 100, "a/1"));
    assert!(take_up(&mut world, 110, "a/1"));
    assert_eq!(world.pages.len(), 2, "fired, and taken up once");
    // Two people one after the other, before a message could leave.
    let fingerprint = identity("a/1").fingerprint();
    for who in ["lee", "ann"] {
        assert!(world.suppressor.acknowledge(fingerprint, by(120, who)));
    }
    world.tick_to(120);
    assert_eq!(world.pages.len(), 3);
    assert!(world.heard()[2].contains("ann"), "{:?}", world.heard());
}

#[test]
fn what_is_given_back_is_reminded_of_and_rises_again() {
    let escalation = "escalation: [ { after: 10m, severity: major } ]";
    let mut world = World::new(&suppress(escalation), tree(ROUTING));
    let fingerprint = identity("a/1").fingerprint();
    let give_back = |world: &mut World, second: i64| {
        let at = Timestamp::from_secs(second);
        world.suppressor.unacknowledge(fingerprint, at)
    };
    assert!(!give_back(&mut world, 0), "nothing fires");
    world.fire(0, "a/1");
    world.tick_to(40);
    assert!(!give_back(&mut world, 50), "nobody has taken it up");
    take_up(&mut world, 100, "a/1");
    world.fire(7_200, "a/1");
    world.tick_to(7_300);
    world.heard();
    restart(&mut world, escalation);
    assert!(give_back(&mut world, 7_300));
    assert!(!give_back(&mut world, 7_300));
    assert_eq!(world.suppressor.acknowledgement(fingerprint), None);
    // Nobody is told at once; the next look at the group reminds.
    world.tick_to(7_301);
    assert!(world.heard().is_empty());
    world.tick_to(8_000);
    let heard = world.heard();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(
        heard[0].contains(" reminder ") && !heard[0].contains("acknowledged"),
        "{heard:?}"
    );
    world.fire(8_100, "a/1");
    world.tick_to(9_000);
    let heard = world.heard();
    assert!(heard[0].contains(" escalated "), "{heard:?}");
    let path = world.path("a/1").join("\n");
    assert!(
        path.contains("acknowledgement noted: nobody looks after it any more"),
        "{path}"
    );
    // It can be taken up again.
    assert!(take_up(&mut world, 9_100, "a/1"));
    assert!(world.heard()[0].contains("acknowledged by kim"));
}
