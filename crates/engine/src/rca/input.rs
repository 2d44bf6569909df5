use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use bongsu_core::Timestamp;
use bongsu_rca::{Dependency, Metric, Observations, OnsetSource};
use serde::Deserialize;

use super::EvidenceFrame;
use crate::Error;
use crate::table::{Table, TimeUnit, open};

/// What a root-cause analysis reads: a table, or frames in JSON.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RcaInput {
    /// The metrics that are looked at.
    pub observations: Observations,
    /// Channels whose names have no service.
    pub passed_over: Vec<String>,
    /// How many rows did not move on in time and were left out.
    pub late_rows: usize,
    /// How the timestamps are written.
    pub unit: TimeUnit,
    /// The onset that the input was given; one that an analysis found is looked for again.
    pub onset: Option<Timestamp>,
    /// Who calls whom, as far as the input knows it.
    pub dependencies: Vec<Dependency>,
}

/// The part of an answer of `bongsu rca --json`, or of the service about an incident, that can be
/// looked at again.
#[derive(Debug, Deserialize)]
struct Document {
    frames: Option<Vec<EvidenceFrame>>,
    onset: Option<f64>,
    onset_source: Option<OnsetSource>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

/// An answer of the service's API, which has the analysis within.
#[derive(Debug, Deserialize)]
struct Answer {
    report: Document,
}

impl RcaInput {
    /// Reads a CSV file as [`Table::open`] does, or JSON as [`RcaInput::read`]; `separator` stands
    /// between service and metric in the names of a table's channels.
    ///
    /// # Errors
    /// When the file cannot be read, and as [`RcaInput::read`].
    pub fn open(path: &Path, separator: &str) -> Result<Self, Error> {
        let named = |e: Error| Error::input(format!("{}: {e}", path.display()));
        match Source::read(open(path)?).map_err(named)? {
            Source::Json(text) => Self::from_json(&text).map_err(named),
            Source::Table(table) => Self::from_table(&table, separator),
        }
    }

    /// Reads a table, or what begins with `{` or `[` as JSON: a list of frames with the fields of
    /// [`EvidenceFrame`], or a document that has one as `frames`, and `onset` and `dependencies` if it
    /// knows them, as `bongsu rca --json` and the service's API write it. Frames may have moments of
    /// their own; where one has no value at a moment of another, it is missing.
    ///
    /// # Errors
    /// When the JSON has no frames, a frame has other than one value a moment, a moment is not a
    /// number of seconds, or as [`Table::read`].
    ///
    /// ```
    /// use bongsu_engine::RcaInput;
    /// let frame = r#"{"service":"shop","metric":"cpu","timestamps":[60,120],"values":[1.5,null]}"#;
    /// let input = RcaInput::read(format!("[{frame}]").as_bytes(), ":")?;
    /// assert_eq!(input.observations.services(), ["shop"]);
    /// assert_eq!(input.observations.n_rows(), 2);
    /// # Ok::<(), bongsu_engine::Error>(())
    /// ```
    pub fn read(input: impl Read, separator: &str) -> Result<Self, Error> {
        match Source::read(input)? {
            Source::Json(text) => Self::from_json(&text),
            Source::Table(table) => Self::from_table(&table, separator),
        }
    }

