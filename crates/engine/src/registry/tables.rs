use bongsu_core::ndarray::ArrayView2;
use bongsu_core::{FitDetector, FitDetectorDyn, Result as CoreResult};
use bongsu_ml::knn::KnnDistance;
use bongsu_ml::neighbours::Metric;
use bongsu_ml::one_class_svm::{Gamma, Kernel};
use bongsu_ml::{
    Cblof, Copod, Ecod, ExtendedIsolationForest, Hbos, HbosBins, IsolationForest, Knn, Lof,
    OneClassSvm, Pca, PcaComponents, PcaScaling, PcaScore, Scaled, Scaler,
};

use super::parameter::{PRESET, ParameterSpec, Parameters, SEED, parameter};
use super::{DetectorSpec, Input, Method};

const CONTAMINATION: ParameterSpec = parameter(
    "contamination",
    "0.1",
    "in (0, 0.5]",
    "the share of training rows beyond the bound",
);

const METRIC: ParameterSpec = parameter(
    "metric",
    "euclidean",
    "euclidean, manhattan or chebyshev",
    "how far apart rows are",
);

const SCALING: ParameterSpec = parameter(
    "scaling",
    "none",
    "none, standard, min-max or robust",
    "how channels of different units are made comparable first",
);

const NOVELTY: ParameterSpec = parameter(
    "novelty",
    "false",
    "true or false",
    "judge training rows too as new ones, which may be their own neighbours",
);

