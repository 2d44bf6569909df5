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
    /// The same measures, where enough services have them.
    peers: Vec<Peers>,
}

/// The metrics that measure the same.
#[derive(Debug)]
struct Peers {
    /// For each service its metrics of the name, of which there is one, or one of each of its instances.
    of_services: Vec<Vec<usize>>,
    /// Those from which what is common to them is taken.
    members: Vec<usize>,
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

/// Metrics of the same name, where enough services have it. The rest by their names without labels,
/// beside all metrics of those: a measure of each pod has the pod in its labels, and so neither the name
/// of that of another service nor that of a service with a single pod.
fn peers(metrics: &[Metric]) -> Vec<Peers> {
    let mut alone = vec![true; metrics.len()];
    let mut found = Vec::new();
    let names: [fn(&Metric) -> &str; 2] = [
        |metric| &metric.name,
        |metric| metric.name.split('{').next().unwrap_or_default(),
    ];
    for name in names {
        let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
        for (i, metric) in metrics.iter().enumerate() {
            let services = groups.entry(name(metric)).or_default();
            services.entry(&metric.service).or_default().push(i);
        }
        for services in groups.into_values().filter(|s| s.len() >= LEAST_PEERS) {
            let of_services: Vec<Vec<usize>> = services.into_values().collect();
            let members = of_services.iter().flatten().copied();
            let members: Vec<usize> = members.filter(|&i| alone.get(i) == Some(&true)).collect();
            for &i in &members {
                if let Some(slot) = alone.get_mut(i) {
                    *slot = false;
                }
            }
            found.push(Peers {
                of_services,
                members,
            });
        }
    }
    found.retain(|peers| !peers.members.is_empty());
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
    // All of them first: metrics may be compared with others from which something is taken, too.
    let commons = layout.peers.iter();
    let commons: Vec<f64> = commons.map(|p| common(weights, p, scratch)).collect();
    for (peers, common) in layout.peers.iter().zip(commons) {
        for &i in &peers.members {
            if let Some(weight) = weights.get_mut(i) {
                *weight = (*weight - common).max(0.0);
            }
        }
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
fn common(weights: &[f64], peers: &Peers, scratch: &mut Vec<f64>) -> f64 {
    let services = peers.of_services.iter();
    let shown: Vec<f64> = services
        .map(|of_service| match of_service.as_slice() {
            [one] => weights.get(*one).copied().unwrap_or_default(),
            several => {
                scratch.clear();
                scratch.extend(several.iter().filter_map(|&i| weights.get(i)));
                bongsu_stats::robust::median(scratch)
            }
        })
        .collect();
    bongsu_stats::robust::quantile(&shown, COMMON)
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

    /// The services whose weights remain when all of `names` of them weigh as much.
    fn left(names: &[(&str, &str)]) -> Vec<String> {
        let metrics: Vec<Metric> = names.iter().map(|(s, m)| Metric::new(*s, *m)).collect();
        let layout = Layout::new(&metrics);
        let mut weights = vec![2.0; metrics.len()];
        let services = of_services(&layout, &mut weights, &mut Vec::new());
        let named = layout.services.iter().zip(services);
        let left = named.filter(|(_, weight)| *weight > 0.0);
        left.map(|(name, _)| name.clone()).collect()
    }

    #[test]
    fn load_is_common_to_services_with_one_pod_and_with_several() {
        let singles: Vec<String> = (0..8).map(|i| format!("s{i}")).collect();
        let mut names: Vec<(&str, &str)> = singles.iter().map(|s| (s.as_str(), "cpu")).collect();
        names.extend([("web", "cpu{pod=\"web-1\"}"), ("web", "cpu{pod=\"web-2\"}")]);
        assert_eq!(left(&names), Vec::<String>::new());
        // What hardly anybody measures has no peers.
        names.push(("web", "disk"));
        assert_eq!(left(&names), ["web"]);
        // Few services have one pod: they are compared with the others, too.
        let pods: Vec<(String, String)> = (0..8)
            .flat_map(|i| [1, 2].map(|pod| (format!("s{i}"), format!("cpu{{pod=\"{i}-{pod}\"}}"))))
            .collect();
        let mut names: Vec<(&str, &str)> = pods.iter().map(|(s, m)| (&**s, &**m)).collect();
        names.push(("web", "cpu"));
        assert_eq!(left(&names), Vec::<String>::new());
    }

    #[test]
    fn the_sum_halves() {
        assert_eq!(halving_sum(&mut [1.0, 4.0, 2.0]), 4.0 + 1.0 + 0.25);
        assert_eq!(halving_sum(&mut []), 0.0);
    }
}
