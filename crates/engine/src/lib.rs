//! The pipeline of Bongsu: configuration, sources, detectors by name, and the loop that turns
//! metrics into verdicts and verdicts into alerts, each timestamp once.
//!
//! Use this crate through the facade `bongsu` when you want the whole service inside a program of
//! your own. If you only want a detector, use `bongsu-stats` and `bongsu-core`: they bring no
//! runtime and no network.
//!
//! ```no_run
//! use bongsu_engine::{Engine, Options, Unobserved, config};
//! # async fn run() -> Result<(), bongsu_engine::Error> {
//! let config = config::parse(
//!     "source: {type: prometheus, url: 'http://localhost:9090'}
//! queries:
//!   - {name: load, expr: node_load1, step: 30s}
//! sinks:
//!   - {type: alertmanager, urls: ['http://localhost:9093']}",
//!     None,
//! )?;
//! let mut engine = Engine::start(config, Options::default(), Box::new(Unobserved)).await?;
//! let _end = engine.run(std::future::pending()).await?;
//! # Ok(())
//! # }
//! ```

mod asked;
mod backtest;
mod bench;
mod capacity;
mod collect;
pub mod config;
mod connection;
mod consecutive;
mod courier;
pub mod demo;
mod detect;
mod drift;
mod dry_run;
mod engine;
mod error;
mod evaluate;
mod fitted;
mod forecast;
pub mod grafana;
mod incident;
mod inspect;
mod journal;
mod judge;
mod maintenance;
mod metrics;
mod model;
mod observe;
mod older;
#[cfg(feature = "parquet")]
mod parquet;
mod periodic;
mod process;
mod query;
mod rca;
mod recent;
pub mod registry;
mod report;
mod rules;
mod schedule;
mod scrape;
mod server;
mod shard;
mod sinks;
mod source;
mod state;
pub mod stream;
mod table;
mod trace;
mod training;
mod tune;
mod write_back;

pub use backtest::{BacktestTask, Length, ModelBacktest, Scores, TableBacktest, backtest};
pub use bench::{
    BenchOutcome, BenchProgress, BenchRequest, BenchWalk, HistoryRequest, KnownIncident, bench,
    prometheus_history, read_collection, read_incidents,
};
pub use capacity::{
    CapacityOutcome, CapacityRequest, capacity_page, capacity_plot, parse_recommendations,
    plan_capacity, plan_configured,
};
pub use collect::{Collector, Point, Track};
pub use detect::{
    DetectRequest, DetectedRow, are_limits_wrong, detect, detect_plot, explain_choice, score_plot,
    tell_outside_limits,
};
pub use drift::{DriftRequest, find_drift};
pub use dry_run::{Answered, QueryCheck, check_queries};
pub use engine::{Control, End, Engine, Options, Totals, WalkMode, Walked, walk_forward};
pub use error::{Error, ErrorKind};
pub use evaluate::{Evaluated, evaluate, row_labels, take_labels};
pub use forecast::{ForecastTask, ModelSummary, TableForecast, forecast, read_holidays};
pub use incident::{Analysis, Cause, Incident, IncidentChange, Member};
pub use inspect::{
    SavedQuery, SavedSeries, SavedState, SavedVersion, SavedVersions, UnreadableVersion,
};
pub use journal::{VERDICT_HEADER, verdict_row};
pub use model::{TrainRequest, TrainedModel, loss_plot, train};
pub use observe::{Observer, Unobserved};
#[cfg(feature = "parquet")]
pub use parquet::{ExportBy, ExportRequest, Exported, export};
pub use periodic::{Period, PeriodicReport, PeriodicRequest, parse_day, periodic_report};
pub use rca::{
    EvidenceFrame, RcaDocument, RcaInput, RcaOutcome, RcaRequest, parse_actions, parse_patterns,
    rca_correlations, rca_page, read_text, root_cause, root_cause_of,
};
pub use report::run_report;
pub use rules::rules_yaml;
pub use server::{AcknowledgeOrder, Maker, SilenceOrder, SilenceView, openapi_json};
pub use source::{Answering, SeriesSource};
pub use table::{Table, TimeFormat, TimeUnit, format_number, open as open_input, parse_time};
pub use trace::TRACE_TARGET;
pub use tune::{TestPart, TuneProgress, TuneRequest, Tuned, tune};