/// Detectors that judge all channels of a row together.
pub(super) const TABLES: &[DetectorSpec] = &[
    DetectorSpec {
        name: "isolation-forest",
        summary: "Isolation forest: rows that random splits isolate early.",
        parameters: &[
            PRESET,
            parameter("trees", "100", "1 to 100000", "the number of trees"),
            parameter(
                "subsample",
                "256",
                "at least 1",
                "rows that each tree is grown on",
            ),
            parameter(
                "max_features",
                "1",
                "in (0, 1]",
                "the share of the features that each tree may split on",
            ),
            parameter(
                "bootstrap",
                "false",
                "true or false",
                "whether rows are drawn with replacement",
            ),
            parameter(
                "contamination",
                "auto",
                "auto or in (0, 0.5]",
                "the share of training rows beyond the bound; `auto` is a bound of 0.5",
            ),
            SEED,
        ],
        classic: &[("contamination", "0.1")],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let config = IsolationForest::new()
                .trees(p.integer("trees")?)?
                .subsample(p.integer("subsample")?)?
                .max_features(p.number("max_features")?)?
                .bootstrap(p.flag("bootstrap")?)
                .seed(p.parse("seed")?);
            Ok(Box::new(match p.unless("contamination", "auto")? {
                Some(share) => config.contamination(share)?,
                None => config,
            }))
        }),
    },
    DetectorSpec {
        name: "pca",
        summary: "Principal components: rows that break the correlations of their channels.",
        parameters: &[
            parameter(
                "components",
                "0.98",
                "all, in (0, 1) or at least 1",
                "the components kept: their number, or the share of the variance that they explain",
            ),
            parameter(
                "scaling",
                "standard",
                "center, standard or robust",
                "how channels are made comparable",
            ),
            parameter(
                "score",
                "largest-residual",
                "reconstruction, largest-residual, mean-residual, mahalanobis or weighted-distance",
                "what is measured: what the components leave over, or how far the row lies along them",
            ),
            CONTAMINATION,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let config = Pca::new()
                .components(components(p)?)?
                .scaling(p.choice(
                    "scaling",
                    &[
                        ("center", PcaScaling::Center),
                        ("standard", PcaScaling::Standard),
                        ("robust", PcaScaling::Robust),
                    ],
                )?)
                .score(p.choice(
                    "score",
                    &[
                        ("reconstruction", PcaScore::Reconstruction),
                        ("largest-residual", PcaScore::LargestResidual),
                        ("mean-residual", PcaScore::MeanResidual),
                        ("mahalanobis", PcaScore::Mahalanobis),
                        ("weighted-distance", PcaScore::WeightedDistance),
                    ],
                )?)
                .contamination(p.number("contamination")?)?;
            Ok(Box::new(config))
        }),
    },
    DetectorSpec {
        name: "hbos",
        summary: "Histograms: rows in thin bins of their channels.",
        parameters: &[
            parameter(
                "bins",
                "10",
                "auto or 2 to 65536",
                "bins a channel; `auto` chooses their number by the data",
            ),
            parameter(
                "alpha",
                "0.1",
                "in (0, 1)",
                "what is added to the density, so that an empty bin is not infinitely unlikely",
            ),
            parameter(
                "tolerance",
                "0.5",
                "in (0, 1)",
                "how far beyond the histogram a value counts as in its last bin, in bin widths",
            ),
            CONTAMINATION,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let bins = p
                .unless("bins", "auto")?
                .map_or(HbosBins::Auto, HbosBins::Fixed);
            let config = Hbos::new()
                .bins(bins)?
                .alpha(p.number("alpha")?)?
                .tolerance(p.number("tolerance")?)?
                .contamination(p.number("contamination")?)?;
            Ok(Box::new(config))
        }),
    },
    DetectorSpec {
        name: "copod",
        summary: "Copula-based: rows in the tails of their channels, on the longer side.",
        parameters: &[CONTAMINATION],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let share = p.number("contamination")?;
            Ok(Box::new(Copod::new().contamination(share)?))
        }),
    },
    DetectorSpec {
        name: "ecod",
        summary: "Empirical distributions: rows in the rarer tail of their channels.",
        parameters: &[CONTAMINATION],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let share = p.number("contamination")?;
            Ok(Box::new(Ecod::new().contamination(share)?))
        }),
    },
    DetectorSpec {
        name: "lof",
        summary: "Local outlier factor: rows in thinner surroundings than their neighbours.",
        parameters: &[
            PRESET,
            parameter("neighbors", "20", "1 to 10000", "the number of neighbours"),
            METRIC,
            parameter(
                "contamination",
                "auto",
                "auto or in (0, 0.5]",
                "the share of training rows beyond the bound; `auto` is a bound of 1.5",
            ),
            NOVELTY,
            SCALING,
        ],
        classic: &[("contamination", "0.1")],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let config = Lof::new()
                .neighbors(p.integer("neighbors")?)?
                .metric(metric(p)?);
            let config = match p.unless("contamination", "auto")? {
                Some(share) => config.contamination(share)?,
                None => config,
            };
            if p.flag("novelty")? {
                scaled(p, AsNew(config))
            } else {
                scaled(p, config)
            }
        }),
    },
    DetectorSpec {
        name: "knn",
        summary: "Distance to the nearest neighbours.",
        parameters: &[
            parameter("neighbors", "5", "1 to 10000", "the number of neighbours"),
            parameter(
                "distance",
                "largest",
                "largest, mean or median",
                "which of the distances to them is the score",
            ),
            METRIC,
            CONTAMINATION,
            NOVELTY,
            SCALING,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let distances = [
                ("largest", KnnDistance::Largest),
                ("mean", KnnDistance::Mean),
                ("median", KnnDistance::Median),
            ];
            let config = Knn::new()
                .neighbors(p.integer("neighbors")?)?
                .distance(p.choice("distance", &distances)?)
                .metric(metric(p)?)
                .contamination(p.number("contamination")?)?;
            if p.flag("novelty")? {
                scaled(p, AsNew(config))
            } else {
                scaled(p, config)
            }
        }),
    },
    DetectorSpec {
        name: "one-class-svm",
        summary: "One-class support vector machine: rows outside of a surface around most of them.",
        parameters: &[
            parameter(
                "nu",
                "0.1",
                "in (0, 1]",
                "the largest share of training rows outside, and the least share of support vectors",
            ),
            parameter(
                "kernel",
                "rbf",
                "rbf, linear, poly or sigmoid",
                "the kernel",
            ),
            parameter(
                "gamma",
                "scale",
                "scale, auto or finite, above 0",
                "the factor of the kernel; `scale` is 1 / (features x variance), `auto` 1 / features",
            ),
            parameter("degree", "3", "1 to 20", "the degree of `poly`"),
            parameter(
                "coef0",
                "0",
                "finite",
                "the constant of `poly` and `sigmoid`",
            ),
            parameter("tol", "1e-3", "finite, above 0", "when the solver stops"),
            parameter(
                "cache_mb",
                "200",
                "1 to 65536",
                "the most memory for kernel rows, in MiB",
            ),
            parameter(
                "contamination",
                "auto",
                "auto or in (0, 0.5]",
                "the share of training rows beyond the bound; `auto` is the surface itself",
            ),
            SCALING,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let kernels = [
                ("rbf", Kernel::Rbf),
                ("linear", Kernel::Linear),
                ("poly", Kernel::Poly),
                ("sigmoid", Kernel::Sigmoid),
            ];
            let gamma = match p.text("gamma") {
                "scale" => Gamma::Scale,
                "auto" => Gamma::Auto,
                _ => Gamma::Value(p.number("gamma")?),
            };
            let config = OneClassSvm::new()
                .nu(p.number("nu")?)?
                .kernel(p.choice("kernel", &kernels)?)
                .gamma(gamma)?
                .degree(p.parse("degree")?)?
                .coef0(p.number("coef0")?)?
                .tolerance(p.number("tol")?)?
                .cache_mb(p.integer("cache_mb")?)?
                .contamination(p.unless("contamination", "auto")?)?;
            scaled(p, config)
        }),
    },
    DetectorSpec {
        name: "cblof",
        summary: "Clusters: rows far from the centres of large clusters.",
        parameters: &[
            parameter("clusters", "8", "1 to 65536", "the number of clusters"),
            parameter(
                "alpha",
                "0.9",
                "in (0, 1)",
                "the share of the rows that large clusters hold at least",
            ),
            parameter(
                "beta",
                "5",
                "finite, above 1",
                "how many times larger the smallest large cluster is than the largest small one",
            ),
            parameter(
                "use_weights",
                "false",
                "true or false",
                "multiply scores by the size of the row's cluster",
            ),
            CONTAMINATION,
            SEED,
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let config = Cblof::new()
                .clusters(p.integer("clusters")?)?
                .alpha(p.number("alpha")?)?
                .beta(p.number("beta")?)?
                .use_weights(p.flag("use_weights")?)
                .contamination(p.number("contamination")?)?
                .seed(p.parse("seed")?);
            Ok(Box::new(config))
        }),
    },
    DetectorSpec {
        name: "extended-isolation-forest",
        summary: "Extended isolation forest: rows that slanted random cuts isolate early.",
        parameters: &[
            parameter("trees", "100", "1 to 100000", "the number of trees"),
            parameter(
                "subsample",
                "256",
                "at least 1",
                "rows that each tree is grown on",
            ),
            parameter(
                "extension",
                "full",
                "full or at least 0",
                "how many channels a cut slants in, beside one; `full` is all",
            ),
            parameter(
                "contamination",
                "auto",
                "auto or in (0, 0.5]",
                "the share of training rows beyond the bound; `auto` is a bound of 0.5",
            ),
            SEED,
            // Cuts are slanted: what a unit is counts.
            parameter("scaling", "standard", SCALING.domain, SCALING.about),
        ],
        classic: &[],
        input: Input::Table,
        inner: None,
        method: Method::Batch(|p| {
            let mut config = ExtendedIsolationForest::new()
                .trees(p.integer("trees")?)?
                .subsample(p.integer("subsample")?)?
                .seed(p.parse("seed")?);
            if let Some(level) = p.unless("extension", "full")? {
                config = config.extension(level);
            }
            if let Some(share) = p.unless("contamination", "auto")? {
                config = config.contamination(share)?;
            }
            scaled(p, config)
        }),
    },
];

