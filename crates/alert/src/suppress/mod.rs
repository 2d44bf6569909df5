//! What stands between alerts and messages: everything that keeps messages few.

mod acknowledge;
mod budget;
mod config;
mod escalation;
mod explain;
mod farewell;
mod flapping;
mod flush;
mod inhibit;
mod intake;
mod quiet;
mod review;
mod settle;
mod silence;
mod state;

use std::collections::{BTreeMap, BTreeSet};

use bongsu_core::{Snapshot as _, Timestamp};

pub use self::acknowledge::Acknowledgement;
pub use self::budget::{BudgetConfig, BudgetKey, Rate};
use self::config::Rules;
pub use self::config::{Limits, SuppressConfig};
pub use self::escalation::EscalationStep;
pub use self::explain::{Outcome, Stage, Step};
pub use self::flapping::FlappingConfig;
use self::inhibit::Inhibitor;
pub use self::quiet::{MaintenanceConfig, MuteConfig};
pub use self::silence::Silence;
use self::state::GroupId;
pub use self::state::SuppressorState;
pub(crate) use self::state::hash;
use crate::matcher::{ALERTNAME, Matcher};
use crate::sink::alertmanager::labels::SentLabels;
use crate::sink::message::cause_line;
use crate::{Error, RoutingTree, Subject};

/// Turns the transitions of alerts into few messages.
///
/// Pure, like [`Lifecycle`](crate::Lifecycle): time comes in with the data, and everything that must
/// survive a restart is in its [state](SuppressorState). In this order:
///
/// 1. **Dedup.** A transition that came before, for example in a replay after a restart, is
///    dropped.
/// 2. **Escalation.** A firing alert becomes more severe with time and score
///    ([`EscalationStep`]); it may then reach other routes as well, and stays with those that know
///    it.
/// 3. **Routing.** The alert joins a group of each route that keeps it ([`RoutingTree`]).
/// 4. **Grouping.** A group is looked at `group_wait` after its first alert fired, and from then on
///    each `group_interval`. If there is news, one [`Page`](crate::Page) tells of all of the group;
///    if not, it is repeated after `repeat_interval`. An alert that lasted for less than
///    `group_wait` and ended before its group was looked at is not told. These are the rules of
///    Alertmanager, but for one: an alert that lasted longer and ended between two looks is told.
/// 5. **Flapping, mutes, silences, maintenance, inhibition** are asked for each alert when its group
///    is looked at. What they hold is told when they end and the alert still fires. The end of an
///    alert that was told is told, whatever they say, except that it waits while the alert is
///    flapping; a message says so when that begins.
/// 6. **Acknowledgement** ([`Suppressor::acknowledge`]) keeps reminders and rising severity away.
/// 7. **Time intervals** of routes hold whole groups, also the ends of their alerts.
/// 8. **Budget.** A message that finds no token waits for a digest ([`BudgetConfig`]).
///
/// Each step leaves a trace: [`Suppressor::explain`].
///
/// Guarantee: an alert that fires for at least the `group_wait` of its route and is neither muted,
/// silenced, inhibited, under maintenance nor flapping is told to its receivers at the next look at
/// its group, or in the next digest, unless there are more alerts than [`Limits::alerts`]; and when it
/// was told, its end is told, too, in any case. After a restart from an
/// older state, with the same data again, messages may come again; none is left out.
///
/// Memory: see [`SuppressorState`]. Cost: O(log n) for a verdict; for a look at a group O(its alerts).
///
/// ```
/// use bongsu_alert::{Lifecycle, Policy, RoutingTree, SuppressConfig, Suppressor};
/// use bongsu_core::{Labels, Timestamp, Verdict};
///
/// let mut lifecycle = Lifecycle::new();
/// let mut suppressor =
///     Suppressor::new(&SuppressConfig::default(), RoutingTree::single("chat"))?;
/// let mut told = Vec::new();
/// for (second, score) in [(0, 0.1), (60, 4.0), (120, 5.0), (180, 0.2), (480, 0.1)] {
///     let now = Timestamp::from_secs(second);
///     for instance in ["a", "b"] {
///         let labels = Labels::from_pairs([("__name__", "up"), ("instance", instance)])?;
///         let verdict = Verdict {
///             value: Some(score),
///             score: Some(score),
///             anomalous: score > 1.0,
///             ..Verdict::unjudged(now, labels.clone())
///         };
///         let transition = lifecycle.observe(&labels, &Policy::default(), &verdict)?;
///         suppressor.observe(&labels, &verdict, transition.as_ref());
///     }
///     for page in suppressor.tick(now) {
///         let (firing, ended) = (page.firing().count(), page.resolved().count());
///         told.push(format!("{second}: {} {firing} {ended}", page.occasion.as_str()));
///     }
/// }
/// // Both fired at 60; their group waited for 30 seconds, then for its interval of 5 minutes.
/// assert_eq!(told, ["120: fired 2 0", "480: resolved 0 2"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Suppressor {
    rules: Rules,
    tree: RoutingTree,
    /// The places of the routes in the tree, by the hash of their path.
    routes: BTreeMap<u64, usize>,
    state: SuppressorState,
    /// When groups are looked at next. This and the rest is made anew from the state.
    schedule: BTreeSet<(Timestamp, GroupId)>,
    inhibitor: Inhibitor,
    /// Those of the silences in the state.
    silences: Vec<Vec<Matcher>>,
    /// What Alertmanager is sent, with which the silences made there are compared.
    sent: SentLabels,
    tidied: Option<Timestamp>,
}

