//! A series made ready for the fit: its present points in the unit of the model.

use bongsu_core::{Error, Result, SeriesView, Timestamp};
use serde::{Deserialize, Serialize};

use super::config::Settings;
use super::{Columns, Growth, Scaling};
use crate::{Step, Timeline, check};

/// Where the unit of time and of values of the model lie.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Scale {
    /// The first present point.
    pub(super) start: Timestamp,
    /// Milliseconds from the first to the last present point.
    pub(super) span: f64,
    /// What is 0 where no floor is given.
    pub(super) low: f64,
    /// What is 1 above that.
    pub(super) size: f64,
}

impl Scale {
    /// The time of the model: 0 at the first present point, 1 at the last.
    pub(super) fn time(&self, at: Timestamp) -> f64 {
        at.millis_since(self.start) as f64 / self.span
    }

    /// The last present point.
    pub(super) fn end(&self) -> Timestamp {
        self.start.add_millis(self.span as i64)
    }
}

/// The present points of a series.
#[derive(Debug)]
pub(super) struct History {
    pub(super) scale: Scale,
    pub(super) timeline: Timeline,
    /// The rows of the present points.
    pub(super) rows: Vec<usize>,
    pub(super) times: Vec<Timestamp>,
    pub(super) t: Vec<f64>,
    pub(super) y: Vec<f64>,
    /// Above the floor, in the unit of the model; 0 where growth is not logistic.
    pub(super) cap: Vec<f64>,
    pub(super) is_constant: bool,
    /// The least distance between two points, in milliseconds.
    pub(super) gap: i64,
}

impl History {
    pub(super) fn new(
        settings: &Settings,
        series: &SeriesView<'_>,
        columns: &Columns<'_>,
    ) -> Result<Self> {
        check::series(series.values())?;
        check::enough("prophet", series.values(), 2)?;
        let rows: Vec<usize> = (0..series.values().len())
            .filter(|&row| series.values().get(row).is_some_and(|v| !v.is_nan()))
            .collect();
        let pick = |values: &[f64]| -> Vec<f64> {
            let at = |&row: &usize| values.get(row).copied().unwrap_or(f64::NAN);
            rows.iter().map(at).collect()
        };
        let values = pick(series.values());
        let time = |&row: &usize| series.timestamps().get(row).copied();
        let times: Vec<Timestamp> = rows.iter().filter_map(time).collect();
        let logistic = settings.growth == Growth::Logistic;
        let (caps, floors) = if logistic {
            let bounds = Bounds::new(settings, columns, series.timestamps())?;
            (Some(pick(&bounds.cap)), bounds.floor.map(|f| pick(&f)))
        } else {
            (None, None)
        };
        let scale = scale_of(
            settings,
            &times,
            &values,
            caps.as_deref(),
            floors.as_deref(),
        )?;
        let floor = |i: usize| {
            floors
                .as_ref()
                .map_or(Some(scale.low), |f| f.get(i).copied())
        };
        let above = |i: usize, value: f64| (value - floor(i).unwrap_or(scale.low)) / scale.size;
        let each = |values: &[f64]| -> Vec<f64> {
            let pairs = values.iter().enumerate();
            pairs.map(|(i, &value)| above(i, value)).collect()
        };
        let y = each(&values);
        let cap = match &caps {
            None => vec![0.0; y.len()],
            Some(caps) => each(caps),
        };
        if y.iter().chain(&cap).any(|x| !x.is_finite()) {
            return Err(Error::input("the values are too far apart for numbers"));
        }
        if logistic {
            check_bounds(&y, &cap, &times)?;
        }
        let gaps = times.iter().zip(times.iter().skip(1));
        let gap = gaps.map(|(a, b)| b.millis_since(*a)).min().unwrap_or(1);
        Ok(Self {
            scale,
            timeline: timeline_of(series)?,
            t: times.iter().map(|&time| scale.time(time)).collect(),
            is_constant: values.iter().all(|value| Some(value) == values.first()),
            rows,
            times,
            y,
            cap,
            gap,
        })
    }
}

/// Capacities and floors of some moments, in the unit of the series.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) cap: Vec<f64>,
    /// `None` where the floor is that of the scale.
    pub(super) floor: Option<Vec<f64>>,
}

