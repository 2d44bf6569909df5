//! The effect of a change: more demand, or more capacity.

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::Outlook;

/// A change whose effect is asked for.
///
/// Use is taken to be proportional to demand and, as a share of what there is, inversely proportional to
/// capacity.
///
/// ```
/// use bongsu_capacity::WhatIf;
/// let more: WhatIf = "traffic=+30%".parse()?;
/// assert!((more.factor() - 1.3).abs() < 1e-12);
/// // Two nodes more, where there are six.
/// let nodes: WhatIf = "nodes=6+2".parse()?;
/// assert!((nodes.factor() - 0.75).abs() < 1e-12);
/// assert!("traffic=lots".parse::<WhatIf>().is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WhatIf {
    text: String,
    factor: f64,
}

/// The names of demand and of capacity.
const DEMAND: [&str; 4] = ["traffic", "demand", "load", "users"];
const CAPACITY: [&str; 5] = ["capacity", "nodes", "replicas", "size", "servers"];

impl WhatIf {
    /// What use is multiplied by.
    #[must_use]
    pub const fn factor(&self) -> f64 {
        self.factor
    }

    /// The change as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl std::str::FromStr for WhatIf {
    type Err = Error;

    /// `NAME=CHANGE`: the name of a demand (`traffic`, `demand`, `load`, `users`) or of a capacity
    /// (`capacity`, `nodes`, `replicas`, `size`, `servers`); the change as a percentage (`+30%`,
    /// `-10%`), a factor (`x1.5`), or a count and what is added to it (`6+2`, `6-1`).
    fn from_str(text: &str) -> Result<Self> {
        let domain = || {
            format!(
                "NAME=CHANGE with a name of {} and a change such as +30%, x1.5 or 6+2 (2 more where \
                 there are 6)",
                [DEMAND.as_slice(), CAPACITY.as_slice()].concat().join(", ")
            )
        };
        let refused = || Error::parameter("what-if", format!("`{text}`"), domain());
        let (name, change) = text.split_once('=').ok_or_else(refused)?;
        let (name, change) = (name.trim(), change.trim());
        let ratio = ratio(change).filter(|ratio| ratio.is_finite() && *ratio > 0.0);
        let ratio = ratio.ok_or_else(refused)?;
        let factor = if DEMAND.contains(&name) {
            ratio
        } else if CAPACITY.contains(&name) {
            ratio.recip()
        } else {
            return Err(refused());
        };
        if !(1e-6..=1e6).contains(&factor) {
            return Err(refused());
        }
        Ok(Self {
            text: text.trim().to_owned(),
            factor,
        })
    }
}

/// What a change multiplies by.
fn ratio(change: &str) -> Option<f64> {
    if let Some(percent) = change.strip_suffix('%') {
        let percent: f64 = percent.trim().parse().ok()?;
        return Some(1.0 + percent / 100.0);
    }
    if let Some(factor) = change.strip_prefix(['x', '×', '*']) {
        return factor.trim().parse().ok();
    }
    let place = change
        .char_indices()
        .skip(1)
        .find(|(_, c)| "+-".contains(*c));
    let (count, added) = change.split_at_checked(place?.0)?;
    let (count, added): (f64, f64) = (count.trim().parse().ok()?, added.trim().parse().ok()?);
    Some((count + added) / count)
}

impl TryFrom<String> for WhatIf {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<WhatIf> for String {
    fn from(change: WhatIf) -> Self {
        change.text
    }
}

/// The outlook after a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangedOutlook {
    /// The change as it was written.
    pub change: String,
    /// What use is multiplied by.
    pub factor: f64,
    /// When the threshold is then crossed.
    #[serde(flatten)]
    pub outlook: Outlook,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure in a test is a panic")]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read() {
        for (text, factor) in [
            ("traffic=-10%", 0.9),
            ("load = x2", 2.0),
            ("capacity=+100%", 0.5),
            ("nodes=4-1", 4.0 / 3.0),
            ("replicas=3+3", 0.5),
        ] {
            let change: WhatIf = text.parse().unwrap();
            assert!((change.factor() - factor).abs() < 1e-12, "{text}");
        }
        for text in [
            "",
            "traffic",
            "traffic=",
            "traffic=30",
            "nodes=+2",
            "nodes=2-2",
            "fuel=+3%",
            "traffic=-100%",
            "traffic=x1e9",
            "traffic=xNaN",
            "nodes=0+2",
        ] {
            let error = text.parse::<WhatIf>().unwrap_err().to_string();
            assert!(
                error.contains("what-if") && error.contains("NAME=CHANGE"),
                "{error}"
            );
        }
    }
}
