//! How many messages may be sent: token buckets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::GroupId;
use crate::{Error, duration_text};

/// A token bucket: at most `burst` messages at once, and one more each `every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The messages that may be sent at once. Domain: from 1 to 1,000,000.
    pub burst: u32,
    /// The time after which one more may be sent. Domain: from 1ms to 366d.
    #[serde(with = "duration_text")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub every: Duration,
}

/// What has a token bucket of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BudgetKey {
    /// Each receiver.
    #[default]
    Receiver,
    /// Each group of alerts.
    Group,
}

/// How many messages may be sent.
///
/// A message takes one token of its own bucket and one of the global bucket, where there is one.
/// While there is none, what is new is held back; when tokens return it is told in one
/// [digest](crate::Digest), which takes one token. Reminders that find no token are left out.
///
/// ```
/// let budget: bongsu_alert::BudgetConfig = serde_json::from_str(
///     r#"{"rate": {"burst": 10, "every": "1m"}, "global": {"burst": 30, "every": "10s"}}"#,
/// )?;
/// assert_eq!(budget.per, bongsu_alert::BudgetKey::Receiver);
/// assert!(budget.validate().is_ok());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// What the rate applies to. Default: each receiver.
    #[serde(default)]
    pub per: BudgetKey,
    /// The rate of each.
    pub rate: Rate,
    /// The rate of all together. Default: no limit.
    #[serde(default)]
    pub global: Option<Rate>,
}

impl BudgetConfig {
    /// Checks every field against its domain.
    ///
    /// # Errors
    /// When a field is outside its domain; the message names it.
    pub fn validate(&self) -> Result<(), Error> {
        let global = self.global.as_ref().map(|rate| ("budget.global", rate));
        for (path, rate) in std::iter::once(("budget.rate", &self.rate)).chain(global) {
            if !(1..=1_000_000).contains(&rate.burst) {
                let name = format!("{path}.burst");
                return Err(Error::parameter(name, rate.burst, "from 1 to 1,000,000"));
            }
            let days = 366 * 24 * 3600;
            if rate.every < Duration::from_millis(1) || rate.every > Duration::from_secs(days) {
                let value = bongsu_core::format_duration(rate.every);
                return Err(Error::parameter(
                    format!("{path}.every"),
                    value,
                    "from 1ms to 366d",
                ));
            }
        }
        Ok(())
    }
}

/// The tokens of one bucket, as milliseconds of credit; a token is worth [`Rate::every`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Bucket {
    credit: i64,
    at: Timestamp,
}

impl Rate {
    fn price(&self) -> i64 {
        i64::try_from(self.every.as_millis())
            .unwrap_or(i64::MAX)
            .max(1)
    }

    fn most(&self) -> i64 {
        self.price().saturating_mul(i64::from(self.burst))
    }
}

impl Bucket {
    /// The credit at the moment `now`.
    fn credit(&self, rate: &Rate, now: Timestamp) -> i64 {
        let earned = now.millis_since(self.at).max(0);
        self.credit.saturating_add(earned).min(rate.most())
    }
}

/// What is held back for one bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Backlog {
    pub(super) since: Timestamp,
    pub(super) receiver: String,
    pub(super) groups: BTreeSet<GroupId>,
}

/// All buckets, and what waits for their tokens.
///
/// A bucket that is full is not kept, so there are no more of them than receivers, or groups, that
/// were told of something lately.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Budgets {
    buckets: BTreeMap<u64, Bucket>,
    global: Option<Bucket>,
    pub(super) backlogs: BTreeMap<u64, Backlog>,
    /// The digests made so far.
    pub(super) digests: u64,
}

