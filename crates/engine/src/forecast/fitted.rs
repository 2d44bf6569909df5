//! What was fitted, in words and numbers.

use bongsu_core::{FittedForecaster, Result as CoreResult, SeriesView};
use bongsu_forecast::arima::Diagnostics;
use bongsu_forecast::ces::CesSeason;
use bongsu_forecast::prophet::Columns;
use bongsu_forecast::theta::ThetaModel;
use bongsu_forecast::{
    FittedArima, FittedCes, FittedCroston, FittedEts, FittedMember, FittedNaive, FittedProphet,
    FittedTheta, Information,
};

use crate::registry::forecast::ForecastModel;

/// What a fitted forecast model tells of itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelSummary {
    /// The model as people write it, such as `ETS(A,Ad,N)`.
    pub description: String,
    /// `p`, `d`, `q` of an ARIMA.
    pub order: Option<[usize; 3]>,
    /// `P`, `D`, `Q`, `s` of an ARIMA with a season.
    pub seasonal_order: Option<[usize; 4]>,
    /// What was estimated.
    pub parameters: Vec<(String, f64)>,
    /// The standard errors of those of them that have one.
    pub standard_errors: Vec<(String, f64)>,
    /// The logarithm of the likelihood, of the transformed values where there is a transform.
    pub log_likelihood: Option<f64>,
    /// The information criteria that go with it.
    pub information: Option<Information>,
    /// Tests of the residuals of an ARIMA that has enough of them.
    pub diagnostics: Option<Diagnostics>,
    /// Whether every search came to its end.
    pub converged: bool,
    /// The members of an ensemble.
    pub members: Vec<String>,
    /// The members of an ensemble that could not be fitted, and why.
    pub failures: Vec<String>,
}

/// Fits `model`, which is called `name`, to `series`, beside which there are `columns`.
pub(super) fn fit(
    name: &str,
    model: &ForecastModel,
    series: &SeriesView<'_>,
    columns: &Columns<'_>,
) -> CoreResult<(Box<dyn FittedForecaster>, ModelSummary)> {
    Ok(match model {
        ForecastModel::Plain(model) => {
            let fitted = model.fit(series)?;
            let summary = ModelSummary::of(name, &fitted);
            (Box::new(fitted), summary)
        }
        ForecastModel::Transformed(model) => {
            let fitted = model.fit(series)?;
            let mut summary = ModelSummary::of(name, fitted.model());
            let lambda = fitted.lambda();
            summary.description = if lambda == 0.0 {
                format!("{} of logarithms", summary.description)
            } else {
                format!("{} of Box-Cox powers {lambda:.4}", summary.description)
            };
            summary.parameters.push(("lambda".to_owned(), lambda));
            (Box::new(fitted), summary)
        }
        ForecastModel::Ensemble(model) => {
            let fitted = model.fit(series)?;
            let each = fitted.members().iter();
            let each: Vec<ModelSummary> = each.map(|m| ModelSummary::of(name, m)).collect();
            let members: Vec<String> = each.iter().map(|one| one.description.clone()).collect();
            let summary = ModelSummary {
                description: combined(&members, fitted.weights()),
                converged: each.iter().all(|one| one.converged),
                members,
                failures: fitted.failures().to_vec(),
                ..ModelSummary::default()
            };
            (Box::new(fitted), summary)
        }
        ForecastModel::Mstl(model) => {
            let fitted = model.fit(series)?;
            let rest = ModelSummary::of("the rest", fitted.model());
            let periods = fitted.seasons().iter().map(|s| s.len().to_string());
            let periods: Vec<String> = periods.collect();
            let summary = ModelSummary {
                description: format!(
                    "seasons of {} points and {}",
                    periods.join(", "),
                    rest.description
                ),
                order: None,
                seasonal_order: None,
                ..rest
            };
            (Box::new(fitted), summary)
        }
        ForecastModel::Prophet(model) => {
            let fitted = model.fit_with(series, columns)?;
            let summary = prophet(&fitted);
            (Box::new(fitted), summary)
        }
    })
}

/// `1 bend`, `2 bends`.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

fn prophet(fitted: &FittedProphet) -> ModelSummary {
    let p = fitted.parameters();
    let seasons = fitted.seasonalities().len();
    let bends = p.delta.iter().filter(|&&delta| delta != 0.0).count();
    let mut parameters = named([("k", Some(p.k)), ("m", Some(p.m)), ("sigma", Some(p.sigma))]);
    let many = |name: &str, values: &[f64]| -> Vec<(String, f64)> {
        let values = values.iter().enumerate();
        values
            .map(|(i, &value)| (format!("{name}[{i}]"), value))
            .collect()
    };
    parameters.extend(many("delta", &p.delta));
    parameters.extend(many("beta", &p.beta));
    ModelSummary {
        description: format!(
            "Prophet with {} and {}",
            counted(bends, "bend"),
            counted(seasons, "season")
        ),
        parameters,
        converged: fitted.converged(),
        ..ModelSummary::default()
    }
}

impl ModelSummary {
    /// Of a model that is called `name`, unless it has more to say of itself.
    fn of(name: &str, fitted: &FittedMember) -> Self {
        let mut summary = match fitted {
            FittedMember::Arima(fitted) => arima(fitted),
            FittedMember::Ets(fitted) => ets(fitted),
            FittedMember::Ces(fitted) => ces(fitted),
            FittedMember::Theta(fitted) => theta(fitted),
            FittedMember::Naive(fitted) => naive(fitted),
            FittedMember::Croston(fitted) => croston(fitted),
            FittedMember::Prophet(fitted) => prophet(fitted),
            // A kind that is not known here tells nothing.
            _ => Self::default(),
        };
        if summary.description.is_empty() {
            name.clone_into(&mut summary.description);
        }
        summary
    }
}

