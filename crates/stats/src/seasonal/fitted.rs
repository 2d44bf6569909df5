use bongsu_core::ndarray::{Array2, ArrayView2};
use bongsu_core::{Detector, Expectation, Result, Rows, Snapshot, Timestamp};
use serde::{Deserialize, Serialize};

use super::cycles::Cycles;
use super::learn::{on_grid, spread};
use super::{Method, Seasonal};
use crate::calendar::FittedProfile;
use crate::check;
use crate::decompose::Model;

/// A season, a trend and the scale of what they leave; see [`Seasonal`].
///
/// Cost: O(1) time a row; 8 bytes a row it learned from and a point of each period (a profile: 16 a
/// bin).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedSeasonal {
    config: Seasonal,
    pattern: Pattern,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Pattern {
    Cycles {
        cycles: Cycles,
        /// Of the residuals.
        center: f64,
        scale: f64,
    },
    Profile(FittedProfile),
}

impl FittedSeasonal {
    pub(super) fn learn(
        config: Seasonal,
        values: &[f64],
        times: Option<&[Timestamp]>,
    ) -> Result<Self> {
        config.validate()?;
        check::finite_rows(values)?;
        if config.method == Method::Profile {
            let table = Array2::from_shape_fn((values.len(), 1), |(i, _)| {
                values.get(i).copied().unwrap_or(0.0)
            });
            let rows = match times {
                Some(times) => Rows::at(times, table.view())?,
                None => Rows::untimed(table.view()),
            };
            let pattern = Pattern::Profile(FittedProfile::learn(config.profile()?, &rows)?);
            return Ok(Self { config, pattern });
        }
        let (steps, grid) = on_grid(values, times)?;
        let cycles = config.decompose(&steps, grid)?;
        // Interpolated steps have no residual of their own.
        let place = |row: usize| match (grid, times.and_then(|times| times.get(row))) {
            (Some(grid), Some(&at)) => grid.place(at),
            _ => row as i64,
        };
        let residual = |(row, &x): (usize, &f64)| cycles.residual(x, cycles.expected(place(row)));
        let residuals: Vec<f64> = values.iter().enumerate().map(residual).collect();
        // The ends of a classical decomposition rest on an extrapolated trend: they do not count.
        let ends = match config.method {
            Method::Classical => cycles.seasons.first().map_or(0, Vec::len) / 2,
            Method::Stl | Method::Mstl | Method::Profile => 0,
        };
        let inner = residuals.get(ends..residuals.len().saturating_sub(ends));
        let (center, scale) = spread(inner.unwrap_or(&residuals), config.robust)?;
        let largest = match config.model {
            Model::Additive => values.iter().fold(0.0_f64, |m, x| m.max(x.abs())),
            Model::Multiplicative => 1.0,
        };
        let scale = check::floored(scale, largest);
        let pattern = Pattern::Cycles {
            cycles,
            center,
            scale,
        };
        Ok(Self { config, pattern })
    }

    /// The periods in points, shortest first; none for a profile.
    #[must_use]
    pub fn periods(&self) -> Vec<usize> {
        match &self.pattern {
            Pattern::Cycles { cycles, .. } => cycles.seasons.iter().map(Vec::len).collect(),
            Pattern::Profile(_) => Vec::new(),
        }
    }

    /// Calls `judge` with what is expected and the scale, in the value's unit, for each row.
    fn for_each_row(
        rows: &Rows<'_>,
        (cycles, center, scale): (&Cycles, f64, f64),
        mut judge: impl FnMut(usize, f64, f64),
    ) {
        for row in 0..rows.len() {
            let time = rows.timestamps().and_then(|times| times.get(row));
            let place = match (cycles.grid, time) {
                (Some(grid), Some(&at)) => grid.place(at),
                _ => i64::try_from(row).unwrap_or(i64::MAX),
            };
            let expected = finite(cycles.expected(place));
            match cycles.model {
                Model::Additive => judge(row, finite(expected + center), scale),
                Model::Multiplicative => {
                    judge(row, finite(expected * center), finite(expected * scale));
                }
            }
        }
    }
}

/// The nearest finite number: of the largest values even the sum of season and trend may overflow.
fn finite(x: f64) -> f64 {
    x.clamp(-f64::MAX, f64::MAX)
}

impl Detector for FittedSeasonal {
    fn n_features(&self) -> usize {
        1
    }

    /// Without timestamps: the first row has the phase of the first row it learned from.
    fn score_into(&self, x: ArrayView2<'_, f64>, out: &mut [f64]) -> Result<()> {
        self.score_rows_into(&Rows::untimed(x), out)
    }

    fn threshold(&self) -> Option<f64> {
        Some(self.config.threshold)
    }

    fn score_rows_into(&self, rows: &Rows<'_>, out: &mut [f64]) -> Result<()> {
        match &self.pattern {
            Pattern::Profile(profile) => profile.score_rows_into(rows, out),
            Pattern::Cycles {
                cycles,
                center,
                scale,
            } => {
                check::score_rows(&rows.values(), out, |x| x)?;
                Self::for_each_row(rows, (cycles, *center, *scale), |row, expected, scale| {
                    if let Some(slot) = out.get_mut(row) {
                        *slot = check::ratio((*slot - expected).abs(), scale);
                    }
                });
                Ok(())
            }
        }
    }

    fn expectations(&self, rows: &Rows<'_>) -> Result<Option<Vec<Expectation>>> {
        match &self.pattern {
            Pattern::Profile(profile) => profile.expectations(rows),
            Pattern::Cycles {
                cycles,
                center,
                scale,
            } => {
                let mut bands = Vec::with_capacity(rows.len());
                Self::for_each_row(rows, (cycles, *center, *scale), |_, expected, scale| {
                    let half = self.config.threshold * scale;
                    bands.push(Expectation::symmetric(expected, half));
                });
                Ok(Some(bands))
            }
        }
    }
}

impl Snapshot for FittedSeasonal {
    const KIND: &'static str = "stats.seasonal.fitted";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        self.config.validate()?;
        match &self.pattern {
            Pattern::Profile(profile) => profile.validate(),
            Pattern::Cycles {
                cycles,
                center,
                scale,
            } => {
                cycles.validate()?;
                check::non_negative("scale", *scale)?;
                check::single(&[*center]).map(|_| ())
            }
        }
    }
}