/// Judges the rows that it is fitted on as it judges new ones.
struct AsNew<C>(C);

impl<C: FitDetector> FitDetector for AsNew<C> {
    type Fitted = C::Fitted;

    fn fit(&self, x: ArrayView2<'_, f64>) -> CoreResult<C::Fitted> {
        self.0.fit(x)
    }
}

/// The detector on scaled channels.
fn scaled<C>(p: &Parameters<'_>, config: C) -> CoreResult<Box<dyn FitDetectorDyn>>
where
    C: FitDetector<Fitted: 'static> + 'static,
{
    let scalers = [
        ("none", Scaler::None),
        ("standard", Scaler::Standard),
        ("min-max", Scaler::MinMax),
        ("robust", Scaler::Robust),
    ];
    Ok(match p.choice("scaling", &scalers)? {
        Scaler::None => Box::new(config),
        scaler => Box::new(Scaled::new(scaler, config)),
    })
}

fn metric(p: &Parameters<'_>) -> CoreResult<Metric> {
    let metrics = [
        ("euclidean", Metric::Euclidean),
        ("manhattan", Metric::Manhattan),
        ("chebyshev", Metric::Chebyshev),
    ];
    p.choice("metric", &metrics)
}

/// `all`, a number of components (a whole number), or a share of the variance.
fn components(p: &Parameters<'_>) -> CoreResult<PcaComponents> {
    if let Ok(count) = p.integer("components") {
        return Ok(PcaComponents::Count(count));
    }
    let share = p.unless("components", "all")?;
    Ok(share.map_or(PcaComponents::All, PcaComponents::Variance))
}
