//! Measures of how well scores and alarms match labels.

mod affiliation;
mod bootstrap;
mod check;
mod confusion;
mod events;
mod nab;
mod point_adjust;
mod range;
mod ranking;
mod ranks;
mod root_cause;
mod special;
mod vus;

pub use affiliation::{Affiliation, affiliation};
pub use bootstrap::{Bootstrap, Interval};
pub use confusion::{ClassMeasures, ClassificationReport, Confusion};
pub use events::{EventCounts, events};
pub use nab::{NabCorpus, NabProfile, NabScore, nab_probation};
pub use point_adjust::{POINT_ADJUST_WARNING, point_adjusted};
pub use range::{Cardinality, PositionalBias, RangeConfig, RangeMeasures};
pub use ranking::{BestF1, Ranking, best_f1, pr_auc, roc_auc};
pub use ranks::{RankComparison, compare_ranks};
pub use root_cause::{accuracy_at, average_at};
pub use vus::{Vus, vus};
