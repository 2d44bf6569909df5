use bongsu_core::Result as CoreResult;
use bongsu_stream::half_space_trees::Limits;
use bongsu_stream::{Bound, HalfSpaceTrees, Loda, MicroClusters, RandomCutForest};

use super::parameter::{ParameterSpec, Parameters, SEED, parameter};
use super::{AnyFeatures, DetectorSpec, Input, Method, StreamState};

const HALF_LIFE: ParameterSpec = parameter(
    "half_life",
    "2000",
    "10 to 1000000",
    "rows after which what a row weighs has halved",
);

const WARMUP: ParameterSpec = parameter(
    "warmup",
    "100",
    "32 to 1000000",
    "rows that are learned before the first score",
);

const MAX_ALARM_SHARE: ParameterSpec = parameter(
    "max_alarm_share",
    "0.01",
    "in (0, 0.1]",
    "the share of normal rows beyond the bound, which is learned from the latest scores",
);

const BOUND_WINDOW: ParameterSpec = parameter(
    "bound_window",
    "1000",
    "calibration to 100000",
    "the latest scores that the bound rests on",
);

const CALIBRATION: ParameterSpec = parameter(
    "calibration",
    "200",
    "40 to bound_window",
    "scores before the first bound",
);

const PATIENCE: ParameterSpec = parameter(
    "patience",
    "40",
    "0 or 2 to 100000",
    "anomalous rows one after the other that are taken as the new normal; 0 is never",
);

const LEARN_ANOMALOUS: ParameterSpec = parameter(
    "learn_anomalous",
    "true",
    "true or false",
    "whether anomalous rows are learned too",
);

fn bound(p: &Parameters<'_>) -> CoreResult<Bound> {
    Ok(Bound::new()
        .max_alarm_share(p.number("max_alarm_share")?)?
        .window(p.integer("bound_window")?)?
        .calibration(p.integer("calibration")?)?
        .patience(p.integer("patience")?)?
        .learn_anomalous(p.flag("learn_anomalous")?))
}

