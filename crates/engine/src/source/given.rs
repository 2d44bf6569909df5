use std::fmt;
use std::pin::Pin;

use bongsu_core::Timestamp;
use bongsu_prometheus::{Answer, Range};

use super::wall_clock;

/// What a [`SeriesSource`] answers in the end.
pub type Answering<'a> = Pin<
    Box<dyn Future<Output = Result<Answer, Box<dyn std::error::Error + Send + Sync>>> + Send + 'a>,
>;

/// Series that an embedding program has itself: in memory, in a database, behind another protocol.
///
/// ```
/// use bongsu_core::{Labels, Series, Timestamp};
/// use bongsu_engine::{Answering, SeriesSource};
/// use bongsu_prometheus::{Answer, Range};
///
/// /// The load of one host, a sample a minute.
/// #[derive(Debug)]
/// struct Loads(Series);
///
/// impl SeriesSource for Loads {
///     fn query_range<'a>(&'a self, expr: &'a str, range: &'a Range) -> Answering<'a> {
///         Box::pin(async move {
///             if expr != "load" {
///                 return Err(format!("there is no metric `{expr}`").into());
///             }
///             let asked = self.0.view().range(range.start, range.end.add_millis(1));
///             Ok(Answer { series: vec![asked.to_series()], ..Answer::default() })
///         })
///     }
/// }
/// ```
pub trait SeriesSource: fmt::Debug + Send + Sync {
    /// The series that `expr`, the `expr` of a query in its own words, names, with a sample at each
    /// moment from `range.start` to `range.end`, `range.step_ms` apart, at which there is one. What
    /// lies between two moments counts to the later one. A failure is tried again, later and later.
    ///
    /// Several questions may be asked at once. An answer that takes longer than `source.timeout` is
    /// given up, where the future waits; one that keeps its thread busy cannot be.
    fn query_range<'a>(&'a self, expr: &'a str, range: &'a Range) -> Answering<'a>;

    /// The present moment of the data: up to it, all is there. The clock of this machine unless the
    /// source has another. Alerts are told and silenced by it, so that an Alertmanager, which compares
    /// with its own clock, is of use only where this is the time of day.
    fn now(&self) -> Timestamp {
        wall_clock()
    }
}
