//! Models with little or nothing to fit: walks, and demand that is mostly 0.

use bongsu_core::Result as CoreResult;
use bongsu_forecast::croston::CrostonMethod;
use bongsu_forecast::{Croston, Member, Naive};

use super::{ForecastSpec, Make, PERIOD, season_needed};
use crate::registry::parameter::{ParameterSpec, Parameters, parameter};

/// What every other model has to beat.
pub(super) const WALKS: &[ForecastSpec] = &[
    ForecastSpec {
        name: "naive",
        summary: "The last value goes on.",
        parameters: &[],
        intervals: true,
        make: Make::Plain(|_, _| Ok(Naive::last().into())),
    },
    ForecastSpec {
        name: "seasonal-naive",
        summary: "The last season goes on.",
        parameters: &[PERIOD],
        intervals: true,
        make: Make::Plain(|p, period| {
            season_needed(p, period, "a seasonal naive forecast")?;
            Ok(Naive::seasonal(period)?.into())
        }),
    },
    ForecastSpec {
        name: "drift",
        summary: "A random walk whose mean step goes on.",
        parameters: &[],
        intervals: true,
        make: Make::Plain(|_, _| Ok(Naive::drift().into())),
    },
];

/// Counts that are mostly 0.
pub(super) const SPARSE: &[ForecastSpec] = &[
    ForecastSpec {
        name: "croston",
        summary: "Croston's method: sizes of sparse demand over the intervals between them.",
        parameters: &[
            SIZE_WEIGHT,
            OCCURRENCE_WEIGHT,
            parameter(
                "optimised",
                "false",
                "true or false",
                "whether both weights are found in [0.1, 0.3] instead",
            ),
        ],
        intervals: false,
        make: Make::Plain(|p, _| {
            sparse(
                p,
                if p.flag("optimised")? {
                    CrostonMethod::Optimised
                } else {
                    CrostonMethod::Classic
                },
            )
        }),
    },
    ForecastSpec {
        name: "sba",
        summary: "Croston's method less its bias (Syntetos and Boylan).",
        parameters: &[SIZE_WEIGHT, OCCURRENCE_WEIGHT],
        intervals: false,
        make: Make::Plain(|p, _| sparse(p, CrostonMethod::Sba)),
    },
    ForecastSpec {
        name: "tsb",
        summary: "Sparse demand by its size and its probability, which falls while there is none (Teunter, Syntetos and Babai).",
        parameters: &[SIZE_WEIGHT, OCCURRENCE_WEIGHT],
        intervals: false,
        make: Make::Plain(|p, _| sparse(p, CrostonMethod::Tsb)),
    },
];

const SIZE_WEIGHT: ParameterSpec = parameter(
    "size_weight",
    "0.1",
    "in (0, 1]",
    "the weight of the newest demand's size",
);

const OCCURRENCE_WEIGHT: ParameterSpec = parameter(
    "occurrence_weight",
    "0.1",
    "in (0, 1]",
    "the weight of the newest interval or, for `tsb`, of the newest step with or without demand",
);

fn sparse(p: &Parameters<'_>, method: CrostonMethod) -> CoreResult<Member> {
    let model = Croston::new()
        .method(method)
        .size_weight(p.number("size_weight")?)?
        .occurrence_weight(p.number("occurrence_weight")?)?;
    Ok(model.into())
}
