use bongsu_core::Labels;

use super::{Graph, Provenance};

/// How labels of Kubernetes workloads name services and their dependencies.
///
/// Kubernetes has no label of its own for dependencies, so a prefix is agreed on: a workload with the
/// labels `app.kubernetes.io/name: shop` and `depends-on.bongsu.dev/cart: "true"` is the service
/// `shop`, which calls `cart`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubernetesLabels {
    /// The label that names the service (default: `app.kubernetes.io/name`).
    pub name: String,
    /// What the names of labels begin with that end with the name of a dependency (default:
    /// `depends-on.bongsu.dev/`).
    pub depends_on: String,
}

impl Default for KubernetesLabels {
    fn default() -> Self {
        Self {
            name: "app.kubernetes.io/name".to_owned(),
            depends_on: "depends-on.bongsu.dev/".to_owned(),
        }
    }
}

impl KubernetesLabels {
    /// The same as kube-state-metrics writes them at `kube_deployment_labels` and its like:
    /// `label_app_kubernetes_io_name` and `label_depends_on_bongsu_dev_`.
    #[must_use]
    pub fn exported() -> Self {
        Self {
            name: "label_app_kubernetes_io_name".to_owned(),
            depends_on: "label_depends_on_bongsu_dev_".to_owned(),
        }
    }
}

impl Graph {
    /// Adds the services that the labels of workloads name, and their dependencies. A dependency with
    /// the value `false` is none. A name that is no service is that of the one service from which it
    /// differs only by what the name of a Prometheus label cannot have: `order_store` is `order-store`.
    /// Returns the number of workloads that named a service.
    pub fn add_workloads<'a>(
        &mut self,
        workloads: impl IntoIterator<Item = &'a Labels>,
        names: &KubernetesLabels,
    ) -> usize {
        let mut calls: Vec<(&str, &str)> = Vec::new();
        let mut used = 0;
        for labels in workloads {
            let Some(service) = labels.get(&names.name) else {
                continue;
            };
            used += 1;
            self.place_or_insert(service);
            for (label, value) in labels.iter() {
                if let Some(callee) = label.strip_prefix(&names.depends_on)
                    && !callee.is_empty()
                    && value != "false"
                {
                    calls.push((service, callee));
                }
            }
        }
        let known: Vec<String> = self.services().map(str::to_owned).collect();
        for (service, callee) in calls {
            let mut alike = known.iter().filter(|name| written(name) == callee);
            let callee = match (known.iter().find(|name| *name == callee), alike.next()) {
                (None, Some(name)) if alike.next().is_none() => name,
                _ => callee,
            };
            self.add(service, callee, Provenance::Labels);
        }
        used
    }
}

/// A name as a part of the name of a Prometheus label.
fn written(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric();
    name.chars()
        .map(|c| if fits(c) { c } else { '_' })
        .collect()
}
