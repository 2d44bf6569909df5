use crate::Error;

/// Whole numbers from `from` to `to`, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: i32,
    pub(super) to: i32,
}

impl Range {
    pub(super) fn contains(self, x: i32) -> bool {
        (self.from..=self.to).contains(&x)
    }

    /// Days of a month that has `last` days: those below 0 count from its end, and what lies
    /// outside it is cut off.
    pub(super) fn in_month(self, last: i32) -> Self {
        let day = |day: i32| if day < 0 { last + day + 1 } else { day };
        Self {
            from: day(self.from),
            to: day(self.to).min(last),
        }
    }

    /// Reads `a` or `a:b`, each one read by `number`, in order by `position`.
    pub(super) fn read(
        field: &str,
        text: &str,
        domain: &str,
        number: impl Fn(&str) -> Option<i32>,
        position: impl Fn(i32) -> i32,
    ) -> Result<Self, Error> {
        let refused = || Error::parameter(field, format!("`{text}`"), domain);
        let lower = text.trim().to_lowercase();
        let (from, to) = lower.split_once(':').unwrap_or((&lower, &lower));
        let range = Self {
            from: number(from.trim()).ok_or_else(refused)?,
            to: number(to.trim()).ok_or_else(refused)?,
        };
        if position(range.from) > position(range.to) {
            return Err(refused());
        }
        Ok(range)
    }
}
