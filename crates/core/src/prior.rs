use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How far the values of a series usually lie from their level, as its siblings show it: other
/// series of the same query, such as the same metric of other instances.
///
/// `scale(level) = max(floor, factor |level|^power)`
///
/// With power 0 the spread is the same at every level, with power 1 it is a share of the level;
/// counts lie between.
///
/// Source: the power law of Taylor 1961, <https://doi.org/10.1038/189732a0>.
///
/// ```
/// let prior = bongsu_core::ScalePrior::new(0.1, 1.0, 0.5)?;
/// assert_eq!(prior.scale(-40.0), 4.0);
/// assert_eq!(prior.scale(0.0), 0.5);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScalePrior {
    factor: f64,
    power: f64,
    floor: f64,
}

impl ScalePrior {
    /// A law with these parameters.
    ///
    /// - `factor`: the scale at level 1, in the unit of the metric. Domain: finite, at least 0.
    /// - `power`: how fast the scale grows with the level. Domain: [0, 1].
    /// - `floor`: the least scale, in the unit of the metric. Domain: finite, at least 0.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn new(factor: f64, power: f64, floor: f64) -> Result<Self> {
        let prior = Self {
            factor,
            power,
            floor,
        };
        prior.validate()?;
        Ok(prior)
    }

    /// Checks every parameter, for laws that were read from a file.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn validate(&self) -> Result<()> {
        for (name, value) in [("factor", self.factor), ("floor", self.floor)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::parameter(name, value, "finite and at least 0"));
            }
        }
        if !(0.0..=1.0).contains(&self.power) {
            return Err(Error::parameter("power", self.power, "in [0, 1]"));
        }
        Ok(())
    }

    /// The usual distance from `level`, at least 0 and finite.
    #[must_use]
    pub fn scale(&self, level: f64) -> f64 {
        let law = self.factor * level.abs().powf(self.power);
        law.max(self.floor).min(f64::MAX)
    }

    /// The scale at level 1.
    #[must_use]
    pub const fn factor(&self) -> f64 {
        self.factor
    }

    /// How fast the scale grows with the level.
    #[must_use]
    pub const fn power(&self) -> f64 {
        self.power
    }

    /// The least scale.
    #[must_use]
    pub const fn floor(&self) -> f64 {
        self.floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_outside_their_domain_are_refused_by_name() {
        for (factor, power, floor, name) in [
            (-1.0, 0.5, 0.0, "factor"),
            (f64::NAN, 0.5, 0.0, "factor"),
            (1.0, 1.5, 0.0, "power"),
            (1.0, 0.5, f64::INFINITY, "floor"),
        ] {
            let error = ScalePrior::new(factor, power, floor).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn scales_stay_finite() {
        let prior = ScalePrior::new(f64::MAX, 1.0, 0.0).unwrap();
        assert_eq!(prior.scale(f64::MAX), f64::MAX);
        assert_eq!(prior.scale(0.0), 0.0);
    }
}
