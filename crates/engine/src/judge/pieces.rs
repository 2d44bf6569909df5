//! What came for each series, or for each group of series.

use std::collections::BTreeMap;

use bongsu_core::{Labels, Series, Timestamp};

use crate::config::GroupConfig;
use crate::shard::Shard;

/// The label that names the channel of a series whose channel has an expression of its own.
pub(crate) const CHANNEL: &str = "__channel__";

/// The most channels of a group.
const MOST_CHANNELS: usize = 1_024;

/// The samples of a series, or of the channels of a group.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) labels: Labels,
    /// In order of their names; a series by itself has one, without a name.
    pub(crate) channels: Vec<(String, Series)>,
}

impl Piece {
    pub(super) fn last(&self) -> Timestamp {
        let lasts = self
            .channels
            .iter()
            .filter_map(|(_, s)| s.timestamps().last());
        lasts.max().copied().unwrap_or(Timestamp::MIN)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.channels.iter().all(|(_, series)| series.is_empty())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.iter().map(|(name, _)| name.as_str())
    }

    /// The samples of the channel `name`.
    pub(super) fn channel(&self, name: &str) -> Option<&Series> {
        let found = self
            .channels
            .binary_search_by(|(own, _)| own.as_str().cmp(name));
        self.channels.get(found.ok()?).map(|(_, series)| series)
    }
}

/// The pieces that series make, in order of their labels.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pub(crate) all: Vec<Piece>,
    /// Series whose place in their group another one has, or that lack the label of the channel.
    pub(super) misplaced: usize,
    /// Series beyond the most channels of a group.
    pub(super) surplus: usize,
}

/// How series form groups.
#[derive(Debug, Clone)]
pub(super) struct Grouping {
    by: Vec<String>,
    label: String,
    /// The channels, where they are known beforehand.
    pub(super) fixed: Option<Vec<String>>,
    pub(super) max_gap: i64,
    pub(super) max_missing: f64,
}

impl Grouping {
    pub(super) fn new(config: &GroupConfig) -> Self {
        Self {
            by: config.by.clone(),
            label: config.label().to_owned(),
            fixed: config.exprs().map(|exprs| exprs.keys().cloned().collect()),
            max_gap: config.max_gap.millis(),
            max_missing: config.max_missing,
        }
    }

    /// What the states of groups depend on.
    pub(super) fn text(&self) -> String {
        let by = self.by.join(",");
        match &self.fixed {
            Some(_) => format!(" by ({by})"),
            None => format!(" by ({by}) channels {}", self.label),
        }
    }

    fn group(&self, labels: &Labels) -> Labels {
        let kept = self
            .by
            .iter()
            .filter_map(|name| Some((name.as_str(), labels.get(name)?)));
        // The names are distinct, as the configuration is checked.
        Labels::from_pairs(kept).unwrap_or_else(|_| Labels::empty())
    }

    fn gather(&self, series: Vec<Series>, shard: Shard) -> Pieces {
        let mut groups: BTreeMap<Labels, BTreeMap<String, Series>> = BTreeMap::new();
        let mut pieces = Pieces::default();
        for series in series {
            let group = self.group(series.labels());
            if !shard.owns(&group) {
                continue;
            }
            let Some(channel) = series.labels().get(&self.label).map(str::to_owned) else {
                pieces.misplaced += 1;
                continue;
            };
            let channels = groups.entry(group).or_default();
            if channels.contains_key(&channel) {
                pieces.misplaced += 1;
            } else if channels.len() >= MOST_CHANNELS {
                pieces.surplus += 1;
            } else {
                channels.insert(channel, series);
            }
        }
        let piece = |(labels, channels): (Labels, BTreeMap<String, Series>)| Piece {
            labels,
            channels: channels.into_iter().collect(),
        };
        pieces.all = groups.into_iter().map(piece).collect();
        pieces
    }
}

/// The pieces that `series` make: groups where there is a `grouping`, else each by itself.
pub(super) fn gather(mut series: Vec<Series>, grouping: Option<&Grouping>, shard: Shard) -> Pieces {
    series.sort_by(|a, b| a.labels().cmp(b.labels()));
    series.dedup_by(|a, b| a.labels() == b.labels());
    if let Some(grouping) = grouping {
        return grouping.gather(series, shard);
    }
    series.retain(|series| shard.owns(series.labels()));
    let piece = |series: Series| Piece {
        labels: series.labels().clone(),
        channels: vec![(String::new(), series)],
    };
    Pieces {
        all: series.into_iter().map(piece).collect(),
        ..Pieces::default()
    }
}

/// What a channel has at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    Nothing,
    /// A sample that is NaN or infinite.
    NoNumber,
    Number(f64),
}

/// Reads a series moment by moment, forwards.
#[derive(Debug, Clone)]
pub(super) struct Cells<'a> {
    times: &'a [Timestamp],
    values: &'a [f64],
    step: i64,
}

impl<'a> Cells<'a> {
    /// Of moments `step` apart.
    pub(super) fn of(series: Option<&'a Series>, step: i64) -> Self {
        Self {
            times: series.map_or(&[], Series::timestamps),
            values: series.map_or(&[], Series::values),
            step,
        }
    }

    /// What there is at `moment`, which is later than the one before: a sample belongs to the first
    /// grid point at or after it, and the latest of a cell stands.
    pub(super) fn at(&mut self, moment: Timestamp) -> Cell {
        let mut cell = Cell::Nothing;
        while let (Some((&time, times)), Some((&value, values))) =
            (self.times.split_first(), self.values.split_first())
            && time <= moment
        {
            if time > moment.add_millis(-self.step) {
                cell = if value.is_finite() {
                    Cell::Number(value)
                } else {
                    Cell::NoNumber
                };
            }
            (self.times, self.values) = (times, values);
        }
        cell
    }
}
