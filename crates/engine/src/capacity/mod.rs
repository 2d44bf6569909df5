//! Capacity plans of tables and of a source's series: the library side of `bongsu capacity`.

mod job;
mod keep;
mod page;

use std::collections::BTreeSet;

use bongsu_capacity::{
    CapacityReport, Catalogue, Limits, Planned, Planner, Projection, Resource, WhatIf,
};
use bongsu_core::{METRIC_NAME, Series};
use serde_json::{Value, json};

pub(crate) use self::job::{Answer, CapacityJob, Heard, QUERY, Ran, Standing, is_of_plan};
pub(crate) use self::keep::Kept;
pub use self::page::{capacity_page, capacity_plot};
use crate::config::{CapacityConfig, Config};
use crate::periodic::brief;
use crate::rca::parse;
use crate::source::Source;
use crate::{Error, Table};

/// The catalogue of recommendations that is used when no other is given.
const RECOMMENDATIONS: &str = include_str!("recommendations.yaml");

/// A name, and a threshold where one is given.
type Wanted = (String, Option<f64>);

/// What to plan, and how.
#[derive(Debug, Clone)]
pub struct CapacityRequest {
    /// The settings of the plan.
    pub planner: Planner,
    /// The threshold of every resource that has none of its own; without it, the usual one of its
    /// name.
    pub threshold: Option<f64>,
    /// Thresholds by the name of the resource.
    pub thresholds: Vec<(String, f64)>,
    /// Changes whose effect is asked for.
    pub changes: Vec<WhatIf>,
    /// From how many days left on a report warns.
    pub limits: Limits,
    /// What to recommend.
    pub catalogue: Catalogue,
}

impl CapacityRequest {
    /// The defaults, with the bundled catalogue of recommendations.
    ///
    /// # Errors
    /// When the bundled catalogue cannot be read, which would be a defect of this crate.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            planner: Planner::new(),
            threshold: None,
            thresholds: Vec::new(),
            changes: Vec::new(),
            limits: Limits::default(),
            catalogue: parse_recommendations(RECOMMENDATIONS)?,
        })
    }

    /// As a configuration says.
    ///
    /// # Errors
    /// When a value is outside its domain or the catalogue cannot be read.
    pub fn of(config: &CapacityConfig) -> Result<Self, Error> {
        let mut request = Self::new()?;
        request.planner = config.planner()?;
        request.changes = config.changes()?;
        request.limits = Limits {
            alert_days: config.alert_days,
            recommend_days: config.recommend_days,
        };
        if let Some(path) = &config.recommendations {
            request.catalogue = parse_recommendations(&crate::rca::read_text(path)?)?;
        }
        Ok(request)
    }

    /// The resource of a series, with its threshold.
    fn resource(
        &self,
        wanted: &Wanted,
        series: &Series,
    ) -> Result<(Resource, Option<String>), Error> {
        let (name, threshold) = wanted;
        let own = self.thresholds.iter().find(|(known, _)| known == name);
        let given = threshold
            .or(own.map(|(_, value)| *value))
            .or(self.threshold);
        if let Some(value) = given {
            return Ok((Resource::new(name, value)?, None));
        }
        let usual = Resource::named(name)?;
        // What is a ratio has a bound that is one.
        let ratio = series
            .values()
            .iter()
            .filter(|value| value.is_finite())
            .all(|value| (0.0..=1.0).contains(value));
        if !ratio {
            return Ok((usual, None));
        }
        let bound = usual.threshold() / 100.0;
        let note = format!("all values are between 0 and 1, so that the threshold is {bound}");
        Ok((Resource::new(name, bound)?, Some(note)))
    }
}

/// A report, and the curves that it can be drawn from.
#[derive(Debug, Clone)]
pub struct CapacityOutcome {
    /// The report.
    pub report: CapacityReport,
    /// The curves of each resource, in the order of the report.
    pub projections: Vec<Projection>,
}

impl CapacityOutcome {
    /// The report as JSON: what it says of the most urgent resource, then all of it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut document = json!({"schema": self.report.schema});
        let first = self.report.resources.first().map(|plan| json!(plan));
        for part in first.into_iter().chain([json!(self.report)]) {
            if let (Value::Object(all), Value::Object(part)) = (&mut document, part) {
                let kept = |key: &String| {
                    [
                        "resource",
                        "status",
                        "threshold",
                        "current",
                        "days_left",
                        "days_left_lower",
                        "days_left_upper",
                        "probability",
                        "model",
                    ]
                    .contains(&key.as_str())
                };
                let report = part.contains_key("resources");
                all.extend(part.into_iter().filter(|(key, _)| report || kept(key)));
            }
        }
        document
    }
}

/// Plans every channel of a table, whose rows may be in any order.
///
/// # Errors
/// When no channel can be planned; the message says why. A channel that cannot is told in the report
/// where another can.
///
/// ```
/// use bongsu_engine::{CapacityRequest, Table, plan_capacity};
/// let mut csv = String::from("timestamp,disk\n");
/// for hour in 0..240 {
///     csv += &format!("{},{}\n", 3_600 * hour, 70.0 + 0.04 * f64::from(hour));
/// }
/// let table = Table::read(csv.as_bytes())?;
/// let found = plan_capacity(&table, &CapacityRequest::new()?)?.to_json();
/// // 79.56 now, 0.96 a day, and 90 is the usual threshold of a disk.
/// assert_eq!(found["status"], "exhausts");
/// assert!((found["days_left"].as_f64().unwrap() - 10.9).abs() < 0.5);
/// # Ok::<(), bongsu_engine::Error>(())
/// ```
pub fn plan_capacity(table: &Table, request: &CapacityRequest) -> Result<CapacityOutcome, Error> {
    let table = table.sorted();
    let series = table.to_series()?.into_iter().zip(&table.channels);
    let wanted = series.map(|(series, name)| ((name.clone(), None), series));
    let wanted: Vec<(Wanted, Series)> = wanted.collect();
    gather(&wanted, Vec::new(), request, &|| false)
}

