//! A random forest that forecasts each lead directly, of what is left of a robust line.
//!
//! A row pairs an origin with a lead: its features are the calendar at the target, the lead, and the
//! statistics of the last values before the origin; its target is the value at origin plus lead. So
//! no forecast is fed back, and nothing after an origin is known in its row.

use bongsu_core::ndarray::Array2;
use bongsu_core::{Error, Result};
use bongsu_ml::RandomForest;
use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64;

use super::Known;
use super::linear::robust_line;
use crate::features::{COLUMNS, Recent, row};

/// Steps before an origin whose statistics are features.
const RECENT: usize = 24;

/// The most pairs of origin and lead that are learned from.
const PAIRS: usize = 800;

const TREES: usize = 100;

pub(super) fn forecast(known: &Known<'_>, ahead: usize) -> Result<Vec<f64>> {
    let (intercept, slope) = robust_line(known)?;
    let line = |i: usize| intercept + slope * i as f64;
    // Holes hold the rhythm and the bridge over them, so that statistics of the past exist.
    let left: Vec<f64> = known
        .adjusted
        .iter()
        .zip(known.calendar)
        .enumerate()
        .map(|(i, (level, at))| level + known.season.at(at) - line(i))
        .collect();
    let count = left.len();
    let window = RECENT.min(count / 4).max(1);
    let farthest = ahead.min(count.saturating_sub(window) / 2);
    if farthest == 0 {
        return Err(Error::not_enough_data("a random forest", window + 2, count));
    }
    let recent = |origin: usize| {
        let from = origin.saturating_sub(window);
        Recent::of(left.get(from..origin).unwrap_or_default())
    };
    let mut rng = Pcg64::seed_from_u64(known.seed);
    let mut below = |n: usize| (rng.next_u64() % n.max(1) as u64) as usize;
    let mut rows = Vec::with_capacity(PAIRS * COLUMNS);
    let mut targets = Vec::with_capacity(PAIRS);
    for _ in 0..PAIRS.min(4 * count) {
        // The target is drawn evenly, so that each hour counts alike, then the lead.
        let target = window + below(count - window);
        let lead = 1 + below(farthest.min(target + 1 - window));
        let origin = target + 1 - lead;
        let present = known.values.get(target).is_some_and(|v| v.is_finite());
        if let (true, Some(&value), Some(at)) =
            (present, left.get(target), known.calendar.get(target))
        {
            rows.extend(row(target, lead, at, &recent(origin)));
            targets.push(value);
        }
    }
    let pairs = targets.len();
    let table = Array2::from_shape_vec((pairs, COLUMNS), rows)
        .map_err(|_| Error::shape("number of features", pairs, COLUMNS))?;
    let forest = RandomForest::new()
        .trees(TREES)?
        .min_samples_leaf(5)?
        .out_of_bag(false)
        .seed(known.seed)
        .fit(table.view(), &targets)?;
    let now = recent(count);
    let coming = known.calendar.iter().skip(count).take(ahead).enumerate();
    let rows: Vec<f64> = coming
        .flat_map(|(i, at)| row(count + i, i + 1, at, &now))
        .collect();
    let table = Array2::from_shape_vec((ahead, COLUMNS), rows)
        .map_err(|_| Error::shape("number of steps ahead", ahead, ahead))?;
    let predicted = forest.predict(table.view())?;
    let steps = predicted.iter().enumerate();
    Ok(steps.map(|(i, value)| value + line(count + i)).collect())
}
