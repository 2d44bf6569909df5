//! The report: what is used, when it runs out, how sure that is, and what to do.

use std::borrow::Cow;

use bongsu_core::{Severity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::catalogue::Catalogue;
use crate::resource::short;
use crate::{Candidate, ChangedOutlook, Growth, Outlook, Status};

/// The version of the report's form.
pub const SCHEMA: u32 = 1;

/// Where the use of a resource tends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trend {
    /// It reaches its threshold in less than 90 days, at the rate of the past or by the forecast.
    Increasing,
    /// It does not.
    Stable,
    /// It falls.
    Decreasing,
}

impl Trend {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Increasing => "increasing",
            Self::Stable => "stable",
            Self::Decreasing => "decreasing",
        }
    }
}

/// How a candidate forecast the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateScore {
    /// Which.
    pub model: Candidate,
    /// The mean absolute error over all origins and leads, in the unit of the resource.
    pub mae: f64,
    /// The coefficient of determination over all origins and leads; `None` where nothing varied.
    pub r2: Option<f64>,
    /// The share of values within bounds that were calibrated on the other origins.
    pub coverage: Option<f64>,
    /// The mean pinball loss of these bounds, in the unit of the resource.
    pub pinball: Option<f64>,
}

/// What the choice of a model rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// How far ahead was forecast from each origin, in days; less than the plan's horizon where the
    /// history is short.
    pub horizon_days: f64,
    /// The number of origins.
    pub origins: usize,
    /// How each candidate did, the best mean absolute error first.
    pub candidates: Vec<CandidateScore>,
    /// The spread of the forecast's error grows with this power of the lead.
    pub error_growth: f64,
}

/// What a plan says of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourcePlan {
    /// Its name.
    pub resource: String,
    /// What is to come, by the first step of the grid whose mean is above the threshold.
    #[serde(flatten)]
    pub outlook: Outlook,
    /// The bound that must not be passed.
    pub threshold: f64,
    /// The last value.
    pub current: f64,
    /// The median of the last day without the rhythm.
    pub level: f64,
    /// What is left between that and the threshold; negative when it is passed.
    pub headroom: f64,
    /// The chosen model.
    pub model: Candidate,
    /// Where it tends.
    pub trend: Trend,
    /// How it grows.
    pub growth: Growth,
    /// When the greatest value of a day first crosses: the peak hour, bursts within a step among it.
    pub peak: Outlook,
    /// When the mean of a day first crosses: lasting exhaustion.
    pub sustained: Outlook,
    /// The effect of changes that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub what_if: Vec<ChangedOutlook>,
    /// What the choice of the model rests on.
    pub validation: Validation,
    /// The last point.
    pub at: Timestamp,
    /// The seconds of a step of the grid.
    pub step_seconds: f64,
    /// Values that were there.
    pub points: usize,
    /// What a reader must know.
    pub notes: Vec<String>,
}

impl ResourcePlan {
    /// The name of the resource, of which a longer one than 120 characters is its beginning.
    #[must_use]
    pub fn short_name(&self) -> Cow<'_, str> {
        short(&self.resource)
    }

    /// In one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let name = self.short_name();
        let outlook = &self.outlook;
        match (outlook.status, outlook.days_left) {
            (Status::Exceeded, _) => format!("{name} is above its threshold now."),
            (Status::Exhausts, Some(days)) => {
                let least = outlook.days_left_lower.unwrap_or(0.0);
                let most = outlook
                    .days_left_upper
                    .map_or_else(|| "beyond the horizon".to_owned(), |d| format!("{d:.1}"));
                format!("{name} runs out in {days:.1} days ({least:.1} to {most}).")
            }
            (Status::Shrinking, _) => format!("The use of {name} falls."),
            _ => format!(
                "{name} does not run out within the horizon ({:.0} % likely that it does).",
                100.0 * outlook.probability
            ),
        }
    }
}

/// Something to act on at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacityAlert {
    /// Of which resource.
    pub resource: String,
    /// How bad.
    pub severity: Severity,
    /// What it is, in a sentence.
    pub message: String,
}

/// Something to do in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// For which resource.
    pub resource: String,
    /// What to do.
    pub action: String,
    /// Why.
    pub because: String,
}

/// A capacity report over several resources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacityReport {
    /// The version of its form.
    pub schema: u32,
    /// How far ahead it looks, in days.
    pub horizon_days: f64,
    /// The probability that the intervals hold.
    pub level: f64,
    /// Each resource, the most urgent first.
    pub resources: Vec<ResourcePlan>,
    /// What runs out within the days of an alert.
    pub alerts: Vec<CapacityAlert>,
    /// What to do about what runs out within the days of a recommendation.
    pub recommendations: Vec<Recommendation>,
    /// Resources that could not be planned, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// From how many days left on a report warns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// An alert below so many days (default: 7).
    pub alert_days: f64,
    /// Recommendations below so many days (default: 30).
    pub recommend_days: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            alert_days: 7.0,
            recommend_days: 30.0,
        }
    }
}

impl CapacityReport {
    /// Gathers plans, the most urgent first, with alerts and with recommendations of `catalogue`.
    #[must_use]
    pub fn new(
        mut resources: Vec<ResourcePlan>,
        horizon_days: f64,
        level: f64,
        limits: Limits,
        catalogue: &Catalogue,
    ) -> Self {
        resources.sort_by(|a, b| a.outlook.urgency().total_cmp(&b.outlook.urgency()));
        let within =
            |plan: &ResourcePlan, days: f64| plan.outlook.days_left.is_some_and(|left| left < days);
        let alert = |plan: &ResourcePlan| CapacityAlert {
            resource: plan.resource.clone(),
            severity: if plan.outlook.status == Status::Exceeded {
                Severity::Critical
            } else {
                Severity::Warning
            },
            message: plan.summary(),
        };
        let urgent = resources.iter().filter(|p| within(p, limits.alert_days));
        let soon = resources
            .iter()
            .filter(|p| within(p, limits.recommend_days));
        Self {
            schema: SCHEMA,
            horizon_days,
            level,
            alerts: urgent.map(alert).collect(),
            recommendations: soon.flat_map(|plan| catalogue.advise(plan)).collect(),
            resources,
            failures: Vec::new(),
        }
    }

    /// The report as CSV: a line a resource, empty where there is no number.
    #[must_use]
    pub fn to_csv(&self) -> String {
        let mut csv = String::from(
            "resource,status,threshold,current,level,headroom,days_left,days_left_lower,\
             days_left_upper,probability,trend,growth_per_day,model,mae,coverage\n",
        );
        for plan in &self.resources {
            let outlook = &plan.outlook;
            let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
            let chosen = plan.validation.candidates.iter();
            let score = chosen.clone().find(|score| score.model == plan.model);
            let fields = [
                quoted(&plan.resource),
                outlook.status.name().to_owned(),
                plan.threshold.to_string(),
                plan.current.to_string(),
                plan.level.to_string(),
                plan.headroom.to_string(),
                number(outlook.days_left),
                number(outlook.days_left_lower),
                number(outlook.days_left_upper),
                outlook.probability.to_string(),
                plan.trend.name().to_owned(),
                plan.growth.per_day.to_string(),
                plan.model.name().to_owned(),
                number(score.map(|score| score.mae)),
                number(score.and_then(|score| score.coverage)),
            ];
            csv += &fields.join(",");
            csv.push('\n');
        }
        csv
    }
}

/// A field of CSV, quoted where it must be.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
