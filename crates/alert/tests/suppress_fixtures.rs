//! Snapshots of every released version still load, and encode to the same bytes again.
//!
//! With `BLESS=1` in the environment missing fixtures are written; existing ones never change.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod fake;
mod world;

use std::path::Path;

use bongsu_alert::{Acknowledgement, Dispatcher, Mode, Silence};
use bongsu_core::{Snapshot, Timestamp, snapshot};
use fake::Fake;
use world::{SIMPLE, World, identity, suppress, tree};

fn check<T: Snapshot>(state: &T) {
    let name = T::KIND.split_once('.').unwrap().1;
    let name = format!("{name}.v{}.bngs", T::VERSION);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    if !path.exists() && std::env::var_os("BLESS").is_some() {
        snapshot::save(state, &path).unwrap();
    }
    let loaded: T = snapshot::load(&path).unwrap();
    assert_eq!(
        std::fs::read(&path).unwrap(),
        snapshot::to_bytes(&loaded).unwrap(),
        "the layout of {} has changed: raise its version",
        T::KIND
    );
}

/// With something in every part of the state.
fn eventful() -> World {
    let config = suppress(
        "
budget: { rate: { burst: 2, every: 1h }, global: { burst: 9, every: 1s } }
maintenance: [ { name: w, matchers: [ job=w ], page_after: false, to: '1970-01-01T02:00:00Z' } ]
escalation: [ { after: 10m, severity: major } ]
",
    );
    let mut world = World::new(&config, tree(SIMPLE));
    let json = r#"[{"id":"5f","createdBy":"kim","comment":"known","status":{"state":"active"},
        "startsAt":"1970-01-01T00:00:00Z","endsAt":"1970-01-01T00:20:00Z",
        "matchers":[{"name":"job","value":"s","isRegex":false,"isEqual":true}]}]"#;
    world
        .suppressor
        .set_silences(Silence::parse_all(json).unwrap().0)
        .unwrap();
    for minute in 0..14 {
        let second = minute * 60;
        world.fire(second, "w/1");
        world.fire(second, "s/1");
        world.point(second, "flap/1", if minute % 2 == 0 { 4.0 } else { 0.1 });
        world.point(
            second,
            "late/1",
            if (8..12).contains(&minute) { 4.0 } else { 0.1 },
        );
        world.fire(second + 1, "lasts/1");
    }
    let acknowledgement = Acknowledgement {
        at: Timestamp::from_secs(800),
        by: Some("kim".to_owned()),
        note: None,
    };
    let lasts = identity("lasts/1").fingerprint();
    assert!(world.suppressor.acknowledge(lasts, acknowledgement));
    world
}

#[test]
fn every_snapshot_kind_loads() {
    let mut world = eventful();
    check(world.suppressor.state());
    assert!(world.suppressor.status().held_groups > 0);
    let sink = Fake::new("a", Mode::Transitions, []);
    let mut dispatcher = Dispatcher::new()
        .with_receiver("r", Box::new(sink))
        .unwrap();
    world.tick_to(3 * 3600);
    assert!(world.pages.iter().any(|page| page.digest.is_some()));
    assert!(dispatcher.enqueue_pages(world.pages).is_empty());
    check(&dispatcher.pending_pages());
}

/// The state is as large as its documentation says.
#[test]
fn the_state_has_the_size_that_is_stated() {
    let mut world = World::new(&suppress("{}"), tree(SIMPLE));
    let size = |world: &World| snapshot::to_bytes(world.suppressor.state()).unwrap().len();
    let before = size(&world);
    let alerts = 200;
    for i in 0..alerts {
        world.fire(0, &format!("job-number-{i}/10.0.0.{i}:9100"));
    }
    world.tick_to(3000);
    let each = (size(&world) - before) / alerts;
    assert!(each < 1300, "{each} bytes an alert");
    for i in 0..alerts {
        world.end(3001, &format!("job-number-{i}/10.0.0.{i}:9100"));
    }
    world.tick_to(6000);
    assert_eq!(world.suppressor.status().alerts, 0);
    let ended = (size(&world) - before) / alerts;
    assert!(ended < each, "{ended} bytes of history an alert");
}
