//! What people see on standard error: log lines, progress and colours.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use bongsu::engine::TRACE_TARGET;
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

use crate::args::{Arguments, Command, LogFormat};
use crate::limiter::Limiter;
#[cfg(feature = "otel")]
use crate::traces::Traces;

/// The time in which the same warnings are counted.
const LOG_WINDOW: Duration = Duration::from_secs(60);

/// What must live as long as something is logged.
#[derive(Debug)]
pub(crate) struct Log {
    #[cfg(feature = "otel")]
    _traces: Option<Traces>,
}

/// Starts the log, and traces where a collector is named. `RUST_LOG` overrides what is shown.
pub(crate) fn start_log(arguments: &Arguments) -> Result<Log, String> {
    // The demo tells its story itself; its log would only repeat it.
    let calm = arguments.quiet || matches!(arguments.command, Command::Demo(_));
    let level = if calm { "error" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let most = match &arguments.command {
        Command::Run(args) => args.log_limit,
        // Others say what they say once.
        _ => 0,
    };
    let limiter = Limiter::new(most, LOG_WINDOW);
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        // Nobody listens when standard error is closed, and that is no reason to stop.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let layer = match arguments.log_format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    // Spans are for traces; in the log each event tells itself what it is about.
    let events = filter_fn(|metadata| metadata.target() != TRACE_TARGET);
    let layer = layer.with_filter(filter.and(events).and(limiter.clone()));
    let registry = tracing_subscriber::registry().with(layer);
    #[cfg(feature = "otel")]
    let traces = Traces::start()?;
    #[cfg(feature = "otel")]
    let registry = registry.with(traces.as_ref().map(Traces::layer));
    registry.init();
    limiter.follow();
    Ok(Log {
        #[cfg(feature = "otel")]
        _traces: traces,
    })
}

/// Says something to people, on standard error.
pub(crate) fn say(text: &str) {
    // Nobody listens when standard error is closed, and that is no reason to stop.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// A spinner with a message, shown only when standard error is a terminal.
pub(crate) fn spinner(message: impl Into<String>, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(message.into());
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// A bar over `total` steps, shown only when standard error is a terminal.
pub(crate) fn bar(total: u64, quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar:.cyan/blue} {percent:>3}% {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}
