use std::str::FromStr;
use std::time::Duration;

use bongsu_core::{Error as CoreError, Result as CoreResult, parse_duration};
use bongsu_forecast::Step;

/// A part of a series: a number of its steps, or how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// So many steps.
    Steps(usize),
    /// So long; `30d`, `12h`.
    Lasting(Duration),
}

impl FromStr for Length {
    type Err = CoreError;

    /// `48` or `30d`.
    fn from_str(text: &str) -> CoreResult<Self> {
        match text.parse() {
            Ok(steps) => Ok(Self::Steps(steps)),
            Err(_) => parse_duration(text).map(Self::Lasting).map_err(|e| {
                CoreError::input(format!(
                    "`{text}` is neither a number of steps nor a duration such as 30d: {e}"
                ))
            }),
        }
    }
}

impl Length {
    /// In steps of a series, at least 1.
    pub(super) fn steps(self, name: &str, step: Step) -> CoreResult<usize> {
        let refused = |value: String, domain: &str| Err(CoreError::parameter(name, value, domain));
        match (self, step) {
            (Self::Steps(0), _) => refused("0".to_owned(), "at least 1 step"),
            (Self::Steps(steps), _) => Ok(steps),
            (Self::Lasting(duration), Step::Millis(step)) => {
                let millis = duration.as_millis();
                let step = u128::from(step.unsigned_abs().max(1));
                match usize::try_from(millis / step) {
                    Ok(steps) if steps > 0 && millis % step == 0 => Ok(steps),
                    _ => {
                        let domain = format!("a whole number of the series' steps of {step} ms");
                        refused(bongsu_core::format_duration(duration), &domain)
                    }
                }
            }
            (Self::Lasting(duration), _) => refused(
                bongsu_core::format_duration(duration),
                "a number of steps, as months differ in length",
            ),
        }
    }
}
