//! ARIMA, with given orders and with chosen ones.

use bongsu_core::Result as CoreResult;
use bongsu_forecast::Member;
use bongsu_forecast::arima::{Arima, AutoArima, Orders, SeasonalTest, UnitRootTest};

use super::choice::{CRITERION, criterion};
use super::{ForecastSpec, Make};
use crate::registry::parameter::{Parameters, parameter};

pub(super) const ARIMA: &[ForecastSpec] = &[
    ForecastSpec {
        name: "arima",
        summary: "Seasonal ARIMA of given orders by exact maximum likelihood.",
        parameters: &[
            parameter(
                "order",
                "2,1,2",
                "p,d,q with p and q to 32, d to 4",
                "autoregressive lags, differences, moving-average lags",
            ),
            parameter(
                "seasonal",
                "none",
                "none or P,D,Q,s with P and Q to 8, D to 2, s 2 to 366",
                "the same for whole seasons, and the points of a season",
            ),
            parameter(
                "trend",
                "auto",
                "auto, n, c, t or ct",
                "none, a constant, a slope, or both; differences take a constant away, two a slope; `auto` is `c` without differences, else `n`",
            ),
            parameter(
                "iterations",
                "500",
                "1 to 100000",
                "the most iterations of the search for the likelihood's maximum",
            ),
        ],
        intervals: true,
        make: Make::Plain(|p, _| {
            let mut model = Arima::default()
                .orders(orders(p)?)?
                .iterations(p.integer("iterations")?)?;
            if p.text("trend") != "auto" {
                model = model.trend(p.parse("trend")?)?;
            }
            Ok(model.into())
        }),
    },
    ForecastSpec {
        name: "auto-arima",
        summary: "Seasonal ARIMA whose orders are chosen by tests and a criterion.",
        parameters: &[
            parameter(
                "period",
                "auto",
                "auto or 1 to 366",
                "points after which the series repeats itself, 1 for none; `auto` finds it in the values and the calendar",
            ),
            parameter(
                "d",
                "auto",
                "auto or 0 to 2",
                "the number of differences; `auto` asks the test named by `unit_root`",
            ),
            parameter(
                "unit_root",
                "kpss",
                "kpss, adf or pp",
                "the test that decides on differences: of Kwiatkowski, Phillips, Schmidt and Shin, the augmented one of Dickey and Fuller, or of Phillips and Perron",
            ),
            parameter("level", "0.05", "[0.01, 0.1]", "the level of that test"),
            parameter(
                "max_d",
                "2",
                "0 to 2",
                "the most differences that it may ask for",
            ),
            parameter(
                "seasonal_d",
                "auto",
                "auto or 0 to 2",
                "the number of seasonal differences; `auto` asks what `seasonal_test` names",
            ),
            parameter(
                "seasonal_test",
                "strength",
                "strength, ocsb or ch",
                "what decides on a seasonal difference: the strength of the season, the test of Osborn, Chui, Smith and Birchenhall, or of Canova and Hansen",
            ),
            parameter(
                "max_seasonal_d",
                "1",
                "0 to 2",
                "the most seasonal differences that it may ask for",
            ),
            parameter(
                "max_order",
                "5",
                "0 to 12",
                "the largest p and q, and the most coefficients of a full search",
            ),
            parameter("max_seasonal", "2", "0 to 3", "the largest P and Q"),
            parameter(
                "search",
                "stepwise",
                "stepwise or full",
                "whether the search goes from model to better neighbour, or over all models",
            ),
            parameter(
                "constant",
                "true",
                "true or false",
                "whether a constant, or with one difference a slope, may be in the model",
            ),
            CRITERION,
        ],
        intervals: true,
        make: Make::Plain(|p, period| {
            let mut model = AutoArima::new()
                .period(period)?
                .max_order(p.integer("max_order")?)?
                .max_seasonal(p.integer("max_seasonal")?)?
                .stepwise(p.choice("search", &[("stepwise", true), ("full", false)])?)
                .constant(p.flag("constant")?)
                .unit_root(p.choice(
                    "unit_root",
                    &[
                        ("kpss", UnitRootTest::Kpss),
                        ("adf", UnitRootTest::Adf),
                        ("pp", UnitRootTest::PhillipsPerron),
                    ],
                )?)
                .level(p.number("level")?)?
                .max_diff(p.integer("max_d")?)?
                .seasonal_test(p.choice(
                    "seasonal_test",
                    &[
                        ("strength", SeasonalTest::Strength),
                        ("ocsb", SeasonalTest::Ocsb),
                        ("ch", SeasonalTest::CanovaHansen),
                    ],
                )?)
                .max_seasonal_diff(p.integer("max_seasonal_d")?)?
                .criterion(criterion(p)?);
            if let Some(count) = p.unless("d", "auto")? {
                model = model.diff(count)?;
            }
            if let Some(count) = p.unless("seasonal_d", "auto")? {
                model = model.seasonal_diff(count)?;
            }
            Ok(Member::AutoArima(model))
        }),
    },
];

fn orders(p: &Parameters<'_>) -> CoreResult<Orders> {
    let [ar, diff, ma] = numbers(p, "order")?;
    let orders = Orders::new(ar, diff, ma);
    if p.text("seasonal") == "none" {
        return Ok(orders);
    }
    let [ar, diff, ma, period] = numbers(p, "seasonal")?;
    Ok(orders.seasonal(ar, diff, ma, period))
}

fn numbers<const N: usize>(p: &Parameters<'_>, name: &str) -> CoreResult<[usize; N]> {
    let list: Vec<usize> = p.list(name)?;
    list.try_into().map_err(|_| p.refused(name))
}

/// The points of a season of a model without a parameter `period`; 1 for none.
pub(super) fn season_of(spec: &ForecastSpec, p: &Parameters<'_>) -> CoreResult<usize> {
    if spec.has("seasonal") && spec.has("order") {
        Ok(orders(p)?.period.max(1))
    } else {
        Ok(1)
    }
}
