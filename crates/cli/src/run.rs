use std::io::Write as _;
use std::time::Duration;

use bongsu::core::Verdict;
use bongsu::engine::config::{QueryConfig, load};
use bongsu::engine::{
    End, Engine, Observer, Options, Totals, Unobserved, VERDICT_HEADER, verdict_row,
};

use crate::Failure;
use crate::args::RunArgs;
use crate::reload;
use crate::signals::{Hangups, Signals};

/// What works aside at the end is waited for this long.
const LONGEST_END: Duration = Duration::from_secs(2);

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    // Before it is read, so that no change after it is missed.
    let text = reload::read(&args.config);
    let config = load(&args.config, args.profile.as_deref())?;
    if config.queries.is_empty() {
        let message = "there are no queries to judge; `bongsu capacity --config` plans resources";
        return Err(Failure::Usage(message.to_owned()));
    }
    let options = Options {
        dry_run: args.dry_run,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let outcome = runtime.block_on(async {
        // A single tick ends soon enough by itself, or the default way.
        let mut signals = (!args.once).then(Signals::install).transpose()?;
        let hangups = (!args.once).then(Hangups::install).transpose()?;
        let prints = args.once || args.dry_run;
        let observer: Box<dyn Observer> = if prints {
            Box::new(Printer)
        } else {
            Box::new(Unobserved)
        };
        let mut engine = Engine::start(config, options, observer).await?;
        if prints {
            // Not before: a configuration that is refused leaves standard output empty.
            std::io::stdout().write_all(VERDICT_HEADER.as_bytes())?;
        }
        let end = match &mut signals {
            None => {
                engine.once().await?;
                End::NoMoreData
            }
            Some(signals) => {
                tracing::info!(
                    "running; stop with SIGINT or SIGTERM, read the configuration again with SIGHUP"
                );
                let reloading = tokio::spawn(reload::follow(
                    engine.control(),
                    args.config.clone(),
                    args.profile.clone(),
                    text,
                    hangups.unwrap_or_default(),
                ));
                let end = engine.run(signals.wait()).await;
                reloading.abort();
                end?
            }
        };
        let totals = Box::pin(finish(engine)).await;
        // A service that was told to stop has done its duty, whatever it met on the way.
        if end == End::NoMoreData && (totals.failures > 0 || totals.undelivered > 0) {
            return Err(Failure::Incomplete(format!(
                "{} queries and {} deliveries failed",
                totals.failures, totals.undelivered
            )));
        }
        Ok(())
    });
    // A report that is being written is begun again after the next start.
    runtime.shutdown_timeout(LONGEST_END);
    outcome
}

async fn finish(engine: Engine) -> Totals {
    let totals = engine.totals();
    tracing::info!(
        verdicts = totals.verdicts,
        anomalies = totals.anomalies,
        fired = totals.fired,
        resolved = totals.resolved,
        failures = totals.failures,
        undelivered = totals.undelivered,
        "done"
    );
    engine.close().await;
    totals
}

/// Prints verdicts as CSV to standard output.
#[derive(Debug)]
struct Printer;

impl Observer for Printer {
    fn verdicts(&mut self, query: &QueryConfig, verdicts: &[Verdict]) {
        let rows: String = verdicts
            .iter()
            .map(|verdict| verdict_row(&query.name, verdict))
            .collect();
        if let Err(error) = std::io::stdout().write_all(rows.as_bytes())
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            tracing::error!(%error, "verdicts cannot be printed");
        }
    }
}
