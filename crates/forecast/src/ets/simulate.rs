//! Simulated paths, for the models whose variance has no closed form.

use rand::SeedableRng as _;
use rand_distr::{Distribution as _, StandardNormal};
use rand_pcg::Pcg64;

use super::model::{ErrorType, SeasonType};
use super::variance::Origin;

/// Simulates one path into `out`, the first value one step ahead; `season` is scratch.
fn path(origin: &Origin<'_>, generator: &mut Pcg64, season: &mut Vec<f64>, out: &mut [f64]) {
    let p = origin.smoothing;
    let deviation = origin.deviation;
    season.clear();
    season.extend_from_slice(origin.season);
    let (mut level, mut slope) = (origin.level, origin.slope);
    let mut phase = 0;
    for out in out {
        let normal: f64 = StandardNormal.sample(generator);
        let error = deviation * normal;
        let trend = origin.model.damp(slope, p.damping);
        let base = origin.model.join(level, trend);
        let factor = season.get(phase).copied();
        let forecast = match (origin.model.season, factor) {
            (SeasonType::Additive, Some(season)) => base + season,
            (SeasonType::Multiplicative, Some(season)) => base * season,
            _ => base,
        };
        *out = match origin.model.error {
            ErrorType::Additive => forecast + error,
            ErrorType::Multiplicative => forecast * (1.0 + error),
        };
        let surprise = match (origin.model.season, factor) {
            (SeasonType::Multiplicative, Some(season)) => (*out - forecast) / season,
            _ => *out - forecast,
        };
        slope = if origin.model.trend_multiplies() {
            // A path whose factor falls to 0 stays there.
            (trend + p.slope * surprise / level).max(f64::MIN_POSITIVE)
        } else {
            trend + p.slope * surprise
        };
        level = base + p.level * surprise;
        if let Some(season) = season.get_mut(phase) {
            *season += p.season
                * match origin.model.season {
                    SeasonType::Multiplicative => (*out - forecast) / base,
                    _ => surprise,
                };
        }
        phase = (phase + 1) % origin.season.len().max(1);
    }
}

/// `count` paths of `steps` steps, one after the other.
pub(super) fn paths(origin: &Origin<'_>, steps: usize, count: usize, seed: u64) -> Vec<f64> {
    let mut generator = Pcg64::seed_from_u64(seed);
    let mut season = Vec::with_capacity(origin.season.len());
    let mut paths = vec![0.0; steps * count];
    for out in paths.chunks_exact_mut(steps.max(1)) {
        path(origin, &mut generator, &mut season, out);
    }
    paths
}
