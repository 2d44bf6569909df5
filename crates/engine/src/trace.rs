//! The spans of a trace: what the service does, and how long it takes.
//!
//! A `tick` of a query holds its `fetch` and its `judge`; `train` and `deliver` stand alone.

use bongsu_prometheus::Range;
use tracing::{Span, field, info_span};

use crate::Error;

/// The target of the spans that make up traces, for filters.
pub const TRACE_TARGET: &str = "bongsu::trace";

/// A stretch of a query, from the fetch to the verdicts.
pub(crate) fn tick(query: &str, range: &Range) -> Span {
    info_span!(
        target: TRACE_TARGET,
        parent: None,
        "tick",
        query,
        from = %range.start,
        to = %range.end,
        otel.status_code = field::Empty,
        error = field::Empty,
    )
}

pub(crate) fn fetch(tick: &Span) -> Span {
    info_span!(target: TRACE_TARGET, parent: tick, "fetch")
}

pub(crate) fn judge(tick: &Span, series: usize) -> Span {
    info_span!(target: TRACE_TARGET, parent: tick, "judge", series)
}

pub(crate) fn train(query: &str, reason: &dyn std::fmt::Display) -> Span {
    info_span!(
        target: TRACE_TARGET,
        parent: None,
        "train",
        query,
        %reason,
        otel.status_code = field::Empty,
        error = field::Empty,
    )
}

pub(crate) fn deliver() -> Span {
    info_span!(target: TRACE_TARGET, parent: None, "deliver", failed = field::Empty)
}

/// Marks `span` as failed.
pub(crate) fn fail(span: &Span, error: &Error) {
    span.record("otel.status_code", "ERROR");
    span.record("error", field::display(error));
}
