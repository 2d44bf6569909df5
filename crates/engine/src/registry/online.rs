use bongsu_core::Result as CoreResult;
use bongsu_stats::cusum::AfterAlarm;
use bongsu_stats::{Bocpd, Cusum, Ewma, Iqr, RobustZ, SpectralResidual, Spot, TwoWindow, ZScore};

use super::parameter::{ParameterSpec, Parameters, parameter};
use super::{DetectorSpec, Input, Method, StreamState};

const fn window_or_all(domain: &'static str) -> ParameterSpec {
    parameter(
        "window",
        "auto",
        domain,
        "points looked back on; `all` fits once on all rows (`detect` only), `auto` is `all` in `detect` and 100 elsewhere",
    )
}

/// Detectors that judge point by point and learn as they go.
pub(super) const ONLINE: &[DetectorSpec] = &[
    // quote: entry
    DetectorSpec {
        name: "zscore",
        summary: "Rolling z-score: distance from the window's mean in standard deviations.",
        parameters: &[
            parameter("window", "100", "2 to 1048576", "points in the window"),
            parameter(
                "threshold",
                "3",
                "finite, above 0",
                "standard deviations at the bound",
            ),
            parameter(
                "inclusive",
                "true",
                "true or false",
                "whether the judged point is part of its window",
            ),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let config = ZScore::new()
                .window(p.integer("window")?)?
                .threshold(p.number("threshold")?)?
                .inclusive(p.flag("inclusive")?);
            Ok(StreamState::ZScore(config.build()?))
        }),
    },
    // end of quote
    DetectorSpec {
        name: "robust-z",
        summary: "Robust z-score: distance from the median in median absolute deviations.",
        parameters: &[
            window_or_all("auto, all, or 3 to 1048576"),
            parameter(
                "threshold",
                "3.5",
                "finite, above 0",
                "robust standard deviations at the bound",
            ),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Both {
            stream: |p| {
                let config = robust_z(p)?.window(p.moving_window(100)?)?;
                Ok(StreamState::RobustZ(config.build()?))
            },
            batch: |p| Ok(Box::new(robust_z(p)?)),
        },
    },
    DetectorSpec {
        name: "iqr",
        summary: "Tukey's fences: distance beyond the quartiles in interquartile ranges.",
        parameters: &[
            window_or_all("auto, all, or 4 to 1048576"),
            parameter(
                "threshold",
                "1.5",
                "finite, above 0",
                "interquartile ranges beyond the quartiles at the bound",
            ),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Both {
            stream: |p| {
                let config = iqr(p)?.window(p.moving_window(100)?)?;
                Ok(StreamState::Iqr(config.build()?))
            },
            batch: |p| Ok(Box::new(iqr(p)?)),
        },
    },
    DetectorSpec {
        name: "ewma",
        summary: "Exponentially weighted level, slope and scale that follow the metric; the cheapest for live metrics.",
        parameters: &[
            parameter(
                "threshold",
                "4",
                "finite, above 0",
                "scales from the expected value at the bound",
            ),
            parameter(
                "half_life",
                "2",
                "finite, above 0",
                "points after which a value's weight in the level has halved",
            ),
            parameter(
                "scale_half_life",
                "80",
                "finite, above 0",
                "points after which a value's weight in the scale has halved",
            ),
            parameter(
                "robust",
                "true",
                "true or false",
                "follow a slope and do not learn from anomalous values",
            ),
            parameter(
                "patience",
                "5",
                "2 to 10000",
                "anomalous points in a row on one side that make a new level",
            ),
            parameter(
                "warmup",
                "30",
                "2 to 10000",
                "points learned before the first score",
            ),
            parameter(
                "min_scale",
                "0",
                "finite, at least 0",
                "the least scale, in the metric's unit",
            ),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let config = Ewma::new()
                .threshold(p.number("threshold")?)?
                .half_life(p.number("half_life")?)?
                .scale_half_life(p.number("scale_half_life")?)?
                .robust(p.flag("robust")?)
                .patience(p.parse("patience")?)?
                .warmup(p.parse("warmup")?)?
                .min_scale(p.number("min_scale")?)?;
            Ok(StreamState::Ewma(config.build()?))
        }),
    },
    DetectorSpec {
        name: "cusum",
        summary: "Cumulative sums: small lasting shifts of the mean.",
        parameters: &[
            parameter(
                "slack",
                "0.5",
                "finite, at least 0",
                "half the shift that matters, in standard deviations",
            ),
            parameter(
                "threshold",
                "5",
                "finite, above 0",
                "the sum at the bound, in standard deviations",
            ),
            parameter(
                "target",
                "auto",
                "auto or finite",
                "the mean while nothing is wrong; `auto` learns it from the warm-up",
            ),
            parameter(
                "scale",
                "auto",
                "auto or finite, above 0",
                "the standard deviation while nothing is wrong; `auto` learns it from the warm-up",
            ),
            parameter(
                "warmup",
                "100",
                "2 to 1048576",
                "points that mean and standard deviation are learned from",
            ),
            parameter(
                "after_alarm",
                "settle",
                "continue, reset or settle",
                "what follows an alarm: the sum goes on, starts again, or the new mean is learned",
            ),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let mut config = Cusum::new()
                .slack(p.number("slack")?)?
                .threshold(p.number("threshold")?)?
                .warmup(p.integer("warmup")?)?
                .after_alarm(p.choice("after_alarm", &AFTER_ALARM)?);
            if let Some(target) = p.unless("target", "auto")? {
                config = config.target(target)?;
            }
            if let Some(scale) = p.unless("scale", "auto")? {
                config = config.scale(scale)?;
            }
            Ok(StreamState::Cusum(config.build()?))
        }),
    },
    DetectorSpec {
        name: "spot",
        summary: "Peaks over threshold (SPOT, DSPOT): values beyond what the tails of the metric let expect.",
        parameters: &[
            parameter(
                "risk",
                "0.001",
                "in (0, 1 - level)",
                "the share of normal points beyond each bound",
            ),
            parameter(
                "level",
                "0.98",
                "in [0.5, 1)",
                "the share of points below the level at which a tail begins",
            ),
            parameter(
                "depth",
                "0",
                "0 to 100000",
                "points whose mean is taken away first, for metrics that drift",
            ),
            parameter(
                "calibration",
                "auto",
                "auto or 500 to 1048576",
                "points learned before the first score, at least depth + 10 / (1 - level); `auto` is 1000 or what is needed",
            ),
            parameter(
                "patience",
                "40",
                "0 or 20 to 1048576",
                "points in a row beyond a bound after which the tails are learned anew; 0 is never",
            ),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let (level, depth) = (p.number("level")?, p.integer("depth")?);
            let needed =
                || 1000_usize.max(depth.saturating_add((10.0 / (1.0 - level)).ceil() as usize));
            let calibration = p.unless("calibration", "auto")?.unwrap_or_else(needed);
            let config = Spot::new()
                .level(level)?
                .risk(p.number("risk")?)?
                .depth(depth)?
                .calibration(calibration)?
                .patience(p.integer("patience")?)?;
            Ok(StreamState::Spot(Box::new(config.build()?)))
        }),
    },
    DetectorSpec {
        name: "bocpd",
        summary: "Bayesian online change points: values that the runs so far did not let expect.",
        parameters: &[
            parameter(
                "model",
                "normal",
                "normal, known_variance or poisson",
                "what the values of a run have in common",
            ),
            parameter(
                "hazard",
                "0.004",
                "in (0, 1)",
                "the probability that a run ends at a point",
            ),
            parameter(
                "warmup",
                "30",
                "2 to 1048576",
                "points that the prior is learned from",
            ),
            parameter(
                "max_runs",
                "200",
                "2 to 1048576",
                "the most run lengths that are kept",
            ),
            parameter(
                "threshold",
                "3",
                "finite, above 0",
                "how improbable a value at the bound is, in powers of ten; at most 300",
            ),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let config = Bocpd::new()
                .model(p.parse("model")?)
                .hazard(p.number("hazard")?)?
                .warmup(p.integer("warmup")?)?
                .max_runs(p.integer("max_runs")?)?
                .threshold(p.number("threshold")?)?;
            Ok(StreamState::Bocpd(Box::new(config.build()?)))
        }),
    },
    DetectorSpec {
        name: "two-window",
        summary: "Two windows: a test of whether the latest points come from the same distribution as those before.",
        parameters: &[
            parameter(
                "test",
                "ks",
                "ks, mann-whitney, welch or energy",
                "Kolmogorov-Smirnov, Mann-Whitney, Welch's t or the energy distance",
            ),
            parameter(
                "reference",
                "200",
                "2 to 1048576",
                "points that are compared with",
            ),
            parameter("recent", "30", "2 to 1048576", "the latest points"),
            parameter("alpha", "0.0001", "in (0, 0.5]", "the p-value at the bound"),
        ],
        classic: &[],
        input: Input::Column,
        inner: None,
        method: Method::Stream(|p| {
            let config = TwoWindow::new()
                .test(p.parse("test")?)
                .reference(p.integer("reference")?)?
                .recent(p.integer("recent")?)?
                .alpha(p.number("alpha")?)?;
            Ok(StreamState::TwoWindow(config.build()?))
        }),
    },
    DetectorSpec {
        name: "spectral-residual",
        summary: "Spectral residual: points that stand out from the rhythm of the series.",
        parameters: &[
            parameter(
                "window",
                "auto",
                "auto, all, or 12 to 1048576",
                "points looked back on; `all` transforms the whole series (`detect` only), `auto` is `all` in `detect` and 251 elsewhere",
            ),
            parameter(
                "smoothing",
                "3",
                "3 to 999",
                "frequencies of an average of log amplitudes; an odd number",
            ),
            parameter(
                "extension",
                "5",
                "0 to 1000",
                "points estimated beyond the last one",
            ),
            parameter(
                "average",
                "21",
                "1 to 999",
                "points over which a whole series' saliencies are averaged; an odd number",
            ),
            parameter(
                "local",
                "none",
                "none or 1 to 1048576",
                "points before a point whose mean saliency it is compared with; `none` is all",
            ),
            parameter(
                "threshold",
                "3",
                "finite, above 0",
                "the relative saliency at the bound",
            ),
        ],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Both {
            stream: |p| {
                let config = spectral_residual(p)?.window(p.moving_window(251)?)?;
                Ok(StreamState::SpectralResidual(config.build()?))
            },
            batch: |p| Ok(Box::new(spectral_residual(p)?)),
        },
    },
];

const AFTER_ALARM: [(&str, AfterAlarm); 3] = [
    ("continue", AfterAlarm::Continue),
    ("reset", AfterAlarm::Reset),
    ("settle", AfterAlarm::Settle),
];

fn robust_z(p: &Parameters<'_>) -> CoreResult<RobustZ> {
    RobustZ::new().threshold(p.number("threshold")?)
}

fn iqr(p: &Parameters<'_>) -> CoreResult<Iqr> {
    Iqr::new().threshold(p.number("threshold")?)
}

fn spectral_residual(p: &Parameters<'_>) -> CoreResult<SpectralResidual> {
    SpectralResidual::new()
        .smoothing(p.integer("smoothing")?)?
        .extension(p.integer("extension")?)?
        .average(p.integer("average")?)?
        .local(p.unless("local", "none")?)?
        .threshold(p.number("threshold")?)
}
