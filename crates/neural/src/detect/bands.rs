use bongsu_core::{Expectation, Result};

use super::FittedNetwork;
use super::errors::Model;
use crate::{Loss, Scratch};

impl FittedNetwork {
    /// Whether it can say what it expects: it foretells a single column.
    pub(super) const fn has_bands(&self) -> bool {
        matches!(self.model, Model::Forecast(_)) && self.model.input().features == 1
    }

    /// What is expected of each row of a scaled table; not a number where there is no window before
    /// the row.
    pub(super) fn bands(&self, table: &[f32], scratch: &mut Scratch) -> Result<Vec<Expectation>> {
        let nothing = Expectation::symmetric(f64::NAN, f64::INFINITY);
        let mut bands = vec![nothing; table.len()];
        let center = self.scaler.center().first().copied().unwrap_or(0.0);
        let scale = self.scaler.scale().first().copied().unwrap_or(1.0);
        let half_width = (self.loss.distance(self.error_threshold()) * scale).min(f64::MAX);
        self.model
            .judge(table, 1, scratch, &mut |row, expected, _| {
                let expected = expected.first().copied().map_or(f64::NAN, f64::from);
                let expected = (center + expected * scale).clamp(f64::MIN, f64::MAX);
                if let Some(band) = bands.get_mut(row) {
                    *band = Expectation::symmetric(expected, half_width);
                }
            })?;
        Ok(bands)
    }
}

impl Loss {
    /// The difference that costs `error`.
    fn distance(self, error: f64) -> f64 {
        match self {
            Self::Mse => error.sqrt(),
            Self::Mae => error,
            Self::Huber { delta } if error <= delta * delta / 2.0 => (2.0 * error).sqrt(),
            Self::Huber { delta } => error / delta + delta / 2.0,
        }
    }
}
