//! Points beyond the range of the latest fit.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bongsu_core::ndarray::{Array2, Axis, ShapeError};
use bongsu_core::{Error as CoreError, Result as CoreResult, Rows};

use super::super::Parameters;
use super::Refitted;
use crate::fitted::Fitted;

/// Methods that cut the range of what they are fitted on into parts, and so see no difference between
/// a point at its edge and one far beyond it.
const BLIND_BEYOND_RANGE: [&str; 2] = ["isolation-forest", "extended-isolation-forest"];

/// Nearer than this, as a power of two of the width of the range, a point counts as at its edge.
const NEAREST: i32 = -4;
/// Nor are distances told apart that are farther than this, or by fewer powers of two than that: a
/// split between the range and the point is then nearly certain, or about as likely.
const FARTHEST: i32 = 8;
const APART: i32 = 2;
/// What counts as rounding of a constant, as a share of its size.
const ROUNDING: f64 = 1e-9;
/// So many forests are kept for points beyond the range: of a level on the border of two distances, or
/// of one above and one below.
const MOST_FORESTS: usize = 2;

/// In which feature a point is farthest out, to which side, and the power of two of the width of the
/// range that it is out at least.
type Direction = (usize, bool, i32);

/// What judges points beyond the range; all of it follows from what the model was fitted on.
#[derive(Debug, Default)]
pub(super) struct Beyond {
    /// The least and the greatest value of each feature.
    ranges: OnceLock<Vec<(f64, f64)>>,
    /// The forests that were last made, the latest used at the end.
    forests: Mutex<Vec<(Direction, Arc<Fitted>)>>,
}

impl Clone for Beyond {
    fn clone(&self) -> Self {
        Self {
            ranges: self.ranges.clone(),
            forests: Mutex::new(self.forests().clone()),
        }
    }
}

impl Beyond {
    fn forests(&self) -> std::sync::MutexGuard<'_, Vec<(Direction, Arc<Fitted>)>> {
        self.forests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, direction: Direction) -> Option<Arc<Fitted>> {
        let mut forests = self.forests();
        let place = forests.iter().position(|(own, _)| *own == direction)?;
        let found = forests.remove(place);
        let forest = Arc::clone(&found.1);
        forests.push(found);
        Some(forest)
    }

    fn keep(&self, direction: Direction, forest: &Arc<Fitted>) {
        let mut forests = self.forests();
        if forests.len() >= MOST_FORESTS {
            forests.remove(0);
        }
        forests.push((direction, Arc::clone(forest)));
    }
}

impl Refitted {
    /// Where `x` is beyond the range of `fitted`, the model that judges it.
    pub(super) fn model_beyond_range(
        &self,
        fitted: &Fitted,
        x: &[f64],
    ) -> CoreResult<Option<Arc<Fitted>>> {
        if !BLIND_BEYOND_RANGE.contains(&self.detector.as_str()) {
            return Ok(None);
        }
        let ranges = self.beyond.ranges.get_or_init(|| self.ranges());
        let Some(direction) = direction(ranges, x) else {
            return Ok(None);
        };
        if let Some(forest) = self.beyond.kept(direction) {
            return Ok(Some(forest));
        }
        let forest = Arc::new(self.forest_towards(direction, ranges, fitted)?);
        self.beyond.keep(direction, &forest);
        Ok(Some(forest))
    }

    #[cfg(test)]
    pub(in crate::registry) fn forests_beyond(&self) -> usize {
        self.beyond.forests().len()
    }

    /// The points that the model was fitted on, by their places.
    fn fitted_on(&self) -> std::ops::Range<usize> {
        let to = self.times.len() - self.since_fit.unwrap_or(0);
        to.saturating_sub(self.history)..to
    }

