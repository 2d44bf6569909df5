//! The incidents that are known, and how alerts become them.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_alert::Transition;
use bongsu_core::{Alert, Timestamp};
use bongsu_rca::Graph;

use super::names::ServiceNames;
use super::saved::Saved;
use super::topology::Topology;
use super::{Analysis, Incident, IncidentChange, Member};
use crate::config::Config;

/// How alerts are grouped.
#[derive(Debug, Clone)]
struct Rules {
    analysed: bool,
    settle: i64,
    step: i64,
    after: i64,
    window: i64,
    labels: Vec<String>,
    most: usize,
    keep: i64,
    names: ServiceNames,
    /// How it is asked who is seen to call whom, and who says to; empty where it is not.
    traffic: String,
    declared: String,
}

impl Rules {
    fn new(config: &Config) -> Self {
        let rca = config.incidents();
        let (calls, workloads) = (&rca.service_graph_labels, &rca.workload_labels);
        Self {
            traffic: question(
                rca.service_graph_query.as_deref(),
                [&calls.client, &calls.server],
            ),
            declared: question(
                rca.workload_query.as_deref(),
                [&workloads.name, &workloads.depends_on],
            ),
            analysed: config.rca.is_some() && rca.enabled,
            settle: rca.settle.millis(),
            step: rca.step.millis(),
            after: rca.after.millis(),
            window: rca.group_window.millis(),
            labels: rca.group_labels,
            most: rca.max_incidents,
            keep: rca.keep.millis(),
            names: super::analyst::names(config),
        }
    }
}

/// A query and the labels by which its answer is read, in a text that is its own.
fn question(expr: Option<&str>, labels: [&String; 2]) -> String {
    let [one, other] = labels;
    expr.map_or_else(String::new, |expr| format!("{one}\n{other}\n{expr}"))
}

/// The incidents that are known.
///
/// Memory: about 0.5 kB an alert of an incident. Cost of an alert: O(incidents x their services).
#[derive(Debug)]
pub(crate) struct Book {
    rules: Rules,
    configured: Graph,
    topology: Topology,
    saved: Saved,
    /// Who says to call whom by labels; the next analysis tells it again.
    declared: BTreeSet<(String, String)>,
    /// The incident that each alert belonged to last.
    latest: BTreeMap<u64, String>,
    /// Whether the saved state is behind.
    changed: bool,
    /// A number for each change, so that onlookers know whether to look.
    pub(crate) version: u64,
}

impl Book {
    pub(crate) fn new(config: &Config, configured: Graph, saved: Saved) -> Self {
        let mut book = Self {
            rules: Rules::new(config),
            configured,
            topology: Topology::default(),
            saved,
            declared: BTreeSet::new(),
            latest: BTreeMap::new(),
            changed: false,
            version: 0,
        };
        for incident in &book.saved.incidents {
            let members = incident.members.keys();
            let named = members.map(|&fingerprint| (fingerprint, incident.id.clone()));
            book.latest.extend(named);
        }
        book.forget_other_traffic();
        book.renew_topology();
        book
    }

    /// Goes on by the rules of another configuration.
    pub(crate) fn exchange(&mut self, config: &Config, configured: Graph) {
        let before = std::mem::replace(&mut self.rules, Rules::new(config));
        if before.declared != self.rules.declared {
            self.declared.clear();
        }
        self.forget_other_traffic();
        self.configured = configured;
        self.renew_topology();
    }

    /// Forgets who calls whom where another question was answered than is asked now. The next analysis
    /// tells it anew.
    fn forget_other_traffic(&mut self) {
        let stays = match self.saved.asked.as_str() {
            // A version before did not keep the question: its answer stays while there is one.
            "" => self.saved.traffic.is_empty() || !self.rules.traffic.is_empty(),
            asked => asked == self.rules.traffic,
        };
        if !stays {
            self.saved.traffic.clear();
            self.saved.asked.clear();
            self.touch();
        }
    }

    fn renew_topology(&mut self) {
        self.topology = Topology::new(&self.graph());
    }

