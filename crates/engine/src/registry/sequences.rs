use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{
    Detector, FitDetector, FitDetectorDyn, FittedWithScores, Result as CoreResult, Rows,
};
use bongsu_ml::{
    Auto, AutoMultivariate, IsolationForest, KMeans, Knn, MatrixProfile, Poly, Subsequences,
    WindowScaling,
};

use super::parameter::{ParameterSpec, Parameters, SEED, parameter};
use super::{DetectorSpec, Input, Method};

const fn window(default: &'static str) -> ParameterSpec {
    parameter(
        "window",
        default,
        "auto or 3 to 65536",
        "points of a subsequence; `auto` is the strongest period of the series, or 100",
    )
}

/// Where a window of one period was measured to find less than a fixed one.
const WINDOW: ParameterSpec = window("100");

const STRIDE: ParameterSpec = parameter(
    "stride",
    "1",
    "at least 1",
    "points between the starts of consecutive subsequences; at most the window",
);

const CAUSAL: ParameterSpec = parameter(
    "causal",
    "false",
    "true or false",
    "judge a point only by what came before it and by itself",
);

const CONTAMINATION: ParameterSpec = parameter(
    "contamination",
    "0.1",
    "in (0, 0.5]",
    "the share of training points beyond the bound",
);

const fn scaling(default: &'static str) -> ParameterSpec {
    parameter(
        "scaling",
        default,
        "none, center or standard",
        "what is taken away from each subsequence: nothing, its level, or its level and amplitude",
    )
}

/// Detectors of the shape of a series.
pub(super) const SEQUENCES: &[DetectorSpec] = &[
    DetectorSpec {
        name: "auto",
        summary: "Automatic: methods for shapes, chosen by whether and how a series repeats itself, and combined.",
        parameters: &[CONTAMINATION, SEED],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| {
            let config = Auto::new().contamination(p.number("contamination")?)?;
            Ok(Box::new(config.seed(p.parse("seed")?)))
        }),
    },
    DetectorSpec {
        name: "auto-multivariate",
        summary: "Automatic: distance from what the channels do together, robust against wild and dead ones.",
        parameters: &[
            parameter(
                "average",
                "5",
                "1 to 1024",
                "rows around each over which scores are averaged",
            ),
            CAUSAL,
            CONTAMINATION,
        ],
        classic: &[],
        input: Input::TableSeries,
        inner: None,
        method: Method::Batch(|p| {
            let config = AutoMultivariate::new()
                .average(p.integer("average")?)?
                .causal(p.flag("causal")?)
                .contamination(p.number("contamination")?)?;
            Ok(Box::new(config))
        }),
    },
    DetectorSpec {
        name: "sub-pca",
        summary: "Principal components of subsequences: stretches of an unusual shape.",
        parameters: &[WINDOW, STRIDE, scaling("none"), CAUSAL, CONTAMINATION],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| windows(p, Subsequences::sub_pca)),
    },
    DetectorSpec {
        name: "sub-knn",
        summary: "Nearest neighbours of subsequences: stretches unlike any other.",
        parameters: &[
            parameter("neighbors", "5", "1 to 10000", "the number of neighbours"),
            WINDOW,
            STRIDE,
            scaling("standard"),
            CAUSAL,
            CONTAMINATION,
        ],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| {
            let knn = Knn::new().neighbors(p.integer("neighbors")?)?;
            windows(p, move || Subsequences::new(knn.clone()))
        }),
    },
    DetectorSpec {
        name: "kmeans-ad",
        summary: "Clusters of subsequences: stretches far from every usual shape.",
        parameters: &[
            parameter("clusters", "50", "1 to 65536", "the number of clusters"),
            WINDOW,
            STRIDE,
            scaling("center"),
            CAUSAL,
            CONTAMINATION,
            SEED,
        ],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| {
            let clusters = KMeans::new()
                .clusters(p.integer("clusters")?)?
                .n_init(1)?
                .seed(p.parse("seed")?);
            windows(p, move || Subsequences::new(clusters.clone()))
        }),
    },
    DetectorSpec {
        name: "sub-isolation-forest",
        summary: "Isolation forest of subsequences: stretches that random splits isolate early.",
        parameters: &[
            parameter("trees", "100", "1 to 100000", "the number of trees"),
            parameter(
                "subsample",
                "256",
                "at least 1",
                "subsequences that each tree is grown on",
            ),
            WINDOW,
            STRIDE,
            scaling("none"),
            CAUSAL,
            CONTAMINATION,
            SEED,
        ],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| {
            let forest = IsolationForest::new()
                .trees(p.integer("trees")?)?
                .subsample(p.integer("subsample")?)?
                .seed(p.parse("seed")?);
            windows(p, move || Subsequences::new(forest.clone()))
        }),
    },
    DetectorSpec {
        name: "poly",
        summary: "Polynomial prediction: values that the latest ones did not let expect.",
        parameters: &[
            parameter(
                "window",
                "50",
                "5 to 65536",
                "points that the polynomial runs through",
            ),
            parameter("power", "4", "0 to 10", "the degree of the polynomial"),
            parameter(
                "average",
                "100",
                "1 to 65536",
                "points over which squared errors are averaged; 1 judges each alone",
            ),
            CAUSAL,
            CONTAMINATION,
        ],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| {
            let config = Poly::new()
                .window(p.integer("window")?)?
                .power(p.integer("power")?)?
                .average(p.integer("average")?)?
                .causal(p.flag("causal")?)
                .contamination(p.number("contamination")?)?;
            config.validate()?;
            Ok(Box::new(config))
        }),
    },
    DetectorSpec {
        name: "matrix-profile",
        summary: "Matrix profile: subsequences whose nearest neighbour is far away (discords).",
        parameters: &[
            window("auto"),
            parameter(
                "lengths",
                "1",
                "1 to 16",
                "how many lengths vote: windows from half to twice the window",
            ),
            CAUSAL,
            CONTAMINATION,
        ],
        classic: &[],
        input: Input::Series,
        inner: None,
        method: Method::Batch(|p| {
            let lengths: usize = p.integer("lengths")?;
            if !(1..=16).contains(&lengths) {
                return Err(bongsu_core::Error::parameter("lengths", lengths, "1 to 16"));
            }
            let causal = p.flag("causal")?;
            let share = p.number("contamination")?;
            sized(p, move |window| {
                let config = MatrixProfile::new()
                    .windows(spread(window, lengths))?
                    .causal(causal)
                    .contamination(share)?;
                Ok(Box::new(config))
            })
        }),
    },
];

