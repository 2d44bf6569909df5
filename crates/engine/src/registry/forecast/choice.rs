//! Parameters by which automatic models choose.

use bongsu_core::Result as CoreResult;
use bongsu_forecast::Criterion;

use crate::registry::parameter::{ParameterSpec, Parameters, parameter};

pub(super) const CRITERION: ParameterSpec = parameter(
    "criterion",
    "aicc",
    "aic, aicc or bic",
    "by what models are compared",
);

pub(super) fn criterion(p: &Parameters<'_>) -> CoreResult<Criterion> {
    p.choice(
        "criterion",
        &[
            ("aic", Criterion::Aic),
            ("aicc", Criterion::Aicc),
            ("bic", Criterion::Bic),
        ],
    )
}