/// Names with the values that are there.
fn named<const N: usize>(values: [(&str, Option<f64>); N]) -> Vec<(String, f64)> {
    let present = values.into_iter();
    present
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

fn arima(fitted: &FittedArima) -> ModelSummary {
    let orders = fitted.orders();
    let parameters = fitted.parameters();
    let errors = parameters.iter();
    let errors = errors.filter_map(|p| Some((p.name.clone(), p.standard_error?)));
    let constant = ["const", "trend"];
    let with: Vec<&str> = parameters
        .iter()
        .map(|p| p.name.as_str())
        .filter(|name| constant.contains(name))
        .collect();
    let with = if with.is_empty() {
        String::new()
    } else {
        format!(" with {}", with.join(" and "))
    };
    ModelSummary {
        description: format!("ARIMA{orders}{with}"),
        order: Some([orders.ar, orders.diff, orders.ma]),
        seasonal_order: (orders.period > 1).then_some([
            orders.seasonal_ar,
            orders.seasonal_diff,
            orders.seasonal_ma,
            orders.period,
        ]),
        standard_errors: errors.collect(),
        parameters: parameters.into_iter().map(|p| (p.name, p.value)).collect(),
        log_likelihood: Some(fitted.log_likelihood()),
        information: Some(fitted.information()),
        diagnostics: fitted.diagnostics(tested_lags(fitted)).ok(),
        converged: fitted.converged(),
        ..ModelSummary::default()
    }
}

/// The lags whose autocorrelations are tested: two seasons, else 10, but a fifth of the points at most
/// and more than there are coefficients.
fn tested_lags(fitted: &FittedArima) -> usize {
    let orders = fitted.orders();
    let usual = if orders.period > 1 {
        2 * orders.period
    } else {
        10
    };
    let coefficients = orders.ar + orders.ma + orders.seasonal_ar + orders.seasonal_ma;
    usual
        .min(fitted.residuals().len() / 5)
        .max(coefficients + 1)
}

fn ets(fitted: &FittedEts) -> ModelSummary {
    let p = fitted.parameters();
    let last = fitted.last_states();
    ModelSummary {
        description: fitted.model().to_string(),
        parameters: named([
            ("alpha", Some(p.alpha)),
            ("beta", p.beta),
            ("gamma", p.gamma),
            ("phi", p.phi),
            ("level", Some(last.level)),
            ("slope", p.beta.map(|_| last.slope)),
            ("sigma", Some(fitted.deviation())),
        ]),
        log_likelihood: Some(fitted.log_likelihood()),
        information: Some(fitted.information()),
        converged: fitted.converged(),
        ..ModelSummary::default()
    }
}

fn ces(fitted: &FittedCes) -> ModelSummary {
    let season = match fitted.season() {
        CesSeason::None => "none",
        CesSeason::Simple => "simple",
        CesSeason::Partial => "partial",
        CesSeason::Full => "full",
    };
    let p = fitted.parameters();
    let [alpha_re, alpha_im] = p.alpha;
    ModelSummary {
        description: format!("CES({season})"),
        parameters: named([
            ("alpha_re", Some(alpha_re)),
            ("alpha_im", Some(alpha_im)),
            ("beta_re", p.beta.map(|[re, _]| re)),
            ("beta_im", p.beta.map(|[_, im]| im)),
            ("sigma", Some(fitted.deviation())),
        ]),
        log_likelihood: Some(fitted.log_likelihood()),
        information: Some(fitted.information()),
        converged: fitted.converged(),
        ..ModelSummary::default()
    }
}

fn theta(fitted: &FittedTheta) -> ModelSummary {
    let kind = match fitted.model() {
        ThetaModel::Standard => "Theta",
        ThetaModel::Optimised => "optimised Theta",
        ThetaModel::Dynamic => "dynamic Theta",
        ThetaModel::DynamicOptimised => "dynamic optimised Theta",
    };
    let season = if fitted.season().is_empty() {
        ""
    } else {
        " with a season"
    };
    let p = fitted.parameters();
    ModelSummary {
        description: format!("{kind}{season}"),
        parameters: named([
            ("level", Some(p.level)),
            ("alpha", Some(p.alpha)),
            ("theta", Some(p.theta)),
            ("sigma", Some(fitted.deviation())),
        ]),
        converged: fitted.converged(),
        ..ModelSummary::default()
    }
}

fn naive(fitted: &FittedNaive) -> ModelSummary {
    ModelSummary {
        parameters: named([("sigma", Some(fitted.deviation()))]),
        converged: true,
        ..ModelSummary::default()
    }
}

fn croston(fitted: &FittedCroston) -> ModelSummary {
    let [size_weight, occurrence_weight] = fitted.weights();
    ModelSummary {
        parameters: named([
            ("size_weight", Some(size_weight)),
            ("occurrence_weight", Some(occurrence_weight)),
            ("size", fitted.size()),
            ("occurrence", fitted.occurrence()),
        ]),
        converged: true,
        ..ModelSummary::default()
    }
}

/// What an ensemble is, in words.
fn combined(members: &[String], weights: &[f64]) -> String {
    if weights.is_empty() {
        return format!("median of {}", members.join(", "));
    }
    let parts = members.iter().zip(weights);
    let parts: Vec<String> = parts
        .map(|(member, weight)| format!("{:.0} % {member}", 100.0 * weight))
        .collect();
    format!("mean of {}", parts.join(", "))
}
