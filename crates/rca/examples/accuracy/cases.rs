//! Labelled incidents: read, or simulated.

use std::io::Read as _;
use std::path::Path;

use bongsu_core::Timestamp;
use bongsu_rca::{Graph, Metric, Observations, Provenance};

pub(crate) use super::simulation::simulated;

/// An incident and its true cause.
pub(crate) struct Case {
    pub(crate) set: &'static str,
    pub(crate) kind: String,
    pub(crate) root: String,
    pub(crate) data: Observations,
    /// Normal times, where they are recorded apart.
    pub(crate) apart: Option<Observations>,
    pub(crate) onset: Timestamp,
    pub(crate) graph: Graph,
}

impl Case {
    /// Normal times, or what lies before the onset.
    pub(crate) fn normal(&self) -> Observations {
        if let Some(apart) = &self.apart {
            return apart.clone();
        }
        halves(&self.data, self.onset).0
    }
}

/// The incidents of the lab, and its windows without a fault.
pub(crate) fn lab() -> (Vec<Case>, Vec<Case>) {
    let cases = super::lab::cases().into_iter();
    let (faults, quiet): (Vec<_>, Vec<_>) = cases.partition(|case| case.fault);
    let case = |case: super::lab::LabCase| Case {
        set: "lab",
        kind: case.kind,
        root: case.service,
        data: case.data,
        apart: None,
        onset: case.onset,
        graph: case.graph,
    };
    (
        faults.into_iter().map(case).collect(),
        quiet.into_iter().map(case).collect(),
    )
}

/// What lies before a moment, and the rest.
fn halves(data: &Observations, at: Timestamp) -> (Observations, Observations) {
    let row = data.row_at(at);
    let part = |range: std::ops::Range<usize>| {
        let columns = data.columns().iter().map(|c| c[range.clone()].to_vec());
        Observations::new(
            data.times()[range.clone()].to_vec(),
            data.metrics().to_vec(),
            columns.collect(),
        )
        .unwrap()
    };
    (part(0..row), part(row..data.n_rows()))
}

/// A CSV file: names and columns.
fn read(path: &Path) -> (Vec<String>, Vec<Vec<f64>>) {
    let mut text = String::new();
    std::fs::File::open(path)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    let mut lines = text.lines();
    let names: Vec<String> = lines
        .next()
        .unwrap()
        .split(',')
        .map(str::to_owned)
        .collect();
    let mut columns = vec![Vec::new(); names.len()];
    for line in lines {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell.parse().unwrap_or(f64::NAN));
        }
    }
    (names, columns)
}

/// Normal rows followed by anomalous ones, `step` seconds apart.
fn joined(
    (names, normal): (&[String], &[Vec<f64>]),
    (other, anomalous): (&[String], &[Vec<f64>]),
    step: i64,
) -> (Observations, Timestamp) {
    let mut metrics = Vec::new();
    let mut columns = Vec::new();
    for (name, before) in names.iter().zip(normal) {
        let after = other.iter().position(|n| n == name);
        if let (Some(metric), Some(after)) = (Metric::parse(name, "_"), after) {
            metrics.push(metric);
            columns.push([before.as_slice(), anomalous[after].as_slice()].concat());
        }
    }
    let rows = columns[0].len() as i64;
    let times = (0..rows).map(|i| Timestamp::from_secs(i * step)).collect();
    let onset = Timestamp::from_secs(normal[0].len() as i64 * step);
    (Observations::new(times, metrics, columns).unwrap(), onset)
}

