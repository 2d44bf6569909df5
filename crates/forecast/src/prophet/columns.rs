//! Named columns beside a series: regressors, conditions, capacities, floors.

use bongsu_core::{Error, Result, Timestamp};

/// Where a value is, for people: rows count from 1.
pub(super) fn place(row: usize, time: Timestamp) -> String {
    format!("in row {}, at {time}", row + 1)
}

/// Columns of values, one a moment, each with a name.
///
/// ```
/// use bongsu_forecast::prophet::Columns;
/// let columns = Columns::new().with("promotion", &[0.0, 1.0, 0.0]);
/// assert_eq!(columns.get("promotion"), Some(&[0.0, 1.0, 0.0][..]));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns<'a>(Vec<(&'a str, &'a [f64])>);

impl<'a> Columns<'a> {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// With one more; of two with the same name the later one counts.
    #[must_use]
    pub fn with(mut self, name: &'a str, values: &'a [f64]) -> Self {
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, values));
        self
    }

    /// The values of the column `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a [f64]> {
        let found = self.0.iter().find(|(other, _)| *other == name);
        found.map(|&(_, values)| values)
    }

    /// The values of the columns `names`, of `rows` values each, in the rows `kept`.
    pub(super) fn picked<'b>(
        &self,
        names: &[&'b str],
        kept: &[usize],
        rows: usize,
    ) -> Result<Vec<(&'b str, Vec<f64>)>> {
        let pick = |&name: &&'b str| {
            let values = self.need("column", name, rows)?;
            let kept = kept.iter().filter_map(|&row| values.get(row));
            Ok((name, kept.copied().collect()))
        };
        names.iter().map(pick).collect()
    }

    /// The column `name`, which has a value for each of `times`, finite in the rows `kept`.
    pub(super) fn finite(
        &self,
        what: &str,
        name: &str,
        times: &[Timestamp],
        kept: impl IntoIterator<Item = usize>,
    ) -> Result<&'a [f64]> {
        let values = self.need(what, name, times.len())?;
        for row in kept {
            let (Some(&value), Some(&time)) = (values.get(row), times.get(row)) else {
                continue;
            };
            if value.is_nan() {
                let place = place(row, time);
                return Err(Error::input(format!(
                    "the {what} `{name}` is missing {place}"
                )));
            }
            if value.is_infinite() {
                let what = format!("the {what} `{name}` {}", place(row, time));
                return Err(Error::non_finite(what, value));
            }
        }
        Ok(values)
    }

    /// The column `name`, which has `rows` values.
    pub(super) fn need(&self, what: &str, name: &str, rows: usize) -> Result<&'a [f64]> {
        let values = self
            .get(name)
            .ok_or_else(|| Error::input(format!("the {what} `{name}` is missing")))?;
        if values.len() == rows {
            Ok(values)
        } else {
            let what = format!("the number of values of the {what} `{name}`");
            Err(Error::shape(what, values.len(), rows))
        }
    }
}
