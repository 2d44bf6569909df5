use bongsu_core::{Error, Result, Timestamp};

use crate::onset::earliest_onset;
use crate::{Metric, Observations};

/// The fewest normal moments from which a level and a spread can be told.
pub(crate) const MIN_NORMAL: usize = 5;

/// Gaps make no more of the rows than so many times as many.
const MOST_SPREAD: usize = 20;

/// Normal times and the time of an incident, metric by metric.
#[derive(Debug, Clone)]
pub(crate) struct Split<'a> {
    pub(crate) metrics: &'a [Metric],
    /// The values of normal times, oldest first.
    pub(crate) normal: Vec<&'a [f64]>,
    /// The values since shortly before the onset.
    pub(crate) after: Vec<&'a [f64]>,
    /// The moments of `after`.
    pub(crate) times: &'a [Timestamp],
    pub(crate) onset: Timestamp,
    /// The moments of normal times where these lie before the incident, else none.
    pub(crate) before: &'a [Timestamp],
}

impl<'a> Split<'a> {
    /// The true onset is within `uncertainty` milliseconds of the given one. Normal times end where it
    /// is 95 % sure that nothing had begun, with `latest` not after the given onset, but keep at least
    /// half of what lies before it; the incident begins where normal times end. For that a metric
    /// counts as much as `weigh` gives it of normal values and those since: what drifts with the load
    /// says nothing. With `apart`, normal times come from there, and none of `observations`.
    pub(crate) fn new(
        observations: &'a Observations,
        apart: Option<&'a Observations>,
        onset: Timestamp,
        uncertainty: i64,
        latest: bool,
        weigh: impl FnOnce(&[&[f64]], &[&[f64]]) -> Vec<f64>,
    ) -> Result<Self> {
        let times = observations.times();
        let rows = times.len();
        let before = observations.row_at(onset);
        if before >= rows {
            return Err(outside(observations, onset));
        }
        let certain = observations.row_at(onset.add_millis(-uncertainty.max(0)));
        let (metrics, columns): (&[Metric], Vec<&[f64]>) = match apart {
            None => (
                observations.metrics(),
                observations.columns().iter().map(Vec::as_slice).collect(),
            ),
            Some(_) => (observations.metrics(), Vec::new()),
        };
        let Some(apart) = apart else {
            if before == 0 {
                return Err(outside(observations, onset));
            }
            let least = before.min((before / 2).max(2 * MIN_NORMAL));
            let cut = if uncertainty > 0 {
                // What speaks for a fault when normal times end as early as they may.
                let early = certain.clamp(least, before);
                let halves = columns.iter().map(|column| column.split_at(early));
                let (normal, after): (Vec<_>, Vec<_>) = halves.unzip();
                let weights = weigh(&normal, &after);
                earliest_onset(observations, onset, uncertainty, &weights).max(least)
            } else {
                before
            };
            let cut = if latest { cut.min(before) } else { cut };
            let cut = cut.min(rows.saturating_sub(1));
            if cut < MIN_NORMAL {
                return Err(Error::not_enough_data(
                    "the time before the onset",
                    MIN_NORMAL,
                    cut,
                ));
            }
            let halves = columns.iter().map(|column| column.split_at(cut.min(rows)));
            let (normal, after) = halves.unzip();
            return Ok(Self {
                metrics,
                normal,
                after,
                times: times.get(cut..).unwrap_or_default(),
                onset,
                before: times.get(..cut).unwrap_or_default(),
            });
        };
        if apart.n_rows() < MIN_NORMAL {
            return Err(Error::not_enough_data(
                "the normal period",
                MIN_NORMAL,
                apart.n_rows(),
            ));
        }
        let place = |metric: &Metric| apart.metrics().iter().position(|m| m == metric);
        let normal = metrics.iter().map(|metric| {
            let column = place(metric).and_then(|i| apart.columns().get(i));
            column.map_or(&[][..], Vec::as_slice)
        });
        let after = observations.columns().iter();
        Ok(Self {
            metrics,
            normal: normal.collect(),
            after: after
                .map(|column| column.get(certain..).unwrap_or_default())
                .collect(),
            times: times.get(certain..).unwrap_or_default(),
            onset,
            before: &[],
        })
    }

    /// Whether the incident follows normal times.
    pub(crate) fn follows(&self) -> bool {
        !self.before.is_empty()
    }

    /// The usual time between two moments in milliseconds: the median, at least 1.
    pub(crate) fn step(&self) -> i64 {
        let times = self.before.iter().chain(self.times);
        let next = times.clone().skip(1);
        let mut steps: Vec<i64> = times.zip(next).map(|(a, b)| b.millis_since(*a)).collect();
        let middle = steps.len() / 2;
        if steps.is_empty() {
            return 1;
        }
        (*steps.select_nth_unstable(middle).1).max(1)
    }

    /// The places of the rows of normal times and of the incident on a grid without gaps: moments that
    /// are missing, as those of other incidents that were left out, take places too. `None` where there
    /// is no gap, where the moments are on no grid, and where normal times were recorded apart.
    pub(crate) fn places(&self) -> Option<Vec<usize>> {
        let first = self.before.first()?;
        let mut times = self.before.iter().chain(self.times);
        let rows = self.before.len() + self.times.len();
        let step = self.step();
        let last = times.clone().next_back()?.millis_since(*first);
        if last / step < rows as i64 || last / step > (MOST_SPREAD * rows) as i64 {
            return None;
        }
        let place = |at: &Timestamp| (at.millis_since(*first) + step / 2) / step;
        let places: Option<Vec<usize>> =
            times.try_fold(Vec::with_capacity(rows), |mut places: Vec<usize>, at| {
                let place = usize::try_from(place(at)).ok()?;
                let moves_on = places.last().is_none_or(|last| place > *last);
                places.push(place);
                moves_on.then_some(places)
            });
        places
    }

    /// All rows of a metric, of normal times and of the incident, at their `places` with gaps between;
    /// as they are where there are none. A metric without normal times has gaps in their stead, so that
    /// all metrics have as many rows.
    pub(crate) fn spread(&self, metric: usize, places: Option<&[usize]>) -> Vec<f64> {
        let part = |of: &[&'a [f64]]| of.get(metric).copied().unwrap_or_default();
        let (normal, after) = (part(&self.normal), part(&self.after));
        let Some(places) = places else {
            let rows = self.normal.iter().map(|column| column.len()).max();
            let missing = rows.unwrap_or_default() - normal.len();
            return [vec![f64::NAN; missing].as_slice(), normal, after].concat();
        };
        let mut whole = vec![f64::NAN; places.last().map_or(0, |last| last + 1)];
        for (place, value) in places.iter().zip(normal.iter().chain(after)) {
            if let Some(slot) = whole.get_mut(*place) {
                *slot = *value;
            }
        }
        whole
    }
}

/// Columns with at most `most` evenly spaced moments, and how many moments one stands for.
pub(crate) fn thinned(columns: &[&[f64]], most: usize) -> (Vec<Vec<f64>>, usize) {
    let rows = columns.iter().map(|column| column.len()).max();
    let every = rows.unwrap_or_default().div_ceil(most.max(1)).max(1);
    let thin = |column: &&[f64]| column.iter().copied().step_by(every).collect();
    (columns.iter().map(thin).collect(), every)
}

fn outside(observations: &Observations, onset: Timestamp) -> Error {
    let range = match (observations.times().first(), observations.times().last()) {
        (Some(first), Some(last)) => format!("after {first} and not after {last}"),
        _ => "within the data, which have no rows".to_owned(),
    };
    Error::parameter("onset", onset, range)
}
