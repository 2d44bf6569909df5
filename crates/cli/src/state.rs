//! What a service has saved, for people.

use std::io::Write;
use std::path::Path;

use bongsu::alert::Acknowledgement;
use bongsu::core::{AlertState, Timestamp, format_duration};
use bongsu::engine::grafana::{Service, read_secret};
use bongsu::engine::{SavedState, TimeFormat};
use serde_json::json;

use crate::Failure;
use crate::args::{AlertsCommand, ServiceArgs, StateCommand};
use crate::output;

pub(crate) fn state(command: &StateCommand) -> Result<(), Failure> {
    match command {
        StateCommand::Inspect { directory, json } => inspect(directory, *json),
        StateCommand::Export { directory, output } => {
            let saved = SavedState::read(directory)?;
            let mut out = output::open(output)?;
            for series in saved.series() {
                serde_json::to_writer(&mut out, &series).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            }
            out.flush()?;
            Ok(())
        }
    }
}

fn inspect(directory: &Path, as_json: bool) -> Result<(), Failure> {
    let saved = SavedState::read(directory)?;
    let mut out = std::io::stdout().lock();
    let alerts = saved.alerts().count();
    if as_json {
        let queries: Vec<_> = saved.queries().collect();
        let all = json!({"schema": 1, "version": saved.version(), "bytes": saved.bytes(), "alerts": alerts, "queries": queries});
        writeln!(out, "{all:#}")?;
    } else {
        let (version, bytes) = (saved.version(), saved.bytes());
        writeln!(out, "version {version}, {bytes} bytes, {alerts} alerts")?;
        for query in saved.queries() {
            let until = query.judged_until.map_or("never".to_owned(), rfc3339);
            writeln!(
                out,
                "{}: {} series, judged until {until}, detectors hold {} bytes{}",
                query.name,
                query.series,
                query.detector_bytes,
                match query.model_version {
                    0 => String::new(),
                    version => format!(", trained version {version}"),
                }
            )?;
        }
    }
    out.flush()?;
    Ok(())
}

pub(crate) fn alerts(command: &AlertsCommand) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match command {
        AlertsCommand::List { state } => {
            let saved = SavedState::read(state)?;
            for alert in saved.alerts() {
                let fingerprint = alert.labels.fingerprint();
                let lasted = alert.resolved_at.unwrap_or(alert.verdict.timestamp);
                let lasted = lasted.millis_since(alert.starts_at).max(0).unsigned_abs();
                let lasted = format_duration(std::time::Duration::from_millis(lasted));
                writeln!(
                    out,
                    "{fingerprint:016x} {} {} since {} for {lasted}{}: {}",
                    word(alert.state),
                    alert.severity,
                    rfc3339(alert.starts_at),
                    taken_up(saved.acknowledgement(fingerprint)),
                    alert.summary
                )?;
            }
        }
        AlertsCommand::Explain { alert, state } => {
            let saved = SavedState::read(state)?;
            let mut steps = saved.explain(*alert).peekable();
            if steps.peek().is_none() {
                return Err(Failure::Incomplete(format!(
                    "nothing is known of an alert {alert:016x}; the service keeps the paths of alerts \
                     where `alerting` is configured, the newest of them"
                )));
            }
            for step in steps {
                writeln!(out, "{step}")?;
            }
        }
        AlertsCommand::Acknowledge(args) => {
            let service = service(&args.at)?;
            let (by, note) = (args.by.as_deref(), args.note.as_deref());
            let asked = service.acknowledge(args.alert, by, note);
            tokio::runtime::Runtime::new()?.block_on(asked)?;
            writeln!(out, "acknowledged {:016x}", args.alert)?;
        }
        AlertsCommand::Unacknowledge(args) => {
            let service = service(&args.at)?;
            let asked = service.unacknowledge(args.alert);
            tokio::runtime::Runtime::new()?.block_on(asked)?;
            writeln!(out, "not acknowledged any more {:016x}", args.alert)?;
        }
    }
    out.flush()?;
    Ok(())
}

pub(crate) fn service(at: &ServiceArgs) -> Result<Service, Failure> {
    let token = read_secret(&at.service_token)?;
    Ok(Service::new(&at.service, Some(token))?)
}

/// Who has taken up an alert, in words that follow others.
fn taken_up(acknowledgement: Option<&Acknowledgement>) -> String {
    let Some(Acknowledgement { at, by, note }) = acknowledgement else {
        return String::new();
    };
    let by = by.as_ref().map(|by| format!(" by {by}"));
    let note = note.as_ref().map(|note| format!(" ({note})"));
    format!(
        ", acknowledged{} at {}{}",
        by.unwrap_or_default(),
        rfc3339(*at),
        note.unwrap_or_default()
    )
}

fn word(state: AlertState) -> &'static str {
    match state {
        AlertState::Pending => "pending",
        AlertState::Firing => "firing",
        AlertState::Resolved => "resolved",
    }
}

fn rfc3339(time: Timestamp) -> String {
    TimeFormat::of("1970-01-01T00:00:00Z").write(time)
}
