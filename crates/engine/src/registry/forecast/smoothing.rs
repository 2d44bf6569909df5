//! Exponential smoothing, Theta methods, and their median with an ARIMA.

use bongsu_core::Result as CoreResult;
use bongsu_forecast::ces::CesSeason;
use bongsu_forecast::ets::{Family, SeasonType};
use bongsu_forecast::theta::{Decomposition, ThetaModel};
use bongsu_forecast::{Ces, Combination, Ensemble, Ets, Member, Theta};

use super::choice::{CRITERION, criterion};
use super::{ForecastSpec, Make, PERIOD, season_needed};
use crate::registry::parameter::{ParameterSpec, Parameters, SEED, parameter};

pub(super) const SMOOTHING: &[ForecastSpec] = &[
    ForecastSpec {
        name: "ets",
        summary: "Exponential smoothing of a given form: a level, a slope and a season that move slowly.",
        parameters: &[
            parameter(
                "model",
                "AAA",
                FAMILY,
                "error, trend and season: `A` added, `M` multiplied (for values above 0), `N` none, `Z` the best; where it is not set and there is no season, AAN",
            ),
            parameter(
                "damped",
                "false",
                "true or false",
                "whether the slope shrinks with every step",
            ),
            PERIOD,
            ITERATIONS,
            PATHS,
            SEED,
        ],
        intervals: true,
        make: Make::Plain(|p, period| {
            let given = p.is_given("model");
            let text = if period == 1 && !given {
                "AAN"
            } else {
                p.text("model")
            };
            let family: Family = text.parse()?;
            if family
                .season
                .is_some_and(|season| season != SeasonType::None)
            {
                season_needed(p, period, &format!("model {text}"))?;
            }
            ets(p, Ets::new(family).damped(Some(p.flag("damped")?)), period)
        }),
    },
    ForecastSpec {
        name: "auto-ets",
        summary: "Exponential smoothing whose form is chosen by a criterion.",
        parameters: &[
            parameter(
                "model",
                "ZZZ",
                FAMILY,
                "which forms are tried, as for `ets`",
            ),
            parameter(
                "damped",
                "auto",
                "auto, true or false",
                "whether the slope shrinks with every step; `auto` tries both",
            ),
            parameter(
                "allow_multiplicative_trend",
                "false",
                "true or false",
                "whether trends that multiply the level are tried where the model leaves the trend open (`Z`); they can explode",
            ),
            PERIOD,
            CRITERION,
            ITERATIONS,
            PATHS,
            SEED,
        ],
        intervals: true,
        make: Make::Plain(|p, period| {
            let family: Family = p.parse("model")?;
            if family
                .season
                .is_some_and(|season| season != SeasonType::None)
            {
                season_needed(p, period, &format!("model {family}"))?;
            }
            let model = Ets::automatic()
                .model(family)
                .damped(p.unless("damped", "auto")?)
                .allow_multiplicative_trend(p.flag("allow_multiplicative_trend")?)
                .criterion(criterion(p)?);
            ets(p, model, period)
        }),
    },
    ForecastSpec {
        name: "theta",
        summary: "The Theta method: half a straight line, half a smoothed level; for short and noisy series.",
        parameters: &[
            parameter(
                "form",
                "standard",
                "standard, optimised, dynamic, dynamic-optimised or auto",
                "`optimised` fits how much the line counts, `dynamic` lets it move; `auto` takes the one that fits best",
            ),
            PERIOD,
            DECOMPOSITION,
        ],
        intervals: true,
        make: Make::Plain(|p, period| {
            let forms = [
                ("standard", Some(ThetaModel::Standard)),
                ("optimised", Some(ThetaModel::Optimised)),
                ("dynamic", Some(ThetaModel::Dynamic)),
                ("dynamic-optimised", Some(ThetaModel::DynamicOptimised)),
                ("auto", None),
            ];
            theta(p, Theta::new().model(p.choice("form", &forms)?), period)
        }),
    },
    ForecastSpec {
        name: "dot",
        summary: "The dynamic optimised Theta method.",
        parameters: &[PERIOD, DECOMPOSITION],
        intervals: true,
        make: Make::Plain(|p, period| theta(p, Theta::dynamic_optimised(), period)),
    },
    ForecastSpec {
        name: "ces",
        summary: "Complex exponential smoothing: a level and its potential, for trends and seasons of many kinds.",
        parameters: &[
            parameter(
                "season",
                "auto",
                "auto, none, simple, partial or full",
                "no season, a level for each phase, an added season, or one with a potential of its own; `auto` takes the one with the least criterion",
            ),
            PERIOD,
            CRITERION,
        ],
        intervals: true,
        make: Make::Plain(|p, period| {
            let seasons = [
                ("auto", None),
                ("none", Some(CesSeason::None)),
                ("simple", Some(CesSeason::Simple)),
                ("partial", Some(CesSeason::Partial)),
                ("full", Some(CesSeason::Full)),
            ];
            let season = p.choice("season", &seasons)?;
            if season.is_some_and(|season| season != CesSeason::None) {
                season_needed(p, period, "complex exponential smoothing with a season")?;
            }
            let model = Ces::automatic().season(season).period(period)?;
            Ok(model.criterion(criterion(p)?).into())
        }),
    },
];

