//! Asking the source every query once, to see what a run would get.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use bongsu_core::{Series, Timestamp};
use bongsu_prometheus::{Answer, Range};
use futures_util::future::join_all;

use crate::Error;
use crate::config::Config;
use crate::maintenance::Maintenance;
use crate::source::Source;

/// What the source said to one query.
#[derive(Debug)]
pub struct QueryCheck {
    /// The query's name, or what else the expression is for.
    pub name: String,
    /// What it answered, or why it did not.
    pub outcome: Result<Answered, Error>,
    /// How long that took.
    pub took: Duration,
}

/// An answer in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answered {
    /// Its series.
    pub series: usize,
    /// Their points within the query's window.
    pub points: usize,
    /// The oldest and the newest of these.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What is doubtful about it.
    pub warnings: Vec<String>,
}

/// Asks the source of `config` each query over its window, and the expressions of maintenance.
///
/// # Errors
/// When the source cannot be opened. A query that fails is told in its place.
pub async fn check_queries(config: &Config) -> Result<Vec<QueryCheck>, Error> {
    config.validate()?;
    let source = Source::open(config).await?;
    source.gather().await;
    let asked = config.queries.iter().flat_map(|query| {
        let parts = query.exprs().into_iter();
        parts.map(move |(channel, expr)| (query, channel, expr))
    });
    let queries = asked.map(|(query, channel, expr)| {
        let name = match channel {
            None => query.name.clone(),
            Some(channel) => format!("{} `{channel}`", query.name),
        };
        let window = query.window.millis();
        let newest = source.now().add_millis(-query.offset.millis());
        let range = source.whole(query.step.millis(), newest, window);
        ask(&source, name, expr, range, config.engine.max_series)
    });
    let mut checks = join_all(queries).await;
    let mut asked = BTreeSet::new();
    for query in &config.queries {
        let maintenance = Maintenance::new(&config.maintenance, &query.name)?;
        let range = source.whole(query.step.millis(), source.now(), query.step.millis());
        for expr in maintenance.exprs() {
            if asked.insert(expr.to_owned()) {
                let name = format!("maintenance `{expr}`");
                checks.push(ask(&source, name, expr, range, usize::MAX).await);
            }
        }
    }
    source.close().await;
    Ok(checks)
}

async fn ask(
    source: &Source,
    name: String,
    expr: &str,
    range: Range,
    max_series: usize,
) -> QueryCheck {
    let begun = Instant::now();
    let answer = source.fetch(expr, &range).await;
    QueryCheck {
        name,
        outcome: answer.map(|answer| answered(answer, max_series)),
        took: begun.elapsed(),
    }
}

fn answered(answer: Answer, max_series: usize) -> Answered {
    let Answer { series, quality } = answer;
    let times = || series.iter().flat_map(|s| s.timestamps().iter().copied());
    let mut warnings = crate::query::data_problems(&quality);
    if series.is_empty() && max_series < usize::MAX {
        warnings.push("there is no series".to_owned());
    }
    if series.len() > max_series {
        let message =
            format!("more series than engine.max_series, {max_series}: the rest is refused");
        warnings.push(message);
    }
    let not_numbers = |s: &Series| s.values().iter().filter(|v| !v.is_finite()).count();
    let missing: usize = series.iter().map(not_numbers).sum();
    if missing > 0 {
        warnings.push(format!(
            "{missing} points are NaN or infinite and will not be judged"
        ));
    }
    Answered {
        series: series.len(),
        points: series.iter().map(Series::len).sum(),
        span: times().min().zip(times().max()),
        warnings,
    }
}

impl fmt::Display for QueryCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took = self.took.as_millis();
        match &self.outcome {
            Err(error) => write!(f, "{}: failed after {took} ms: {error}", self.name),
            Ok(answer) => {
                write!(
                    f,
                    "{}: {} series, {} points",
                    self.name, answer.series, answer.points
                )?;
                if let Some((oldest, newest)) = answer.span {
                    write!(f, " from {} to {}", utc(oldest), utc(newest))?;
                }
                write!(f, ", {took} ms")?;
                let mut warnings = answer.warnings.iter();
                warnings.try_for_each(|warning| write!(f, "\n  warning: {warning}"))
            }
        }
    }
}

fn utc(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.as_millis())
        .map_or_else(|_| time.to_string(), |time| time.to_string())
}
