//! The one table of forecast models.

mod arima;
mod choice;
mod decomposed;
pub(crate) mod season;
mod simple;
mod smoothing;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bongsu_core::{Error as CoreError, Result as CoreResult};
use bongsu_forecast::transform::{Transform, Transformed};
use bongsu_forecast::{Ensemble, Member, Model, Mstl, Prophet, Step};
use bongsu_stats::period::PeriodSearch;

use super::markdown::{parameter_table, section};
use super::parameter::{ParameterSpec, Parameters, Takes, parameter};
use super::unknown;
use crate::Error;

/// Every forecast model, in groups of a kind.
pub const FORECAST_MODELS: &[&[ForecastSpec]] = &[
    simple::WALKS,
    arima::ARIMA,
    smoothing::SMOOTHING,
    decomposed::DECOMPOSED,
    simple::SPARSE,
    smoothing::COMBINED,
];

/// Every forecast model.
pub fn forecast_models() -> impl Iterator<Item = &'static ForecastSpec> {
    FORECAST_MODELS.iter().copied().flatten()
}

/// A forecast model by name, with its parameters.
#[derive(Debug)]
pub struct ForecastSpec {
    /// The name in `--model`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What can be set, beside what models have in common.
    pub parameters: &'static [ParameterSpec],
    /// Whether it gives intervals.
    pub intervals: bool,
    make: Make,
}

