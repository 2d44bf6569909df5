use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bongsu_core::{Labels, Series, Timestamp};

use super::lines;
use crate::{Error, ErrorKind, Matcher};

/// Series recorded from a real system, held in memory.
///
/// The format is VictoriaMetrics' JSON line export: each line is
/// `{"metric":{"__name__":"up",...},"values":[1,0],"timestamps":[1000,2000]}` with milliseconds;
/// NaN and the infinities are `null` (NaN) or strings. Lines with the same labels are joined; of
/// two points at one time, the first is kept. Gzip is recognised by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    series: Vec<Series>,
    /// The scrape interval of each series in milliseconds.
    intervals: Vec<i64>,
    start: Timestamp,
    end: Timestamp,
}

impl Recording {
    /// Reads a recording, plain or gzip.
    ///
    /// # Errors
    /// When a line breaks the format (the message names the line), there is no point at all, the
    /// gzip data are damaged, or the recording has more than 256 MiB unpacked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let text = lines::unpack(bytes, lines::MAX_BYTES)?;
        let mut joined: BTreeMap<Labels, Vec<(Timestamp, f64)>> = BTreeMap::new();
        for lines::Parsed { labels, points } in lines::parse(&text)? {
            joined.entry(labels).or_default().extend(points);
        }
        let mut all = Vec::with_capacity(joined.len());
        for (labels, mut points) in joined {
            points.sort_by_key(|&(time, _)| time);
            points.dedup_by_key(|&mut (time, _)| time);
            let (times, values) = points.into_iter().unzip();
            let series = Series::new(labels, times, values)
                .map_err(|e| Error::plain(ErrorKind::Recording, e.to_string()))?;
            all.push(series);
        }
        Self::from_series(all)
    }

    /// Reads a recording from the file `path`, plain or gzip.
    ///
    /// # Errors
    /// When the file cannot be read, and as [`Recording::from_bytes`].
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(lines::MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|e| Error::file(path, e))?;
        Self::from_bytes(&bytes)
            .map_err(|e| Error::plain(e.kind(), format!("{}: {e}", path.display())))
    }

    /// From series that are there already. Series without points are left out.
    ///
    /// # Errors
    /// When two have the same labels, or there is no point at all.
    pub fn from_series(mut series: Vec<Series>) -> Result<Self, Error> {
        series.retain(|one| !one.is_empty());
        series.sort_by(|a, b| a.labels().cmp(b.labels()));
        let twice = series
            .iter()
            .zip(series.iter().skip(1))
            .find(|(a, b)| a.labels() == b.labels());
        if let Some((one, _)) = twice {
            let message = format!("the series {} occurs twice", one.labels());
            return Err(Error::plain(ErrorKind::Recording, message));
        }
        let firsts = series.iter().filter_map(|one| one.timestamps().first());
        let lasts = series.iter().filter_map(|one| one.timestamps().last());
        let (Some(&start), Some(&end)) = (firsts.min(), lasts.max()) else {
            let message = "the recording has no points";
            return Err(Error::plain(ErrorKind::Recording, message));
        };
        let intervals = intervals(&series);
        Ok(Self {
            series,
            intervals,
            start,
            end,
        })
    }

    /// All series, sorted by their labels.
    #[must_use]
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The time of the first point.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The time of the last point.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        self.end
    }

    /// The series that meet all `matchers`, sorted by their labels.
    #[must_use]
    pub fn select(&self, matchers: &[Matcher]) -> Vec<&Series> {
        self.select_with_interval(matchers)
            .map(|(series, _)| series)
            .collect()
    }

    /// As [`Recording::select`], with each series' scrape interval in milliseconds.
    pub(super) fn select_with_interval<'a>(
        &'a self,
        matchers: &[Matcher],
    ) -> impl Iterator<Item = (&'a Series, i64)> {
        let all = self.series.iter().zip(self.intervals.iter().copied());
        all.filter(move |(one, _)| matchers.iter().all(|m| m.matches(one.labels())))
    }

    /// The recording in its file format, not compressed.
    #[must_use]
    pub fn to_json_lines(&self) -> Vec<u8> {
        lines::write(&self.series)
    }
}

