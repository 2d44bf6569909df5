use bongsu_stats::Gesd;

use super::parameter::parameter;
use super::{DetectorSpec, Input, Method};

/// Detectors of single channels that are fitted on many points.
pub(super) const COLUMNS: &[DetectorSpec] = &[DetectorSpec {
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
    input: Input::Column,
    method: Method::Batch(|p| {
        let config = Gesd::new()
            .alpha(p.number("alpha")?)?
            .max_share(p.number("max_share")?)?
            .hybrid(p.flag("hybrid")?);
        Ok(Box::new(config))
    }),
}];
