//! Evaluation: metrics, labelled data sets, backtests and the leaderboard of detectors.
//!
//! Use this crate to measure how well scores match labels. To detect anomalies use the algorithm
//! crates; measures of forecasts (MAE, sMAPE, MASE, pinball, CRPS, coverage, ...) are the functions of
//! `bongsu-forecast`.
//!
//! Scores are higher where a row is more anomalous; labels are `true` where it is. No measure is
//! silently NaN: one that does not exist is an error that says why.
//!
//! | measure | items | of |
//! |---|---|---|
//! | precision, recall, F1, accuracy, classification report | [`Confusion`] | rows |
//! | ROC-AUC, PR-AUC (average precision), best F1 | [`Ranking`], [`roc_auc`], [`pr_auc`], [`best_f1`] | rows, over all thresholds |
//! | VUS-ROC, VUS-PR | [`vus`] | events with tolerance, over all thresholds |
//! | range precision, recall, F1 | [`RangeConfig`] | events |
//! | affiliation precision, recall, F1 | [`affiliation`] | events, by distance |
//! | NAB score, three profiles, sweep | [`NabCorpus`] | windows of a corpus |
//! | event recall, detection delay, false alerts a series-week | [`EventCounts`] | what operators feel |
//! | point-adjusted F1, only to compare with papers | [`point_adjusted`] | rows; read its warning |
//! | AC@k, Avg@k | [`accuracy_at`], [`average_at`] | root-cause rankings |
//! | confidence intervals | [`Bootstrap`] | any of them |
//! | all of one series, as JSON | [`Evaluate`] | scores and labels of one series |
//! | average ranks, Friedman, Nemenyi | [`compare_ranks`] | methods over many data sets |

mod datasets;
mod evaluate;
mod leaderboard;
mod metrics;

pub use datasets::{
    AnomalyKind, BaseSignal, Collection, LabelledSeries, M4Series, Opener, SeriesKind, Synthetic,
    m4, open_plain,
};
pub use evaluate::{Evaluate, Evaluation, LabelledScores, Measure, ThresholdSource};
pub use leaderboard::{
    DetectorScore, Leaderboard, Recommendation, RunResult, RunStatus, SetRanks, SetScore,
    SetSummary,
};
pub use metrics::{
    Affiliation, BestF1, Bootstrap, Cardinality, ClassMeasures, ClassificationReport, Confusion,
    EventCounts, Interval, NabCorpus, NabProfile, NabScore, POINT_ADJUST_WARNING, PositionalBias,
    RangeConfig, RangeMeasures, RankComparison, Ranking, Vus, accuracy_at, affiliation, average_at,
    best_f1, compare_ranks, events, nab_probation, point_adjusted, pr_auc, roc_auc, vus,
};
