//! The one table of drift detectors.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use bongsu_core::{Direction, Result as CoreResult};
use bongsu_stream::{Adwin, Ddm, DriftMethod, Eddm, HddmA, HddmW, Kswin, PageHinkley};

use super::markdown::section;
use super::parameter::{ParameterSpec, Parameters, SEED, Takes, parameter};
use super::unknown;
use crate::Error;

/// A drift detector by name, with its parameters.
#[derive(Debug)]
pub struct DriftSpec {
    /// The name in `--detector`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What can be set.
    pub parameters: &'static [ParameterSpec],
    /// Which values it takes.
    pub values: Values,
    /// Whether it also warns before there is drift.
    pub warns: bool,
    make: fn(&Parameters<'_>) -> CoreResult<DriftMethod>,
}

/// Which values a drift detector takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Any finite number.
    Any,
    /// Errors from 0 to 1.
    Fraction,
    /// 1 for an error and 0 for none.
    ZeroOrOne,
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any number",
            Self::Fraction => "errors in [0, 1]",
            Self::ZeroOrOne => "errors, 0 or 1",
        })
    }
}

const WARM_START: &str = "0 to 4294967295";

const WARNING_CONFIDENCE: ParameterSpec = parameter(
    "warning_confidence",
    "0.005",
    "[drift_confidence, 1)",
    "the probability of warning where there is nothing",
);

const DRIFT_CONFIDENCE: ParameterSpec = parameter(
    "drift_confidence",
    "0.001",
    "(0, warning_confidence]",
    "the probability of calling drift where there is none",
);

const TWO_SIDED: ParameterSpec = parameter(
    "two_sided",
    "false",
    "true or false",
    "whether a falling mean counts too",
);

/// Every drift detector.
pub const DRIFT_DETECTORS: &[DriftSpec] = &[
    DriftSpec {
        name: "adwin",
        summary: "Adaptive windowing: a window that is kept for as long as its mean does not change; for values that span about 1.",
        parameters: &[
            parameter(
                "delta",
                "0.002",
                "in (0, 1)",
                "the significance: the smaller, the fewer false alarms and the later true ones",
            ),
            parameter(
                "clock",
                "32",
                "1 to 4294967295",
                "every how many values the window is judged",
            ),
            parameter(
                "max_buckets",
                "5",
                "1 to 1024",
                "buckets of each size that are kept before two are merged",
            ),
            parameter(
                "min_window_length",
                "5",
                "1 to 4294967295",
                "the least number of values in either part of a cut",
            ),
            parameter(
                "grace_period",
                "10",
                WARM_START,
                "the window is judged when it holds more values than this",
            ),
            parameter(
                "restart",
                "true",
                "true or false",
                "whether an empty window follows a drift, or the newer part stays",
            ),
        ],
        values: Values::Any,
        warns: false,
        make: |p| {
            let config = Adwin::new()
                .delta(p.number("delta")?)?
                .clock(p.parse("clock")?)?
                .max_buckets(p.integer("max_buckets")?)?
                .min_window_length(p.parse("min_window_length")?)?
                .grace_period(p.parse("grace_period")?)
                .restart(p.flag("restart")?);
            Ok(DriftMethod::Adwin(config))
        },
    },
    DriftSpec {
        name: "ddm",
        summary: "Drift detection method: a rate of errors that rises above the least it has been.",
        parameters: &[
            parameter(
                "warm_start",
                "30",
                WARM_START,
                "values before the first judgement",
            ),
            parameter(
                "warning_threshold",
                "2",
                "finite, above 0, at most drift_threshold",
                "standard deviations above the least rate at which a warning starts",
            ),
            parameter(
                "drift_threshold",
                "3",
                "finite, at least warning_threshold",
                "standard deviations above the least rate at which a drift starts",
            ),
        ],
        values: Values::Fraction,
        warns: true,
        make: |p| {
            let config = Ddm::new()
                .warm_start(p.parse("warm_start")?)
                .warning_threshold(p.number("warning_threshold")?)?
                .drift_threshold(p.number("drift_threshold")?)?;
            Ok(DriftMethod::Ddm(config))
        },
    },
    DriftSpec {
        name: "eddm",
        summary: "Early drift detection method: errors that come closer together.",
        parameters: &[
            parameter(
                "warm_start",
                "30",
                WARM_START,
                "errors before the first judgement",
            ),
            parameter(
                "alpha",
                "0.95",
                "[beta, 1]",
                "the share of the widest gaps below which there is a warning",
            ),
            parameter(
                "beta",
                "0.9",
                "(0, alpha]",
                "the share of the widest gaps below which there is drift",
            ),
        ],
        values: Values::ZeroOrOne,
        warns: true,
        make: |p| {
            let config = Eddm::new()
                .warm_start(p.parse("warm_start")?)
                .alpha(p.number("alpha")?)?
                .beta(p.number("beta")?)?;
            Ok(DriftMethod::Eddm(config))
        },
    },
    DriftSpec {
        name: "hddm-a",
        summary: "Hoeffding's bound on averages: a mean that has risen since it was least.",
        parameters: &[DRIFT_CONFIDENCE, WARNING_CONFIDENCE, TWO_SIDED],
        values: Values::Fraction,
        warns: true,
        make: |p| {
            let config = HddmA::new()
                .drift_confidence(p.number("drift_confidence")?)?
                .warning_confidence(p.number("warning_confidence")?)?
                .two_sided(p.flag("two_sided")?);
            Ok(DriftMethod::HddmA(config))
        },
    },
    DriftSpec {
        name: "hddm-w",
        summary: "McDiarmid's bound on weighted averages: as `hddm-a`, sooner for gradual changes.",
        parameters: &[
            DRIFT_CONFIDENCE,
            WARNING_CONFIDENCE,
            parameter(
                "lambda",
                "0.05",
                "in (0, 1]",
                "the weight of the newest value: the smaller, the longer the memory",
            ),
            TWO_SIDED,
        ],
        values: Values::Fraction,
        warns: true,
        make: |p| {
            let config = HddmW::new()
                .drift_confidence(p.number("drift_confidence")?)?
                .warning_confidence(p.number("warning_confidence")?)?
                .lambda(p.number("lambda")?)?
                .two_sided(p.flag("two_sided")?);
            Ok(DriftMethod::HddmW(config))
        },
    },
    DriftSpec {
        name: "page-hinkley",
        summary: "Page-Hinkley test: sums of deviations from the mean, for shifts of a known size.",
        parameters: &[
            parameter(
                "min_instances",
                "30",
                WARM_START,
                "values before the first judgement, which is at the last of them",
            ),
            parameter(
                "delta",
                "0.005",
                "finite, at least 0",
                "the change that is tolerated, in the unit of the values",
            ),
            parameter(
                "threshold",
                "50",
                "finite, above 0",
                "the sum of deviations above which there is drift",
            ),
            parameter(
                "alpha",
                "0.9999",
                "in (0, 1]",
                "how much of the sums is kept from value to value",
            ),
            parameter(
                "direction",
                "both",
                "up, down or both",
                "which changes of the mean count",
            ),
        ],
        values: Values::Any,
        warns: false,
        make: |p| {
            let config = PageHinkley::new()
                .min_instances(p.parse("min_instances")?)
                .delta(p.number("delta")?)?
                .threshold(p.number("threshold")?)?
                .alpha(p.number("alpha")?)?
                .direction(p.parse::<Direction>("direction")?);
            Ok(DriftMethod::PageHinkley(config))
        },
    },
    DriftSpec {
        name: "kswin",
        summary: "Kolmogorov-Smirnov tests: the newest values against a sample of those before, for any change of the distribution.",
        parameters: &[
            parameter(
                "alpha",
                "0.005",
                "in (0, 1)",
                "the p-value up to which a test means drift; best below 0.01",
            ),
            parameter(
                "window_size",
                "100",
                "2 * stat_size to 1048576",
                "values in the window",
            ),
            parameter(
                "stat_size",
                "30",
                "1 to window_size / 2, at most 10000",
                "the newest values, which are tested",
            ),
            SEED,
        ],
        values: Values::Any,
        warns: false,
        make: |p| {
            let config = Kswin::new()
                .alpha(p.number("alpha")?)?
                .window_size(p.integer("window_size")?)?
                .stat_size(p.integer("stat_size")?)?
                .seed(p.parse("seed")?);
            Ok(DriftMethod::Kswin(config))
        },
    },
];