/// The median time between the points of each series; the median of these where a series has one
/// point only.
fn intervals(series: &[Series]) -> Vec<i64> {
    let own: Vec<Option<i64>> = series
        .iter()
        .map(|one| {
            let times = one.timestamps().iter();
            let gaps = times.clone().zip(times.skip(1));
            median(gaps.map(|(a, b)| b.millis_since(*a)).collect())
        })
        .collect();
    // Prometheus' default scrape interval, when there is nothing to tell it from.
    let common = median(own.iter().copied().flatten().collect()).unwrap_or(60_000);
    own.into_iter().map(|own| own.unwrap_or(common)).collect()
}

fn median(mut numbers: Vec<i64>) -> Option<i64> {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const LINES: &str = concat!(
        r#"{"metric":{"__name__":"b"},"values":[1,null,"+Inf","-Inf","NaN",2.5],"timestamps":[1000,2000,3000,4000,5000,6000]}"#,
        "\n\n",
        r#"{"timestamps":[3000,1000],"values":[3,1],"metric":{"__name__":"a"}}"#,
        "\r\n",
        r#"{"metric":{"__name__":"a"},"values":[9,2],"timestamps":[1000,2000]}"#,
    );

    #[test]
    fn lines_are_joined_sorted_and_every_number_is_read() {
        let recording = Recording::from_bytes(LINES.as_bytes()).unwrap();
        let [a, b] = recording.series() else {
            panic!("two series");
        };
        assert_eq!(a.values(), [1.0, 2.0, 3.0]);
        assert!(b.values()[1].is_nan() && b.values()[4].is_nan());
        assert_eq!(b.values()[2..4], [f64::INFINITY, f64::NEG_INFINITY]);
        assert_eq!(recording.start().as_millis(), 1_000);
        assert_eq!(recording.end().as_millis(), 6_000);
        let selected = recording.select(&[Matcher::metric("b")]);
        assert!(std::ptr::eq(selected[0], b) && selected.len() == 1);
    }

    #[test]
    fn gzip_and_the_written_form_give_the_same() {
        let plain = Recording::from_bytes(LINES.as_bytes()).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&plain.to_json_lines()).unwrap();
        let packed = gzip.finish().unwrap();
        let again = Recording::from_bytes(&packed).unwrap();
        assert_eq!(format!("{again:?}"), format!("{plain:?}"));
        let error = Recording::from_bytes(&packed[..packed.len() - 9]).unwrap_err();
        assert!(error.to_string().contains("gzip"), "{error}");
    }

    #[test]
    fn errors_name_the_line() {
        for (bad, word) in [
            (
                r#"{"metric":{},"values":[1],"timestamps":[]}"#,
                "1 values but 0",
            ),
            (
                r#"{"metric":{},"values":["x"],"timestamps":[1]}"#,
                "`x` is not a number",
            ),
            (r#"{"metric":{},"values":[1]}"#, "timestamps"),
            ("nonsense", "expected"),
        ] {
            let error = Recording::from_bytes(format!("\n{bad}").as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Recording);
            let text = error.to_string();
            assert!(text.contains("line 2") && text.contains(word), "{text}");
        }
        let error = Recording::from_bytes(b"\n").unwrap_err();
        assert!(error.to_string().contains("no points"), "{error}");
    }

    #[test]
    fn sizes_are_capped() {
        let error = lines::unpack(b"0123456789", 9).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let error = lines::unpack(&vec![b' '; (1 << 20) + 1], 1 << 20).unwrap_err();
        assert!(error.to_string().contains("limit of 1 MiB"), "{error}");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&[b' '; 10_000]).unwrap();
        let error = lines::unpack(&gzip.finish().unwrap(), 9_999).unwrap_err();
        assert!(error.to_string().contains("9999"), "{error}");
    }

    #[test]
    fn missing_files_are_named() {
        let error = Recording::from_path("/no/such.jsonl").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("/no/such.jsonl"), "{error}");
    }
}
