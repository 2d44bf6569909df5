//! The layouts of data sets.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use bongsu_eval::{Collection, LabelledSeries, SeriesKind, Synthetic, m4, open_plain};

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn anomalous(series: &LabelledSeries) -> Vec<usize> {
    (0..series.labels.len())
        .filter(|&row| series.labels[row])
        .collect()
}

#[test]
fn layouts_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            (
                "nab/labels/combined_windows.json",
                r#"{"real/a.csv": [["2014-04-10 00:05:00.000000", "2014-04-10 00:10:00.000000"]]}"#,
            ),
            (
                "nab/data/real/a.csv",
                "timestamp,value\n2014-04-10 00:00:00,1\n2014-04-10 00:05:00,2\n2014-04-10 00:10:00,3\n2014-04-10 00:15:00,4\n",
            ),
            ("ucr/004_UCR_Anomaly_BIDMC1_2_3_4.txt", "1\n 2\n3\n4\n5\n"),
            (
                "tsb/001_NAB_id_1_Facility_tr_2_1st_3.csv",
                "Data,Label\n1,0\n2,0\n3,1\n",
            ),
            (
                "skab/data/valve1/0.csv",
                "datetime;a;b;anomaly;changepoint\n2020-03-09 10:14:33;1;2;0.0;1.0\n2020-03-09 10:14:34;1;2;1.0;0.0\n",
            ),
            ("smd/train/m-1.txt", "0.1,0.2\n0.1,0.2\n"),
            ("smd/test/m-1.txt", "0.1,0.2\n0.9,0.2\n"),
            ("smd/test_label/m-1.txt", "0\n1\n"),
            ("tables/glass.csv", "x0,x1,label\n1,2,0\n3,4,1\n"),
            ("own/cpu.csv", "timestamp,cpu\n60,1\n120,2\n"),
            ("own/cpu.labels.csv", "timestamp,label\n120,1\n60,0\n"),
            ("own/notes.csv", "timestamp,cpu\n60,1\n"),
            ("own/broken.csv", "timestamp,cpu,label\n60,1,7\n"),
        ],
    );
    let found = Collection::read(folder.path(), &open_plain).unwrap();
    let by_set: BTreeMap<&str, &LabelledSeries> = found
        .series
        .iter()
        .map(|one| (one.set.as_str(), one))
        .collect();
    assert_eq!(
        by_set.keys().copied().collect::<Vec<_>>(),
        ["nab", "own", "skab", "smd", "tables", "tsb", "ucr"]
    );
    let nab = by_set["nab"];
    assert_eq!(
        (nab.family.as_str(), nab.name.as_str(), anomalous(nab)),
        ("real", "real/a", vec![1, 2])
    );
    let ucr = by_set["ucr"];
    assert_eq!(
        (ucr.family.as_str(), ucr.judged_from, anomalous(ucr)),
        ("BIDMC", 2, vec![2, 3])
    );
    assert_eq!(
        (by_set["tsb"].family.as_str(), by_set["tsb"].kind),
        ("NAB", SeriesKind::Univariate)
    );
    let skab = by_set["skab"];
    assert_eq!(
        (skab.family.as_str(), &skab.channels[..], anomalous(skab)),
        ("valve1", &["a".to_owned(), "b".to_owned()][..], vec![1])
    );
    let smd = by_set["smd"];
    assert_eq!(
        (smd.judged_from, smd.values.nrows(), anomalous(smd)),
        (2, 4, vec![3])
    );
    assert_eq!(smd.judged_labels(), [false, true]);
    assert_eq!(by_set["tables"].kind, SeriesKind::Tabular);
    assert_eq!(anomalous(by_set["own"]), [1]);
    let skipped: Vec<String> = found
        .skipped
        .iter()
        .map(|(path, why)| format!("{}: {why}", path.file_name().unwrap().display()))
        .collect();
    assert!(
        skipped
            .iter()
            .any(|line| line == "broken.csv: row 1: the label is `7`, not 0 or 1"),
        "{skipped:?}"
    );
    assert!(
        skipped.iter().any(|line| line == "notes.csv: no labels"),
        "{skipped:?}"
    );
}

#[test]
fn m4_files_are_paired() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            (
                "a.csv",
                "\"V1\",\"V2\",\"V3\"\n\"W1\",\"1\",\"2\"\n\"W2\",\"5\",\n",
            ),
            ("b.csv", "V1,V2\nW2,6\nW1,3\n"),
        ],
    );
    let found = m4(
        &folder.path().join("a.csv"),
        &folder.path().join("b.csv"),
        &open_plain,
    )
    .unwrap();
    assert_eq!(found[0].train, [1.0, 2.0]);
    assert_eq!(
        (
            found[1].name.as_str(),
            &found[1].train[..],
            &found[1].test[..]
        ),
        ("W2", &[5.0][..], &[6.0][..])
    );
}

#[test]
fn generated_series_stay_as_they_are() {
    let series = Synthetic::default().seed(3).generate();
    let sums: Vec<usize> = [0, 17, 41]
        .iter()
        .map(|&i| anomalous(&series[i]).iter().sum())
        .collect();
    assert_eq!(sums, [5880, 258_025, 265_625], "value stability");
    assert_ne!(series, Synthetic::default().seed(4).generate());
    for one in &series {
        assert!(
            one.values.iter().all(|value| value.is_finite()),
            "{}",
            one.name
        );
        assert_eq!(bongsu_eval::events(&one.labels).len(), 3, "{}", one.name);
    }
    assert_eq!(series[0].last_rows(100).values.nrows(), 100);
    assert!(
        Synthetic::default().rows(10).is_err() && Synthetic::default().noise(f64::NAN).is_err()
    );
}

/// Runs where `BONGSU_DATA` names a folder with the sets of the benchmark.
#[test]
fn shared_data_are_found() {
    let Some(data) = std::env::var_os("BONGSU_DATA") else {
        return;
    };
    let open = |path: &Path| -> bongsu_core::Result<Box<dyn Read + Send>> {
        if path.extension().is_some_and(|end| end == "gz") {
            let text = Command::new("gzip")
                .arg("-dc")
                .arg(path)
                .output()
                .unwrap()
                .stdout;
            return Ok(Box::new(std::io::Cursor::new(text)));
        }
        open_plain(path)
    };
    let found = Collection::read(Path::new(&data), &open).unwrap();
    let mut counts: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for one in &found.series {
        let count = counts.entry(&one.set).or_default();
        count.0 += 1;
        count.1 += one.labels.len();
        count.2 += anomalous(one).len();
    }
    for (set, series, rows) in [
        ("nab", 58, 365_558),
        ("gutentag", 31, 310_000),
        ("skab", 34, 0),
        ("ucr_anomaly", 5, 70_001),
        ("asd", 12, 0),
        ("adbench", 19, 0),
    ] {
        let found = counts.get(set).copied().unwrap_or_default();
        assert!(
            found.0 == series && (rows == 0 || found.1 == rows),
            "{set}: {found:?} of {counts:?}"
        );
    }
}
