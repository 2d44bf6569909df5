//! `lab cases`: one CSV file a case, with columns `service:metric`.

use crate::Result;
use crate::record::{COLUMNS, RecordedLabels, RecordedSeries, read};
use std::fmt::Write as _;
use std::path::Path;

/// Cuts every round of a recording into cases.
pub(crate) fn run(recording: &Path, out: &Path) -> Result {
    std::fs::create_dir_all(out)?;
    let mut count = 0;
    for round in 1.. {
        let labels = recording.join(format!("round-{round}.labels.json"));
        if !labels.exists() {
            break;
        }
        let labels = RecordedLabels::read(&labels)?;
        let series = read(&recording.join(format!("round-{round}.jsonl.gz")))?;
        for incident in &labels.incidents {
            let normal = i64::try_from(labels.normal_seconds)? * 1000;
            let step = i64::try_from(labels.scrape_seconds)? * 1000;
            let text = table(
                &series,
                incident.from - normal,
                incident.from,
                incident.to,
                step,
            )?;
            let name = format!("{round}-{}", incident.name);
            std::fs::write(out.join(format!("{name}.csv")), text)?;
            println!(
                "{name}: onset {}, cause {}",
                incident.from.div_euclid(1000),
                if incident.fault {
                    &incident.place.service
                } else {
                    "none"
                },
            );
            count += 1;
        }
    }
    if count == 0 {
        return Err(format!("no recording in {}", recording.display()).into());
    }
    Ok(())
}

/// The rows of `[from, to)` every `step` milliseconds from the onset backwards and forwards: the
/// last value of each series in one and a half steps before a row, or nothing.
fn table(series: &[RecordedSeries], from: i64, onset: i64, to: i64, step: i64) -> Result<String> {
    let mut columns: Vec<(String, &RecordedSeries)> = Vec::new();
    for one in series {
        let column = COLUMNS
            .iter()
            .find(|column| column.1 == one.label("__name__"));
        if let Some((metric, _)) = column {
            columns.push((format!("{}:{metric}", one.label("service")), one));
        }
    }
    columns.sort_by(|a, b| a.0.cmp(&b.0));
    let mut text = "timestamp".to_owned();
    for (name, _) in &columns {
        write!(text, ",{name}")?;
    }
    text.push('\n');
    let mut at = onset - (onset - from) / step * step;
    while at < to {
        write!(text, "{:.3}", at as f64 / 1000.0)?;
        for (_, one) in &columns {
            text.push(',');
            if let Some(value) = last(one, at - step - step / 2, at) {
                write!(text, "{value}")?;
            }
        }
        text.push('\n');
        at += step;
    }
    Ok(text)
}

/// The last number of a series with `after < t <= at`.
fn last(series: &RecordedSeries, after: i64, at: i64) -> Option<f64> {
    let end = series.timestamps.partition_point(|&time| time <= at);
    let place = end.checked_sub(1)?;
    let time = *series.timestamps.get(place)?;
    let value = series.values.get(place)?.as_f64();
    value.filter(|_| time > after)
}

#[cfg(test)]
mod tests {
    use super::{last, table};
    use crate::record::RecordedSeries;
    use serde_json::json;

    fn up() -> RecordedSeries {
        let line = json!({"metric": {"__name__": "up", "service": "cache"},
            "values": [1, 1, null, 0], "timestamps": [1000, 3000, 5000, 9000]});
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn a_row_shows_nothing_old() {
        assert_eq!(last(&up(), 1000, 3000), Some(1.0));
        assert_eq!(last(&up(), 3000, 5000), None);
        assert_eq!(last(&up(), 5000, 7000), None);
        assert_eq!(last(&up(), 7000, 9500), Some(0.0));
    }

    #[test]
    fn a_row_lies_on_the_onset() {
        let text = table(&[up()], 0, 5500, 10_000, 2000).unwrap();
        assert_eq!(
            text,
            "timestamp,cache:up\n1.500,1\n3.500,1\n5.500,\n7.500,\n9.500,0\n"
        );
    }
}
