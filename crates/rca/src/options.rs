use std::time::Duration;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::actions::Catalogue;
use crate::pattern::Pattern;

/// How causes are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ranker {
    /// Robust deviations since shortly before the onset, less what moves everywhere, with the
    /// dependency graph as a prior (the default).
    #[default]
    Default,
    /// Those deviations alone: the largest of each service, without comparison and graph.
    Robust,
    /// The largest `(x - median) / IQR` since the onset: the formula of BARO.
    Baro,
    /// The largest `(x - mean) / standard deviation` since the onset.
    NSigma,
    /// How different the distributions before and since the onset are, by their energy distance.
    Epsilon,
    /// Where a walk ends that follows correlated symptoms from callers to callees.
    Walk,
    /// Sums of correlations of those that move first, less those of what follows.
    Classic,
}

impl Ranker {
    /// Every ranker, the default first.
    pub const ALL: [Self; 7] = [
        Self::Default,
        Self::Robust,
        Self::Baro,
        Self::NSigma,
        Self::Epsilon,
        Self::Walk,
        Self::Classic,
    ];

    /// The name in configurations and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Robust => "robust",
            Self::Baro => "baro",
            Self::NSigma => "n-sigma",
            Self::Epsilon => "epsilon",
            Self::Walk => "walk",
            Self::Classic => "classic",
        }
    }

    /// The ranker of that name.
    ///
    /// # Errors
    /// When there is none; the message lists those that there are.
    pub fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|ranker| ranker.name() == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            Error::parameter("ranker", name, format!("one of {}", names.join(", ")))
        })
    }
}

/// How an incident is analysed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// How causes are ranked (default: [`Ranker::Default`]).
    pub ranker: Ranker,
    /// How far the given onset may be from the true one (default: 2 minutes).
    pub onset_uncertainty: Duration,
    /// Whether normal times end at the given onset at the latest, as that of an alarm, which follows
    /// its cause (default: `true`; else the true onset may be later).
    pub onset_is_latest: bool,
    /// A fault is looked for in blocks of this share of the incident, in (0, 1] (default: 0.1).
    pub block_share: f64,
    /// The likelihood that no cause shows from which on the verdict is "not proven", in percent, in
    /// (0, 100] (default: 50).
    pub not_proven_from: f64,
    /// How many of the most suspicious metrics are compared with each other, at most
    /// [`Options::MOST_RELATED`]; 0 for none (default: 8).
    pub relations: usize,
    /// They are compared from so long before the onset to so long after it, above 0 (default: an hour).
    pub relations_around: Duration,
    /// The label that names the service of a channel of a frame (default: `service`).
    pub service_label: String,
    /// The kinds of incident that are looked for (default: [`pattern::defaults`](crate::pattern::defaults)).
    pub patterns: Vec<Pattern>,
    /// What to do about which (default: [`Catalogue::default`]).
    pub actions: Catalogue,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ranker: Ranker::Default,
            onset_uncertainty: Duration::from_secs(120),
            onset_is_latest: true,
            block_share: 0.1,
            not_proven_from: 50.0,
            relations: 8,
            relations_around: Duration::from_secs(3_600),
            service_label: "service".to_owned(),
            patterns: crate::pattern::defaults(),
            actions: Catalogue::default(),
        }
    }
}

impl Options {
    /// The most metrics that are compared with each other.
    pub const MOST_RELATED: usize = 32;

    /// Checks every domain.
    ///
    /// # Errors
    /// When a value is outside its domain.
    pub fn validate(&self) -> Result<()> {
        if !(self.block_share > 0.0 && self.block_share <= 1.0) {
            return Err(Error::parameter(
                "block_share",
                self.block_share,
                "in (0, 1]",
            ));
        }
        if !(self.not_proven_from > 0.0 && self.not_proven_from <= 100.0) {
            return Err(Error::parameter(
                "not_proven_from",
                self.not_proven_from,
                "in (0, 100]",
            ));
        }
        if self.relations > Self::MOST_RELATED {
            return Err(Error::parameter(
                "relations",
                self.relations,
                format!("0 to {}", Self::MOST_RELATED),
            ));
        }
        if self.relations_around.is_zero() {
            return Err(Error::parameter("relations_around", "0 s", "above 0"));
        }
        self.patterns.iter().try_for_each(Pattern::validate)?;
        if i64::try_from(self.onset_uncertainty.as_millis()).is_err() {
            return Err(Error::parameter(
                "onset_uncertainty",
                self.onset_uncertainty.as_secs(),
                "a number of milliseconds below 2^63",
            ));
        }
        Ok(())
    }
}