/// How much is held at this moment, for self-metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SuppressorStatus {
    /// The alerts that fire, or whose end is not told yet.
    pub alerts: usize,
    /// The groups that they are in.
    pub groups: usize,
    /// The groups whose messages wait for the budget.
    pub held_groups: usize,
    /// The alerts forgotten since the start because there were too many.
    pub dropped: u64,
}

impl Suppressor {
    /// With nothing known yet.
    ///
    /// # Errors
    /// When a setting is outside its domain; the message names it.
    pub fn new(config: &SuppressConfig, tree: RoutingTree) -> Result<Self, Error> {
        Self::restore(config, tree, SuppressorState::default())
    }

    /// With what an earlier run knew. The configuration may be another one: the alerts that fire are
    /// routed again, and where a route is gone, has another receiver or groups by other labels, its
    /// former receiver is told that it hears no more of them ([`Suppressor::farewells`]).
    ///
    /// # Errors
    /// When a setting is outside its domain, or the state contradicts itself.
    pub fn restore(
        config: &SuppressConfig,
        tree: RoutingTree,
        state: SuppressorState,
    ) -> Result<Self, Error> {
        state.validate().map_err(|e| Error::input(e.to_string()))?;
        let mut suppressor = Self {
            rules: Rules::new(config)?,
            routes: tree.places(),
            tree,
            state,
            schedule: BTreeSet::new(),
            inhibitor: Inhibitor::default(),
            silences: Vec::new(),
            sent: SentLabels::default(),
            tidied: None,
        };
        let silences = std::mem::take(&mut suppressor.state.silences);
        suppressor.set_silences(silences)?;
        suppressor.rebuild();
        Ok(suppressor)
    }

    /// The labels that an [`AlertmanagerSink`](crate::AlertmanagerSink) adds to alerts
    /// ([`labels`](crate::AlertmanagerBuilder::labels)): silences made in Alertmanager may name them.
    /// Default: none.
    #[must_use]
    pub fn alertmanager_labels(mut self, labels: bongsu_core::Labels) -> Self {
        self.sent = SentLabels::new(ALERTNAME, labels);
        self
    }

    /// Takes over silences, in place of those known so far. Beyond the limit
    /// those that end first are left out.
    ///
    /// # Errors
    /// When a matcher cannot be read; the silences then stay as they were.
    pub fn set_silences(&mut self, mut silences: Vec<Silence>) -> Result<(), Error> {
        silences.sort_by_key(|silence| std::cmp::Reverse(silence.span().1));
        silences.truncate(self.rules.limits.silences);
        let compiled = silences.iter().map(Silence::compile);
        self.silences = compiled.collect::<Result<_, _>>()?;
        self.state.silences = silences;
        Ok(())
    }

