//! Models that take a series apart.

use bongsu_core::{Error as CoreError, Result as CoreResult};
use bongsu_forecast::ets::{Family, SeasonType};
use bongsu_forecast::prophet::{Country, Growth, Mode, Regressor, Scaling, Seasonality};
use bongsu_forecast::{AutoArima, Ces, Ets, Member, Mstl, Naive, Prophet, Theta};

use super::{ForecastSpec, Make};
use crate::registry::parameter::{ParameterSpec, Parameters, SEED, parameter};

pub(super) const DECOMPOSED: &[ForecastSpec] = &[
    ForecastSpec {
        name: "mstl",
        summary: "Several seasons by local regression, which go on as they are, and a model of the rest.",
        parameters: &[
            parameter(
                "periods",
                "auto",
                "auto or 2 to 65536, several divided by commas",
                "points after which the series repeats itself; `auto` finds up to three",
            ),
            parameter(
                "rest",
                "auto-ets",
                "auto-ets, auto-arima, theta, ces, naive or drift",
                "the model of trend and remainder, without a season",
            ),
        ],
        intervals: true,
        make: Make::Seasons(mstl),
    },
    ForecastSpec {
        name: "prophet",
        summary: "A trend that bends at changepoints, and seasons of the calendar, as in Prophet; times may be irregular.",
        parameters: &[
            parameter(
                "growth",
                "linear",
                "linear, logistic or flat",
                "the trend: lines that bend, a curve that saturates at the capacity `cap`, or a constant",
            ),
            parameter(
                "cap",
                "none",
                "none or finite",
                "the capacity of logistic growth; `none` takes the column `cap` of the input and of the future",
            ),
            parameter(
                "floor",
                "none",
                "none or finite",
                "the floor of logistic growth; `none` takes the column `floor` where the input has one, else 0",
            ),
            fourier(
                "daily",
                "the season of a day, with so many pairs of sine and cosine; `auto` where the history is long and dense enough, `true` for the usual 4",
            ),
            fourier("weekly", "the season of a week; usually 3"),
            fourier("yearly", "the season of a year; usually 10"),
            parameter(
                "changepoints",
                "25",
                "0 to 1000",
                "moments at which the slope may change",
            ),
            parameter(
                "changepoint_range",
                "0.8",
                "[0, 1]",
                "the part of the history in which they lie",
            ),
            parameter(
                "changepoint_prior_scale",
                "0.05",
                "finite, above 0",
                "how far the slope may change: more follows bends more closely",
            ),
            parameter(
                "seasonality_mode",
                "additive",
                "additive or multiplicative",
                "whether seasons are added or are fractions of the trend",
            ),
            parameter(
                "seasonality_prior_scale",
                "10",
                "finite, above 0",
                "how far seasons may go",
            ),
            parameter(
                "seasonalities",
                "none",
                "none or name:days:pairs, several divided by commas",
                "seasons of another period, as `month:30.5:5`; `:multiplicative` or `:additive`, `:prior=5` and `:condition=column` (on where that column of the input is 1) may follow",
            ),
            parameter(
                "regressors",
                "none",
                "none or names of columns, divided by commas",
                "other columns of the input that explain the series, as `promotion`; `:multiplicative` or `:additive`, `:standardize` or `:raw` and `:prior=5` may follow",
            ),
            parameter(
                "countries",
                "none",
                "none or codes of countries, divided by commas",
                "those whose public holidays count, as `KR` or `DE`; one that is not known is told those that are",
            ),
            parameter(
                "holidays_mode",
                "auto",
                "auto, additive or multiplicative",
                "whether holidays are added or are fractions of the trend; `auto` as seasons",
            ),
            parameter(
                "holidays_prior_scale",
                "10",
                "finite, above 0",
                "how far holidays and regressors may go",
            ),
            parameter(
                "scaling",
                "absmax",
                "absmax or minmax",
                "the unit that the model sees values in: the largest magnitude, or the range",
            ),
            parameter(
                "timezone",
                "UTC",
                "an IANA time zone",
                "the zone of the clocks that seasons follow",
            ),
            parameter(
                "interval_width",
                "0.95",
                "in (0, 1)",
                "the coverage of the interval where no level is asked for",
            ),
            parameter(
                "uncertainty_samples",
                "1000",
                "0 to 1048576",
                "simulated futures of the trend; with 0 there are no intervals",
            ),
            SEED,
        ],
        intervals: true,
        make: Make::Prophet(prophet),
    },
];

const fn fourier(name: &'static str, about: &'static str) -> ParameterSpec {
    parameter(name, "auto", "auto, true, false or 0 to 1000", about)
}

fn mstl(p: &Parameters<'_>, seasons: &[usize]) -> CoreResult<Mstl> {
    let without = Family {
        season: Some(SeasonType::None),
        ..Family::default()
    };
    let rest: Member = match p.text("rest") {
        "auto-ets" => Ets::automatic().model(without).into(),
        "auto-arima" => Member::AutoArima(AutoArima::new()),
        "theta" => Theta::new().into(),
        "ces" => Ces::automatic().into(),
        "naive" => Naive::last().into(),
        "drift" => Naive::drift().into(),
        _ => return Err(p.refused("rest")),
    };
    if seasons.is_empty() {
        return Err(CoreError::input(
            "a model of several seasons needs one, and none was found in the series: set `periods`",
        ));
    }
    Ok(Mstl::new(seasons)?.trend(rest))
}

/// Words divided by commas, of which `none` is none; each tells itself what is wrong with it.
fn words<'a>(p: &'a Parameters<'_>, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let words = p.text(name).split(',').map(str::trim);
    words.filter(|word| *word != "none")
}

fn prophet(p: &Parameters<'_>) -> CoreResult<Prophet> {
    let mut model = Prophet::new()
        .growth(p.parse::<Growth>("growth")?)
        .daily(p.parse("daily")?)
        .weekly(p.parse("weekly")?)
        .yearly(p.parse("yearly")?)
        .changepoints(p.integer("changepoints")?)?
        .changepoint_range(p.number("changepoint_range")?)?
        .changepoint_prior_scale(p.number("changepoint_prior_scale")?)?
        .seasonality_mode(p.parse::<Mode>("seasonality_mode")?)
        .seasonality_prior_scale(p.number("seasonality_prior_scale")?)?
        .scaling(p.parse::<Scaling>("scaling")?)
        .timezone(p.text("timezone"))?
        .interval_width(p.number("interval_width")?)?
        .uncertainty_samples(p.integer("uncertainty_samples")?)?
        .seed(p.parse("seed")?);
    model = model.holidays_prior_scale(p.number("holidays_prior_scale")?)?;
    if let Some(mode) = p.unless::<Mode>("holidays_mode", "auto")? {
        model = model.holidays_mode(mode);
    }
    for word in words(p, "seasonalities") {
        model = model.add_seasonality(word.parse::<Seasonality>()?)?;
    }
    for word in words(p, "regressors") {
        model = model.add_regressor(word.parse::<Regressor>()?)?;
    }
    for word in words(p, "countries") {
        model = model.add_country(word.parse::<Country>()?)?;
    }
    if let Some(cap) = p.unless("cap", "none")? {
        model = model.cap(cap)?;
    }
    if let Some(floor) = p.unless("floor", "none")? {
        model = model.floor(floor)?;
    }
    Ok(model)
}
