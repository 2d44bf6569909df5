//! When the routing changes under alerts that fire, nobody waits for an end for ever.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod world;

use bongsu_alert::{RoutingTree, SuppressConfig, Suppressor};
use bongsu_core::{AlertState, snapshot};
use world::{SIMPLE, World, suppress, tree};

const MOVED: &str = "(still fires; told elsewhere since the configuration changed)";

/// Goes on with another routing, as after a restart.
fn reroute(world: &mut World, config: &SuppressConfig, tree: RoutingTree) {
    let saved = snapshot::to_bytes(world.suppressor.state()).unwrap();
    let state = snapshot::from_bytes(&saved).unwrap();
    world.suppressor = Suppressor::restore(config, tree, state).unwrap();
}

fn told_and_rerouted(routing: &str) -> World {
    let mut world = World::simple();
    world.fire(0, "a/1");
    world.tick_to(60);
    assert_eq!(world.heard(), ["30 r fired +a/1"]);
    reroute(&mut world, &SuppressConfig::default(), tree(routing));
    world
}

#[test]
fn another_receiver_of_a_route_is_told_and_the_former_one_hears_the_end() {
    let mut world = told_and_rerouted(
        "{ route: { receiver: new, group_by: [job] }, receivers: [ { name: new } ] }",
    );
    world.tick_to(90);
    let told = world.heard();
    assert_eq!(
        told,
        [
            format!("30 r resolved -a/1 {MOVED}"),
            "30 new fired +a/1".to_owned()
        ]
    );
    // They are about one incident, and the last of it.
    assert_eq!(world.pages[0].key(), world.pages[1].key());
    let path = world.path("a/1");
    let reason = "route paged: the configuration changed: r is told the end";
    assert!(path.iter().any(|step| step == reason), "{path:?}");
    assert!(
        world.pages[1]
            .alerts
            .iter()
            .all(|a| a.state == AlertState::Resolved)
    );
    assert!(!world.pages[1].is_open());
    world.end(1000, "a/1");
    world.tick_to(2000);
    assert_eq!(world.heard(), ["1230 new resolved -a/1"]);
    assert_eq!(world.suppressor.status().alerts, 0);
}

#[test]
fn a_route_that_is_gone_or_groups_otherwise_takes_leave() {
    for routing in [
        "{ route: { receiver: r, routes: [ { receiver: r, matchers: [job=a] } ] }, receivers: [ { name: r } ] }",
        "{ route: { receiver: r, group_by: [job, instance] }, receivers: [ { name: r } ] }",
        "{ route: { receiver: r, group_by: ['...'] }, receivers: [ { name: r } ] }",
    ] {
        let mut world = told_and_rerouted(routing);
        world.tick_to(90);
        let told = world.heard();
        let bye = format!("30 r resolved -a/1 {MOVED}");
        assert_eq!(told, [bye.as_str(), "30 r fired +a/1"], "{routing}");
        assert_ne!(world.pages[1].key(), world.pages[2].key());
    }
}

#[test]
fn the_same_routing_changes_nothing_and_so_does_a_severity_that_rises() {
    let mut world = told_and_rerouted(SIMPLE);
    world.tick_to(90);
    assert!(world.heard().is_empty());

    let config = suppress("escalation: [ { after: 10m, severity: major } ]");
    let routing = "{ route: { receiver: r, group_by: [severity] }, receivers: [ { name: r } ] }";
    let mut world = World::new(&config, tree(routing));
    world.fire(0, "a/1");
    world.fire(660, "a/1");
    world.tick_to(1000);
    // The escalation is told in the group that it is in, and nowhere else.
    assert_eq!(
        world.heard(),
        [
            "30 r fired +a/1",
            "930 r escalated +a/1 (severity rose from warning to major)"
        ]
    );
    reroute(&mut world, &config, tree(routing));
    assert!(world.suppressor.farewells().is_empty());
}

#[test]
fn a_farewell_survives_a_restart_before_it_is_told() {
    let routing = "{ route: { receiver: new, group_by: [job] }, receivers: [ { name: new } ] }";
    let mut world = told_and_rerouted(routing);
    for _ in 0..2 {
        reroute(&mut world, &SuppressConfig::default(), tree(routing));
    }
    world.tick_to(90);
    assert_eq!(world.heard().len(), 2);
    assert_eq!(world.pages[1].receiver, "r");
}

#[test]
fn an_end_that_is_not_told_yet_goes_to_the_former_receiver() {
    let mut world = World::simple();
    world.fire(0, "a/1");
    world.fire(0, "b/1");
    world.tick_to(60);
    world.heard();
    world.end(90, "a/1");
    // Of this one nobody has heard, so the former receiver need not hear of it.
    world.fire(100, "c/1");
    let routing = "{ route: { receiver: new, group_by: [job] }, receivers: [ { name: new } ] }";
    reroute(&mut world, &SuppressConfig::default(), tree(routing));
    let pages = world.suppressor.farewells();
    world.hear(pages);
    let mut told = world.heard();
    told.sort();
    let expected = [
        "30 r resolved -a/1".to_owned(),
        format!("30 r resolved -b/1 {MOVED}"),
    ];
    assert_eq!(told, expected);
    world.tick_to(200);
    assert_eq!(world.heard(), ["30 new fired +b/1", "130 new fired +c/1"]);
}