    /// What is known of who calls whom.
    pub(crate) fn graph(&self) -> Graph {
        let mut graph = self.configured.clone();
        for (client, server) in &self.saved.traffic {
            graph.add(client, server, bongsu_rca::Provenance::Traffic);
        }
        for (caller, callee) in &self.declared {
            graph.add(caller, callee, bongsu_rca::Provenance::Labels);
        }
        graph
    }

    /// Takes over who was seen to call whom.
    pub(crate) fn learn_traffic(&mut self, traffic: BTreeSet<(String, String)>) {
        if self.saved.traffic != traffic || self.saved.asked != self.rules.traffic {
            self.saved.traffic = traffic;
            self.saved.asked.clone_from(&self.rules.traffic);
            self.renew_topology();
            self.touch();
        }
    }

    /// Takes over who says to call whom.
    pub(crate) fn learn_declared(&mut self, declared: BTreeSet<(String, String)>) {
        if self.declared != declared {
            self.declared = declared;
            self.renew_topology();
        }
    }

    fn touch(&mut self) {
        self.changed = true;
        self.version += 1;
    }

    /// What must be saved, when something has changed since [`Book::was_saved`].
    pub(crate) fn unsaved(&self) -> Option<&Saved> {
        self.changed.then_some(&self.saved)
    }

    pub(crate) const fn was_saved(&mut self) {
        self.changed = false;
    }

    /// All of them, in order of their opening.
    pub(crate) fn all(&self) -> &[Incident] {
        &self.saved.incidents
    }

    pub(crate) fn open(&self) -> usize {
        let open = |incident: &&Incident| incident.is_open();
        self.saved.incidents.iter().filter(open).count()
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Incident> {
        let incidents = self.saved.incidents.iter();
        incidents.rev().find(|incident| incident.id == id)
    }

    fn get_mut(&mut self, id: &str) -> Option<&mut Incident> {
        let incidents = self.saved.incidents.iter_mut();
        incidents.rev().find(|incident| incident.id == id)
    }

    /// The incident that an alert belonged to last.
    pub(crate) fn of_alert(&self, fingerprint: u64) -> Option<&Incident> {
        self.get(self.latest.get(&fingerprint)?)
    }

    /// Makes the incidents say of alerts what `firing` says: what fires belongs to an incident, and
    /// nothing else does. What is told twice changes nothing.
    pub(crate) fn reconcile<'a>(
        &mut self,
        firing: impl Iterator<Item = &'a Alert>,
        now: Timestamp,
    ) {
        let mut firing: Vec<&Alert> = firing.collect();
        firing.sort_by_key(|alert| (alert.fired_at, alert.labels.fingerprint()));
        let mut known = BTreeSet::new();
        for alert in firing {
            known.insert(alert.labels.fingerprint());
            self.fired(alert);
        }
        for incident in &mut self.saved.incidents {
            let over = |(fingerprint, member): &(&u64, &mut Member)| {
                member.resolved_at.is_none() && !known.contains(fingerprint)
            };
            for (_, member) in incident.members.iter_mut().filter(over) {
                member.resolved_at = Some(now.max(member.fired_at));
                incident.updated_at = incident.updated_at.max(now);
                self.changed = true;
            }
        }
    }

    /// Takes note of a step in an alert's life. Gives the incident that it opened.
    pub(crate) fn note(&mut self, transition: &Transition) -> Option<&Incident> {
        match transition {
            Transition::Fired(alert) => self.fired(alert),
            Transition::Resolved(alert) => {
                self.resolved(alert);
                None
            }
            _ => None,
        }
    }

    fn resolved(&mut self, alert: &Alert) {
        let fingerprint = alert.labels.fingerprint();
        let Some(id) = self.latest.get(&fingerprint).cloned() else {
            return;
        };
        let Some(incident) = self.get_mut(&id) else {
            return;
        };
        if let Some(member) = incident.members.get_mut(&fingerprint) {
            let end = alert.resolved_at.unwrap_or(alert.verdict.timestamp);
            member.resolved_at = Some(end);
            member.severity = alert.severity;
            member.summary.clone_from(&alert.summary);
            incident.updated_at = incident.updated_at.max(end);
            self.touch();
        }
    }

