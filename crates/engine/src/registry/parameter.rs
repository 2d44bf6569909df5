use std::collections::BTreeMap;

use bongsu_core::{DeviationFilter, Error as CoreError, Result as CoreResult};

use crate::Error;

/// A parameter of a detector.
#[derive(Debug)]
pub struct ParameterSpec {
    /// The name in `--set name=value`.
    pub name: &'static str,
    /// The value when it is not set.
    pub default: &'static str,
    /// The values it may have.
    pub domain: &'static str,
    /// What it does.
    pub about: &'static str,
}

pub(super) const fn parameter(
    name: &'static str,
    default: &'static str,
    domain: &'static str,
    about: &'static str,
) -> ParameterSpec {
    ParameterSpec {
        name,
        default,
        domain,
        about,
    }
}

/// The name of the preset of [`super::DetectorSpec::classic`].
const CLASSIC: &str = "classic";

/// The parameter of detectors that have a preset.
pub(super) const PRESET: ParameterSpec = parameter(
    "preset",
    "none",
    "none or classic",
    "`classic` sets the parameters that are not given as textbooks do; see below",
);

/// Parameters that every detector takes: what counts as a deviation.
pub const COMMON_PARAMETERS: &[ParameterSpec] = &[
    parameter(
        "direction",
        "both",
        "up, down or both",
        "the side of the expected value that counts, where the detector expects one",
    ),
    parameter(
        "min_abs_dev",
        "0",
        "finite, at least 0",
        "the least deviation that counts, in the metric's unit",
    ),
    parameter(
        "min_rel_dev",
        "0",
        "finite, at least 0",
        "the least deviation that counts, as a share of the expected value",
    ),
];

/// Parameters of detectors that are fitted on many rows, for where points come one by one.
pub const REFIT_PARAMETERS: &[ParameterSpec] = &[
    parameter(
        "history",
        "2016",
        "16 to 1048576",
        "points that are kept to be fitted on",
    ),
    parameter(
        "refit",
        "200",
        "1 to 1048576",
        "points from one fit to the next; early on it is fitted again whenever the points have grown by a tenth",
    ),
    parameter(
        "min_points",
        "100",
        "8 to 1048576",
        "points before the first fit",
    ),
    parameter(
        "max_alarm_share",
        "0.01",
        "none or in (0, 0.5]",
        "the largest share of the latest points beyond the bound of a detector that expects no band; `none` leaves the bound to the detector",
    ),
];

/// The seed of every random method.
pub(super) const SEED: ParameterSpec = parameter(
    "seed",
    "42",
    "0 to 18446744073709551615",
    "the seed of the random numbers",
);

/// The rows of a table that say what one of its entries can be given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Takes {
    /// What the entry is, in messages.
    pub(super) kind: &'static str,
    pub(super) name: &'static str,
    /// Its own parameters, and those that it shares with others of its kind.
    pub(super) parameters: [&'static [ParameterSpec]; 2],
    /// What the preset `classic` sets.
    pub(super) classic: &'static [(&'static str, &'static str)],
    /// How the parameters of what it is made of begin, which are checked there.
    pub(super) inner: Option<&'static str>,
}

impl Takes {
    pub(super) fn all(&self) -> impl Iterator<Item = &'static ParameterSpec> + use<> {
        self.parameters.into_iter().flatten()
    }
}

/// The parameters given for one entry of a table, checked against what it takes.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    takes: Takes,
    given: &'a BTreeMap<String, String>,
}

impl<'a> Parameters<'a> {
    /// # Errors
    /// When there is no parameter of a given name.
    pub(super) fn new(takes: Takes, given: &'a BTreeMap<String, String>) -> Result<Self, Error> {
        let parameters = Self { takes, given };
        let is_inner = |key: &str| takes.inner.is_some_and(|prefix| key.starts_with(prefix));
        for key in given.keys().filter(|key| !is_inner(key)) {
            if parameters.row(key).is_none() {
                let known: Vec<&str> = takes.all().map(|p| p.name).collect();
                let hint = bongsu_core::nearest(key, known.iter().copied()).map_or_else(
                    || format!("it has: {}", known.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(Error::config(format!(
                    "{} `{}` has no parameter `{key}`; {hint}",
                    takes.kind, takes.name
                )));
            }
        }
        if !matches!(
            given.get("preset").map(String::as_str),
            None | Some("none" | CLASSIC)
        ) {
            return Err(parameters.refused("preset").into());
        }
        Ok(parameters)
    }

    /// The entry that they are for.
    pub(super) const fn name(&self) -> &'static str {
        self.takes.name
    }

    pub(super) const fn given(&self) -> &'a BTreeMap<String, String> {
        self.given
    }

