//! Parts of forecasts on a grid.

use bongsu_core::{Cycle, Error, ForecastPart, PartKind, Result};

use crate::Timeline;
use crate::timeline::Targets;

/// The trend at some moments.
pub(crate) fn trend(values: Vec<f64>) -> ForecastPart {
    ForecastPart {
        name: "trend".to_owned(),
        kind: PartKind::Trend,
        multiplicative: false,
        values,
        intervals: Vec::new(),
        cycle: None,
    }
}

/// A series on the grid `given` is the one that was fitted, on the grid `fitted`.
pub(crate) fn same_grid(given: &Timeline, fitted: &Timeline) -> Result<()> {
    if given == fitted {
        Ok(())
    } else {
        Err(Error::input(format!(
            "the past trend is that of the fitted series of {} steps from {}, not of one of {} from {}",
            fitted.len(),
            fitted.start(),
            given.len(),
            given.start()
        )))
    }
}

/// A season whose `turn` starts one step after the end of `timeline`, at `targets`.
pub(crate) fn season(
    name: String,
    turn: &[f64],
    multiplicative: bool,
    targets: &Targets,
    timeline: &Timeline,
) -> Result<ForecastPart> {
    let at = |step: usize| {
        let phase = step.wrapping_sub(1).checked_rem(turn.len());
        phase.and_then(|phase| turn.get(phase)).copied()
    };
    let end = timeline.len();
    let times = (end..=end + turn.len()).map(|index| timeline.at(index));
    Ok(ForecastPart {
        name,
        kind: PartKind::Season,
        multiplicative,
        values: targets.steps.iter().filter_map(|&step| at(step)).collect(),
        intervals: Vec::new(),
        cycle: Some(Cycle {
            timestamps: times.collect::<Result<_>>()?,
            values: turn.iter().chain(turn.first()).copied().collect(),
        }),
    })
}