/// Asks the source of `config` for the past of every resource of its section `capacity`, and plans
/// them.
///
/// # Errors
/// When there is no such section, the source cannot be opened, and as [`plan_capacity`]; a query
/// that fails is told in the report where another does not.
pub async fn plan_configured(config: &Config) -> Result<CapacityOutcome, Error> {
    config.validate()?;
    let Some(section) = &config.capacity else {
        return Err(Error::config(
            "the configuration has no section `capacity`: add one with `resources`",
        ));
    };
    let request = CapacityRequest::of(section)?;
    let source = Source::open(config).await?;
    source.gather().await;
    let asked = ask(section, &source).await;
    source.close().await;
    gather(&asked.wanted, asked.failures, &request, &|| false)
}

/// What a source answered.
#[derive(Debug, Default)]
struct Asked {
    /// The resources that were not answered, or only in part.
    unanswered: BTreeSet<String>,
    /// The resources that have no series.
    empty: BTreeSet<String>,
    wanted: Vec<(Wanted, Series)>,
    /// The resource of the configuration that each of them belongs to.
    resources: Vec<String>,
    failures: Vec<String>,
}

impl Asked {
    /// Keeps the series that `wanted` says.
    fn keep(&mut self, wanted: impl Fn(&Series) -> bool) {
        let (pasts, resources) = (self.wanted.drain(..), self.resources.drain(..));
        let kept = pasts
            .zip(resources)
            .filter(|((_, series), _)| wanted(series));
        (self.wanted, self.resources) = kept.collect();
    }
}

/// The past of every resource.
async fn ask(section: &CapacityConfig, source: &Source) -> Asked {
    let mut asked = Asked::default();
    for resource in &section.resources {
        let range = source.whole(
            section.step.millis(),
            source.now(),
            section.history.millis(),
        );
        match source.fetch(&resource.expr, &range).await {
            // What is missing in a part has not ended, and a part is nothing to plan from.
            Ok(answer) if answer.quality.partial => {
                let message = format!("{}: the answer is partial", resource.name);
                asked.failures.push(message);
                asked.unanswered.insert(resource.name.clone());
            }
            Ok(answer) if answer.series.is_empty() => {
                let message = format!("{}: there is no series", resource.name);
                asked.failures.push(message);
                asked.empty.insert(resource.name.clone());
            }
            Ok(answer) => {
                let several = answer.series.len() > 1;
                for series in answer.series {
                    let name = name_of(&resource.name, &series, several);
                    asked.wanted.push(((name, resource.threshold), series));
                    asked.resources.push(resource.name.clone());
                }
            }
            Err(error) => {
                asked.failures.push(format!("{}: {error}", resource.name));
                asked.unanswered.insert(resource.name.clone());
            }
        }
    }
    asked
}

/// The name of a resource, with the labels of its series where it has several.
fn name_of(name: &str, series: &Series, several: bool) -> String {
    if !several {
        return name.to_owned();
    }
    let labels = series.labels().iter();
    let labels: Vec<String> = labels
        .filter(|(label, _)| *label != METRIC_NAME)
        .map(|(label, value)| format!("{label}=\"{value}\""))
        .collect();
    format!("{name}{{{}}}", labels.join(","))
}

/// Plans what is wanted, until `stop` says that nobody waits for it any more.
fn gather(
    wanted: &[(Wanted, Series)],
    mut failures: Vec<String>,
    request: &CapacityRequest,
    stop: &dyn Fn() -> bool,
) -> Result<CapacityOutcome, Error> {
    request.catalogue.validate()?;
    let mut planned: Vec<Planned> = Vec::new();
    let mut last = None;
    for (wanted, series) in wanted {
        if stop() {
            return Err(Error::input("the plan was broken off"));
        }
        let plan = request
            .resource(wanted, series)
            .and_then(|(resource, note)| {
                let mut plan = request
                    .planner
                    .plan(&series.view(), &resource, &request.changes)?;
                plan.report.notes.extend(note);
                Ok(plan)
            });
        match plan {
            Ok(plan) => planned.push(plan),
            Err(error) => {
                failures.push(format!("{}: {error}", brief(&wanted.0)));
                last = Some(error);
            }
        }
    }
    if planned.is_empty() && !failures.is_empty() {
        // One that is alone is told as it is.
        return Err(match (last, failures.as_slice()) {
            (Some(error), [_]) => error,
            _ => Error::input(format!("nothing could be planned: {}", failures.join("; "))),
        });
    }
    planned.sort_by(|a, b| {
        let urgency = |plan: &Planned| plan.report.outlook.urgency();
        urgency(a).total_cmp(&urgency(b))
    });
    let (plans, projections) = planned
        .into_iter()
        .map(|plan| (plan.report, plan.projection))
        .unzip();
    let mut report = CapacityReport::new(
        plans,
        request.planner.horizon_days(),
        request.planner.interval_level(),
        request.limits,
        &request.catalogue,
    );
    report.failures = failures;
    Ok(CapacityOutcome {
        report,
        projections,
    })
}

/// A catalogue of recommendations in YAML.
///
/// # Errors
/// When it cannot be read.
pub fn parse_recommendations(text: &str) -> Result<Catalogue, Error> {
    parse("the catalogue of recommendations", text)
}