    /// The channels of a table that name a service and a metric, without late rows.
    ///
    /// # Errors
    /// When the separator is empty, no channel's name has it, or two channels name the same metric.
    pub fn from_table(table: &Table, separator: &str) -> Result<Self, Error> {
        if separator.is_empty() {
            return Err(Error::config("the separator must not be empty"));
        }
        let mut late = table.late_rows.iter().copied().peekable();
        let rows: Vec<usize> = (0..table.timestamps.len())
            .filter(|row| late.next_if_eq(row).is_none())
            .collect();
        let times = rows
            .iter()
            .filter_map(|&row| table.timestamps.get(row).copied());
        let mut metrics = Vec::new();
        let mut columns = Vec::new();
        let mut passed_over = Vec::new();
        for (name, column) in table.channels.iter().zip(table.values.columns()) {
            let Some(metric) = Metric::parse(name, separator) else {
                passed_over.push(name.clone());
                continue;
            };
            metrics.push(metric);
            let values = rows.iter().filter_map(|&row| column.get(row).copied());
            columns.push(values.collect());
        }
        if metrics.is_empty() {
            return Err(Error::config(format!(
                "no channel is named as service{separator}metric; give what stands between the two with \
                 --separator"
            )));
        }
        Ok(Self {
            observations: Observations::new(times.collect(), metrics, columns)?,
            passed_over,
            late_rows: table.late_rows.len(),
            unit: table.unit,
            onset: None,
            dependencies: Vec::new(),
        })
    }