#[test]
fn one_that_was_told_to_flap_is_closed() {
    let mut world = World::simple();
    for minute in 0..40 {
        world.point(minute * 60, "f/1", if minute % 2 == 0 { 4.0 } else { 0.2 });
    }
    assert!(world.heard().iter().any(|line| line.contains(" flapping ")));
    let routing = "{ route: { receiver: new, group_by: [job] }, receivers: [ { name: new } ] }";
    reroute(&mut world, &SuppressConfig::default(), tree(routing));
    let pages = world.suppressor.farewells();
    assert_eq!((pages.len(), pages[0].receiver.as_str()), (1, "r"));
    assert!(!pages[0].is_open());
}

#[test]
fn what_a_receiver_knows_can_be_told_to_another_sink_of_it() {
    let routing = "
route: { receiver: r, group_by: [job], routes: [ { receiver: s, matchers: [job=b] } ] }
receivers: [ { name: r }, { name: s } ]
";
    let mut world = World::new(&SuppressConfig::default(), tree(routing));
    world.fire(0, "a/1");
    world.fire(0, "b/1");
    world.tick_to(60);
    world.heard();
    world.fire(90, "a/2");
    let spell = |pages: Vec<bongsu_alert::Page>| -> Vec<String> {
        pages.iter().map(world::spell).collect()
    };
    assert_eq!(spell(world.suppressor.welcome("r")), ["30 r fired +a/1"]);
    let bye = format!("30 r resolved -a/1 {MOVED}");
    assert_eq!(spell(world.suppressor.parting("r")), [bye]);
    assert!(world.suppressor.parting("nobody").is_empty());
    // The end of one that is over is its own.
    world.end(100, "a/1");
    assert!(world.suppressor.welcome("r").is_empty());
    assert_eq!(spell(world.suppressor.parting("r")), ["30 r resolved -a/1"]);
    let first = world.pages.iter().find(|page| page.receiver == "r");
    assert_eq!(world.suppressor.parting("r")[0].key(), first.unwrap().key());
}

#[test]
fn what_a_budget_held_back_is_told_to_the_new_receiver() {
    let config = suppress("budget: { rate: { burst: 1, every: 1h } }");
    let mut world = World::new(&config, tree(SIMPLE));
    world.fire(0, "a/1");
    world.fire(0, "b/1");
    world.tick_to(60);
    let first = world.heard();
    assert_eq!(first.len(), 1);
    let routing = "{ route: { receiver: new, group_by: [job] }, receivers: [ { name: new } ] }";
    reroute(&mut world, &config, tree(routing));
    world.tick_to(7200);
    let told = world.heard();
    let bye = first[0].replace("fired +", "resolved -");
    assert_eq!(told[0], format!("{bye} {MOVED}"));
    assert!(
        told[1..].iter().all(|line| line.contains(" new ")),
        "{told:?}"
    );
    let all = told[1..].concat();
    assert!(all.contains("+a/1") && all.contains("+b/1"), "{told:?}");
    assert_eq!(world.suppressor.status().held_groups, 0);
}

#[test]
fn beyond_the_limit_the_end_of_what_was_told_is_told() {
    let config = suppress("limits: { alerts: 3 }");
    let mut world = World::new(&config, tree(SIMPLE));
    for name in ["a/1", "a/2", "b/1"] {
        world.fire(0, name);
    }
    world.tick_to(60);
    world.heard();
    world.fire(70, "c/1");
    world.tick_to(400);
    // The rest of its group still fires, and no incident of the group ends.
    assert_eq!(
        world.heard(),
        [
            "30 r resolved +a/2 -a/1 (still fires; forgotten, since there are too many alerts)",
            "100 r fired +c/1"
        ]
    );
    assert!(world.pages.iter().all(bongsu_alert::Page::is_open));
    assert_eq!(world.suppressor.status().dropped, 1);
    let path = world.path("a/1").join(" ");
    assert!(
        path.contains("lifecycle dropped: more than 3 alerts are known"),
        "{path}"
    );
    // Its real end is nobody's concern.
    world.end(500, "a/1");
    world.tick_to(1000);
    assert!(world.heard().is_empty());
    // One that nobody was told of goes in silence.
    world.fire(1100, "d/1");
    world.heard();
    world.fire(1101, "e/1");
    world.fire(1102, "f/1");
    assert_eq!(world.suppressor.status().dropped, 4);
}
