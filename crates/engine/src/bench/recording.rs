//! The project's own recordings as labelled series.

use std::path::Path;

use bongsu_core::ndarray::Array2;
use bongsu_core::{Series, Timestamp};
use bongsu_eval::{LabelledSeries, SeriesKind};
use bongsu_prometheus::replay::Recording;

use crate::Error;
use crate::demo::{Incident, Truth};

/// The ends of a recording's name; its labels are beside it in `NAME.labels.json`.
const ENDS: [&str; 2] = [".jsonl.gz", ".jsonl"];

/// The labelled series of the recording `path`, when it is one with labels beside it: each series in
/// which a fault shows, its rows anomalous from the begin of such a fault to its end. A change that is
/// no fault labels nothing.
///
/// # Errors
/// When recording or labels cannot be read, or no fault shows in any series.
pub(super) fn read(path: &Path) -> Result<Option<Vec<LabelledSeries>>, Error> {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(name) = ENDS.iter().find_map(|end| file.strip_suffix(end)) else {
        return Ok(None);
    };
    let labels = path.with_file_name(format!("{name}.labels.json"));
    if !labels.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&labels)
        .map_err(|e| Error::input(format!("{}: {e}", labels.display())))?;
    let truth = Truth::parse(&text)?;
    let recording = Recording::from_path(path).map_err(Error::input)?;
    let folder = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = folder.parent().and_then(Path::file_name);
    let set = folder.map_or_else(|| "recordings".into(), |name| name.to_string_lossy());
    let mut found = Vec::new();
    for series in recording.series() {
        let faults = truth.incidents.iter().filter(|one| one.fault);
        let shown: Vec<&Incident> = faults
            .filter(|one| one.symptoms.iter().any(|s| s.matches(series.labels())))
            .collect();
        let one = labelled(&set, name, series, &shown)?;
        // What only shows by having no values has no row to be found.
        if one.labels.contains(&true) {
            found.push(one);
        }
    }
    if found.is_empty() {
        return Err(Error::input("none of its series shows a fault"));
    }
    Ok(Some(found))
}

fn labelled(
    set: &str,
    recording: &str,
    series: &Series,
    faults: &[&Incident],
) -> Result<LabelledSeries, Error> {
    let metric = series.labels().metric_name().unwrap_or("metric").to_owned();
    let within = |time: &Timestamp| faults.iter().any(|one| (one.from..=one.to).contains(time));
    let times = series.timestamps().to_vec();
    let values = series.values().to_vec();
    Ok(LabelledSeries {
        set: set.to_owned(),
        family: metric.clone(),
        name: format!("{recording}/{}", series.labels().selector()),
        kind: SeriesKind::Univariate,
        labels: times.iter().map(within).collect(),
        channels: vec![metric],
        values: Array2::from_shape_vec((values.len(), 1), values).map_err(Error::input)?,
        times,
        judged_from: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::super::read_collection;
    use super::*;

    #[test]
    fn the_recordings_of_the_repository_are_labelled_series() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (folder, set, names) in [
            ("recordings", "recordings", &["demo"][..]),
            (
                "../../examples/lab/recording",
                "recording",
                &["round-1", "round-6"],
            ),
        ] {
            let found = read_collection(&root.join(folder)).unwrap();
            for name in names {
                let all = found.series.iter();
                let own: Vec<&LabelledSeries> = all
                    .filter(|one| one.set == set && one.name.starts_with(&format!("{name}/")))
                    .collect();
                assert!(own.len() >= 5, "{name}: {}", own.len());
                for one in own {
                    let share = one.labels.iter().filter(|label| **label).count() as f64
                        / one.labels.len() as f64;
                    assert!((0.001..0.3).contains(&share), "{}: {share}", one.name);
                    assert_eq!(one.values.nrows(), one.labels.len());
                }
            }
            let packed = |path: &Path| path.to_string_lossy().ends_with(".jsonl.gz");
            assert!(found.skipped.iter().all(|(path, _)| !packed(path)));
        }
    }

    #[test]
    fn a_fault_labels_the_series_that_show_it_while_it_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let line = |host: &str| {
            format!(
                r#"{{"metric":{{"__name__":"load","host":"{host}"}},"values":[1,2,3],"timestamps":[1000,2000,3000]}}"#
            )
        };
        std::fs::write(at("r.jsonl"), [line("a"), line("b")].join("\n")).unwrap();
        let incident = |fault: bool, host: &str, from: i64, to: i64| {
            format!(
                r#"{{"kind":"burn","fault":{fault},"where":{{"service":"s"}},"from":{from},"to":{to},"symptoms":["load{{host=\"{host}\"}}"],"note":""}}"#
            )
        };
        let labels = |incidents: &[String]| {
            let all = incidents.join(",");
            format!(
                r#"{{"description":"","day_seconds":1,"scrape_seconds":1,"start":0,"end":9,"incidents":[{all}]}}"#
            )
        };
        let path = at("r.jsonl");
        assert!(read(&path).unwrap().is_none(), "no labels beside it");
        let both = [
            incident(true, "a", 2_000, 2_500),
            incident(false, "b", 0, 9_000),
        ];
        std::fs::write(at("r.labels.json"), labels(&both)).unwrap();
        let found = read(&path).unwrap().unwrap();
        let [one] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!(one.labels, [false, true, false]);
        assert_eq!(one.name, "r/load{host=\"a\"}");
        std::fs::write(at("r.labels.json"), labels(&both[1..])).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("shows a fault"), "{error}");
        std::fs::write(at("r.labels.json"), "{}").unwrap();
        assert!(read(&path).is_err());
    }
}
