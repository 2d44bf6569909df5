//! Pictures and pages for people: time-series plots as SVG and PNG, and the self-contained HTML
//! report of a run. For dashboards that refresh, use Grafana on what Bongsu writes to Prometheus;
//! for charts other than values over time or over a count, use a general plotting library.
//!
//! The drawings need no network, no JavaScript and no font of the machine. Every text from outside
//! is escaped.

mod curve;
mod describe;
mod downsample;
mod error;
mod figure;
mod html;
mod panels;
mod plot;
#[cfg(feature = "png")]
mod png;
mod service_graph;
mod svg;
mod text;
mod theme;
mod time_axis;
mod unit;
mod value_axis;

pub use curve::CurvePlot;
pub use error::{Error, ErrorKind};
pub use html::{AlertRow, Fact, QualityRow, RunReport, Table};
pub use panels::Panels;
pub use plot::{Mark, Span, SpanKind, TimeSeriesPlot};
pub use service_graph::ServiceGraph;
pub use theme::Theme;
pub use unit::Unit;