/// How a model is made from its parameters and its seasons in points: of one, 1 is none.
#[derive(Debug)]
enum Make {
    /// One model, whose values may be transformed.
    Plain(fn(&Parameters<'_>, usize) -> CoreResult<Member>),
    /// Several.
    Ensemble(fn(&Parameters<'_>, usize) -> CoreResult<Ensemble>),
    /// One of several seasons.
    Seasons(fn(&Parameters<'_>, &[usize]) -> CoreResult<Mstl>),
    /// One whose seasons are those of the calendar.
    Prophet(fn(&Parameters<'_>) -> CoreResult<Prophet>),
}

/// The configuration of a forecast model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ForecastModel {
    /// A model of the values as they are.
    Plain(Member),
    /// A model of transformed values.
    Transformed(Transformed),
    /// The median of several models.
    Ensemble(Ensemble),
    /// Several seasons, and a model of the rest.
    Mstl(Mstl),
    /// A trend that bends, and seasons of the calendar.
    Prophet(Box<Prophet>),
}

impl ForecastModel {
    /// The model as detectors and calibrated bands hold it.
    #[must_use]
    pub fn into_model(self) -> Model {
        match self {
            Self::Plain(model) => model.into(),
            Self::Transformed(model) => model.into(),
            Self::Ensemble(model) => model.into(),
            Self::Mstl(model) => model.into(),
            Self::Prophet(model) => (*model).into(),
        }
    }
}

/// Parameters of every model that is not made of others, and not Prophet's.
pub const TRANSFORM_PARAMETERS: &[ParameterSpec] = &[
    parameter(
        "transform",
        "none",
        "none, log or box-cox",
        "what is done to the values first, which must then be above 0; the forecast and its bounds are transformed back",
    ),
    parameter(
        "lambda",
        "auto",
        "auto or in [-2, 5]",
        "the power of `box-cox`; `auto` finds the one that makes the spread of seasons vary least (Guerrero)",
    ),
    parameter(
        "bias_adjusted",
        "false",
        "true or false",
        "with a transform, whether the mean is forecast and not the median",
    ),
];

/// The season of most models.
const PERIOD: ParameterSpec = parameter(
    "period",
    "auto",
    "auto or 1 to 65536",
    "points after which the series repeats itself, 1 for none; `auto` finds it in the values and the calendar",
);

impl ForecastSpec {
    /// Its own parameters, and those that models have in common.
    pub fn all_parameters(&self) -> impl Iterator<Item = &'static ParameterSpec> + use<> {
        self.takes().all()
    }

    const fn takes(&self) -> Takes {
        let shared = match self.make {
            Make::Plain(_) => TRANSFORM_PARAMETERS,
            Make::Ensemble(_) | Make::Seasons(_) | Make::Prophet(_) => &[],
        };
        Takes {
            kind: "forecast model",
            name: self.name,
            parameters: [self.parameters, shared],
            classic: &[],
            inner: None,
        }
    }

    fn has(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|p| p.name == parameter)
    }

    /// Whether a transform may come first.
    #[must_use]
    pub const fn transforms(&self) -> bool {
        matches!(self.make, Make::Plain(_))
    }

    /// Whether it takes regressors and holidays.
    #[must_use]
    pub const fn knows_events(&self) -> bool {
        matches!(self.make, Make::Prophet(_))
    }

    fn model(&self, p: &Parameters<'_>, seasons: &[usize]) -> CoreResult<ForecastModel> {
        let period = seasons.first().copied().unwrap_or(1);
        let model = match self.make {
            Make::Plain(make) => match transform(p, period)? {
                None => ForecastModel::Plain(make(p, period)?),
                Some(transform) => {
                    let model = Transformed::new(transform, make(p, period)?);
                    ForecastModel::Transformed(model.bias_adjusted(p.flag("bias_adjusted")?))
                }
            },
            Make::Ensemble(make) => ForecastModel::Ensemble(make(p, period)?),
            Make::Seasons(make) => ForecastModel::Mstl(make(p, seasons)?),
            Make::Prophet(make) => ForecastModel::Prophet(Box::new(make(p)?)),
        };
        match &model {
            ForecastModel::Plain(model) => model.validate(),
            ForecastModel::Transformed(model) => model.validate(),
            ForecastModel::Ensemble(model) => model.validate(),
            ForecastModel::Mstl(model) => model.validate(),
            ForecastModel::Prophet(model) => model.validate(),
        }?;
        Ok(model)
    }
}

fn transform(p: &Parameters<'_>, period: usize) -> CoreResult<Option<Transform>> {
    let lambda: Option<f64> = p.unless("lambda", "auto")?;
    let adjusted = p.flag("bias_adjusted")?;
    let kind = p.choice("transform", &[("none", 0), ("log", 1), ("box-cox", 2)])?;
    let useless = |name: &str, domain: &str| {
        let value = format!("`{}`", p.text(name));
        Err(CoreError::parameter(name, value, domain))
    };
    match (kind, lambda) {
        (0 | 1, Some(_)) => useless("lambda", "auto without `transform=box-cox`"),
        (0, None) if adjusted => useless("bias_adjusted", "false without a transform"),
        (0, None) => Ok(None),
        (1, None) => Ok(Some(Transform::Log)),
        (_, Some(lambda)) => Ok(Some(Transform::BoxCox(lambda))),
        (_, None) => Ok(Some(Transform::Guerrero { period })),
    }
}

/// The table's row for `name`.
///
/// # Errors
/// When there is none; the message has the nearest name.
pub fn find(name: &str) -> Result<&'static ForecastSpec, Error> {
    forecast_models()
        .find(|spec| spec.name == name)
        .ok_or_else(|| {
            let names = forecast_models().map(|spec| spec.name);
            unknown("forecast model", name, names, "bongsu forecast --list")
        })
}

/// A model by name with its parameters, before the values are known.
#[derive(Debug)]
pub struct ForecastPlan<'a> {
    spec: &'static ForecastSpec,
    parameters: Parameters<'a>,
    /// Its seasons in points; `None` where the values decide.
    seasons: Option<Vec<usize>>,
}

impl<'a> ForecastPlan<'a> {
    /// Checks everything that can be checked without values.
    ///
    /// # Errors
    /// When the name or a parameter is unknown, or a value is outside its domain.
    pub fn new(name: &str, given: &'a BTreeMap<String, String>) -> Result<Self, Error> {
        let spec = find(name)?;
        let parameters = Parameters::new(spec.takes(), given)?;
        let named = ["period", "periods"]
            .into_iter()
            .find(|name| spec.has(name));
        let seasons = match named {
            Some(name) if parameters.text(name) == "auto" => None,
            Some(name) => Some(parameters.list(name)?),
            None => Some(vec![arima::season_of(spec, &parameters)?]),
        };
        // Where the values decide, any season will do to check the other parameters.
        spec.model(&parameters, seasons.as_deref().unwrap_or(&[2]))?;
        Ok(Self {
            spec,
            parameters,
            seasons,
        })
    }

    /// The table's row.
    #[must_use]
    pub const fn spec(&self) -> &'static ForecastSpec {
        self.spec
    }

    /// Checks that the model needs nothing but the series, as backtests and detectors use it.
    ///
    /// # Errors
    /// When it has regressors or conditions, or its capacity is a column.
    pub(crate) fn check_alone(&self) -> Result<(), Error> {
        let model = self.model(self.seasons.as_deref().unwrap_or(&[2]))?;
        let ForecastModel::Prophet(model) = model else {
            return Ok(());
        };
        if model.open_bounds().any(|name| name == "cap") {
            let domain = "a number with logistic growth, as there are no columns here";
            return Err(CoreError::parameter("cap", "`none`", domain).into());
        }
        match model.columns().first() {
            None => Ok(()),
            Some(name) => Err(Error::config(format!(
                "`{}` needs the column `{name}`, but is only given the series here",
                self.spec.name
            ))),
        }
    }

    /// The level of the only interval that is usual for the model, in percent; `None` where there is
    /// no such level, and 0 where the model was told to give no interval.
    pub(crate) fn usual_level(&self) -> CoreResult<Option<f64>> {
        if !self.spec.has("interval_width") {
            return Ok(None);
        }
        let none = self.parameters.integer("uncertainty_samples")? == 0;
        let width = self.parameters.number("interval_width")?;
        // As it is written: 57 and not 56.99999999999999.
        Ok(Some(if none {
            0.0
        } else {
            (width * 1e12).round() / 1e10
        }))
    }

    /// The seasons of `values` in points, one value a step and NaN where one is missing: as they were
    /// set, or as found, the strongest first. Of models with one season, 1 is none.
    ///
    /// With the `step` that values are apart, a season of the calendar (a day, a week, a year) counts
    /// for one that is found near it, or that explains no more.
    ///
    /// # Errors
    /// When a value is infinite.
    pub fn seasons(&self, values: &[f64], step: Option<Step>) -> Result<Vec<usize>, Error> {
        if let Some(seasons) = &self.seasons {
            return Ok(seasons.clone());
        }
        let search = PeriodSearch::new();
        if matches!(self.spec.make, Make::Seasons(_)) {
            return Ok(season::find(&search, values, step)?);
        }
        // A season that the model cannot have is none.
        let possible = |&points: &usize| self.spec.model(&self.parameters, &[points]).is_ok();
        // The first that is found first, a day rather than a week that is a little stronger.
        for search in [search.clone().max_periods(1)?, search] {
            let found = season::find(&search, values, step)?;
            if let Some(points) = found.into_iter().find(possible) {
                return Ok(vec![points]);
            }
        }
        Ok(vec![1])
    }

    /// The model with these seasons.
    ///
    /// # Errors
    /// When the model needs a season and there is none.
    pub fn model(&self, seasons: &[usize]) -> Result<ForecastModel, Error> {
        Ok(self.spec.model(&self.parameters, seasons)?)
    }
}

/// An error where a season was looked for, is needed, and was not found.
fn season_needed(p: &Parameters<'_>, period: usize, what: &str) -> CoreResult<()> {
    if period == 1 && p.text("period") == "auto" {
        Err(CoreError::input(format!(
            "{what} needs a season, and none was found in the series: set `period`"
        )))
    } else {
        Ok(())
    }
}

/// The table of forecast models in Markdown, for the docs.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "# Forecasts\n\nGenerated by `bongsu forecast --list --format markdown`; do not edit by hand.\n\n\
         `bongsu forecast --model NAME --horizon N --input X.csv` continues a series by `N` steps. \
         Set a parameter with `--set name=value`.\n\n\
         Where a season is `auto`, the values are searched for one. The calendar has seasons for the step of the \
         times: a day and a week for steps below a day, a week for days, a year for weeks (52 points), months and \
         quarters. One of them takes the place of a season of `p` points that was found in `n` values where it lies within \
         `p^2 / n` points of it (at least 1) and explains about as much of the values; one that is farther off, where it \
         does as well and its phases differ for certain (an F test); and where nothing was found, one whose phases \
         differ for certain over three cycles. Give the period where you know it.\n\n\
         | model | intervals | |\n| --- | --- | --- |\n",
    );
    for spec in forecast_models() {
        let intervals = if spec.intervals { "yes" } else { "no" };
        let _ = writeln!(
            out,
            "| [`{0}`](#{0}) | {intervals} | {1} |",
            spec.name, spec.summary
        );
    }
    for spec in forecast_models() {
        section(&mut out, "##", spec.name, spec.summary, spec.parameters);
    }
    out.push_str(
        "\n## Transforms\n\nEvery model but `mstl`, `prophet` and `ensemble` can be fitted to transformed values.\n\n",
    );
    parameter_table(&mut out, TRANSFORM_PARAMETERS);
    out
}