    /// The parameters that begin with `prefix`, without it.
    pub(super) fn inner(&self, prefix: &str) -> BTreeMap<String, String> {
        let pairs = self.given.iter();
        pairs
            .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone())))
            .collect()
    }

    fn row(&self, name: &str) -> Option<&'static ParameterSpec> {
        self.takes.all().find(|p| p.name == name)
    }

    pub(super) fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        let default = || self.row(name).map(|p| p.default);
        let given = self.given.get(name).map(String::as_str);
        given
            .or_else(|| self.preset(name))
            .or_else(default)
            .unwrap_or_default()
    }

    /// What the chosen preset says of the parameter `name`.
    fn preset(&self, name: &str) -> Option<&'static str> {
        let chosen = self.given.get("preset").is_some_and(|word| word == CLASSIC);
        let mut values = self.takes.classic.iter().filter(|_| chosen);
        values.find(|(of, _)| *of == name).map(|&(_, value)| value)
    }

    pub(super) fn refused(&self, name: &str) -> CoreError {
        let domain = self.row(name).map(|p| p.domain);
        let text = self.text(name);
        CoreError::parameter(name, format!("`{text}`"), domain.unwrap_or_default())
    }

    pub(super) fn parse<T: std::str::FromStr>(&self, name: &str) -> CoreResult<T> {
        self.text(name).parse().map_err(|_| self.refused(name))
    }

    pub(super) fn number(&self, name: &str) -> CoreResult<f64> {
        self.parse(name)
    }

    pub(super) fn integer(&self, name: &str) -> CoreResult<usize> {
        self.parse(name)
    }

    pub(super) fn flag(&self, name: &str) -> CoreResult<bool> {
        self.parse(name)
    }

    /// A value, or `None` where the text is `word` (`auto`, `none`).
    pub(super) fn unless<T: std::str::FromStr>(
        &self,
        name: &str,
        word: &str,
    ) -> CoreResult<Option<T>> {
        match self.text(name) {
            text if text == word => Ok(None),
            _ => self.parse(name).map(Some),
        }
    }

    /// Values divided by commas.
    pub(super) fn list<T: std::str::FromStr>(&self, name: &str) -> CoreResult<Vec<T>> {
        let one = |text: &str| text.trim().parse().map_err(|_| self.refused(name));
        self.text(name).split(',').map(one).collect()
    }

    /// What stands beside the word in `choices`.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> CoreResult<T> {
        let text = self.text(name);
        let found = choices.iter().find(|(word, _)| *word == text);
        found
            .map(|&(_, value)| value)
            .ok_or_else(|| self.refused(name))
    }

    /// The moving window of a detector that also works on all rows at once; `auto` where it is not
    /// set.
    pub(super) fn moving_window(&self, auto: usize) -> CoreResult<usize> {
        match self.text("window") {
            "auto" => Ok(auto),
            "all" => Err(CoreError::parameter(
                "window",
                "`all`",
                "a number of points when points are judged one by one",
            )),
            _ => self.integer("window"),
        }
    }
}

/// Takes the parameters common to all detectors out of `parameters`.
///
/// # Errors
/// When a value is outside its domain.
pub fn take_filter(parameters: &mut BTreeMap<String, String>) -> Result<DeviationFilter, Error> {
    let mut number = |name: &str| -> Result<f64, Error> {
        let Some(text) = parameters.remove(name) else {
            return Ok(0.0);
        };
        let refused = || CoreError::parameter(name, format!("`{text}`"), "finite, at least 0");
        Ok(text.parse::<f64>().map_err(|_| refused())?)
    };
    let filter = DeviationFilter::new()
        .min_abs_dev(number("min_abs_dev")?)?
        .min_rel_dev(number("min_rel_dev")?)?;
    Ok(match parameters.remove("direction") {
        Some(direction) => filter.direction(direction.parse()?),
        None => filter,
    })
}
