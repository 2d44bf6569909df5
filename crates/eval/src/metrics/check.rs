use bongsu_core::{Error, Result};

/// One score a label, and no NaN.
pub(super) fn pairs(scores: &[f64], labels: &[bool]) -> Result<()> {
    lengths("number of labels", labels.len(), scores.len())?;
    no_nan(scores)
}

/// The rows of two columns agree.
pub(super) fn lengths(what: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::shape(what, found, expected))
    }
}

pub(super) fn no_nan(scores: &[f64]) -> Result<()> {
    match scores.iter().position(|score| score.is_nan()) {
        Some(row) => Err(Error::non_finite(
            format!("the score in row {row}"),
            f64::NAN,
        )),
        None => Ok(()),
    }
}

/// A measure that needs anomalous and normal rows.
pub(super) fn both_classes(measure: &str, positives: usize, rows: usize) -> Result<()> {
    some_anomaly(measure, positives)?;
    if positives == rows {
        return Err(Error::unsupported(format!(
            "{measure} does not exist: all {rows} rows are labelled anomalous"
        )));
    }
    Ok(())
}

pub(super) fn some_anomaly(measure: &str, anomalies: usize) -> Result<()> {
    if anomalies == 0 {
        return Err(Error::unsupported(format!(
            "{measure} does not exist: no row is labelled anomalous"
        )));
    }
    Ok(())
}

pub(super) fn some_alarm(measure: &str, alarms: usize) -> Result<()> {
    if alarms == 0 {
        return Err(Error::unsupported(format!(
            "{measure} does not exist: there is no alarm"
        )));
    }
    Ok(())
}

/// A count of rows as a float; exact below 2^53.
#[allow(clippy::cast_precision_loss, reason = "no series has 2^53 rows")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}
