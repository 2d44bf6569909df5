//! The names of sinks. They say where a sink leads, not where it stands in the configuration, so that
//! what waits for one is not given to another when the configuration changes. Two exceptions: states
//! of version 6 name sinks by where they stand; and the only sink of a kind and a receiver takes over
//! what waited for the only one there was, when its place was changed while nothing ran.

use sha2::{Digest as _, Sha256};

use crate::config::SinkConfig;

/// The hexadecimal digits of a place.
const DIGITS: usize = 12;

/// The name of a sink: its kind, its receiver if it serves one, and a hash of where it leads, for
/// example `slack-oncall-3fa9c27be014`. The hash shows nothing of an address or a key.
pub(super) fn name(config: &SinkConfig, receiver: Option<&str>) -> String {
    let mut hasher = Sha256::new();
    for part in config.place() {
        // With their lengths, no two lists of parts look alike.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = hasher.finalize();
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = hash.get(..DIGITS).unwrap_or(&hash);
    let kind = config.kind();
    match receiver {
        Some(receiver) => format!("{kind}-{receiver}-{hash}"),
        None => format!("{kind}-{hash}"),
    }
}

/// The name of a sink whose place `before` sinks have already.
pub(super) fn repeated(name: &str, before: usize) -> String {
    match before {
        0 => name.to_owned(),
        n => format!("{name}.{}", n + 1),
    }
}

/// The part of a name that says what kind of sink it is, and which receiver it serves.
pub(crate) fn serves(name: &str) -> &str {
    let place = place(name);
    place.rsplit_once('-').map_or(place, |(serves, _)| serves)
}

/// The part of a name that says where the sink leads.
pub(crate) fn place(name: &str) -> &str {
    match name.rsplit_once('.') {
        // A receiver may have a point in its name, but after it a hash follows.
        Some((place, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => place,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn sink(yaml: &str) -> SinkConfig {
        let base = "source: {type: csv, path: x.csv}\nqueries: [{name: a, expr: a}]";
        let config = parse(&format!("{base}\nsinks: [{yaml}]"), None).unwrap();
        config.sinks.into_iter().next().unwrap()
    }

    fn of(yaml: &str) -> String {
        name(&sink(yaml), None)
    }

    #[test]
    fn a_name_is_that_of_a_place_and_shows_no_secret() {
        let (a, b) = ("a".repeat(32), "b".repeat(32));
        let key =
            |key: &str, more: &str| of(&format!("{{type: pagerduty, routing_key: {key}{more}}}"));
        assert_ne!(key(&a, ""), key(&b, ""));
        assert_eq!(
            key(&a, ""),
            key(&a, ", timeout: 5s, links: {runbook: 'https://w/x'}")
        );
        assert_ne!(
            key(&a, ""),
            key(&a, ", url: 'https://events.eu.pagerduty.com'")
        );
        assert!(key(&a, "").starts_with("pagerduty-") && !key(&a, "").contains("aaaa"));
        assert_eq!(key(&a, "").len(), "pagerduty-".len() + DIGITS);

        let slack = |host: &str| of(&format!("{{type: slack, url: 'https://{host}/x'}}"));
        assert_ne!(slack("h"), slack("i"));
        assert_ne!(slack("h"), of("{type: webhook, url: 'https://h/x'}"));
        // Saved states name queues so: it must never change.
        assert_eq!(slack("h"), "slack-de74cf92f46d");
        let served = name(&sink("{type: slack, url: 'https://h/x'}"), Some("on.call"));
        assert_eq!(served, "slack-on.call-de74cf92f46d");
        assert_eq!(place(&served), served);
        assert_eq!(place(&repeated(&served, 0)), served);
        assert_eq!(repeated(&served, 1), format!("{served}.2"));
        assert_eq!(place(&repeated(&served, 11)), served);

        let mail = |to: &str| {
            of(&format!(
                "{{type: email, host: h, from: a@b.c, to: [{to}]}}"
            ))
        };
        assert_eq!(mail("x@y.z, a@y.z"), mail("a@y.z, x@y.z"));
        assert_ne!(mail("x@y.z"), mail("a@y.z"));
    }

    #[test]
    fn an_alertmanager_is_its_members_and_labels() {
        let am = |rest: &str| format!("{{type: alertmanager, urls: [{rest}}}");
        let both = of(&am("'http://a', 'http://b']"));
        assert_eq!(both, of(&am("'http://b/', 'http://a'], resend: 2m")));
        assert_ne!(both, of(&am("'http://a']")));
        assert_ne!(both, of(&am("'http://a', 'http://b'], labels: {team: x}")));
        assert_ne!(
            of(&am("'http://a'], labels: {team: x}")),
            of(&am("'http://a'], labels: {team: y}"))
        );

        let left = |old: &str, new: &[&str]| {
            let new: Vec<SinkConfig> = new.iter().map(|new| sink(&am(new))).collect();
            match sink(&am(old)).beside(new.iter()) {
                Some(SinkConfig::Alertmanager { urls, .. }) => urls.join(" "),
                _ => "-".to_owned(),
            }
        };
        let old = "'http://a', 'http://b']";
        assert_eq!(left(old, &[]), "http://a http://b");
        assert_eq!(left(old, &["'http://b/']"]), "http://a");
        assert_eq!(left(old, &["'http://b']", "'http://a', 'http://c']"]), "-");
        assert_eq!(
            left(old, &["'http://b'], labels: {team: x}"]),
            "http://a http://b"
        );
    }
}
