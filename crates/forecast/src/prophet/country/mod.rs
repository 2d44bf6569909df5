//! Public holidays of countries.

mod rule;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::LazyLock;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

use rule::Clause;
pub(super) use rule::since_1970;

/// A country whose public holidays are known: those of the whole country, with the days on which they
/// are observed where they fall on a weekend.
///
/// The table holds rules, and dates where there are none (of moons, and single days): 26 countries,
/// the years 2000 to 2050 of most. Coming holidays are those of the law in 2026; dates of moons are
/// as they are foreseen.
///
/// Source: the Python package `holidays` 0.109, which Prophet uses too.
///
/// ```
/// use bongsu_forecast::prophet::Country;
/// let korea: Country = "KR".parse()?;
/// let days = korea.holidays(2026)?;
/// // The day after 1970-01-01 by that many days is 2026-10-09.
/// assert!(days.contains(&(20_735, "Hangul Day")));
/// assert!("Atlantis".parse::<Country>().is_err() && korea.holidays(1900).is_err());
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country(String);

/// The holidays of a country.
#[derive(Debug)]
struct Known {
    code: &'static str,
    years: RangeInclusive<i16>,
    holidays: Vec<(&'static str, Vec<Clause>)>,
}

static TABLE: LazyLock<Vec<Known>> = LazyLock::new(|| read(include_str!("table.txt")).0);

impl Country {
    /// The codes of all countries that are known, in order.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|known| known.code)
    }

    /// Its code: two letters, as in ISO 3166.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0
    }

    /// The first and the last year that are known.
    #[must_use]
    pub fn years(&self) -> RangeInclusive<i16> {
        #[allow(
            clippy::reversed_empty_ranges,
            reason = "a country that is not known has none"
        )]
        self.known().map_or(1..=0, |known| known.years.clone())
    }

    /// The names of its holidays, of which some come in some years only.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let known = self.known().into_iter();
        known.flat_map(|known| known.holidays.iter().map(|(name, _)| *name))
    }

    /// Its holidays of a year in the order of their names: days since 1970-01-01, and names.
    ///
    /// # Errors
    /// When the year is not known.
    pub fn holidays(&self, year: i16) -> Result<Vec<(i32, &'static str)>> {
        let known = self.known().filter(|known| known.years.contains(&year));
        let known = known.ok_or_else(|| {
            let years = self.years();
            Error::input(format!(
                "the public holidays of {} are known from {} to {}, not in {year}",
                self.0,
                years.start(),
                years.end()
            ))
        })?;
        let of = |(name, clauses): &(&'static str, Vec<Clause>)| {
            let mut days: Vec<i32> = clauses
                .iter()
                .flat_map(|clause| clause.days(year))
                .collect();
            days.sort_unstable();
            days.dedup();
            let name = *name;
            days.into_iter().map(move |day| (day, name))
        };
        Ok(known.holidays.iter().flat_map(of).collect())
    }

    fn known(&self) -> Option<&'static Known> {
        TABLE.iter().find(|known| known.code == self.0)
    }
}

impl FromStr for Country {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = TABLE
            .iter()
            .find(|known| known.code.eq_ignore_ascii_case(text));
        known
            .map(|known| Self(known.code.to_owned()))
            .ok_or_else(|| {
                let codes: Vec<&str> = Self::codes().collect();
                let domain = format!("one of {}", codes.join(", "));
                Error::parameter("country", format!("`{text}`"), domain)
            })
    }
}

impl TryFrom<String> for Country {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.0
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The countries of a table, and the lines that could not be read.
fn read(text: &'static str) -> (Vec<Known>, Vec<&'static str>) {
    let mut all: Vec<Known> = Vec::new();
    let mut refused = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(country) = header(line) {
            all.push(country);
        } else if let (Some(country), Some(holiday)) = (all.last_mut(), holiday(line)) {
            country.holidays.push(holiday);
        } else {
            refused.push(line);
        }
    }
    (all, refused)
}

/// `[KR 2000..2050]`.
fn header(line: &'static str) -> Option<Known> {
    let (code, years) = line.strip_prefix('[')?.strip_suffix(']')?.split_once(' ')?;
    let (first, last) = years.split_once("..")?;
    Some(Known {
        code,
        years: first.parse().ok()?..=last.parse().ok()?,
        holidays: Vec::new(),
    })
}

/// `name = clause; clause`.
fn holiday(line: &'static str) -> Option<(&'static str, Vec<Clause>)> {
    let (name, clauses) = line.split_once(" = ")?;
    let clauses = clauses.split("; ").map(Clause::read);
    Some((name, clauses.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        let (all, refused) = read(include_str!("table.txt"));
        assert_eq!(refused, Vec::<&str>::new());
        assert_eq!(all.len(), 26);
        assert!(all.iter().all(|known| known.holidays.len() >= 4));
    }
}
