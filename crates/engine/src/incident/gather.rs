//! Series as the metrics of services on one grid.

use std::collections::{BTreeMap, BTreeSet};

use bongsu_core::{Series, Timestamp};
use bongsu_prometheus::Range;
use bongsu_rca::{Metric, Observations};

use super::names::{Named, ServiceNames};

/// What an analysis looks at.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) observations: Observations,
    /// Series whose labels name no service.
    pub(super) nameless: usize,
}

/// The series of `answers` that are about services of which `concerned` is true, on the grid of
/// `range`. A metric has the name of its query, and its further labels where a service has several.
pub(super) fn gather(
    answers: &[(String, Vec<Series>)],
    names: &ServiceNames,
    range: &Range,
    most: usize,
    concerned: impl Fn(&str) -> bool,
) -> Result<Gathered, String> {
    let mut nameless = 0;
    let mut chosen: Vec<(&str, Named, &Series)> = Vec::new();
    for (query, series) in answers {
        for series in series {
            match names.of_series(series.labels()) {
                None => nameless += 1,
                Some(named) if concerned(&named.service) => chosen.push((query, named, series)),
                Some(_) => {}
            }
        }
    }
    if chosen.len() > most {
        return Err(format!(
            "there are {} series, but rca.max_series is {most}",
            chosen.len()
        ));
    }
    if chosen.is_empty() {
        let why = match nameless {
            0 => "the queries gave no series".to_owned(),
            n => format!("none of {n} series names a service by a label of rca.service_labels"),
        };
        return Err(why);
    }
    let mut alike: BTreeMap<(&str, &str, Option<&str>), usize> = BTreeMap::new();
    for (query, named, _) in &chosen {
        let key = (*query, named.service.as_str(), named.metric.as_deref());
        *alike.entry(key).or_default() += 1;
    }
    let mut taken = BTreeSet::new();
    let mut metrics = Vec::with_capacity(chosen.len());
    let mut columns = Vec::with_capacity(chosen.len());
    let times = moments(range);
    for (query, named, series) in &chosen {
        let base = named.metric.as_deref().unwrap_or(query);
        let key = (*query, named.service.as_str(), named.metric.as_deref());
        let alone = alike.get(&key).is_none_or(|count| *count == 1);
        let name = if alone {
            base.to_owned()
        } else {
            format!("{base}{}", named.rest)
        };
        metrics.push(free(&named.service, &name, &mut taken));
        columns.push(column(series, range, times.len()));
    }
    let observations = Observations::new(times, metrics, columns).map_err(|e| e.to_string())?;
    Ok(Gathered {
        observations,
        nameless,
    })
}

/// The metric, under another name when there is one of its name.
fn free(service: &str, name: &str, taken: &mut BTreeSet<Metric>) -> Metric {
    let mut metric = Metric::new(service, name);
    let mut number = 1;
    while !taken.insert(metric.clone()) {
        number += 1;
        metric.name = format!("{name} #{number}");
    }
    metric
}

fn moments(range: &Range) -> Vec<Timestamp> {
    let next = |at: &Timestamp| Some(at.add_millis(range.step_ms));
    let moments = std::iter::successors(Some(range.start), next);
    moments.take_while(|at| *at <= range.end).collect()
}

/// A sample belongs to the first moment at or after it; of several the latest that is a number stands.
fn column(series: &Series, range: &Range, rows: usize) -> Vec<f64> {
    let mut column = vec![f64::NAN; rows];
    for (at, value) in series.timestamps().iter().zip(series.values()) {
        let place = at.align_up(range.step_ms).millis_since(range.start) / range.step_ms;
        let cell = usize::try_from(place).ok().and_then(|i| column.get_mut(i));
        if let Some(cell) = cell.filter(|_| !value.is_nan()) {
            *cell = *value;
        }
    }
    column
}

#[cfg(test)]
mod tests {
    use bongsu_core::Labels;

    use super::*;

    fn series(pairs: &[(&str, &str)], points: &[(i64, f64)]) -> Series {
        let labels = Labels::from_pairs(pairs.iter().copied()).unwrap();
        let mut series = Series::empty(labels);
        for (second, value) in points {
            series.push(Timestamp::from_secs(*second), *value).unwrap();
        }
        series
    }

    #[test]
    fn series_become_metrics_of_services_on_the_grid() {
        let range = Range {
            start: Timestamp::from_secs(60),
            end: Timestamp::from_secs(180),
            step_ms: 60_000,
        };
        let answers = vec![
            (
                "cpu".to_owned(),
                vec![
                    series(
                        &[("pod", "cart-x2x9z")],
                        &[(60, 1.0), (100, 2.0), (120, 3.0)],
                    ),
                    series(&[("pod", "cart-z9x2x")], &[(180, 5.0), (181, 9.0)]),
                    series(&[("pod", "far-x2x9z")], &[(60, 1.0)]),
                    series(&[("host", "a")], &[(60, 1.0)]),
                ],
            ),
            (
                "latency".to_owned(),
                vec![series(&[("pod", "cart-x2x9z")], &[(50, 1.0)])],
            ),
        ];
        let names = ServiceNames::new(vec!["pod".into()], false);
        let gathered = gather(&answers, &names, &range, 3, |service| service != "far").unwrap();
        assert_eq!(gathered.nameless, 1);
        let names_of: Vec<String> = gathered
            .observations
            .metrics()
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            r#"cpu{pod="cart-x2x9z"} of cart"#,
            r#"cpu{pod="cart-z9x2x"} of cart"#,
            "latency of cart",
        ];
        assert_eq!(names_of, expected);
        let columns = gathered.observations.columns();
        assert_eq!(columns[0][..2], [1.0, 3.0]);
        assert!(columns[0][2].is_nan());
        assert_eq!(columns[1][2], 5.0);
        assert_eq!(columns[2][0], 1.0);
        let refused = gather(&answers, &names, &range, 2, |_| true).unwrap_err();
        assert!(
            refused.contains("4 series, but rca.max_series is 2"),
            "{refused}"
        );
    }
}