    fn fired(&mut self, alert: &Alert) -> Option<&Incident> {
        let fingerprint = alert.labels.fingerprint();
        let known = self.of_alert(fingerprint);
        let known = known.and_then(|incident| incident.members.get(&fingerprint));
        if known.is_some_and(|member| member.starts_at == alert.starts_at) {
            return None;
        }
        let member = Member::new(alert, self.rules.names.of_alert(alert));
        let place = self.place_of(&member);
        self.touch();
        let agreed = self.rules.labels.iter().filter_map(|label| {
            let value = member.labels.get(label)?;
            Some((label.clone(), value.to_owned()))
        });
        let agreed: BTreeMap<String, String> = agreed.collect();
        if let Some(incident) = place.and_then(|place| self.saved.incidents.get_mut(place)) {
            self.latest.insert(fingerprint, incident.id.clone());
            incident.join(fingerprint, member, self.rules.settle);
            incident.shared.extend(agreed);
            return None;
        }
        let mut incident = Incident::new(fingerprint, member, self.rules.settle);
        // A row of the data at or after the onset must be there.
        let first = incident.onset.align_up(self.rules.step);
        incident.due = incident.due.map(|due| due.max(first));
        incident.shared = agreed;
        self.latest.insert(fingerprint, incident.id.clone());
        self.saved.incidents.push(incident);
        self.saved.incidents.last()
    }

    /// The incident to which an alert that fires belongs: of several one with the same service, of
    /// these the one with the latest event.
    fn place_of(&self, member: &Member) -> Option<usize> {
        let incidents = self.saved.incidents.iter().enumerate();
        let fitting = incidents.filter(|(_, incident)| self.belongs(member, incident));
        let best = fitting.max_by_key(|(place, incident)| {
            let same = member.service.as_ref();
            let same = same.is_some_and(|service| incident.services.contains(service));
            (same, incident.updated_at, *place)
        });
        best.map(|(place, _)| place)
    }

    fn belongs(&self, member: &Member, incident: &Incident) -> bool {
        let (rules, begins) = (&self.rules, member.starts_at);
        let in_time = begins >= incident.onset.add_millis(-rules.window)
            && begins <= incident.updated_at.add_millis(rules.window)
            && begins <= incident.onset.add_millis(rules.after);
        let differs = |label: &String| {
            let (own, shared) = (member.labels.get(label), incident.shared.get(label));
            own.is_some_and(|own| shared.is_some_and(|shared| own != shared))
        };
        in_time
            && !rules.labels.iter().any(differs)
            && member.service.as_ref().is_none_or(|service| {
                let others = &incident.services;
                let related = |other: &String| self.topology.related(service, other);
                others.is_empty() || others.iter().any(related)
            })
    }

    /// Closes what is over at `now`, and forgets what is old. Gives the ids of both.
    pub(crate) fn tick(&mut self, now: Timestamp) -> (Vec<String>, Vec<String>) {
        let window = self.rules.window;
        let mut closed = Vec::new();
        for incident in &mut self.saved.incidents {
            if incident.is_open()
                && now >= incident.updated_at.add_millis(window)
                && incident.firing() == 0
            {
                incident.closed_at = Some(incident.updated_at);
                incident.due = Some(now);
                closed.push(incident.id.clone());
            }
        }
        let forgotten = self.forget(now);
        if !closed.is_empty() || !forgotten.is_empty() {
            self.touch();
        }
        (closed, forgotten)
    }

    fn forget(&mut self, now: Timestamp) -> Vec<String> {
        let keep = self.rules.keep;
        let all = &self.saved.incidents;
        let mut order: Vec<(bool, Timestamp, &str)> = all
            .iter()
            .map(|i| (i.is_open(), i.updated_at, i.id.as_str()))
            .collect();
        order.sort_unstable();
        let surplus = order.len().saturating_sub(self.rules.most);
        let gone = order
            .into_iter()
            .enumerate()
            .filter(|(place, (open, at, _))| {
                *place < surplus || !open && now > at.add_millis(keep)
            });
        let gone: Vec<String> = gone.map(|(_, (_, _, id))| id.to_owned()).collect();
        if !gone.is_empty() {
            self.saved.incidents.retain(|i| !gone.contains(&i.id));
            self.latest.retain(|_, id| !gone.contains(id));
        }
        gone
    }

