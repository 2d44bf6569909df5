//! The budget of alerts on labelled data.

use std::collections::BTreeMap;

use super::*;
use crate::config::Span;

/// Labelled series on one grid of 5 minutes: the values, the windows of each, and when to begin
/// to count.
struct Labelled {
    name: &'static str,
    series: Vec<Vec<f64>>,
    /// What is to be found: by any of these series within these rows.
    windows: Vec<(std::ops::Range<usize>, std::ops::Range<usize>, String)>,
    from: usize,
}

fn rows(text: &str, column: usize) -> Vec<f64> {
    let lines = text.lines().skip(1);
    let cell = |line: &str| {
        line.split(',')
            .nth(column)
            .and_then(|cell| cell.parse().ok())
    };
    lines.map(|line| cell(line).unwrap_or(f64::NAN)).collect()
}

fn nab(root: &std::path::Path) -> Labelled {
    let text = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let windows = text(&root.join("nab/labels/combined_windows.json"));
    let windows: BTreeMap<String, Vec<(String, String)>> = serde_json::from_str(&windows).unwrap();
    let mut labelled = Labelled {
        name: "NAB",
        series: Vec::new(),
        windows: Vec::new(),
        from: 600,
    };
    for (file, windows) in windows {
        let csv = text(&root.join("nab/data").join(&file));
        let time = |cell: &str| {
            let cell = cell.split('.').next().unwrap().replace(' ', "T") + "Z";
            cell.parse::<jiff::Timestamp>().unwrap().as_second()
        };
        let times: Vec<i64> = csv
            .lines()
            .skip(1)
            .map(|l| time(l.split(',').next().unwrap()))
            .collect();
        let mut steps: Vec<i64> = times.windows(2).map(|w| w[1] - w[0]).collect();
        steps.sort_unstable();
        if steps[steps.len() / 2] != 300 {
            continue;
        }
        let at = labelled.series.len();
        for (from, to) in windows {
            let row = |text: &str| times.partition_point(|t| *t < time(text));
            let name = format!("{file} from {from}");
            labelled
                .windows
                .push((at..at + 1, row(&from)..row(&to) + 1, name));
        }
        labelled.series.push(rows(&csv, 1));
    }
    labelled
}

fn asd(root: &std::path::Path) -> Labelled {
    use std::io::Read as _;
    let read = |path: std::path::PathBuf| {
        let mut text = String::new();
        let file = std::fs::File::open(path).unwrap();
        flate2::read::GzDecoder::new(file)
            .read_to_string(&mut text)
            .unwrap();
        text
    };
    let mut labelled = Labelled {
        name: "ASD",
        series: Vec::new(),
        windows: Vec::new(),
        from: 0,
    };
    for server in 1..=12 {
        let train = read(root.join(format!("asd/train/omi-{server}.csv.gz")));
        let test = read(root.join(format!("asd/test/omi-{server}.csv.gz")));
        let learned = 4_320;
        labelled.from = learned;
        let at = labelled.series.len();
        let first = usize::from(test.starts_with("timestamp"));
        for column in first..first + 19 {
            let before = rows(&train, column);
            let mut values = before[before.len() - learned..].to_vec();
            values.extend(rows(&test, column));
            labelled.series.push(values);
        }
        let label = test
            .lines()
            .next()
            .unwrap()
            .split(',')
            .position(|name| name == "label")
            .unwrap();
        let labels = rows(&test, label);
        let mut row = 0;
        while row < labels.len() {
            let length = labels[row..].iter().take_while(|l| **l > 0.5).count();
            if length > 0 {
                let window = learned + row..learned + row + length;
                labelled
                    .windows
                    .push((at..at + 19, window, format!("omi-{server} row {row}")));
            }
            row += length.max(1);
        }
    }
    labelled
}

fn on_labelled(data: &Labelled, per_day: Option<f64>) -> (f64, Vec<String>) {
    let mut query = QueryConfig::new("q", "x");
    query.step = Span::from_secs(300);
    query.absent_after = Span::default();
    let mut judge = Judge::new(&query, 10_000).unwrap();
    judge.allow(per_day);
    let (mut known, mut budget) = (Vec::new(), Budget::default());
    let longest = data.series.iter().map(Vec::len).max().unwrap();
    let made = data.series.iter().enumerate().map(|(i, values)| {
        let labels = Labels::from_pairs([("i", format!("{i:05}"))]).unwrap();
        let times = (0..values.len())
            .map(|row| Timestamp::from_secs(300 * row as i64))
            .collect();
        Series::new(labels, times, values.clone()).unwrap()
    });
    let grid = Grid {
        from: Timestamp::from_secs(0),
        to: Timestamp::from_secs(300 * (longest as i64 - 1)),
    };
    let pieces = judge.gather(made.collect());
    let judged = judge.judge(&mut known, pieces, grid, true, false, Some(&mut budget));
    let mut firing = vec![false; data.series.len()];
    let mut found = vec![false; data.windows.len()];
    let mut alerts = 0;
    for finding in &judged.findings {
        let i: usize = finding.verdict.labels.get("i").unwrap().parse().unwrap();
        let row = (finding.verdict.timestamp.as_millis() / 300_000) as usize;
        let begins = finding.verdict.anomalous && !firing[i];
        firing[i] = finding.verdict.anomalous;
        if row < data.from {
            continue;
        }
        alerts += u32::from(begins);
        for (found, (series, window, _)) in found.iter_mut().zip(&data.windows) {
            *found |= finding.verdict.anomalous && series.contains(&i) && window.contains(&row);
        }
    }
    let days = (longest - data.from) as f64 / 288.0;
    let lost = data.windows.iter().zip(found).filter(|(_, found)| !found);
    (
        f64::from(alerts) / days,
        lost.map(|(window, _)| window.2.clone()).collect(),
    )
}

/// `BONGSU_DATA=... cargo test --release -p bongsu-engine --lib budget_on_labelled_data -- --ignored --nocapture`
#[test]
#[ignore = "a measurement on data that are not here"]
#[allow(clippy::print_stdout, reason = "its result is a table")]
fn budget_on_labelled_data() {
    let root = std::env::var("BONGSU_DATA").unwrap();
    let root = std::path::Path::new(&root);
    println!("| data | budget a day | alerts a day | windows found |");
    for data in [nab(root), asd(root)] {
        let mut before: Option<Vec<String>> = None;
        for per_day in [
            None,
            Some(100.0),
            Some(30.0),
            Some(10.0),
            Some(3.0),
            Some(1.0),
        ] {
            let (alerts, lost) = on_labelled(&data, per_day);
            let all = data.windows.len();
            let budget = per_day.map_or_else(|| "none".to_owned(), |per_day| per_day.to_string());
            println!(
                "| {}, {} series | {budget} | {alerts:.1} | {} of {all} |",
                data.name,
                data.series.len(),
                all - lost.len()
            );
            let new = lost
                .iter()
                .filter(|w| before.as_ref().is_some_and(|b| !b.contains(w)));
            for window in new {
                println!("    lost now: {window}");
            }
            before = Some(lost);
        }
    }
}
