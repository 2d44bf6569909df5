//! A day of verdicts with all that makes noise, and exactly what is told of it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod world;

use std::collections::BTreeMap;

use bongsu_alert::{Occasion, Page};
use bongsu_core::{AlertState, Timestamp, Verdict};
use world::{World, identity, spell, suppress, tree, verdict};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const HOSTS: i64 = 5_000;

const ROUTING: &str = "
route:
  receiver: chat
  group_by: [job]
  routes:
  - { receiver: pager, matchers: [ 'severity=~major|critical' ], continue: true }
  - { receiver: chat, matchers: [ job=storm ], group_by: ['...'] }
  - { receiver: chat }
receivers: [ { name: chat }, { name: pager } ]
inhibit_rules:
- { source_matchers: [ instance=switch ], target_matchers: [ 'instance=~port.*' ], equal: [ job ] }
";

const SUPPRESS: &str = "
budget: { rate: { burst: 10, every: 5m } }
maintenance:
- name: upgrade
  matchers: [ job=db ]
  from: '1970-01-01T06:00:00Z'
  to: '1970-01-01T08:00:00Z'
mutes:
- name: backup
  matchers: [ job=backup ]
  time_intervals: [ { times: [ { start_time: '02:00', end_time: '03:00' } ] } ]
escalation:
- { after: 1h, severity: major }
- { after: 1h, score: 8.0, severity: critical }
";

/// The score of a series at this second, where it is judged.
fn score(name: &str, second: i64) -> f64 {
    let within = |from: i64, to: i64| {
        if (from..to).contains(&second) {
            4.0
        } else {
            0.3
        }
    };
    match name {
        // Changes at every check for an hour, then is quiet.
        "web/flap" if (HOUR..2 * HOUR).contains(&second) && second / MINUTE % 2 == 0 => 4.0,
        // Fires in the hour in which nothing is to be told of it, then goes on for ten minutes.
        "backup/a" => within(2 * HOUR + 10 * MINUTE, 3 * HOUR + 10 * MINUTE),
        // Fires in the window and is over before its end; the other one goes on.
        "db/a" => within(6 * HOUR + MINUTE, 7 * HOUR),
        "db/b" => within(7 * HOUR + MINUTE, 9 * HOUR),
        // A switch and its ports.
        "net/switch" => within(10 * HOUR, 10 * HOUR + 40 * MINUTE),
        "net/port1" | "net/port2" => within(10 * HOUR, 10 * HOUR + 30 * MINUTE),
        // Lasts, and gets worse.
        "app/a" if second >= 15 * HOUR => 2.0 * within(14 * HOUR, 16 * HOUR),
        "app/a" => within(14 * HOUR, 16 * HOUR),
        _ => 0.3,
    }
}

/// A level shift at 18:00: the model expects the old level for 20 minutes, then the new one.
fn shifted(second: i64) -> Verdict {
    let labels = identity("queue/a");
    let (shift, learned) = (18 * HOUR, 18 * HOUR + 20 * MINUTE);
    let value = if second >= shift { 100.0 } else { 10.0 };
    let expected = if second >= learned { 98.0 } else { 10.0 };
    let anomalous = second >= shift && second < learned;
    Verdict {
        value: Some(value),
        expected: Some(expected),
        lower: Some(expected - 5.0),
        upper: Some(expected + 5.0),
        ..verdict(
            &labels,
            Timestamp::from_secs(second),
            if anomalous { 6.0 } else { 0.4 },
        )
    }
}

fn day() -> World {
    let mut world = World::new(&suppress(SUPPRESS), tree(ROUTING));
    let names = [
        "web/flap",
        "backup/a",
        "db/a",
        "db/b",
        "net/switch",
        "net/port1",
        "net/port2",
        "app/a",
        "calm/a",
    ];
    for minute in 0..24 * 60 {
        let second = minute * MINUTE;
        for name in names {
            world.point(second, name, score(name, second));
        }
        world.judged(second, &shifted(second));
        // Five thousand alerts within a minute, for half an hour.
        let storm = 20 * HOUR..=20 * HOUR + 30 * MINUTE;
        if storm.contains(&second) {
            let last = second == *storm.end();
            for host in 0..HOSTS {
                let name = format!("storm/{host}");
                let at = second + host * 59 / HOSTS;
                world.point(at, &name, if last { 0.3 } else { 4.0 });
            }
        }
    }
    world.tick_to(30 * HOUR);
    world
}