    /// The incidents whose analysis is due at `now`, the earliest first.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<&Incident> {
        if !self.rules.analysed {
            return Vec::new();
        }
        let due = |incident: &&Incident| incident.due.is_some_and(|due| due <= now);
        let mut all: Vec<&Incident> = self.saved.incidents.iter().filter(due).collect();
        all.sort_by_key(|incident| incident.due);
        all
    }

    /// The times of the other incidents that can show at the services of `incident`, with `margin`
    /// milliseconds on either side.
    pub(crate) fn others(&self, incident: &Incident, margin: i64) -> Vec<(Timestamp, Timestamp)> {
        let touches = |other: &&Incident| {
            let mut pairs = other.services.iter().flat_map(|a| {
                let own = incident.services.iter();
                own.map(move |b| (a, b))
            });
            let nameless = other.services.is_empty() || incident.services.is_empty();
            other.id != incident.id
                && other.onset < incident.onset
                && (nameless || pairs.any(|(a, b)| self.topology.related(a, b)))
        };
        let others = self.saved.incidents.iter().filter(touches);
        let spans = others.map(|other| {
            let end = other.closed_at.unwrap_or(Timestamp::MAX);
            (other.onset.add_millis(-margin), end.add_millis(margin))
        });
        spans.collect()
    }

    /// Those that have never been analysed, whether that is due or not.
    pub(crate) fn unanalysed(&self) -> Vec<&Incident> {
        let waits = |i: &&Incident| self.rules.analysed && i.due.is_some() && i.analysis.is_none();
        self.saved.incidents.iter().filter(waits).collect()
    }

    /// When there is something to do next: an incident to be closed or to be analysed.
    pub(crate) fn next_due(&self, busy: impl Fn(&str) -> bool) -> Option<Timestamp> {
        let dues = self.saved.incidents.iter().flat_map(|incident| {
            let analysis = incident.due;
            let analysis = analysis.filter(|_| self.rules.analysed && !busy(&incident.id));
            let closing = incident.updated_at.add_millis(self.rules.window);
            let closing = Some(closing).filter(|_| incident.is_open() && incident.firing() == 0);
            analysis.into_iter().chain(closing)
        });
        dues.min()
    }

    /// Takes in what an analysis that began at `begun` came to; `of_closed` says whether the incident
    /// was over then. Gives the incident, when it is still known.
    pub(crate) fn analysed(
        &mut self,
        id: &str,
        begun: Timestamp,
        of_closed: bool,
        outcome: Result<Analysis, String>,
    ) -> Option<&Incident> {
        self.touch();
        let (step, after) = (self.rules.step, self.rules.after);
        let incident = self.get_mut(id)?;
        match outcome {
            Ok(analysis) => (incident.analysis, incident.problem) = (Some(analysis), None),
            Err(problem) => incident.problem = Some(problem),
        }
        if incident.is_open() {
            incident.reschedule(begun, step, after);
        } else if of_closed {
            incident.due = None;
        }
        Some(incident)
    }
}

impl Incident {
    fn join(&mut self, fingerprint: u64, member: Member, settle: i64) {
        self.onset = self.onset.min(member.starts_at);
        self.opened_at = self.opened_at.min(member.fired_at);
        self.updated_at = self.updated_at.max(member.fired_at);
        self.services.extend(member.service.clone());
        if self.closed_at.take().is_some() {
            self.due = Some(member.fired_at.add_millis(settle));
        }
        self.members.insert(fingerprint, member);
    }

    /// The next analysis is when at least twice as much of the incident has passed, and a step more,
    /// the last one at the end of what is looked at.
    fn reschedule(&mut self, begun: Timestamp, step: i64, after: i64) {
        let last = self.onset.add_millis(after);
        let passed = begun.millis_since(self.opened_at).max(self.delay);
        self.delay = passed.saturating_mul(2).max(passed.saturating_add(step));
        let next = self.opened_at.add_millis(self.delay).min(last);
        self.due = (begun < last).then_some(next);
    }
}

impl IncidentChange {
    /// In one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Analysed => "analysed",
            Self::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests;