/// The Sock Shop cases of RCD: 1 s, normal and anomalous parts.
pub(crate) fn rcd(folder: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut folders: Vec<_> = std::fs::read_dir(Path::new(folder).join("rcd_sockshop"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for path in folders {
        let fault = path.file_name().unwrap().to_str().unwrap().to_owned();
        let (root, kind) = fault.rsplit_once('-').unwrap();
        for run in 1..=5 {
            let part = |name: &str| read(&path.join(run.to_string()).join(name));
            let (names, normal) = part("normal.csv");
            let (other, anomalous) = part("anomalous.csv");
            let (data, onset) = joined((&names, &normal), (&other, &anomalous), 1);
            cases.push(Case {
                set: "rcd_sockshop",
                kind: kind.to_owned(),
                root: root.to_owned(),
                data,
                apart: None,
                onset,
                graph: Graph::new(),
            });
        }
    }
    cases
}

/// The stress cases of the energy study: 5 s, the paired baseline run before. Its files are to be
/// unpacked beside themselves before (`gunzip -k`), into the folder that `BONGSU_ENERGY` names.
/// With `apart`, that run is a recording of its own.
pub(crate) fn energy(folder: &str, apart: bool) -> Vec<Case> {
    let Ok(unpacked) = std::env::var("BONGSU_ENERGY") else {
        return Vec::new();
    };
    let root = Path::new(folder).join("energy_sockshop");
    let mut graph = Graph::new();
    let links = std::fs::read_to_string(root.join("sockshop_links.csv")).unwrap();
    for line in links.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        graph.add(cells[1], cells[2], Provenance::Configured);
    }
    let truth = std::fs::read_to_string(root.join("ground_truth.csv")).unwrap();
    let mut files = std::collections::BTreeMap::new();
    let mut cases = Vec::new();
    for line in truth.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let mut part = |name: &str, repetition: f64| {
            let file = Path::new(name).file_stem().unwrap().to_owned();
            let (names, columns) = files
                .entry(file.clone())
                .or_insert_with(|| read(&Path::new(&unpacked).join(file)));
            let rows: Vec<usize> = (0..columns[0].len())
                .filter(|&i| columns[0][i] == repetition)
                .collect();
            let pick = |c: &Vec<f64>| rows.iter().map(|&i| c[i]).collect::<Vec<f64>>();
            // Without the columns of repetition and time.
            (
                names[2..].to_vec(),
                columns[2..].iter().map(pick).collect::<Vec<_>>(),
            )
        };
        let repetition: f64 = cells[4].parse().unwrap();
        let (other, anomalous) = part(cells[6], repetition);
        let (mut names, mut normal) = part(cells[7], repetition);
        if normal[0].len() < 10 {
            (names, normal) = part(cells[7], 1.0);
        }
        let (data, onset) = joined((&names, &normal), (&other, &anomalous), 5);
        let (data, apart) = if apart {
            let (before, after) = halves(&data, onset);
            (after, Some(before))
        } else {
            (data, None)
        };
        cases.push(Case {
            set: if apart.is_some() {
                "energy_sockshop, normal run apart"
            } else {
                "energy_sockshop"
            },
            kind: format!("{} {}", cells[1], cells[2]),
            root: cells[3].to_owned(),
            data,
            apart,
            onset,
            graph: graph.clone(),
        });
    }
    cases
}

/// The Sock Shop windows of `CausalRCA`: 61 rows at 5 s, each metric scaled to 0..1, with neither a normal
/// part nor a known onset. One of them is there twice under another name and counts once.
pub(crate) fn causalrca(folder: &str) -> Vec<Case> {
    let mut files: Vec<_> = std::fs::read_dir(Path::new(folder).join("causalrca_sockshop"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "csv"))
        .filter(|path| !path.to_string_lossy().contains("-old"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let (kind, root) = path
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .split_once('_')
                .unwrap();
            let (names, columns) = read(&path);
            let time = |i: usize| Timestamp::from_secs(5 * i as i64);
            let times = (0..columns[0].len()).map(time).collect();
            let metrics = names.iter().map(|name| Metric::parse(name, "_").unwrap());
            Case {
                set: "causalrca_sockshop",
                kind: kind.to_owned(),
                root: root.to_owned(),
                data: Observations::new(times, metrics.collect(), columns).unwrap(),
                apart: None,
                onset: Timestamp::default(),
                graph: Graph::new(),
            }
        })
        .collect()
}
