//! What may be searched: the registry's description of each parameter, read as a domain.

use std::collections::BTreeMap;

use crate::registry::{DetectorSpec, ParameterSpec};

/// Parameters that are no matter of accuracy; they are searched only when they are named.
const LEFT_ALONE: [&str; 9] = [
    "seed",
    "timezone",
    "preset",
    "history",
    "refit",
    "min_points",
    "warmup",
    "cache_mb",
    "extension",
];

/// Parameters that move the bound and leave the order of scores as it is.
const OF_THE_BOUND: [&str; 3] = ["threshold", "contamination", "max_alarm_share"];

/// A number is searched within this factor of its default, on a logarithmic scale.
const FACTOR: f64 = 10.0;

/// The values that one parameter may have.
#[derive(Debug, Clone, PartialEq)]
enum Domain {
    Choice(Vec<String>),
    /// Even on a logarithmic scale.
    Whole(f64, f64),
    /// Even on a logarithmic scale.
    Real(f64, f64),
    /// Even on a plain scale, for defaults of 0.
    Share(f64, f64),
}

/// The parameters that are searched, each with its domain.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Space(Vec<(&'static str, Domain)>);

impl Space {
    /// All parameters of `spec` that can be searched: not those in `fixed`, and of the bound only
    /// where it counts.
    pub(super) fn of(
        spec: &DetectorSpec,
        fixed: &BTreeMap<String, String>,
        bound_counts: bool,
    ) -> Self {
        let own = spec.all_parameters().filter(|p| {
            !fixed.contains_key(p.name)
                && !LEFT_ALONE.contains(&p.name)
                && (bound_counts || !OF_THE_BOUND.contains(&p.name))
        });
        Self(own.filter_map(|p| Some((p.name, domain(p)?))).collect())
    }

    /// The one parameter `spec`, or `None` where its domain is not one of numbers or names.
    pub(super) fn add(&mut self, spec: &'static ParameterSpec) -> Option<()> {
        let domain = domain(spec)?;
        self.0.push((spec.name, domain));
        Some(())
    }

    pub(super) const fn empty() -> Self {
        Self(Vec::new())
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }

    /// A value of each parameter.
    pub(super) fn draw(&self, random: &mut SplitMix64) -> BTreeMap<String, String> {
        let one = |(name, domain): &(&str, Domain)| ((*name).to_owned(), domain.draw(random));
        self.0.iter().map(one).collect()
    }
}

impl Domain {
    fn draw(&self, random: &mut SplitMix64) -> String {
        let u = random.unit();
        let log = |low: f64, high: f64| low * (high / low).powf(u);
        match self {
            Self::Choice(names) => {
                let place = (u * names.len() as f64) as usize;
                names
                    .get(place)
                    .or(names.last())
                    .cloned()
                    .unwrap_or_default()
            }
            Self::Whole(low, high) => format!("{:.0}", log(*low, *high).round()),
            Self::Real(low, high) => three_digits(log(*low, *high)),
            Self::Share(low, high) => three_digits(low + u * (high - low)),
        }
    }
}

/// `x` with three significant digits, so that a configuration stays readable.
fn three_digits(x: f64) -> String {
    let rounded: f64 = format!("{x:.2e}").parse().unwrap_or(x);
    rounded.to_string()
}

/// What the text of a domain means, around the parameter's default.
fn domain(spec: &ParameterSpec) -> Option<Domain> {
    match spec.default.parse::<f64>() {
        Ok(default) if default.is_finite() => numbers(spec.domain, default),
        _ => choices(spec.domain, spec.default),
    }
}

/// `none, center or standard`.
fn choices(text: &str, default: &str) -> Option<Domain> {
    let names: Vec<String> = text
        .split(", ")
        .flat_map(|part| part.split(" or "))
        .map(str::to_owned)
        .collect();
    let is_name = |name: &String| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && name != "finite"
    };
    let all = names.len() > 1 && names.iter().all(is_name);
    (all && names.iter().any(|name| name == default)).then_some(Domain::Choice(names))
}

