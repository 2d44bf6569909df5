//! A plan as it is kept over restarts.

use bongsu_capacity::{CapacityReport, SCHEMA};
use bongsu_core::{Error as CoreError, Result as CoreResult, Snapshot, Timestamp};
use serde::{Deserialize, Serialize};

use super::job::{Answer, Known};
use crate::Error;
use crate::older::{Added, Aged};

/// An [`Answer`] with its report as JSON, since a snapshot has no names for what a report leaves out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    signature: String,
    at: Timestamp,
    known: Vec<Known>,
    incomplete: bool,
    report: String,
}

impl Snapshot for Kept {
    const KIND: &'static str = "engine.capacity";
    const VERSION: u16 = 1;

    fn validate(&self) -> CoreResult<()> {
        report(&self.report).map(drop)
    }
}

impl Aged for Kept {
    const OLDEST: u16 = 1;
    const ADDED: &'static [Added] = &[];
}

fn report(text: &str) -> CoreResult<CapacityReport> {
    let wrong = |e: &dyn std::fmt::Display| CoreError::snapshot(format!("the report: {e}"));
    let report: CapacityReport = serde_json::from_str(text).map_err(|e| wrong(&e))?;
    if report.schema != SCHEMA {
        let message = format!(
            "its form is {}, but this build reads {SCHEMA}",
            report.schema
        );
        return Err(wrong(&message));
    }
    Ok(report)
}

impl Kept {
    /// What is to be written of `answer`.
    pub(crate) fn new(answer: &Answer) -> Result<Self, Error> {
        let report = serde_json::to_string(&answer.report)
            .map_err(|e| Error::state(format!("the capacity report: {e}")))?;
        Ok(Self {
            signature: answer.signature.clone(),
            at: answer.at,
            known: answer.known.clone(),
            incomplete: answer.incomplete,
            report,
        })
    }

    /// What was kept.
    pub(crate) fn answer(self) -> Result<Answer, Error> {
        let report = report(&self.report).map_err(|e| Error::state(e.to_string()))?;
        Ok(Answer {
            signature: self.signature,
            at: self.at,
            report,
            known: self.known,
            incomplete: self.incomplete,
        })
    }
}