/// `count` windows from half to twice `window`, evenly spread on a logarithmic scale.
fn spread(window: usize, count: usize) -> Vec<usize> {
    if count < 2 {
        return vec![window];
    }
    let factor = |i: usize| 2_f64.powf(2.0 * i as f64 / (count - 1) as f64 - 1.0);
    let one = |i: usize| ((window as f64 * factor(i)).round() as usize).clamp(3, MOST_WINDOW);
    let mut windows: Vec<usize> = (0..count).map(one).collect();
    windows.dedup();
    windows
}

/// The detector of windows that `new` makes, with the settings that all of them have.
fn windows<C>(
    p: &Parameters<'_>,
    new: impl Fn() -> Subsequences<C> + 'static,
) -> CoreResult<Box<dyn FitDetectorDyn>>
where
    C: FitDetector<Fitted: 'static> + 'static,
{
    let stride = p.integer("stride")?;
    let causal = p.flag("causal")?;
    let share = p.number("contamination")?;
    let scalings = [
        ("none", WindowScaling::None),
        ("center", WindowScaling::Center),
        ("standard", WindowScaling::Standard),
    ];
    let scaling = p.choice("scaling", &scalings)?;
    sized(p, move |window| {
        let config = new()
            .window(window)?
            .stride(stride)?
            .scaling(scaling)
            .causal(causal)
            .contamination(share)?;
        config.validate()?;
        Ok(Box::new(config))
    })
}

/// A detector whose window is given, or as long as a period of what it is fitted on.
fn sized(
    p: &Parameters<'_>,
    make: impl Fn(usize) -> CoreResult<Box<dyn FitDetectorDyn>> + 'static,
) -> CoreResult<Box<dyn FitDetectorDyn>> {
    // Whatever the window will be, the other parameters are checked now.
    let window = p.unless("window", "auto")?.unwrap_or(WITHOUT_PERIOD);
    if !(3..=MOST_WINDOW).contains(&window) {
        return Err(bongsu_core::Error::parameter(
            "window",
            window,
            WINDOW.domain,
        ));
    }
    let config = make(window)?;
    Ok(match p.text("window") {
        "auto" => Box::new(AsLongAsPeriod(Box::new(make))),
        _ => config,
    })
}

/// The window of a series without a period.
const WITHOUT_PERIOD: usize = 100;

/// The longest window.
const MOST_WINDOW: usize = 65536;

/// Makes a detector when the series is known, with a window of one period.
struct AsLongAsPeriod(Box<dyn Fn(usize) -> CoreResult<Box<dyn FitDetectorDyn>>>);

impl AsLongAsPeriod {
    fn made_for(&self, x: &ArrayView2<'_, f64>) -> CoreResult<Box<dyn FitDetectorDyn>> {
        let column: Vec<f64> = x.column(0).to_vec();
        // Windows must fit a few times over.
        let most = (column.len() / 4).clamp(3, MOST_WINDOW);
        let period = bongsu_stats::period::PeriodSearch::new().find(&column)?;
        let period = period
            .first()
            .map_or(WITHOUT_PERIOD, |period| period.points);
        (self.0)(period.clamp(8, MOST_WINDOW).min(most))
    }
}

impl FitDetectorDyn for AsLongAsPeriod {
    fn fit_boxed(&self, x: ArrayView2<'_, f64>) -> CoreResult<Box<dyn Detector>> {
        self.made_for(&x)?.fit_boxed(x)
    }

    fn fit_score_boxed(&self, rows: &Rows<'_>) -> CoreResult<FittedWithScores> {
        self.made_for(&rows.values())?.fit_score_boxed(rows)
    }
}
