use std::io::Write;

use bongsu::engine::{Table, TuneRequest, Tuned, row_labels, take_labels, tune as run};
use serde_json::{Value, json};

use crate::args::{TuneArgs, TuneFormat};
use crate::{Failure, detect, output, terminal};

pub(crate) fn tune(args: &TuneArgs, quiet: bool) -> Result<(), Failure> {
    let request = TuneRequest {
        detector: args.detector.clone(),
        parameters: args.parameters.iter().cloned().collect(),
        search: args.search.clone(),
        measure: args.measure.clone(),
        alarm_budget: args.alarm_budget,
        test_share: args.test_share,
        trials: args.trials,
        time_limit: args.time,
        seed: args.seed,
    };
    let mut table = Table::open(&args.input)?;
    let own = take_labels(&mut table)?;
    let labels = match (&args.labels, own) {
        (Some(_), Some(_)) => {
            return Err(Failure::Usage(
                "the input has a column of labels, and --labels names others".to_owned(),
            ));
        }
        (Some(path), None) => Some(row_labels(&table, &Table::open(path)?)?),
        (None, own) => own,
    };
    detect::describe(&table);
    let progress = terminal::bar(args.trials as u64, quiet);
    let tuned = run(&table, labels.as_deref(), &request, &|done, _, best| {
        progress.set_position(done as u64);
        progress.set_message(best.map_or(String::new(), |best| format!("best {best:.4}")));
    })?;
    progress.finish_and_clear();
    if tuned.failed > 0 {
        tracing::warn!(
            trials = tuned.trials,
            failed = tuned.failed,
            "the detector refused parameters, or gave nothing that can be measured"
        );
    }
    if tuned.out_of_time {
        tracing::warn!(trials = tuned.trials, "the time ended the search");
    }
    let mut out = output::open(&args.output)?;
    match args.format {
        TuneFormat::Text => write_text(&mut out, &args.detector, &tuned)?,
        TuneFormat::Json => writeln!(out, "{:#}", document(&args.detector, &tuned))?,
    }
    out.flush()?;
    Ok(())
}

fn write_text(out: &mut impl Write, detector: &str, tuned: &Tuned) -> std::io::Result<()> {
    let shown = |value: Option<f64>| value.map_or("none".to_owned(), |value| format!("{value:.4}"));
    writeln!(
        out,
        "{}: {} with the parameters below, {} before, over {} trials of {}",
        tuned.goal,
        shown(Some(tuned.found)),
        shown(tuned.before),
        tuned.trials,
        tuned.searched.join(", ")
    )?;
    if let Some(test) = tuned.test {
        writeln!(
            out,
            "on the {} rows that the search did not see: {}, {} before",
            test.rows,
            shown(test.found),
            shown(test.before)
        )?;
        if let (Some(found), Some(before)) = (test.found, test.before)
            && found < before
        {
            writeln!(
                out,
                "there the parameters before are better: what was found does not hold for later rows"
            )?;
        }
    }
    let set: String = tuned
        .parameters
        .iter()
        .map(|(name, value)| format!(" --set {name}={value}"))
        .collect();
    writeln!(out, "\nbongsu detect --detector {detector}{set}\n")?;
    writeln!(out, "detector: {detector}")?;
    if !tuned.parameters.is_empty() {
        writeln!(out, "parameters:")?;
    }
    for (name, value) in &tuned.parameters {
        writeln!(out, "  {name}: {}", in_yaml(value))?;
    }
    Ok(())
}

/// Numbers and truth values as they are, everything else as a text.
fn in_yaml(value: &str) -> String {
    match typed(value) {
        Value::String(text) => json!(text).to_string(),
        other => other.to_string(),
    }
}

fn typed(value: &str) -> Value {
    match serde_json::from_str(value) {
        Ok(parsed @ (Value::Number(_) | Value::Bool(_))) => parsed,
        _ => json!(value),
    }
}

fn document(detector: &str, tuned: &Tuned) -> Value {
    let parameters = tuned.parameters.iter();
    let parameters: serde_json::Map<_, _> = parameters
        .map(|(name, value)| (name.clone(), typed(value)))
        .collect();
    let test = tuned
        .test
        .map(|test| json!({"rows": test.rows, "found": test.found, "before": test.before}));
    json!({
        "schema": 1,
        "detector": detector,
        "parameters": parameters,
        "searched": tuned.searched,
        "goal": tuned.goal,
        "found": tuned.found,
        "before": tuned.before,
        "test": test,
        "trials": tuned.trials,
        "failed": tuned.failed,
        "out_of_time": tuned.out_of_time,
    })
}
