//! What is planned, and the bound that it must not pass.

use std::borrow::Cow;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Usual thresholds, in percent, by a part of the name.
const USUAL: [(&str, f64); 8] = [
    ("cpu", 80.0),
    ("processor", 80.0),
    ("memory", 85.0),
    ("mem", 85.0),
    ("disk", 90.0),
    ("filesystem", 90.0),
    ("storage", 90.0),
    ("network", 80.0),
];

/// A resource and its threshold.
///
/// ```
/// use bongsu_capacity::Resource;
/// assert_eq!(Resource::named("node_memory_used_percent")?.threshold(), 85.0);
/// assert_eq!(Resource::new("queue", 1_000.0)?.threshold(), 1_000.0);
/// assert!(Resource::named("queue").is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    name: String,
    threshold: f64,
}

/// More characters of a name are not said in a sentence.
const LONGEST: usize = 120;

/// A name, of which a longer one is its beginning.
pub(crate) fn short(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()).into(),
        None => name.into(),
    }
}

impl Resource {
    /// A resource that must not pass `threshold`, in the unit of its values. Domain: finite.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(name: impl Into<String>, threshold: f64) -> Result<Self> {
        if !threshold.is_finite() {
            return Err(Error::parameter("threshold", threshold, "a finite number"));
        }
        Ok(Self {
            name: name.into(),
            threshold,
        })
    }

    /// A resource in percent with the usual threshold of its name: 80 for cpu and network, 85 for memory,
    /// 90 for disk.
    ///
    /// # Errors
    /// When the name says none of them.
    pub fn named(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match Self::usual_threshold(&name) {
            Some(threshold) => Self::new(name, threshold),
            None => Err(Error::parameter(
                "threshold",
                format!("(none given for `{}`)", short(&name)),
                "a finite number, as the name says none of cpu, memory, disk and network",
            )),
        }
    }

    /// The usual threshold of what a name says, in percent.
    #[must_use]
    pub fn usual_threshold(name: &str) -> Option<f64> {
        let name = name.to_lowercase();
        let found = USUAL.iter().find(|(part, _)| name.contains(part));
        found.map(|(_, threshold)| *threshold)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its threshold.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.threshold
    }
}