/// `2 to 10000`, `in (0, 0.5]`, `finite, above 0`, `at least 1`, also after `auto or`.
fn numbers(text: &str, default: f64) -> Option<Domain> {
    let text = text.rsplit(" or ").next()?.trim();
    let parse = |part: &str| part.trim().parse::<f64>().ok().filter(|x| x.is_finite());
    let (low, high, whole) = if let Some((low, high)) = text.split_once(" to ") {
        (parse(low)?, parse(high)?, true)
    } else if let Some(low) = text.strip_prefix("at least ") {
        (parse(low)?, f64::INFINITY, true)
    } else if let Some(least) = text.strip_prefix("finite, ") {
        let least = least
            .strip_prefix("above ")
            .or(least.strip_prefix("at least "))?;
        (parse(least)?, f64::INFINITY, false)
    } else {
        let inner = text.strip_prefix("in ").unwrap_or(text);
        let inner = inner.strip_prefix(['(', '['])?.strip_suffix([')', ']'])?;
        let (low, high) = inner.split_once(',')?;
        (parse(low)?, parse(high)?, false)
    };
    if default > 0.0 {
        let (low, high) = (low.max(default / FACTOR), high.min(default * FACTOR));
        let domain = if whole {
            Domain::Whole(low.ceil().max(1.0), high.floor())
        } else {
            Domain::Real(low, high)
        };
        return (low < high).then_some(domain);
    }
    // Nothing tells the scale of a number whose default is 0, unless its domain does.
    (default == 0.0 && !whole && low == 0.0 && high <= 1.0).then_some(Domain::Share(low, high))
}

/// The generator of Steele, Lea & Flood 2014, <https://doi.org/10.1145/2660193.2660195>.
#[derive(Debug, Clone)]
pub(super) struct SplitMix64(pub(super) u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Even in [0, 1).
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{detectors, find};

    #[test]
    fn domains_are_read_from_what_the_registry_says() {
        assert_eq!(numbers("2 to 10000", 30.0), Some(Domain::Whole(3.0, 300.0)));
        assert_eq!(
            numbers("finite, above 0", 3.0),
            Some(Domain::Real(0.3, 30.0))
        );
        let window = numbers("auto, all, or 3 to 50", 20.0);
        assert_eq!(window, Some(Domain::Whole(3.0, 50.0)));
        assert_eq!(numbers("in (0, 0.5]", 0.1), Some(Domain::Real(0.01, 0.5)));
        assert_eq!(numbers("in [0, 1)", 0.0), Some(Domain::Share(0.0, 1.0)));
        assert_eq!(numbers("1 to sequence", 1.0), None);
        assert_eq!(numbers("finite, at least 0", 0.0), None);
        let names = choices("none, center or standard", "center");
        assert!(matches!(names, Some(Domain::Choice(names)) if names.len() == 3));
        assert_eq!(choices("an IANA time zone", "UTC"), None);
        assert_eq!(choices("auto, all, or 3 to 1048576", "auto"), None);
    }

    #[test]
    fn every_detector_takes_some_of_what_is_drawn_for_it() {
        for spec in detectors() {
            let space = Space::of(spec, &BTreeMap::new(), true);
            let mut random = SplitMix64(7);
            let taken = (0..40)
                .filter(|_| {
                    let request = crate::DetectRequest {
                        detector: spec.name.to_owned(),
                        parameters: space.draw(&mut random),
                        ..crate::DetectRequest::default()
                    };
                    request.validate().is_ok()
                })
                .count();
            // Of spectral-residual few: its lengths are odd and depend on each other.
            assert!(taken >= 1, "{}: {taken} of 40", spec.name);
        }
    }

    #[test]
    fn only_what_the_measure_can_see_is_searched() {
        let spec = find("auto-stream").unwrap();
        let fixed = [("memory".to_owned(), "500".to_owned())].into();
        assert_eq!(Space::of(spec, &fixed, false).names(), ["rest", "hold"]);
        assert_eq!(
            Space::of(spec, &fixed, true).names(),
            ["threshold", "rest", "hold"]
        );
    }
}
