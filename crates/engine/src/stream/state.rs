use std::collections::BTreeMap;
use std::mem::discriminant;

use bongsu_core::{Error as CoreError, Result as CoreResult, Snapshot};

use super::{StreamRequest, StreamSession};
use crate::Error;
use crate::older::{Added, Aged};
use crate::registry::{self, COMMON_PARAMETERS, Input};

impl StreamSession {
    /// What another detector or other parameters `request` asks for than this one has; `None`
    /// where they are the same.
    pub(super) fn difference(&self, request: &StreamRequest) -> Result<Option<String>, Error> {
        if self.detector != request.detector {
            return Ok(Some(format!(
                "detector `{}`, not of `{}`",
                self.detector, request.detector
            )));
        }
        let saved = effective(&self.detector, &self.parameters)?;
        let asked = effective(&request.detector, &request.parameters)?;
        let other = saved
            .iter()
            .zip(&asked)
            .find(|((_, was), (_, is))| was != is);
        Ok(other.map(|((name, was), (_, is))| {
            format!(
                "detector `{}` with {name}={was}, not {name}={is}",
                self.detector
            )
        }))
    }

    /// Whether a header that names `channels` may follow the rows so far.
    ///
    /// # Errors
    /// When they are other channels.
    pub fn accept_channels(&self, channels: &[String]) -> Result<(), Error> {
        if self.channels == channels {
            return Ok(());
        }
        Err(Error::config(format!(
            "the state is of the channels {}, but the header names {}; give another --state, or remove the file to start anew",
            named(&self.channels),
            named(channels)
        )))
    }
}

fn named(channels: &[String]) -> String {
    let quoted: Vec<String> = channels.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The value of every parameter, given or by default.
fn effective(
    detector: &str,
    given: &BTreeMap<String, String>,
) -> Result<Vec<(&'static str, String)>, Error> {
    let parameters = registry::find(detector)?
        .all_parameters()
        .chain(COMMON_PARAMETERS);
    let value =
        |name: &str, default: &str| given.get(name).map_or(default, String::as_str).to_owned();
    Ok(parameters
        .map(|p| (p.name, value(p.name, p.default)))
        .collect())
}

impl Aged for StreamSession {
    const OLDEST: u16 = 1;
    const ADDED: &'static [Added] = &[Added {
        since: 2,
        of: "Refitted",
        field: "farthest",
        value: &[0],
    }];
}

impl Snapshot for StreamSession {
    const KIND: &'static str = "engine.stream";
    const VERSION: u16 = 2;

    fn validate(&self) -> CoreResult<()> {
        let broken = |e: &dyn std::fmt::Display| CoreError::snapshot(e.to_string());
        let mut parameters = self.parameters.clone();
        let filter = registry::take_filter(&mut parameters).map_err(|e| broken(&e))?;
        let spec = registry::find(&self.detector).map_err(|e| broken(&e))?;
        let fresh = registry::build(&self.detector, &parameters).map_err(|e| broken(&e))?;
        let lanes = match spec.input {
            Input::Table | Input::TableSeries => 1,
            Input::Column | Input::Series => self.channels.len(),
        };
        for lane in &self.lanes {
            lane.validate()?;
        }
        let same =
            |lane: &crate::detect::Lane| discriminant(lane.detector()) == discriminant(&fresh);
        if filter != self.filter
            || self.channels.is_empty()
            || self.lanes.len() != lanes
            || !self.lanes.iter().all(same)
            || self.counts.anomalous > self.counts.judged
            || (self.newest.is_some() != (self.counts.judged > 0))
        {
            return Err(CoreError::snapshot(
                "the detectors of the stream do not fit its description",
            ));
        }
        Ok(())
    }
}