/// `hh:mm` of a line that begins with seconds.
fn clock(line: &str) -> String {
    let (second, rest) = line.split_once(' ').unwrap();
    let second: i64 = second.parse().unwrap();
    let (hours, minutes) = (second / HOUR, second / MINUTE % 60);
    format!("{hours:02}:{minutes:02}:{:02} {rest}", second % 60)
}

#[test]
fn a_day_of_noise_is_told_in_few_messages() {
    let world = day();
    let (storm, calm): (Vec<&Page>, Vec<&Page>) = world.pages.iter().partition(|page| {
        let job = |alert: &bongsu_core::Alert| alert.labels.get("job") == Some("storm");
        page.alerts.iter().any(job)
    });
    let told: Vec<String> = calm.iter().map(|page| clock(&spell(page))).collect();
    let expected = [
        "01:00:30 chat fired +web/flap",
        "01:05:30 chat resolved -web/flap",
        "01:06:30 chat fired +web/flap",
        "01:11:30 chat flapping -web/flap (flapping: 65.1 % state changes; held until it comes to rest)",
        "02:16:30 chat resolved -web/flap",
        "03:00:30 chat fired +backup/a",
        "03:10:30 chat resolved -backup/a",
        "08:01:00 pager fired +db/b",
        "08:01:30 chat fired +db/b",
        "09:01:00 pager resolved -db/b",
        "09:01:30 chat resolved -db/b",
        "10:00:30 chat fired +net/switch",
        "10:40:30 chat resolved -net/switch",
        "14:00:30 chat fired +app/a",
        "15:00:00 pager fired +app/a",
        "15:00:30 chat escalated +app/a (severity rose from warning to critical)",
        "16:00:00 pager resolved -app/a",
        "16:00:30 chat resolved -app/a",
        "18:00:30 chat fired +queue/a",
        "18:20:30 chat resolved -queue/a (settled at a new level: 98 is expected now, it was 10)",
    ];
    assert_eq!(told, expected);
    check_storm(&storm);
    // Some 15,000 transitions came in.
    assert!(world.pages.len() < 50, "{} pages", world.pages.len());
    assert_eq!(world.suppressor.status().alerts, 0);
    assert_eq!(world.suppressor.next_due(), None);
}

/// Ten messages, then digests every five minutes; everything in them, and nothing lost.
fn check_storm(pages: &[&Page]) {
    let digests: Vec<_> = pages
        .iter()
        .filter_map(|page| page.digest.as_ref())
        .collect();
    let singles = pages.iter().filter(|page| page.occasion == Occasion::Fired);
    assert_eq!(singles.count(), 10);
    let firing: Vec<_> = digests
        .iter()
        .map(|d| d.firing)
        .filter(|n| *n > 0)
        .collect();
    assert_eq!(firing.iter().sum::<usize>(), 4_990, "{firing:?}");
    assert!(firing.len() <= 2, "{firing:?}");
    assert_eq!(digests[0].top, [("m".to_owned(), digests[0].firing)]);
    let mut last = BTreeMap::new();
    for alert in pages.iter().flat_map(|page| &page.alerts) {
        let times: &mut [u32; 2] = last.entry(alert.labels.fingerprint()).or_default();
        times[usize::from(alert.state == AlertState::Resolved)] += 1;
    }
    assert_eq!(last.len(), 5_000);
    assert!(
        last.values().all(|times| *times == [1, 1]),
        "each one fires once and ends once"
    );
    assert!(pages.len() < 30, "{} pages", pages.len());
}

#[test]
fn what_was_not_told_is_explained() {
    let world = day();
    let path = world.path("db/a").join("\n");
    assert!(
        path.contains("maintenance held: in the maintenance window `upgrade`"),
        "{path}"
    );
    assert!(path.contains("grouping dropped"), "{path}");
    let path = world.path("net/port1").join("\n");
    assert!(path.contains("inhibition held: inhibited by"), "{path}");
    let path = world.path("backup/a").join("\n");
    assert!(path.contains("mute held: muted by `backup`"), "{path}");
    assert!(world.path("calm/a").is_empty());
}