    fn ranges(&self) -> Vec<(f64, f64)> {
        let fitted = self.fitted_on();
        let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); self.features];
        let values = (self.points).range(fitted.start * self.features..fitted.end * self.features);
        for (place, value) in values.enumerate() {
            if let Some((least, most)) = ranges.get_mut(place % self.features) {
                (*least, *most) = (least.min(*value), most.max(*value));
            }
        }
        ranges
    }

    /// A forest each tree of which is grown on a point in `direction`, too, so that all of them see
    /// how far it is from the others: those are thinned out evenly to what a tree takes besides. The
    /// point is the nearest of its direction, so those farther out are judged as it is.
    fn forest_towards(
        &self,
        direction: Direction,
        ranges: &[(f64, f64)],
        fitted: &Fitted,
    ) -> CoreResult<Fitted> {
        let spec = self.spec()?;
        let given = Parameters::new(spec.takes(), &self.parameters);
        let given = given.map_err(|e| CoreError::snapshot(e.to_string()))?;
        let subsample: usize = given.integer("subsample")?;
        let fitted_on = self.fitted_on();
        let (times, values) = self.gather(fitted_on.start, fitted_on.end, &[])?;
        let kept = times.len().min(subsample.saturating_sub(1)).max(1);
        let places: Vec<usize> = (0..kept).map(|i| i * times.len() / kept).collect();
        let mut rows = values.select(Axis(0), &places);
        let point = Array2::from_shape_vec((1, self.features), point_in(direction, ranges));
        let wrong = |e: ShapeError| CoreError::input(e.to_string());
        rows.append(Axis(0), point.map_err(wrong)?.view())
            .map_err(wrong)?;
        let mut parameters = self.parameters.clone();
        // A tree that draws with replacement may miss the point.
        if spec.parameters.iter().any(|one| one.name == "bootstrap") {
            parameters.insert("bootstrap".to_owned(), "false".to_owned());
        }
        let (detector, _) = self.with_config_of(&parameters, |config| {
            config.fit_score_boxed(&Rows::untimed(rows.view()))
        })?;
        Ok(Fitted {
            detector,
            calibrator: fitted.calibrator.clone(),
        })
    }
}

/// Where `x` is beyond `ranges`: in which feature by most of the width of its range.
fn direction(ranges: &[(f64, f64)], x: &[f64]) -> Option<Direction> {
    let distances = ranges.iter().zip(x).enumerate();
    let beyond = distances.filter_map(|(feature, (&(least, most), &value))| {
        let distance = (value - most).max(least - value);
        (distance > 0.0).then(|| (distance / width(least, most), feature, value > most))
    });
    let (distance, feature, above) = beyond.max_by(|(a, ..), (b, ..)| a.total_cmp(b))?;
    let is_constant = ranges
        .get(feature)
        .is_some_and(|(least, most)| least == most);
    let power = if is_constant {
        // However far it is: the others are all in one place.
        (distance.log2().floor() as i32).min(0)
    } else {
        let power = (distance.log2().floor() as i32).min(FARTHEST);
        power - power.rem_euclid(APART)
    };
    let nearest = if is_constant { 0 } else { NEAREST };
    (power >= nearest).then_some((feature, above, power))
}

/// The point in the middle of all ranges but in one feature, where it is beyond.
fn point_in((feature, above, power): Direction, ranges: &[(f64, f64)]) -> Vec<f64> {
    let middle = |&(least, most): &(f64, f64)| 0.5 * least + 0.5 * most;
    let mut point: Vec<f64> = ranges.iter().map(middle).collect();
    if let (Some(value), Some(&(least, most))) = (point.get_mut(feature), ranges.get(feature)) {
        let distance = width(least, most) * f64::from(power).exp2();
        let limit = f64::MAX / 4.0;
        *value = if above {
            most + distance
        } else {
            least - distance
        }
        .clamp(-limit, limit);
    }
    point
}

/// The width of a range; that of a constant is what rounding may make of it.
fn width(least: f64, most: f64) -> f64 {
    match (most - least, most.abs()) {
        (width, _) if width > 0.0 => width.min(f64::MAX),
        (_, size) if size > f64::MIN_POSITIVE / ROUNDING => ROUNDING * size,
        _ => ROUNDING,
    }
}
