use std::collections::BTreeSet;

use bongsu_core::{Error, Frame, Labels, METRIC_NAME, Result, Timestamp};
use serde::{Deserialize, Serialize};

/// One thing that is measured of one service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Metric {
    /// The service.
    pub service: String,
    /// What is measured of it.
    #[serde(rename = "metric")]
    pub name: String,
}

impl Metric {
    /// A metric of a service.
    pub fn new(service: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            name: name.into(),
        }
    }

    /// From a column's name `service<separator>metric`, split where the separator occurs first.
    /// `None` when it does not occur, or when one side of it is empty.
    ///
    /// ```
    /// use bongsu_rca::Metric;
    /// assert_eq!(Metric::parse("cart:cpu:pod-1", ":"), Some(Metric::new("cart", "cpu:pod-1")));
    /// assert_eq!(Metric::parse("cpu", ":"), None);
    /// ```
    #[must_use]
    pub fn parse(column: &str, separator: &str) -> Option<Self> {
        let (service, name) = column.split_once(separator)?;
        (!service.is_empty() && !name.is_empty()).then(|| Self::new(service, name))
    }

    /// From the labels of a series: the service is the value of the label `service_label`, the name is
    /// the metric's name with what labels remain. `None` when there is no such label.
    #[must_use]
    pub fn from_labels(labels: &Labels, service_label: &str) -> Option<Self> {
        let service = labels.get(service_label)?;
        let rest = labels.without(&[service_label, METRIC_NAME]);
        let name = labels.metric_name().unwrap_or("value");
        Some(if rest.is_empty() {
            Self::new(service, name)
        } else {
            Self::new(service, format!("{name}{rest}"))
        })
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.name, self.service)
    }
}

/// The metrics of several services over the same moments.
///
/// Values that are NaN or infinite count as missing. Memory: 8 bytes a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Observations {
    times: Vec<Timestamp>,
    metrics: Vec<Metric>,
    columns: Vec<Vec<f64>>,
}

impl Observations {
    /// The values of each metric at each moment; `columns` holds one list a metric.
    ///
    /// # Errors
    /// When there is no metric, when a metric occurs twice, when time does not increase, or when a
    /// column has another length than the list of moments.
    pub fn new(
        times: Vec<Timestamp>,
        metrics: Vec<Metric>,
        mut columns: Vec<Vec<f64>>,
    ) -> Result<Self> {
        if metrics.is_empty() {
            return Err(Error::input("there is no metric to look at"));
        }
        if columns.len() != metrics.len() {
            return Err(Error::shape(
                "number of columns",
                columns.len(),
                metrics.len(),
            ));
        }
        let mut seen = BTreeSet::new();
        for metric in &metrics {
            if !seen.insert(metric) {
                return Err(Error::input(format!("metric {metric} occurs twice")));
            }
        }
        if let Some((a, b)) = times.iter().zip(times.iter().skip(1)).find(|(a, b)| a >= b) {
            return Err(Error::input(format!(
                "time must increase, but {b} follows {a}"
            )));
        }
        for (metric, column) in metrics.iter().zip(&mut columns) {
            if column.len() != times.len() {
                return Err(Error::shape(
                    format!("number of values of {metric}"),
                    column.len(),
                    times.len(),
                ));
            }
            for value in column.iter_mut().filter(|value| !value.is_finite()) {
                *value = f64::NAN;
            }
        }
        Ok(Self {
            times,
            metrics,
            columns,
        })
    }

    /// The channels of a frame; the value of the label `service_label` names the service.
    ///
    /// # Errors
    /// When a channel has no such label, and as [`Observations::new`].
    pub fn from_frame(frame: &Frame, service_label: &str) -> Result<Self> {
        let metrics = frame.channels().iter().map(|labels| {
            Metric::from_labels(labels, service_label).ok_or_else(|| {
                Error::input(format!(
                    "{} has no label `{service_label}`, which names the service",
                    labels.selector()
                ))
            })
        });
        let metrics = metrics.collect::<Result<_>>()?;
        let values = frame.values();
        let columns = values.columns().into_iter();
        let columns = columns.map(|column| column.to_vec()).collect();
        Self::new(frame.timestamps().to_vec(), metrics, columns)
    }

    /// The moments.
    #[must_use]
    pub fn times(&self) -> &[Timestamp] {
        &self.times
    }

    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// The values of each metric; missing is NaN.
    #[must_use]
    pub fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    /// The number of moments.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.times.len()
    }

    /// The names of the services in order.
    #[must_use]
    pub fn services(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.metrics.iter().map(|m| m.service.as_str()).collect();
        names.into_iter().collect()
    }

    /// The usual time between two moments in milliseconds: the median, at least 1.
    #[must_use]
    pub fn step(&self) -> i64 {
        let pairs = self.times.iter().zip(self.times.iter().skip(1));
        let mut steps: Vec<i64> = pairs.map(|(a, b)| b.millis_since(*a)).collect();
        let middle = steps.len() / 2;
        if steps.is_empty() {
            return 1;
        }
        *steps.select_nth_unstable(middle).1
    }

    /// The first row at or after `time`.
    #[must_use]
    pub fn row_at(&self, time: Timestamp) -> usize {
        self.times.partition_point(|t| *t < time)
    }
}