impl Bounds {
    /// Those at `times`: from a column, else from the settings.
    pub(super) fn new(
        settings: &Settings,
        columns: &Columns<'_>,
        times: &[Timestamp],
    ) -> Result<Self> {
        let of = |name: &str, constant: Option<f64>| match (columns.get(name), constant) {
            (Some(_), _) => {
                let values = columns.finite("column", name, times, 0..times.len());
                values.map(|values| Some(values.to_vec()))
            }
            (None, Some(value)) => Ok(Some(vec![value; times.len()])),
            (None, None) => Ok(None),
        };
        let cap = of("cap", settings.cap)?.ok_or_else(|| {
            Error::input("logistic growth needs a capacity: the parameter or a column `cap`")
        })?;
        Ok(Self {
            cap,
            floor: of("floor", settings.floor)?,
        })
    }
}

fn scale_of(
    settings: &Settings,
    times: &[Timestamp],
    values: &[f64],
    caps: Option<&[f64]>,
    floors: Option<&[f64]>,
) -> Result<Scale> {
    let least = |x: &[f64]| x.iter().fold(f64::INFINITY, |m: f64, &v| m.min(v));
    let most = |x: &[f64]| x.iter().fold(f64::NEG_INFINITY, |m: f64, &v| m.max(v));
    let (low, size) = match (settings.scaling, floors) {
        (Scaling::AbsMax, None) => (0.0, values.iter().fold(0.0, |m: f64, v| m.max(v.abs()))),
        (Scaling::AbsMax, Some(floors)) => {
            let pairs = values.iter().zip(floors);
            (0.0, pairs.fold(0.0, |m: f64, (v, f)| m.max((v - f).abs())))
        }
        (Scaling::MinMax, None) => (least(values), most(values) - least(values)),
        (Scaling::MinMax, Some(floors)) => {
            let low = least(floors);
            (low, most(caps.unwrap_or_default()) - low)
        }
    };
    if !size.is_finite() || size < 0.0 {
        return Err(Error::input("the values are too far apart for numbers"));
    }
    let (first, last) = (times.first(), times.last());
    let start = first.copied().unwrap_or_default();
    let span = last.map_or(0, |last| last.millis_since(start)).max(1);
    Ok(Scale {
        start,
        span: span as f64,
        low,
        size: if size == 0.0 { 1.0 } else { size },
    })
}

/// Capacities are above the floor, and most values between both.
fn check_bounds(y: &[f64], cap: &[f64], times: &[Timestamp]) -> Result<()> {
    if let Some(row) = cap.iter().position(|&cap| cap <= 0.0) {
        let at = times.get(row).copied().unwrap_or_default();
        return Err(Error::input(format!(
            "the capacity must be above the floor (0 where none is given), but is not at {at}"
        )));
    }
    for (what, outside) in [
        (
            "above the capacity",
            y.iter().zip(cap).filter(|(y, c)| y > c).count(),
        ),
        ("below the floor", y.iter().filter(|&&y| y < 0.0).count()),
    ] {
        if 2 * outside > y.len() {
            return Err(Error::input(format!(
                "{outside} of {} values are {what}: logistic growth is between floor and capacity",
                y.len()
            )));
        }
    }
    Ok(())
}

/// The grid of a series and its values on it, where it has one and at most every second step is a
/// hole.
pub(super) fn grid(series: &SeriesView<'_>) -> Option<(Timeline, Vec<f64>)> {
    let grid = Timeline::of(series).ok();
    grid.filter(|(_, values)| values.len() <= 2 * series.values().len())
}

/// The grid that forecasts go on with: that of the series, else steps as wide as its median gap.
fn timeline_of(series: &SeriesView<'_>) -> Result<Timeline> {
    if let Some((timeline, _)) = grid(series) {
        return Ok(timeline);
    }
    let times = series.timestamps();
    let mut gaps: Vec<i64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(a, b)| b.millis_since(*a))
        .collect();
    gaps.sort_unstable();
    let median = gaps.get(gaps.len() / 2).copied().unwrap_or(1).max(1);
    let last = times.last().copied().unwrap_or_default();
    Timeline::new(last, Step::Millis(median), 1)
}