    fn from_json(text: &str) -> Result<Self, Error> {
        let document = document(text)?;
        let frames = document.frames.unwrap_or_default();
        if frames.is_empty() {
            return Err(Error::input(
                "the JSON has no `frames`, which hold the values that are looked at",
            ));
        }
        let seconds = |what: &str, x: f64| {
            Timestamp::from_secs_f64(x).ok_or_else(|| {
                Error::input(format!("{what} is {x}, which is no Unix time in seconds"))
            })
        };
        // One that was found in the data is not sure: it is looked for again.
        let told = document.onset_source != Some(OnsetSource::Detected);
        let onset = document.onset.filter(|_| told);
        let onset = onset.map(|x| seconds("`onset`", x)).transpose()?;
        let mut moments = BTreeSet::new();
        let mut parts = Vec::with_capacity(frames.len());
        for frame in frames {
            let metric = Metric::new(frame.service, frame.metric);
            if frame.timestamps.len() != frame.values.len() {
                return Err(Error::input(format!(
                    "the frame of {metric} has {} moments, but {} values",
                    frame.timestamps.len(),
                    frame.values.len()
                )));
            }
            let mut values = BTreeMap::new();
            for (at, value) in frame.timestamps.iter().zip(&frame.values) {
                let at = seconds(&format!("a moment of {metric}"), *at)?;
                values.insert(at, value.unwrap_or(f64::NAN));
            }
            moments.extend(values.keys().copied());
            parts.push((metric, values));
        }
        let times: Vec<Timestamp> = moments.into_iter().collect();
        let mut metrics = Vec::with_capacity(parts.len());
        let mut columns = Vec::with_capacity(parts.len());
        for (metric, values) in parts {
            let at = |time| values.get(time).copied().unwrap_or(f64::NAN);
            columns.push(times.iter().map(at).collect());
            metrics.push(metric);
        }
        Ok(Self {
            observations: Observations::new(times, metrics, columns)?,
            passed_over: Vec::new(),
            late_rows: 0,
            unit: TimeUnit::Seconds,
            onset,
            dependencies: document.dependencies,
        })
    }
}

/// A file as it was read.
enum Source {
    Json(String),
    Table(Table),
}

impl Source {
    fn read(input: impl Read) -> Result<Self, Error> {
        let mut input = BufReader::new(input);
        match first_byte(&mut input)? {
            Some(b'{' | b'[') => {
                let mut text = String::new();
                input
                    .read_to_string(&mut text)
                    .map_err(|e| Error::input(e.to_string()))?;
                Ok(Self::Json(text))
            }
            _ => Ok(Self::Table(Table::read(input)?)),
        }
    }
}

/// A list of frames, a document with some, or an answer that has such a document as `report`.
fn document(text: &str) -> Result<Document, Error> {
    let wrong = |e: serde_json::Error| Error::input(format!("the JSON cannot be used: {e}"));
    if text.trim_start().starts_with('[') {
        return Ok(Document {
            frames: Some(serde_json::from_str(text).map_err(wrong)?),
            onset: None,
            onset_source: None,
            dependencies: Vec::new(),
        });
    }
    // Whether it is an answer shows in its fields; the message is that of what it should be.
    if let Ok(answer) = serde_json::from_str::<Answer>(text) {
        return Ok(answer.report);
    }
    serde_json::from_str(text).map_err(wrong)
}

/// The first byte that is no white space; it and what follows stay to be read.
fn first_byte(input: &mut impl BufRead) -> Result<Option<u8>, Error> {
    let failed = |e: std::io::Error| Error::input(e.to_string());
    if input
        .fill_buf()
        .map_err(failed)?
        .starts_with(b"\xef\xbb\xbf")
    {
        input.consume(3);
    }
    loop {
        let Some(first) = input.fill_buf().map_err(failed)?.first().copied() else {
            return Ok(None);
        };
        if !first.is_ascii_whitespace() {
            return Ok(Some(first));
        }
        let rest = input.fill_buf().map_err(failed)?;
        let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        input.consume(blank);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RcaInput, String> {
        RcaInput::read(text.as_bytes(), ":").map_err(|e| e.to_string())
    }

    fn frame(service: &str, timestamps: &str, values: &str) -> String {
        format!(
            r#"{{"service":"{service}","metric":"cpu","timestamps":{timestamps},"values":{values}}}"#
        )
    }

    #[test]
    fn frames_are_put_on_common_moments() {
        let (a, b) = (
            frame("a:b", "[1,2,3]", "[1,null,3]"),
            frame("c", "[2.5,1]", "[7,8]"),
        );
        let input = read(&format!("\u{feff} \n[{a},{b}]")).unwrap();
        let times: Vec<i64> = input
            .observations
            .times()
            .iter()
            .map(|t| t.as_millis())
            .collect();
        assert_eq!(times, [1_000, 2_000, 2_500, 3_000]);
        assert_eq!(input.observations.services(), ["a:b", "c"]);
        let text = format!("{:?}", input.observations.columns());
        assert_eq!(text, "[[1.0, NaN, NaN, 3.0], [8.0, NaN, 7.0, NaN]]");
    }

    #[test]
    fn documents_bring_onset_and_dependencies() {
        let edge = r#"{"caller":"a","callee":"b","provenance":["traffic"]}"#;
        let report = format!(
            r#"{{"schema":1,"onset":2,"verdict":"ranked","dependencies":[{edge}],"frames":[{}]}}"#,
            frame("a", "[1,2]", "[1,2]")
        );
        for text in [
            report.clone(),
            format!(r#"{{"onset":9e12,"report":{report}}}"#),
        ] {
            let input = read(&text).unwrap();
            assert_eq!(input.onset, Some(Timestamp::from_secs(2)));
            let found = text.replace(r#""onset":2"#, r#""onset":2,"onset_source":"detected""#);
            assert_eq!(read(&found).unwrap().onset, None, "it is looked for again");
            assert_eq!(input.dependencies[0].callee, "b");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let good = frame("a", "[1,2]", "[1,2]");
        for (text, expected) in [
            ("{}".to_owned(), "no `frames`"),
            ("[]".to_owned(), "no `frames`"),
            (r#"{"report":null}"#.to_owned(), "no `frames`"),
            (
                r#"{"frames":[{"service":"a"}]}"#.to_owned(),
                "missing field `metric`",
            ),
            ("[1]".to_owned(), "cannot be used"),
            ("{".to_owned(), "cannot be used"),
            (
                format!("[{}]", frame("a", "[1,2]", "[1]")),
                "2 moments, but 1 values",
            ),
            (
                format!("[{}]", frame("a", "[1e300]", "[1]")),
                "no Unix time",
            ),
            (format!("[{good},{good}]"), "occurs twice"),
            (String::new(), "the file is empty"),
            (
                "\n\nstamp,a:b\n1,2\n".to_owned(),
                "must start with the time",
            ),
        ] {
            let message = read(&text).unwrap_err();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
