use bongsu_core::Result as CoreResult;
use bongsu_stats::calendar::Bins;
use bongsu_stats::decompose::Model;
use bongsu_stats::seasonal::Method as SeasonalMethod;
use bongsu_stats::{Gesd, Seasonal, Shesd};

use super::parameter::{PRESET, ParameterSpec, Parameters, parameter};
use super::{DetectorSpec, Input, Method};

const PERIOD: ParameterSpec = parameter(
    "period",
    "auto",
    "auto or at least 2",
    "points after which the metric repeats itself, several by comma; `auto` finds them",
);

const MODEL: ParameterSpec = parameter(
    "model",
    "additive",
    "additive or multiplicative",
    "whether the season is added to the trend or multiplies it, which only `classical` can do",
);

const ROBUST: ParameterSpec = parameter(
    "robust",
    "true",
    "true or false",
    "median and median absolute deviation of the residuals in place of mean and standard deviation, and outliers kept out of the season",
);

const THRESHOLD: ParameterSpec = parameter(
    "threshold",
    "4",
    "finite, above 0",
    "standard deviations of the residual at the bound",
);

/// Detectors of single channels that are fitted on many points.
pub(super) const COLUMNS: &[DetectorSpec] = &[
    DetectorSpec {
        name: "gesd",
        summary: "Generalised extreme Studentised deviate test: how many of the most extreme values are outliers.",
        parameters: &[
            parameter(
                "alpha",
                "0.05",
                "in (0, 0.5]",
                "the probability of finding outliers where there are none",
            ),
            parameter(
                "max_share",
                "0.1",
                "in (0, 0.5]",
                "the largest share of the values that may be outliers",
            ),
            parameter(
                "hybrid",
                "false",
                "true or false",
                "median and median absolute deviation in place of mean and standard deviation",
            ),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Batch(|p| {
            let config = Gesd::new()
                .alpha(p.number("alpha")?)?
                .max_share(p.number("max_share")?)?
                .hybrid(p.flag("hybrid")?);
            Ok(Box::new(config))
        }),
    },
    DetectorSpec {
        name: "shesd",
        summary: "Seasonal hybrid ESD: outliers of what season and median leave over.",
        parameters: &[
            parameter(
                "period",
                "auto",
                "auto or at least 2",
                "points after which the metric repeats itself; `auto` finds the strongest period",
            ),
            parameter(
                "alpha",
                "0.05",
                "in (0, 0.5]",
                "the probability of finding outliers where there are none",
            ),
            parameter(
                "max_anomalies",
                "0.1",
                "in (0, 0.5]",
                "the largest share of the values that may be outliers",
            ),
            parameter(
                "piece",
                "none",
                "none or at least 4",
                "points of a piece with a median of its own, at least two periods; `none` is one piece",
            ),
        ],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| {
            let mut config = Shesd::new()
                .alpha(p.number("alpha")?)?
                .max_anomalies(p.number("max_anomalies")?)?;
            if let Some(period) = p.unless("period", "auto")? {
                config = config.period(period)?;
            }
            if let Some(piece) = p.unless("piece", "none")? {
                config = config.piece(piece)?;
            }
            Ok(Box::new(config))
        }),
    },
    DetectorSpec {
        name: "seasonal",
        summary: "Seasonal residual: distance from what trend and season, or the local calendar, expect.",
        parameters: &[
            PRESET,
            parameter(
                "method",
                "stl",
                "classical, stl, mstl or profile",
                "what tells the expected value: moving averages, local regression with one season or several, or the calendar",
            ),
            PERIOD,
            MODEL,
            ROBUST,
            parameter(
                "bins",
                "hour-of-week",
                "hour-of-day, day-of-week or hour-of-week",
                "the bins of `profile`",
            ),
            parameter(
                "timezone",
                "UTC",
                "an IANA time zone",
                "the time zone whose calendar `profile` follows",
            ),
            THRESHOLD,
        ],
        classic: &[
            ("method", "classical"),
            ("period", "24"),
            ("robust", "false"),
            ("threshold", "3"),
        ],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| {
            let bins = [
                ("hour-of-day", Bins::HourOfDay),
                ("day-of-week", Bins::DayOfWeek),
                ("hour-of-week", Bins::HourOfWeek),
            ];
            let config = seasonal(
                p,
                Seasonal::new().method(p.parse::<SeasonalMethod>("method")?),
            )?
            .bins(p.choice("bins", &bins)?)
            .timezone(p.text("timezone"))?;
            config.validate()?;
            Ok(Box::new(config))
        }),
    },
    DetectorSpec {
        name: "stl",
        summary: "STL residual: distance from what a trend and a season by local regression expect.",
        parameters: &[
            parameter(
                "period",
                "auto",
                "auto or at least 2",
                "points after which the metric repeats itself; `auto` finds the strongest period",
            ),
            ROBUST,
            THRESHOLD,
        ],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| {
            let mut config = Seasonal::stl()
                .robust(p.flag("robust")?)
                .threshold(p.number("threshold")?)?;
            if let Some(period) = p.unless("period", "auto")? {
                config = config.period(period)?;
            }
            Ok(Box::new(config))
        }),
    },
];

/// What all seasonal detectors can be told.
fn seasonal(p: &Parameters<'_>, config: Seasonal) -> CoreResult<Seasonal> {
    let models = [
        ("additive", Model::Additive),
        ("multiplicative", Model::Multiplicative),
    ];
    let config = config
        .model(p.choice("model", &models)?)
        .robust(p.flag("robust")?)
        .threshold(p.number("threshold")?)?;
    match p.text("period") {
        "auto" => Ok(config),
        _ => config.periods(&p.list("period")?),
    }
}