/// Detectors that judge all channels of a row together and learn row by row, in constant memory.
pub(super) const MULTIVARIATE: &[DetectorSpec] = &[
    DetectorSpec {
        name: "hst",
        summary: "Half-space trees: rows where the last window had few, in random halvings of the space.",
        parameters: &[
            parameter(
                "profile",
                "default",
                "default or small",
                "`small` is 10 trees of height 6 where they are not given, below 8 kB a series",
            ),
            parameter("trees", "25", "1 to 1000", "the number of trees"),
            parameter(
                "height",
                "8",
                "1 to 15",
                "how often a tree halves the space",
            ),
            parameter(
                "window",
                "250",
                "1 to 65535",
                "rows that are counted before they judge the next ones",
            ),
            parameter(
                "limits",
                "0,1",
                "auto or pairs of finite numbers",
                "the lower and the upper limit of all channels, or of each in turn; values outside count as on the limit, `auto` learns them from the first window",
            ),
            SEED,
            MAX_ALARM_SHARE,
            BOUND_WINDOW,
            CALIBRATION,
            PATIENCE,
            LEARN_ANOMALOUS,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Stream(|p| {
            let detector = AnyFeatures::new(half_space_trees(p)?, bound(p)?)?;
            Ok(StreamState::HalfSpaceTrees(Box::new(detector)))
        }),
    },
    DetectorSpec {
        name: "rcf",
        summary: "Random cut forest: rows that move many others when they are put among a sample of the stream.",
        parameters: &[
            parameter("trees", "50", "1 to 1000", "the number of trees"),
            parameter(
                "sample_size",
                "256",
                "2 to 65536",
                "rows that each tree keeps",
            ),
            parameter(
                "shingle",
                "1",
                "1 to 1024",
                "consecutive rows that are judged together, for unusual shapes in time",
            ),
            parameter(
                "time_decay",
                "0.000390625",
                "in [0, 1]",
                "how fast a row loses its weight in the sample, for each row after it",
            ),
            parameter(
                "output_after",
                "64",
                "1 to 65536",
                "rows that are learned before the first score",
            ),
            SEED,
            MAX_ALARM_SHARE,
            BOUND_WINDOW,
            CALIBRATION,
            PATIENCE,
            LEARN_ANOMALOUS,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Stream(|p| {
            let config = RandomCutForest::new()
                .trees(p.integer("trees")?)?
                .sample_size(p.integer("sample_size")?)?
                .shingle(p.integer("shingle")?)?
                .time_decay(p.number("time_decay")?)?
                .output_after(p.integer("output_after")?)?
                .seed(p.parse("seed")?);
            let detector = AnyFeatures::new(config, bound(p)?)?;
            Ok(StreamState::RandomCutForest(Box::new(detector)))
        }),
    },
    DetectorSpec {
        name: "micro-clusters",
        summary: "Micro-clusters: distance from where the stream has been, in scales of each channel.",
        parameters: &[
            parameter("clusters", "50", "2 to 10000", "the most centres"),
            HALF_LIFE,
            parameter(
                "radius",
                "1",
                "finite, above 0",
                "how far a row may be from the nearest centre to join it, in mean distances from it",
            ),
            parameter(
                "core",
                "0.7",
                "in (0, 1]",
                "the weight from which a centre is normal, in shares of what it would be if all weighed the same",
            ),
            WARMUP,
            MAX_ALARM_SHARE,
            BOUND_WINDOW,
            CALIBRATION,
            PATIENCE,
            LEARN_ANOMALOUS,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Stream(|p| {
            let config = MicroClusters::new()
                .clusters(p.integer("clusters")?)?
                .half_life(p.integer("half_life")?)?
                .radius(p.number("radius")?)?
                .core(p.number("core")?)?
                .warmup(p.integer("warmup")?)?;
            let detector = AnyFeatures::new(config, bound(p)?)?;
            Ok(StreamState::MicroClusters(Box::new(detector)))
        }),
    },
    DetectorSpec {
        name: "loda",
        summary: "LODA: rows that are rare along random directions, for subtle changes of several channels together.",
        parameters: &[
            parameter(
                "projections",
                "100",
                "1 to 10000",
                "the number of random directions",
            ),
            parameter("bins", "64", "4 to 4096", "the bins of each histogram"),
            HALF_LIFE,
            WARMUP,
            SEED,
            MAX_ALARM_SHARE,
            BOUND_WINDOW,
            CALIBRATION,
            PATIENCE,
            LEARN_ANOMALOUS,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Stream(|p| {
            let config = Loda::new()
                .projections(p.integer("projections")?)?
                .bins(p.integer("bins")?)?
                .half_life(p.integer("half_life")?)?
                .warmup(p.integer("warmup")?)?
                .seed(p.parse("seed")?);
            let detector = AnyFeatures::new(config, bound(p)?)?;
            Ok(StreamState::Loda(Box::new(detector)))
        }),
    },
];

fn half_space_trees(p: &Parameters<'_>) -> CoreResult<HalfSpaceTrees> {
    let mut config = if p.choice("profile", &[("default", false), ("small", true)])? {
        HalfSpaceTrees::small()
    } else {
        HalfSpaceTrees::new()
    };
    if p.is_given("trees") {
        config = config.trees(p.integer("trees")?)?;
    }
    if p.is_given("height") {
        config = config.height(p.parse("height")?)?;
    }
    let window = p.integer("window")?;
    let config = config.window(window)?.limits(limits(p, window as u64)?)?;
    Ok(config.seed(p.parse("seed")?))
}

/// The limits, learned from the first window where they are `auto`.
fn limits(p: &Parameters<'_>, window: u64) -> CoreResult<Limits> {
    if p.text("limits") == "auto" {
        return Ok(Limits::Auto {
            points: window.max(2),
        });
    }
    let numbers: Vec<f64> = p.list("limits")?;
    if let [low, high] = *numbers {
        return Ok(Limits::Every(low, high));
    }
    let pairs = numbers.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(p.refused("limits"));
    }
    let pairs = pairs.filter_map(|pair| Some((*pair.first()?, *pair.last()?)));
    Ok(Limits::Features(pairs.collect()))
}
