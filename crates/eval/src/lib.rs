//! Evaluation: metrics, labelled data sets, backtests and the leaderboard of detectors.
