use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bongsu_core::{Labels, Timestamp};

use super::{InhibitRule, NamedIntervalConfig, RouteConfig, RoutingConfig};
use crate::matcher::{MatchOp, Matcher, all_match, selector};
use crate::suppress::hash;
use crate::{Error, Subject, TimeInterval};

/// The deepest tree that is accepted.
const DEPTH: usize = 64;
/// The longest wait that is accepted.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The waits of a route's groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waits {
    /// Before the first message.
    pub group_wait: Duration,
    /// Between messages.
    pub group_interval: Duration,
    /// Before a message is repeated.
    pub repeat_interval: Duration,
}

/// The routing tree with its inhibition rules, checked and ready for use.
///
/// An alert enters at the root. At each node it meets, it goes on to the children in order; the
/// first one that it meets keeps it, unless that one says `continue`. A node without such a child
/// keeps it itself.
///
/// ```
/// use bongsu_alert::RoutingTree;
/// let tree = RoutingTree::single("everyone");
/// assert_eq!(tree.receivers().collect::<Vec<_>>(), ["everyone"]);
/// ```
#[derive(Debug, Clone)]
pub struct RoutingTree {
    /// In the order of the tree; the root is the first.
    routes: Vec<Route>,
    receivers: Vec<String>,
    rules: Vec<InhibitRule>,
}

/// A node of the tree.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// The path from the root, as matchers; no two routes have the same.
    pub(crate) path: String,
    pub(crate) receiver: String,
    pub(crate) group_by: GroupBy,
    pub(crate) waits: Waits,
    mute: Vec<Named>,
    active: Vec<Named>,
    matchers: Vec<Matcher>,
    continues: bool,
    children: Vec<usize>,
}

/// What the alerts of one message have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GroupBy {
    /// All labels: each alert is a group of its own.
    All,
    /// These labels.
    Names(Vec<String>),
}

type Named = (String, Arc<[TimeInterval]>);

impl RoutingTree {
    /// From its configuration.
    ///
    /// # Errors
    /// When a route names no known receiver or time interval, a matcher cannot be read, a wait is
    /// outside its domain, or the root says what only the nodes below may say. The message starts
    /// with the path to what is wrong.
    pub fn new(config: &RoutingConfig) -> Result<Self, Error> {
        let receivers = names("receivers", config.receivers.iter().map(|r| &r.name))?;
        let mut builder = Builder {
            receivers: &receivers,
            intervals: intervals(config)?,
            routes: Vec::new(),
        };
        check_root(&config.route)?;
        builder.add(&config.route, "route", None, DEPTH)?;
        let routes = builder.routes;
        let rules = config
            .inhibit_rules
            .iter()
            .enumerate()
            .map(|(i, rule)| InhibitRule::new(rule, &format!("inhibit_rules[{i}]")))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            routes,
            receivers,
            rules,
        })
    }

    /// One receiver that hears of everything, grouped by `alertname` and `metric`.
    #[must_use]
    pub fn single(receiver: impl Into<String>) -> Self {
        let receiver = receiver.into();
        let route = Route {
            group_by: GroupBy::Names(vec!["alertname".to_owned(), "metric".to_owned()]),
            ..Route::root(receiver.clone())
        };
        Self {
            routes: vec![route],
            receivers: vec![receiver],
            rules: Vec::new(),
        }
    }

    /// The receivers' names.
    pub fn receivers(&self) -> impl Iterator<Item = &str> {
        self.receivers.iter().map(String::as_str)
    }

    /// The paths and receivers of the routes that keep the alert, in order: for `route --test`.
    pub fn test(&self, alert: Subject<'_>) -> impl Iterator<Item = (&str, &str)> {
        self.matching(alert)
            .into_iter()
            .filter_map(|i| self.routes.get(i))
            .map(|route| (route.path.as_str(), route.receiver.as_str()))
    }

    pub(crate) fn rules(&self) -> &[InhibitRule] {
        &self.rules
    }

    pub(crate) fn route(&self, index: usize) -> Option<&Route> {
        self.routes.get(index)
    }

    /// The places of the routes, by the hashes of their paths.
    pub(crate) fn places(&self) -> BTreeMap<u64, usize> {
        let routes = self.routes.iter().enumerate();
        routes.map(|(i, route)| (hash(&route.path), i)).collect()
    }

    /// The places of the routes that keep the alert, in order.
    pub(crate) fn matching(&self, alert: Subject<'_>) -> Vec<usize> {
        let mut found = Vec::new();
        self.collect(0, alert, &mut found);
        found
    }

    /// Whether the node takes the alert; those that keep it are added to `found`.
    fn collect(&self, index: usize, alert: Subject<'_>, found: &mut Vec<usize>) -> bool {
        let Some(route) = self.routes.get(index) else {
            return false;
        };
        if !all_match(&route.matchers, alert) {
            return false;
        }
        let before = found.len();
        for &child in &route.children {
            let taken = self.collect(child, alert, found);
            if taken && !self.routes.get(child).is_some_and(|child| child.continues) {
                break;
            }
        }
        if found.len() == before {
            found.push(index);
        }
        true
    }
}