/// The table's row for `name`.
///
/// # Errors
/// When there is none; the message has the nearest name.
pub fn find(name: &str) -> Result<&'static DriftSpec, Error> {
    let mut all = DRIFT_DETECTORS.iter();
    all.find(|spec| spec.name == name).ok_or_else(|| {
        let names = DRIFT_DETECTORS.iter().map(|spec| spec.name);
        unknown("drift detector", name, names, "bongsu drift --list")
    })
}

/// The configuration of a drift detector.
///
/// # Errors
/// When the name or a parameter is unknown, or a value is outside its domain.
pub fn method(name: &str, given: &BTreeMap<String, String>) -> Result<DriftMethod, Error> {
    let spec = find(name)?;
    let takes = Takes {
        kind: "drift detector",
        name: spec.name,
        parameters: [spec.parameters, &[]],
        classic: &[],
        inner: None,
    };
    let method = (spec.make)(&Parameters::new(takes, given)?)?;
    method.validate()?;
    Ok(method)
}

/// The table of drift detectors in Markdown, for the docs.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::from(
        "## Drift detectors\n\n\
         `bongsu drift --detector NAME` says after every value whether the metric is `stable`, gives a `warning`, or has changed for good: `drift`. \
         With `--watch DETECTOR` the scores of a detector are watched in place of the values.\n\n\
         | drift detector | takes | warns | |\n| --- | --- | --- | --- |\n",
    );
    for spec in DRIFT_DETECTORS {
        let warns = if spec.warns { "yes" } else { "no" };
        let _ = writeln!(
            out,
            "| [`{0}`](#{0}) | {1} | {warns} | {2} |",
            spec.name, spec.values, spec.summary
        );
    }
    for spec in DRIFT_DETECTORS {
        section(&mut out, "###", spec.name, spec.summary, spec.parameters);
    }
    out
}
