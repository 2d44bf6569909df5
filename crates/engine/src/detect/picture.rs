use bongsu_report::{Histogram, Mark, Panels, TimeSeriesPlot};

use super::DetectedRow;
use crate::{Error, Table};

/// More channels than these are not told apart on one picture.
const MOST_CHANNELS: usize = 12;
const SCORES: &str = "score";

/// What was found in the rows of a table: a panel for each of the first twelve channels, with the band
/// where there is one, and a panel of the scores; anomalous rows are marked. Rows that do not move on
/// in time were not judged and are not drawn. `raw` says that the scores are not calibrated, so that
/// no bound is drawn.
///
/// # Errors
/// When `rows` are not those of the table.
pub fn detect_plot(table: &Table, rows: &[DetectedRow], raw: bool) -> Result<Panels, Error> {
    let drawing = Drawing::new(table, rows, raw);
    let mut plots = Vec::new();
    let channels = table.channels.iter().zip(table.values.columns());
    for (name, values) in channels.take(MOST_CHANNELS) {
        let values = drawing.kept.iter().map(|&row| values.get(row).copied());
        let mut plot = drawing.panel(name, values)?;
        if rows.iter().any(|row| row.expectation.is_some()) {
            let [expected, lower, upper] = drawing.band();
            plot = plot.band(expected, lower, upper).map_err(Error::report)?;
        }
        plots.push(plot);
    }
    let scores = drawing.kept.iter().map(|&row| rows.get(row)?.score);
    let scores = drawing.panel(SCORES, scores)?;
    plots.push(if raw {
        scores
    } else {
        scores.limit("bound", 1.0)
    });
    let anomalous = rows.iter().filter(|row| row.anomalous).count();
    let mut subtitle = format!("{anomalous} of {} rows are anomalous", rows.len());
    if table.channels.len() > MOST_CHANNELS {
        let all = table.channels.len();
        subtitle = format!("{subtitle}; the first {MOST_CHANNELS} of {all} channels");
    }
    Ok(Panels::new(plots)
        .title("What was found")
        .subtitle(subtitle))
}

/// How often the scores of `rows` are of which size, and where their bound is, which `raw` ones do not
/// have.
#[must_use]
pub fn score_plot(rows: &[DetectedRow], raw: bool) -> Histogram {
    let histogram = Histogram::new("Scores", rows.iter().filter_map(|row| row.score));
    if raw {
        histogram
    } else {
        histogram.bound(1.0, "bound")
    }
}

struct Drawing<'a> {
    table: &'a Table,
    rows: &'a [DetectedRow],
    raw: bool,
    /// The rows that move on in time.
    kept: Vec<usize>,
}

impl<'a> Drawing<'a> {
    fn new(table: &'a Table, rows: &'a [DetectedRow], raw: bool) -> Self {
        let mut late = table.late_rows.iter().peekable();
        let kept = (0..table.timestamps.len()).filter(|row| late.next_if_eq(&row).is_none());
        Self {
            table,
            rows,
            raw,
            kept: kept.collect(),
        }
    }

    /// A panel of one value a row that is drawn, marked where its row is anomalous.
    fn panel(
        &self,
        name: &str,
        values: impl Iterator<Item = Option<f64>>,
    ) -> Result<TimeSeriesPlot, Error> {
        let values: Vec<f64> = values.map(|value| value.unwrap_or(f64::NAN)).collect();
        let times = self.kept.iter();
        let times = times.filter_map(|&row| self.table.timestamps.get(row).copied());
        let marks: Vec<Mark> = self
            .kept
            .iter()
            .zip(&values)
            .filter(|(_, value)| !value.is_nan())
            .filter_map(|(&row, &value)| {
                let found = self.rows.get(row).filter(|found| found.anomalous)?;
                let at = *self.table.timestamps.get(row)?;
                // A raw score says nothing of how far beyond its bound it is.
                let score = if self.raw { 1.0 } else { found.score? };
                Some(Mark { at, value, score })
            })
            .collect();
        let plot = TimeSeriesPlot::new(name, times.collect(), values).map_err(Error::report)?;
        Ok(plot.marks(marks))
    }

    /// What was expected, and the bounds of it.
    fn band(&self) -> [Vec<f64>; 3] {
        let mut columns = [const { Vec::new() }; 3];
        for &row in &self.kept {
            let band = self.rows.get(row).and_then(|found| found.expectation);
            let band = band.map_or([f64::NAN; 3], |b| [b.expected, b.lower, b.upper]);
            for (column, value) in columns.iter_mut().zip(band) {
                column.push(value);
            }
        }
        columns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DetectRequest, detect};

    fn request() -> DetectRequest {
        DetectRequest {
            detector: "robust-z".to_owned(),
            ..DetectRequest::default()
        }
    }

    #[test]
    fn late_rows_and_gaps_are_left_out() -> Result<(), Error> {
        let mut csv = String::from("timestamp,a<b\n");
        for i in 0..200 {
            let value = if i == 150 { 90 } else { i % 7 };
            csv.push_str(&format!("{},{value}\n", 60 * i));
        }
        csv.push_str("60,5\n12060,\n");
        let table = Table::read(csv.as_bytes())?;
        let rows = detect(&table, &request())?;
        assert_eq!(table.late_rows, [200]);
        let svg = detect_plot(&table, &rows, false)?.to_svg();
        assert!(svg.contains("1 of 202 rows are anomalous"), "{svg}");
        assert!(svg.contains("bound") && svg.contains("a&lt;b") && !svg.contains("a<b"));
        assert!(!detect_plot(&table, &rows, true)?.to_svg().contains("bound"));
        assert!(score_plot(&rows, false).to_svg().contains("bound"));
        Ok(())
    }

    #[test]
    fn many_channels_are_cut_and_counted() -> Result<(), Error> {
        let names: Vec<String> = (0..20).map(|i| format!("c{i}")).collect();
        let mut csv = format!("timestamp,{}\n", names.join(","));
        for i in 0..60 {
            csv.push_str(&format!("{i}{}\n", ",1".repeat(20)));
        }
        let table = Table::read(csv.as_bytes())?;
        let rows = vec![DetectedRow::default(); 60];
        let svg = detect_plot(&table, &rows, false)?.to_svg();
        assert!(svg.contains("the first 12 of 20 channels"));
        assert!(svg.contains(">c11<") && !svg.contains(">c12<"));
        Ok(())
    }
}