impl Route {
    fn root(receiver: String) -> Self {
        Self {
            path: "{}".to_owned(),
            receiver,
            group_by: GroupBy::Names(Vec::new()),
            waits: Waits {
                group_wait: Duration::from_secs(30),
                group_interval: Duration::from_secs(300),
                repeat_interval: Duration::from_secs(4 * 3600),
            },
            mute: Vec::new(),
            active: Vec::new(),
            matchers: Vec::new(),
            continues: false,
            children: Vec::new(),
        }
    }

    /// The labels of the alert's group.
    pub(crate) fn group_of(&self, alert: Subject<'_>) -> Labels {
        match &self.group_by {
            GroupBy::All => alert.alert().labels.clone(),
            GroupBy::Names(names) => {
                let pairs = names.iter().map(|name| (name.as_str(), alert.get(name)));
                // The names are checked: none is empty, none comes twice.
                Labels::from_pairs(pairs).unwrap_or_default()
            }
        }
    }

    /// Why nothing is told at the moment `now`, if so.
    pub(crate) fn closed(&self, now: Timestamp) -> Option<String> {
        let holds = |(_, intervals): &&Named| intervals.iter().any(|i| i.contains(now));
        if let Some((name, _)) = self.mute.iter().find(holds) {
            return Some(format!("the route is muted by the time interval `{name}`"));
        }
        let open = self.active.is_empty() || self.active.iter().any(|named| holds(&named));
        (!open).then(|| {
            let names: Vec<_> = self.active.iter().map(|(name, _)| name.as_str()).collect();
            format!("the route is active only in {}", names.join(", "))
        })
    }
}

struct Builder<'a> {
    receivers: &'a [String],
    intervals: BTreeMap<String, Arc<[TimeInterval]>>,
    routes: Vec<Route>,
}

impl Builder<'_> {
    fn add(
        &mut self,
        config: &RouteConfig,
        path: &str,
        parent: Option<usize>,
        depth: usize,
    ) -> Result<usize, Error> {
        if depth == 0 {
            let what = Error::input(format!("routes are nested more than {DEPTH} deep"));
            return Err(within(path, &what));
        }
        let above = parent.and_then(|parent| self.routes.get(parent)).cloned();
        let receiver = match (&config.receiver, &above) {
            (Some(name), _) => self.receiver(name, path)?,
            (None, Some(above)) => above.receiver.clone(),
            (None, None) => return Err(within(path, &Error::input("a receiver is missing"))),
        };
        let mut route = above.unwrap_or_else(|| Route::root(receiver.clone()));
        route.receiver = receiver;
        route.children = Vec::new();
        route.continues = config.continues;
        route.matchers = matchers(
            &format!("{path}.matchers"),
            &config.matchers,
            "match",
            &config.equal,
            &config.match_re,
        )?;
        if parent.is_some() {
            route.path = self.fresh_path(&format!("{}/{}", route.path, selector(&route.matchers)));
        }
        if let Some(names) = &config.group_by {
            route.group_by =
                group_by(names).map_err(|e| within(&format!("{path}.group_by"), &e))?;
        }
        route.waits = waits(config, route.waits).map_err(|e| within(path, &e))?;
        // These are not inherited, as in Alertmanager.
        route.mute = self.named(&config.mute_time_intervals, path, "mute_time_intervals")?;
        route.active = self.named(&config.active_time_intervals, path, "active_time_intervals")?;
        let index = self.routes.len();
        self.routes.push(route);
        for (i, child) in config.routes.iter().enumerate() {
            let child = self.add(
                child,
                &format!("{path}.routes[{i}]"),
                Some(index),
                depth - 1,
            )?;
            if let Some(route) = self.routes.get_mut(index) {
                route.children.push(child);
            }
        }
        Ok(index)
    }

    fn receiver(&self, name: &str, path: &str) -> Result<String, Error> {
        if self.receivers.iter().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        let known: Vec<_> = self.receivers.iter().map(|r| format!("`{r}`")).collect();
        let known = known.join(", ");
        Err(within(
            &format!("{path}.receiver"),
            &Error::input(format!("there is no receiver `{name}`; there are {known}")),
        ))
    }

    /// The path, with a number where a sibling has the same matchers.
    fn fresh_path(&self, path: &str) -> String {
        let taken = |path: &str| self.routes.iter().any(|route| route.path == path);
        let numbered = (2..).map(|n: usize| format!("{path}#{n}"));
        std::iter::once(path.to_owned())
            .chain(numbered)
            .find(|path| !taken(path))
            .unwrap_or_default()
    }

    fn named(&self, names: &[String], path: &str, field: &str) -> Result<Vec<Named>, Error> {
        let find = |(i, name): (usize, &String)| match self.intervals.get(name) {
            Some(intervals) => Ok((name.clone(), intervals.clone())),
            None => Err(within(
                &format!("{path}.{field}[{i}]"),
                &Error::input(format!("there is no time interval `{name}`")),
            )),
        };
        names.iter().enumerate().map(find).collect()
    }
}

