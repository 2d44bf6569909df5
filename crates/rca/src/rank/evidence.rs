use std::collections::BTreeMap;

use super::deviation::{Deviation, deviation};
use crate::Metric;

/// What counts as the same measure taken of many services: at least so many services have it.
const LEAST_PEERS: usize = 8;

/// What three quarters of the services show of a measure is common to them: a fault at the end of a long
/// chain of calls reaches many services, but load reaches all.
const COMMON: f64 = 0.25;

/// A deviation beyond this counts as this one: where a metric was all but constant, how many times its
/// spread it moved says how constant it was, not how much it speaks for a fault.
const MOST: f64 = 1_000.0;

/// The services of some metrics, and which metrics measure the same of different services.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The names of the services in order.
    pub(crate) services: Vec<String>,
    /// For each metric the place of its service.
    pub(crate) service_of: Vec<usize>,
    /// The metrics of each service.
    pub(crate) metrics_of: Vec<Vec<usize>>,
    /// The same measures, where enough services have them: for each service its metrics of the name, of
    /// which there is one, or one of each of its instances.
    peers: Vec<Vec<Vec<usize>>>,
}

impl Layout {
    pub(crate) fn new(metrics: &[Metric]) -> Self {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for metric in metrics {
            places.entry(&metric.service).or_default();
        }
        for (place, slot) in places.values_mut().enumerate() {
            *slot = place;
        }
        let service_of: Vec<usize> = metrics
            .iter()
            .map(|m| places.get(m.service.as_str()).copied().unwrap_or_default())
            .collect();
        let mut metrics_of = vec![Vec::new(); places.len()];
        for (i, &service) in service_of.iter().enumerate() {
            if let Some(list) = metrics_of.get_mut(service) {
                list.push(i);
            }
        }
        Self {
            services: places.keys().map(|&name| name.to_owned()).collect(),
            service_of,
            metrics_of,
            peers: peers(metrics),
        }
    }

    pub(crate) fn place(&self, service: &str) -> Option<usize> {
        self.services
            .binary_search_by(|name| name.as_str().cmp(service))
            .ok()
    }
}

/// Metrics of the same name, where enough services have it. The rest by their names without labels: a
/// measure of each pod has the pod in its labels, and so never the name of that of another service.
fn peers(metrics: &[Metric]) -> Vec<Vec<Vec<usize>>> {
    let by = |name: &dyn Fn(&Metric) -> String, of: &mut dyn Iterator<Item = usize>| {
        let mut names: BTreeMap<String, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
        for (i, metric) in of.filter_map(|i| Some((i, metrics.get(i)?))) {
            let services = names.entry(name(metric)).or_default();
            services.entry(&metric.service).or_default().push(i);
        }
        names
            .into_values()
            .filter(|s| s.len() >= LEAST_PEERS)
            .map(|services| services.into_values().collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let mut found = by(&|m| m.name.clone(), &mut (0..metrics.len()));
    let mut alone = vec![true; metrics.len()];
    for &i in found.iter().flatten().flatten() {
        if let Some(slot) = alone.get_mut(i) {
            *slot = false;
        }
    }
    let rest = alone.iter().enumerate().filter(|(_, alone)| **alone);
    let measure = |m: &Metric| m.name.split('{').next().unwrap_or_default().to_owned();
    found.extend(by(&measure, &mut rest.map(|(i, _)| i)));
    found
}

/// How much each metric says that its service is at fault.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) deviations: Vec<Deviation>,
    /// `ln(1 + deviation)`, of at most [`MOST`] deviations, times the share of the incident in which the
    /// metric is outside its normal range, beyond what the same measure shows of services in general.
    pub(crate) weights: Vec<f64>,
    /// The sum of the weights of each service's metrics, each further one counting for half.
    pub(crate) services: Vec<f64>,
}

impl Evidence {
    pub(crate) fn new(layout: &Layout, normal: &[&[f64]], after: &[&[f64]], share: f64) -> Self {
        let mut keys = Vec::new();
        let mut scratch = Vec::new();
        let parts = normal.iter().zip(after);
        let deviations: Vec<Deviation> = parts
            .map(|(normal, after)| deviation(normal, after, share, &mut keys))
            .collect();
        let weights = deviations.iter().map(|d| weight(d.size, d.outside));
        let mut weights: Vec<f64> = weights.collect();
        let services = of_services(layout, &mut weights, &mut scratch);
        Self {
            deviations,
            weights,
            services,
        }
    }
}

/// How much a metric says, before it is compared with its peers.
pub(super) fn weight(size: f64, outside: f64) -> f64 {
    size.min(MOST).ln_1p() * outside
}

/// Takes from the weights what is common to many services, and adds up those of each service.
pub(super) fn of_services(
    layout: &Layout,
    weights: &mut [f64],
    scratch: &mut Vec<f64>,
) -> Vec<f64> {
    for peers in &layout.peers {
        subtract_common(weights, peers, scratch);
    }
    let services = layout.metrics_of.iter().map(|metrics| {
        scratch.clear();
        scratch.extend(metrics.iter().filter_map(|&i| weights.get(i)));
        halving_sum(scratch)
    });
    services.collect()
}

/// What moves everywhere, as load does, speaks for no service in particular. A service with several
/// instances shows what the middle one of them does.
fn subtract_common(weights: &mut [f64], peers: &[Vec<usize>], scratch: &mut Vec<f64>) {
    let shown: Vec<f64> = peers
        .iter()
        .map(|of_service| match of_service.as_slice() {
            [one] => weights.get(*one).copied().unwrap_or_default(),
            several => {
                scratch.clear();
                scratch.extend(several.iter().filter_map(|&i| weights.get(i)));
                bongsu_stats::robust::median(scratch)
            }
        })
        .collect();
    let common = bongsu_stats::robust::quantile(&shown, COMMON);
    for &i in peers.iter().flatten() {
        if let Some(weight) = weights.get_mut(i) {
            *weight = (*weight - common).max(0.0);
        }
    }
}

/// The largest, half of the next, a quarter of the next: several metrics that agree count more than
/// one, but a service with many metrics has no advantage that grows with their number.
fn halving_sum(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(|a, b| b.total_cmp(a));
    values
        .iter()
        .rev()
        .fold(0.0, |sum, value| value + 0.5 * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_halves() {
        assert_eq!(halving_sum(&mut [1.0, 4.0, 2.0]), 4.0 + 1.0 + 0.25);
        assert_eq!(halving_sum(&mut []), 0.0);
    }
}
