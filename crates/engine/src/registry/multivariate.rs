use bongsu_core::Result as CoreResult;
use bongsu_stream::half_space_trees::Limits;
use bongsu_stream::{HalfSpaceTrees, RandomCutForest};

use super::parameter::{Parameters, SEED, parameter};
use super::{AnyFeatures, DetectorSpec, Input, Method, StreamState};

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
        ],
        classic: &[],
        input: Input::Table,
        method: Method::Stream(|p| {
            let config = half_space_trees(p)?;
            config.validate()?;
            Ok(StreamState::HalfSpaceTrees(Box::new(AnyFeatures::Open(
                config,
            ))))
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
        ],
        classic: &[],
        input: Input::Table,
        method: Method::Stream(|p| {
            let config = RandomCutForest::new()
                .trees(p.integer("trees")?)?
                .sample_size(p.integer("sample_size")?)?
                .shingle(p.integer("shingle")?)?
                .time_decay(p.number("time_decay")?)?
                .output_after(p.integer("output_after")?)?
                .seed(p.parse("seed")?);
            config.validate()?;
            Ok(StreamState::RandomCutForest(Box::new(AnyFeatures::Open(
                config,
            ))))
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
