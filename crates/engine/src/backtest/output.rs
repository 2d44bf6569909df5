//! A backtest as text, CSV, Markdown and JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{ModelBacktest, Scores, TableBacktest};

/// The version of the JSON document.
const SCHEMA: u32 = 1;

impl TableBacktest {
    /// The names of the columns, and a row for each model, and with `by_step` one for each of its
    /// steps ahead; empty where there is no number.
    fn cells(&self, by_step: bool, digits: Option<usize>) -> Vec<Vec<String>> {
        let mut header: Vec<String> = ["model", "step", "count", "mae", "rmse", "mape", "smape"]
            .iter()
            .chain(&["mase", "rmsse", "crps"])
            .map(|&name| name.to_owned())
            .collect();
        for level in &self.levels {
            for name in ["coverage", "winkler", "pinball"] {
                header.push(format!("{name}_{level}"));
            }
        }
        let number = |value: Option<f64>| match (value, digits) {
            (None, _) => String::new(),
            (Some(value), None) => value.to_string(),
            (Some(value), Some(digits)) => rounded(value, digits),
        };
        let row = |model: &ModelBacktest, step: String, scores: Option<&Scores>| {
            let a = scores.map(|scores| &scores.accuracy);
            let count = a.map_or(0, |a| a.count);
            let mut row = vec![model.name.clone(), step, count.to_string()];
            row.push(number(a.map(|a| a.mae)));
            row.push(number(a.map(|a| a.rmse)));
            row.push(number(a.and_then(|a| a.mape)));
            row.push(number(a.map(|a| a.smape)));
            row.push(number(a.and_then(|a| a.mase)));
            row.push(number(a.and_then(|a| a.rmsse)));
            row.push(number(scores.and_then(|scores| scores.crps)));
            for i in 0..self.levels.len() {
                let interval = a.and_then(|a| a.intervals.get(i));
                let pinball = scores.and_then(|scores| scores.pinball.get(i)).copied();
                row.push(number(interval.map(|interval| interval.coverage)));
                row.push(number(interval.map(|interval| interval.winkler)));
                row.push(number(pinball));
            }
            row
        };
        let mut rows = vec![header];
        for model in &self.models {
            rows.push(row(model, "all".to_owned(), model.scores.as_ref()));
            for (step, scores) in model.by_step.iter().filter(|_| by_step) {
                rows.push(row(model, step.to_string(), Some(scores)));
            }
        }
        rows
    }

    /// CSV `model,step,count,mae,rmse,mape,smape,mase,rmsse,crps,coverage_95,winkler_95,pinball_95`,
    /// whose `step` is `all` or a number of steps ahead; empty where there is no number.
    #[must_use]
    pub fn to_csv(&self, by_step: bool) -> String {
        let lines = self.cells(by_step, None);
        lines.iter().map(|cells| cells.join(",") + "\n").collect()
    }

    /// The same as a table in Markdown, with four digits.
    #[must_use]
    pub fn to_markdown(&self, by_step: bool) -> String {
        let mut out = String::new();
        for (i, cells) in self.cells(by_step, Some(4)).iter().enumerate() {
            let _ = writeln!(out, "| {} |", cells.join(" | "));
            if i == 0 {
                let _ = writeln!(out, "|{}", "---|".repeat(cells.len()));
            }
        }
        out
    }

    /// The same in aligned columns, after a line that says what was compared, and before the failures.
    #[must_use]
    pub fn to_text(&self, by_step: bool) -> String {
        let mut out = format!(
            "{}: {} steps ahead from {} of {} cutoffs, {} steps apart, the first after {} steps; \
             errors scaled by a season of {}\n",
            self.channel,
            self.horizon,
            self.compared,
            self.cutoffs,
            self.step,
            self.initial,
            self.season
        );
        let rows = self.cells(by_step, Some(4));
        let columns = rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(String::len).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &rows {
            let mut line = String::new();
            for (i, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                let _ = if i == 0 {
                    write!(line, "{cell:width$}")
                } else {
                    write!(line, "  {cell:>width$}")
                };
            }
            let _ = writeln!(out, "{}", line.trim_end());
        }
        for failure in self.failures() {
            let _ = writeln!(out, "{failure}");
        }
        out
    }

    /// What could not be forecast, a line for each model: how often, and the first reason.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        self.models.iter().filter_map(|model| {
            let first = model.failures.first()?;
            let moment = self.format.write(first.origin);
            Some(if model.scores.is_none() {
                format!("{}: no forecast; {moment}: {}", model.name, first.message)
            } else {
                format!(
                    "{}: no forecast at {} of {} cutoffs, which are left out for every model; the \
                     first, {moment}: {}",
                    model.name,
                    model.failures.len(),
                    self.cutoffs,
                    first.message
                )
            })
        })
    }

    /// All of it as a JSON document; null where there is no number.
    ///
    /// `schema` (1), `channel`, `horizon`, `initial`, `step` and `season` in steps, `cutoffs`,
    /// `compared`, and `models`: each with `model`, `scores` (an object of `count`, `mae`, `rmse`,
    /// `mape`, `smape`, `mase`, `rmsse`, `crps` and `intervals`, or null), `by_step` (such objects with
    /// a `step`), and `failures` of `cutoff` and `message`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let scores = |scores: &Scores| {
            let a = &scores.accuracy;
            let pairs = self.levels.iter().zip(&a.intervals).zip(&scores.pinball);
            let intervals = pairs.map(|((level, interval), pinball)| {
                json!({
                    "level": level,
                    "coverage": interval.coverage,
                    "winkler": interval.winkler,
                    "width": interval.width,
                    "pinball": pinball,
                })
            });
            json!({
                "count": a.count,
                "mae": a.mae,
                "rmse": a.rmse,
                "mape": a.mape,
                "smape": a.smape,
                "mase": a.mase,
                "rmsse": a.rmsse,
                "crps": scores.crps,
                "intervals": intervals.collect::<Vec<_>>(),
            })
        };
        let by_step = |(step, of): &(usize, Scores)| {
            let mut document = scores(of);
            if let Some(fields) = document.as_object_mut() {
                fields.insert("step".to_owned(), json!(step));
            }
            document
        };
        let model = |model: &ModelBacktest| {
            let failure = |f: &bongsu_forecast::backtest::OriginFailure| json!({"cutoff": self.format.write(f.origin), "message": f.message});
            json!({
                "model": model.name,
                "scores": model.scores.as_ref().map(scores),
                "by_step": model.by_step.iter().map(by_step).collect::<Vec<_>>(),
                "failures": model.failures.iter().map(failure).collect::<Vec<_>>(),
            })
        };
        json!({
            "schema": SCHEMA,
            "channel": self.channel,
            "horizon": self.horizon,
            "initial": self.initial,
            "step": self.step,
            "season": self.season,
            "cutoffs": self.cutoffs,
            "compared": self.compared,
            "models": self.models.iter().map(model).collect::<Vec<_>>(),
        })
    }
}

/// With so many significant digits, but never less than the whole part.
fn rounded(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-5.0..15.0).contains(&magnitude) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    let decimals = (digits as f64 - 1.0 - magnitude).max(0.0) as usize;
    format!("{value:.decimals$}")
}
