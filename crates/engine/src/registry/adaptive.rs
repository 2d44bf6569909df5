use bongsu_stats::calendar::Bins;
use bongsu_stream::{AutoStream, HoltWinters, OnlineMad, SeasonalProfile};

use super::parameter::{ParameterSpec, parameter};
use super::{DetectorSpec, Input, Method, StreamState};

const HALF_LIFE: &str = "in [1, 1000000]";

const THRESHOLD: ParameterSpec = parameter(
    "threshold",
    "4",
    "finite, above 0",
    "scales from the expected value at the bound",
);

const PATIENCE: ParameterSpec = parameter(
    "patience",
    "5",
    "2 to 10000",
    "anomalous points in a row on one side that make a new level",
);

const WARMUP: ParameterSpec = parameter(
    "warmup",
    "30",
    "2 to 10000",
    "points learned before the first score; with a `period` the next whole number of cycles, at least two",
);

const MIN_SCALE: ParameterSpec = parameter(
    "min_scale",
    "0",
    "finite, at least 0",
    "the least scale, in the metric's unit",
);

const BINS: [(&str, Bins); 3] = [
    ("hour-of-day", Bins::HourOfDay),
    ("day-of-week", Bins::DayOfWeek),
    ("hour-of-week", Bins::HourOfWeek),
];

/// Detectors of single metrics that follow a level and do not learn from anomalous points at full
/// weight.
pub(super) const ADAPTIVE: &[DetectorSpec] = &[
    DetectorSpec {
        name: "auto-stream",
        summary: "Automatic: how rare a value is among those seen, by level, hours, range, rhythm and steps at once; the default for live metrics.",
        parameters: &[
            parameter(
                "threshold",
                "3",
                "finite, above 0",
                "how rare a value at the bound is, in powers of ten",
            ),
            parameter(
                "memory",
                "1000",
                "finite, at least 1",
                "points after which a value's weight in the level has halved",
            ),
            parameter(
                "rest",
                "500",
                "finite, at least 1",
                "points after which half of what an alarm takes off later scores is left",
            ),
            parameter(
                "hold",
                "30",
                "0 to 10000",
                "points after an alarm that are anomalous too at most, while they are as rare",
            ),
            parameter(
                "warmup",
                "30",
                "2 to 10000",
                "points learned before the first score",
            ),
            parameter(
                "timezone",
                "UTC",
                "an IANA time zone",
                "where the hours are those of the people behind the metric",
            ),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let config = AutoStream::new()
                .threshold(p.number("threshold")?)?
                .memory(p.number("memory")?)?
                .rest(p.number("rest")?)?
                .hold(p.parse("hold")?)?
                .warmup(p.parse("warmup")?)?
                .timezone(p.text("timezone"))?;
            Ok(StreamState::AutoStream(Box::new(config.build()?)))
        }),
    },
    DetectorSpec {
        name: "online-mad",
        summary: "Online median absolute deviation: distance from a median that follows the metric, in constant memory.",
        parameters: &[
            parameter(
                "half_life",
                "100",
                HALF_LIFE,
                "points after which half of a value's influence is gone",
            ),
            THRESHOLD,
            PATIENCE,
            parameter(
                "warmup",
                "30",
                "2 to 10000",
                "points learned before the first score",
            ),
            MIN_SCALE,
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let config = OnlineMad::new()
                .half_life(p.number("half_life")?)?
                .threshold(p.number("threshold")?)?
                .patience(p.parse("patience")?)?
                .warmup(p.parse("warmup")?)?
                .min_scale(p.number("min_scale")?)?;
            Ok(StreamState::OnlineMad(Box::new(config.build()?)))
        }),
    },
    DetectorSpec {
        name: "seasonal-profile",
        summary: "Seasonal profile: what is usual at this time of the local week, learned point by point.",
        parameters: &[
            parameter(
                "bins",
                "hour-of-week",
                "hour-of-day, day-of-week or hour-of-week",
                "what moments have in common that share a profile",
            ),
            parameter(
                "timezone",
                "UTC",
                "an IANA time zone",
                "where the week is that of the people behind the metric",
            ),
            THRESHOLD,
            PATIENCE,
            parameter(
                "half_life",
                "100",
                "finite, at least 1",
                "points after which a value's weight in the level has halved",
            ),
            parameter(
                "memory",
                "10",
                "2 to 10000",
                "the last visits that each part of the week remembers",
            ),
            parameter(
                "warmup",
                "30",
                "2 to 10000",
                "points learned before the first score",
            ),
            MIN_SCALE,
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let config = SeasonalProfile::new()
                .bins(p.choice("bins", &BINS)?)?
                .timezone(p.text("timezone"))?
                .threshold(p.number("threshold")?)?
                .patience(p.parse("patience")?)?
                .half_life(p.number("half_life")?)?
                .memory(p.parse("memory")?)?
                .warmup(p.parse("warmup")?)?
                .min_scale(p.number("min_scale")?)?;
            Ok(StreamState::SeasonalProfile(Box::new(config.build()?)))
        }),
    },
    DetectorSpec {
        name: "holt-winters",
        summary: "Holt-Winters: level, slope and season that follow a metric which repeats itself.",
        parameters: &[
            parameter(
                "period",
                "auto",
                "auto, none or 2 to 50000",
                "points after which the metric repeats itself; `auto` finds them",
            ),
            parameter(
                "half_life",
                "2",
                HALF_LIFE,
                "points after which a value's weight in the level has halved",
            ),
            parameter(
                "season_half_life",
                "4",
                HALF_LIFE,
                "cycles after which a value's weight in the season has halved",
            ),
            parameter(
                "scale_half_life",
                "80",
                HALF_LIFE,
                "points after which a residual's weight in the scale has halved",
            ),
            THRESHOLD,
            PATIENCE,
            WARMUP,
            MIN_SCALE,
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let config = HoltWinters::new()
                .season(p.parse("period")?)?
                .half_life(p.number("half_life")?)?
                .season_half_life(p.number("season_half_life")?)?
                .scale_half_life(p.number("scale_half_life")?)?
                .threshold(p.number("threshold")?)?
                .patience(p.parse("patience")?)?
                .warmup(p.parse("warmup")?)?
                .min_scale(p.number("min_scale")?)?;
            Ok(StreamState::HoltWinters(Box::new(config.build()?)))
        }),
    },
];
