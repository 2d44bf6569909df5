//! A whole exposition.

use std::collections::{BTreeMap, HashSet};

use bongsu_core::Timestamp;

use super::line::{self, Line};
use crate::{Error, ErrorKind, Metadata, Sample};

/// The syntax of an exposition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus' text format: times are milliseconds.
    Prometheus,
    /// OpenMetrics: times are seconds, exemplars may follow values, and the text ends with `# EOF`.
    OpenMetrics,
}

impl Format {
    /// The format that a `Content-Type` names: OpenMetrics, or Prometheus' for everything else, as
    /// many exporters name theirs wrongly or not at all.
    #[must_use]
    pub fn of(content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }
}

/// What an exporter says at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Exposition {
    /// Its values, in its order. Histograms and summaries are plain samples (`_bucket`, `_sum`,
    /// `_count`, `quantile`).
    pub samples: Vec<Sample>,
    /// What it declares about its metrics, by name.
    pub metadata: BTreeMap<String, Metadata>,
    /// Samples dropped because their series already had one at that time; the first is kept.
    pub duplicate_points: usize,
}

/// Reads an exposition. A sample without a time of its own gets `now`. Of samples of one series at one
/// time the first is kept, as Prometheus does, and the others are counted.
///
/// # Errors
/// [`ErrorKind::Decode`], with line and column, when it breaks the format: as for Prometheus, one
/// bad line spoils the whole. Also when OpenMetrics does not end with `# EOF`, which means that it is
/// cut short.
pub fn parse(text: &str, format: Format, now: Timestamp) -> Result<Exposition, Error> {
    let mut exposition = Exposition::default();
    let mut seen = HashSet::new();
    let mut ended = false;
    for (index, text) in text.split('\n').enumerate() {
        let at = |column: usize, message: &str| {
            let message = format!("line {}, column {column}: {message}", index + 1);
            Error::plain(ErrorKind::Decode, message)
        };
        let text = text.strip_suffix('\r').unwrap_or(text);
        if ended && !text.is_empty() {
            return Err(at(1, "there is more after `# EOF`"));
        }
        match line::read(text, format).map_err(|e| at(e.column, &e.message))? {
            Line::Nothing => {}
            Line::End => ended = format == Format::OpenMetrics,
            Line::Declared { name, what, text } => {
                let metadata = exposition.metadata.entry(name).or_insert_with(unknown);
                *match what {
                    line::What::Kind => &mut metadata.kind,
                    line::What::Help => &mut metadata.help,
                    line::What::Unit => &mut metadata.unit,
                } = text;
            }
            Line::Value {
                labels,
                value,
                time,
            } => {
                let timestamp = time.unwrap_or(now);
                if !seen.insert((labels.clone(), timestamp)) {
                    exposition.duplicate_points += 1;
                    continue;
                }
                exposition.samples.push(Sample {
                    labels,
                    timestamp,
                    value,
                });
            }
        }
    }
    if format == Format::OpenMetrics && !ended {
        let message = "the text does not end with `# EOF`: it is cut short";
        return Err(Error::plain(ErrorKind::Decode, message));
    }
    Ok(exposition)
}

fn unknown() -> Metadata {
    Metadata {
        kind: "unknown".to_owned(),
        help: String::new(),
        unit: String::new(),
    }
}