    /// The silences that are heeded.
    #[must_use]
    pub fn silences(&self) -> &[Silence] {
        &self.state.silences
    }

    /// Says what probably led to the alert with this fingerprint, as
    /// [`Lifecycle::set_cause`](crate::Lifecycle::set_cause) does: from then on messages tell it.
    pub fn set_cause(&mut self, fingerprint: u64, cause: &str) -> bool {
        match self.state.known.get_mut(&fingerprint) {
            Some(known) => {
                known.alert.cause = cause_line(cause);
                true
            }
            None => false,
        }
    }

    /// When [`Suppressor::tick`] has something to do; `None` when nothing waits.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let look = self.schedule.first().map(|&(due, _)| due);
        let tokens = self.rules.budget.as_ref().and_then(|budget| {
            let now = self.state.now?;
            let budgets = &self.state.budgets;
            let keys = budgets.backlogs.keys();
            keys.map(|&key| budgets.ready_at(budget, key, now)).min()
        });
        let farewell = self.state.farewells.first().map(|page| page.at);
        look.into_iter().chain(tokens).chain(farewell).min()
    }

    /// What happened lately to the alert with this
    /// [fingerprint](bongsu_core::Labels::fingerprint), oldest first: why it did or did not page.
    pub fn explain(&self, fingerprint: u64) -> impl Iterator<Item = &Step> {
        self.state.explain(fingerprint)
    }

    /// What must be saved, together with the [`Lifecycle`](crate::Lifecycle) and with what the
    /// [`Dispatcher`](crate::Dispatcher) has not delivered.
    #[must_use]
    pub const fn state(&self) -> &SuppressorState {
        &self.state
    }

    /// The routing tree.
    #[must_use]
    pub const fn tree(&self) -> &RoutingTree {
        &self.tree
    }

    /// How much is held at this moment.
    #[must_use]
    pub fn status(&self) -> SuppressorStatus {
        let backlogs = self.state.budgets.backlogs.values();
        SuppressorStatus {
            alerts: self.state.known.len(),
            groups: self.state.groups.len(),
            held_groups: backlogs.map(|backlog| backlog.groups.len()).sum(),
            dropped: self.state.dropped,
        }
    }

    /// Makes anew what follows from state and configuration.
    fn rebuild(&mut self) {
        self.state.trails.rebuild();
        self.part_where(Self::is_obsolete);
        let known = &self.state.known;
        let held = |id: &GroupId| self.state.groups.contains_key(id);
        for backlog in self.state.budgets.backlogs.values_mut() {
            backlog.groups.retain(held);
        }
        let groups = self.state.groups.iter();
        self.schedule = groups.map(|(&id, group)| (group.next, id)).collect();
        let firing = known.iter().filter(|(_, known)| known.fires());
        for (&fingerprint, known) in firing {
            let subject = Subject::new(&known.alert);
            self.inhibitor.add(self.tree.rules(), fingerprint, subject);
        }
        let firing = known.iter().filter(|(_, known)| known.fires());
        let firing: Vec<u64> = firing.map(|(&fingerprint, _)| fingerprint).collect();
        let now = self.state.now.unwrap_or(Timestamp::MIN);
        for fingerprint in firing {
            self.join(fingerprint, now);
        }
    }

    /// Takes note of what happened to an alert.
    fn note(
        &mut self,
        fingerprint: u64,
        at: Timestamp,
        stage: Stage,
        outcome: Outcome,
        reason: String,
    ) {
        let step = Step {
            at,
            until: at,
            count: 1,
            stage,
            outcome,
            reason,
        };
        let limits = (self.rules.limits.explained, self.rules.limits.steps);
        self.state.trails.push(fingerprint, step, limits);
    }
}