impl Budgets {
    /// Takes a token for `key`, when there is one.
    pub(super) fn take(&mut self, config: &BudgetConfig, key: u64, now: Timestamp) -> bool {
        if self.ready_at(config, key, now) > now {
            return false;
        }
        let spend = |bucket: Option<&Bucket>, rate: &Rate| {
            let credit = bucket.map_or(rate.most(), |bucket| bucket.credit(rate, now));
            Bucket {
                credit: credit - rate.price(),
                at: now,
            }
        };
        let own = spend(self.buckets.get(&key), &config.rate);
        self.buckets.insert(key, own);
        if let Some(rate) = &config.global {
            self.global = Some(spend(self.global.as_ref(), rate));
        }
        true
    }

    /// When there is a token for `key`: `now`, or later.
    pub(super) fn ready_at(&self, config: &BudgetConfig, key: u64, now: Timestamp) -> Timestamp {
        let ready = |bucket: Option<&Bucket>, rate: &Rate| {
            let credit = bucket.map_or(rate.most(), |bucket| bucket.credit(rate, now));
            now.add_millis(rate.price().saturating_sub(credit).max(0))
        };
        let own = ready(self.buckets.get(&key), &config.rate);
        match &config.global {
            Some(rate) => own.max(ready(self.global.as_ref(), rate)),
            None => own,
        }
    }

    /// Adds a group to what waits.
    pub(super) fn hold(&mut self, key: u64, receiver: &str, id: GroupId, now: Timestamp) {
        let backlog = self.backlogs.entry(key).or_insert_with(|| Backlog {
            since: now,
            receiver: receiver.to_owned(),
            groups: BTreeSet::new(),
        });
        backlog.groups.insert(id);
    }

    /// Forgets buckets that are full again.
    pub(super) fn tidy(&mut self, config: Option<&BudgetConfig>, now: Timestamp) {
        match config {
            Some(config) => self
                .buckets
                .retain(|_, bucket| bucket.credit(&config.rate, now) < config.rate.most()),
            None => self.buckets.clear(),
        }
    }

    pub(super) fn is_valid(&self) -> bool {
        let credits = self.buckets.values().chain(&self.global);
        credits.into_iter().all(|bucket| bucket.credit >= 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(burst: u32, seconds: u64) -> Rate {
        Rate {
            burst,
            every: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn tokens_return_one_at_a_time() {
        let config = BudgetConfig {
            per: BudgetKey::Receiver,
            rate: rate(2, 60),
            global: None,
        };
        let mut budgets = Budgets::default();
        let at = Timestamp::from_secs;
        let mut taken = |second| budgets.take(&config, 1, at(second));
        assert_eq!(
            [0, 0, 0, 59, 60, 60, 119, 120].map(&mut taken),
            [true, true, false, false, true, false, false, true]
        );
        // Another key has tokens of its own; after a long time there are no more than the burst.
        assert!(budgets.take(&config, 2, at(120)));
        assert_eq!(budgets.ready_at(&config, 1, at(120)), at(180));
        let mut taken = |second| budgets.take(&config, 1, at(second));
        assert_eq!([9999, 9999, 9999].map(&mut taken), [true, true, false]);
        budgets.tidy(Some(&config), at(99_999));
        assert!(budgets.buckets.is_empty());
    }

    #[test]
    fn the_global_bucket_limits_all_keys() {
        let config = BudgetConfig {
            per: BudgetKey::Group,
            rate: rate(5, 60),
            global: Some(rate(1, 10)),
        };
        let mut budgets = Budgets::default();
        let at = Timestamp::from_secs;
        assert!(budgets.take(&config, 1, at(0)));
        assert!(!budgets.take(&config, 2, at(9)));
        assert_eq!(budgets.ready_at(&config, 2, at(9)), at(10));
        assert!(budgets.take(&config, 2, at(10)));
    }

    #[test]
    fn rates_outside_their_domain_are_named() {
        let config = |rate, global| BudgetConfig {
            per: BudgetKey::Group,
            rate,
            global,
        };
        let message = |config: BudgetConfig| config.validate().unwrap_err().to_string();
        assert!(message(config(rate(0, 1), None)).contains("`budget.rate.burst`"));
        assert!(message(config(rate(1, 1), Some(rate(1, 0)))).contains("`budget.global.every`"));
    }
}