fn check_root(root: &RouteConfig) -> Result<(), Error> {
    let matchers = !root.matchers.is_empty() || !root.equal.is_empty() || !root.match_re.is_empty();
    let wrong = [
        (matchers, "matchers"),
        (root.continues, "continue"),
        (!root.mute_time_intervals.is_empty(), "mute_time_intervals"),
        (
            !root.active_time_intervals.is_empty(),
            "active_time_intervals",
        ),
    ];
    match wrong.iter().find(|(wrong, _)| *wrong) {
        Some((_, field)) => Err(within(
            "route",
            &Error::input(format!("the root takes every alert and has no {field}")),
        )),
        None => Ok(()),
    }
}

fn intervals(config: &RoutingConfig) -> Result<BTreeMap<String, Arc<[TimeInterval]>>, Error> {
    let all: [(&str, &[NamedIntervalConfig]); 2] = [
        ("time_intervals", &config.time_intervals),
        ("mute_time_intervals", &config.mute_time_intervals),
    ];
    names(
        "time_intervals",
        all.iter().flat_map(|(_, named)| *named).map(|n| &n.name),
    )?;
    let mut found = BTreeMap::new();
    for (field, named) in all {
        for (i, named) in named.iter().enumerate() {
            let compile = |(k, interval)| {
                let path = format!("{field}[{i}].time_intervals[{k}]");
                TimeInterval::new(interval).map_err(|e| within(&path, &e))
            };
            let intervals = named.time_intervals.iter().enumerate().map(compile);
            let intervals: Result<Vec<_>, _> = intervals.collect();
            found.insert(named.name.clone(), intervals?.into());
        }
    }
    Ok(found)
}

/// The names, when none is empty and none comes twice.
fn names<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<Vec<String>, Error> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for (i, name) in names.enumerate() {
        let path = format!("{what}[{i}].name");
        if name.is_empty() {
            return Err(within(&path, &Error::input("it is empty")));
        }
        if !seen.insert(name) {
            return Err(within(
                &path,
                &Error::input(format!("`{name}` comes twice")),
            ));
        }
        all.push(name.clone());
    }
    Ok(all)
}

fn group_by(names: &[String]) -> Result<GroupBy, Error> {
    if names.iter().any(|name| name == "...") {
        return match names.len() {
            1 => Ok(GroupBy::All),
            _ => Err(Error::input("`...` must stand alone")),
        };
    }
    let unique: BTreeSet<&String> = names.iter().collect();
    if unique.len() < names.len() || names.iter().any(String::is_empty) {
        return Err(Error::input("a label comes twice or is empty"));
    }
    Ok(GroupBy::Names(unique.into_iter().cloned().collect()))
}

fn waits(config: &RouteConfig, above: Waits) -> Result<Waits, Error> {
    let waits = Waits {
        group_wait: config.group_wait.unwrap_or(above.group_wait),
        group_interval: config.group_interval.unwrap_or(above.group_interval),
        repeat_interval: config.repeat_interval.unwrap_or(above.repeat_interval),
    };
    for (name, wait, zero) in [
        ("group_wait", waits.group_wait, true),
        ("group_interval", waits.group_interval, false),
        ("repeat_interval", waits.repeat_interval, false),
    ] {
        if wait > LONGEST || (wait.is_zero() && !zero) {
            let value = bongsu_core::format_duration(wait);
            let least = if zero { "at least 0s" } else { "above 0s" };
            let domain = format!("{least} and at most 366d");
            return Err(Error::parameter(name, value, domain));
        }
    }
    Ok(waits)
}

/// The matchers in all spellings.
pub(super) fn matchers(
    path: &str,
    texts: &[String],
    older: &str,
    equal: &BTreeMap<String, String>,
    regexes: &BTreeMap<String, String>,
) -> Result<Vec<Matcher>, Error> {
    let mut all = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let parsed = Matcher::parse_all(text);
        all.extend(parsed.map_err(|e| within(&format!("{path}[{i}]"), &e))?);
    }
    let parent = path.rsplit_once('.').map_or(path, |(parent, _)| parent);
    for (labels, op, suffix) in [
        (equal, MatchOp::Equal, ""),
        (regexes, MatchOp::Matches, "_re"),
    ] {
        for (name, value) in labels {
            let matcher = Matcher::new(name, op, value);
            let path = format!("{parent}.{older}{suffix}.{name}");
            all.push(matcher.map_err(|e| within(&path, &e))?);
        }
    }
    Ok(all)
}

/// The error, with the path to what is wrong in front.
pub(super) fn within(path: &str, error: &Error) -> Error {
    Error::input(format!("{path}: {error}"))
}