pub(super) const COMBINED: &[ForecastSpec] = &[ForecastSpec {
    name: "ensemble",
    summary: "The median of `auto-ets`, `ces`, `auto-arima` and `dot`, or their mean weighted by past errors: the safest choice.",
    parameters: &[
        PERIOD,
        parameter(
            "combine",
            "median",
            "median or weighted",
            "`weighted`: the mean, each weighted by one over its error in past forecasts at the end of the series",
        ),
        parameter(
            "horizon",
            "12",
            "1 to 1048576",
            "the steps of each past forecast that weights come from: best those that are wanted",
        ),
        parameter(
            "origins",
            "3",
            "1 to 1024",
            "how many past forecasts weights come from",
        ),
        parameter(
            "long_season",
            "false",
            "true or false",
            "whether the season has so many points, such as the weeks of a year, that only `ces` and `dot` take it",
        ),
    ],
    intervals: true,
    make: Make::Ensemble(|p, period| {
        let kinds = [("median", false), ("weighted", true)];
        let (horizon, origins) = (p.integer("horizon")?, p.integer("origins")?);
        let past = Combination::InverseError { horizon, origins };
        let ensemble = match p.parse("long_season")? {
            true => Ensemble::long_season(period)?,
            false => Ensemble::scum(period)?,
        };
        // What is outside its domain is told whether it counts or not.
        let weighted = ensemble.clone().combination(past)?;
        Ok(if p.choice("combine", &kinds)? {
            weighted
        } else {
            ensemble
        })
    }),
}];

const FAMILY: &str =
    "a letter each for error (A, M, Z), trend (N, A, M, Z) and season (N, A, M, Z)";

const ITERATIONS: ParameterSpec = parameter(
    "iterations",
    "1000",
    "1 to 1048576",
    "the most iterations of the search for each form; more where a fit did not converge",
);

const PATHS: ParameterSpec = parameter(
    "paths",
    "5000",
    "2 to 1048576",
    "simulated futures where an interval has no closed form",
);

const DECOMPOSITION: ParameterSpec = parameter(
    "decomposition",
    "multiplicative",
    "multiplicative or additive",
    "how a season that a test confirms is taken out first; where values are not above 0 it is subtracted",
);

fn ets(p: &Parameters<'_>, model: Ets, period: usize) -> CoreResult<Member> {
    let model = model
        .period(period)?
        .iterations(p.integer("iterations")?)?
        .paths(p.integer("paths")?)?
        .seed(p.parse("seed")?);
    Ok(model.into())
}

fn theta(p: &Parameters<'_>, model: Theta, period: usize) -> CoreResult<Member> {
    let kinds = [
        ("multiplicative", Decomposition::Multiplicative),
        ("additive", Decomposition::Additive),
    ];
    let model = model
        .decomposition(p.choice("decomposition", &kinds)?)
        .period(period)?;
    Ok(model.into())
}
