//! Pictures and pages for people: time-series plots as SVG and PNG, self-contained HTML reports, and
//! dashboards for Grafana on what Bongsu writes to Prometheus. For charts other than values over time or over a count, use a general plotting library.
//!
//! The drawings need no network, no JavaScript and no font of the machine. Every text from outside
//! is escaped.

mod correlation;
mod correlogram;
mod critical_difference;
mod curve;
mod describe;
mod downsample;
mod error;
mod figure;
mod grafana;
mod histogram;
mod html;
mod panels;
mod plot;
#[cfg(feature = "png")]
mod png;
mod residuals;
mod service_graph;
mod svg;
mod text;
mod theme;
mod time_axis;
mod unit;
mod value_axis;

pub use correlation::CorrelationMatrix;
pub use critical_difference::CriticalDifference;
pub use curve::CurvePlot;
pub use error::{Error, ErrorKind};
pub use grafana::{GrafanaBoards, GrafanaDashboard, GrafanaQuery};
pub use histogram::Histogram;
pub use html::{AlertRow, Fact, QualityRow, RunReport, Table};
pub use panels::Panels;
pub use plot::{Mark, Span, SpanKind, TimeSeriesPlot};
pub use residuals::ResidualPlot;
pub use service_graph::ServiceGraph;
pub use theme::Theme;
pub use unit::Unit;
