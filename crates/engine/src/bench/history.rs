//! The series that a Prometheus has, as a data set.

use std::io::Read;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Labels, Series, Timestamp};
use bongsu_eval::{LabelledSeries, SeriesKind};
use bongsu_prometheus::{Client, ClientConfig, Range, Selector};

use crate::query::data_problems;
use crate::{Error, parse_time};

/// The name of the set, and of the family of its series.
const SET: &str = "prometheus";

/// What a Prometheus is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRequest {
    /// The server's address.
    pub url: String,
    /// The query in `PromQL`.
    pub query: String,
    /// The times and the step.
    pub range: Range,
}

/// A time in which something was wrong, by what people know.
#[derive(Debug, Clone)]
pub struct KnownIncident {
    /// When it began.
    pub start: Timestamp,
    /// When it was over; that moment belongs to it.
    pub end: Timestamp,
    /// Which series show it; all when there is none.
    pub series: Option<Selector>,
}

impl KnownIncident {
    fn concerns(&self, labels: &Labels) -> bool {
        let selector = self.series.as_ref();
        selector.is_none_or(|selector| selector.matches(labels))
    }
}

/// Reads incidents: a CSV file with the columns `start` and `end` (Unix seconds, milliseconds or RFC
/// 3339) and, where an incident concerns some series only, `series` with a selector such as
/// `{instance="web-1"}`. Other columns are for people.
///
/// # Errors
/// When a column is missing, a time or a selector cannot be read, an incident ends before it starts,
/// or there is none.
///
/// ```
/// let csv = "start,end,series\n1700000000,1700000600,\n1700009000,1700009300,\"{job=\"\"api\"\"}\"\n";
/// let incidents = bongsu_engine::read_incidents(csv.as_bytes())?;
/// assert!(incidents[0].series.is_none() && incidents[1].series.is_some());
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
pub fn read_incidents(input: impl Read) -> Result<Vec<KnownIncident>, Error> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(input);
    let wrong = |e: csv::Error| Error::input(format!("the incidents: {e}"));
    let header = reader.headers().map_err(wrong)?.clone();
    let column = |name: &str| header.iter().position(|one| one == name);
    let needed = |name: &str| {
        column(name).ok_or_else(|| Error::input(format!("the incidents have no column `{name}`")))
    };
    let (start, end, series) = (needed("start")?, needed("end")?, column("series"));
    let mut found = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let line = record.position().map_or(0, csv::Position::line);
        let at = |what: String| Error::input(format!("the incidents, line {line}: {what}"));
        let time = |place: usize, name: &str| {
            let text = record.get(place).unwrap_or_default();
            let time = parse_time(text).map(|(time, _)| time);
            time.ok_or_else(|| {
                at(format!(
                    "the {name} is `{text}`, but must be Unix seconds, Unix milliseconds or RFC 3339"
                ))
            })
        };
        let (start, end) = (time(start, "start")?, time(end, "end")?);
        if end < start {
            return Err(at("it ends before it starts".to_owned()));
        }
        let selector = series.and_then(|place| record.get(place));
        let selector = selector.filter(|text| !text.is_empty());
        let series = selector
            .map(str::parse::<Selector>)
            .transpose()
            .map_err(|e| at(e.to_string()))?;
        if series
            .as_ref()
            .is_some_and(|one| one.range().is_some() || one.offset_ms() != 0)
        {
            return Err(at(
                "a selector of series has no range and no offset".to_owned()
            ));
        }
        found.push(KnownIncident { start, end, series });
    }
    if found.is_empty() {
        return Err(Error::input("there are no incidents"));
    }
    Ok(found)
}

/// Asks a Prometheus for series; each becomes one of the set `prometheus`, whose rows within an
/// incident that concerns it are labelled. Without incidents no row is.
///
/// # Errors
/// When the server cannot be asked or gives nothing, a selector of an incident fits no series, or no
/// row lies within an incident.
pub async fn prometheus_history(
    request: &HistoryRequest,
    incidents: Option<&[KnownIncident]>,
) -> Result<Vec<LabelledSeries>, Error> {
    let config = ClientConfig::new(&request.url).map_err(Error::config)?;
    let client = Client::new(config).map_err(Error::config)?;
    let answer = client.query_range(&request.query, &request.range).await;
    let answer = answer.map_err(Error::server)?;
    for problem in data_problems(&answer.quality) {
        tracing::warn!("{problem}");
    }
    if answer.series.is_empty() {
        return Err(Error::input(format!(
            "`{}` gave no series between {} and {}",
            request.query, request.range.start, request.range.end
        )));
    }
    let incidents = incidents.unwrap_or_default();
    for (row, one) in incidents.iter().enumerate() {
        if !answer.series.iter().any(|s| one.concerns(s.labels())) {
            return Err(Error::input(format!(
                "the selector of incident {} fits no series of the answer",
                row + 1
            )));
        }
    }
    let labelled = answer.series.into_iter().map(|one| label(one, incidents));
    let labelled = labelled.collect::<Result<Vec<_>, _>>()?;
    let covered = labelled.iter().any(|one| one.labels.contains(&true));
    if !incidents.is_empty() && !covered {
        return Err(Error::input(
            "no row of the answer lies within an incident that concerns it",
        ));
    }
    Ok(labelled)
}

fn label(series: Series, incidents: &[KnownIncident]) -> Result<LabelledSeries, Error> {
    let (labels, times, values) = series.into_parts();
    let own: Vec<&KnownIncident> = incidents
        .iter()
        .filter(|one| one.concerns(&labels))
        .collect();
    let within = |time: &Timestamp| own.iter().any(|one| (one.start..=one.end).contains(time));
    let name = match labels.selector() {
        text if text.is_empty() => "{}".to_owned(),
        text => text,
    };
    Ok(LabelledSeries {
        set: SET.to_owned(),
        family: SET.to_owned(),
        kind: SeriesKind::Univariate,
        labels: times.iter().map(within).collect(),
        channels: vec![name.clone()],
        name,
        values: Array2::from_shape_vec((values.len(), 1), values).map_err(Error::input)?,
        times,
        judged_from: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_labels_the_rows_of_the_series_that_it_concerns() {
        let csv = "end,start,series,why\n180,120,,all\n300,300,\"{job=\"\"a\"\"}\",one\n";
        let incidents = read_incidents(csv.as_bytes()).unwrap();
        let rows = |job: &str| {
            let labels = Labels::from_pairs([("__name__", "load"), ("job", job)]).unwrap();
            let times = (0..6).map(|i| Timestamp::from_secs(60 * i)).collect();
            let one = label(
                Series::new(labels, times, vec![1.0; 6]).unwrap(),
                &incidents,
            );
            one.unwrap().labels
        };
        assert_eq!(rows("a"), [false, false, true, true, false, true]);
        assert_eq!(rows("b"), [false, false, true, true, false, false]);
    }

    #[test]
    fn what_is_wrong_with_incidents_is_said() {
        for (csv, message) in [
            ("start,series\n1,x\n", "no column `end`"),
            ("start,end\n", "no incidents"),
            ("start,end\n5,1\n", "line 2: it ends before"),
            ("start,end\n1,soon\n", "the end is `soon`"),
            ("start,end,series\n1,2,{a=\n", "line 2"),
            ("start,end,series\n1,2,a[5m]\n", "no range"),
            ("start,end\n1\n", "the incidents"),
        ] {
            let said = read_incidents(csv.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(message), "{csv:?}: {said}");
        }
    }
}
