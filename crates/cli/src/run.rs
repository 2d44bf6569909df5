use std::io::Write as _;

use bongsu::core::Verdict;
use bongsu::engine::config::{QueryConfig, load};
use bongsu::engine::{
    End, Engine, Observer, Options, Totals, Unobserved, VERDICT_HEADER, verdict_row,
};

use crate::Failure;
use crate::args::RunArgs;

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let config = load(&args.config, args.profile.as_deref())?;
    let options = Options {
        dry_run: args.dry_run,
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let (engine, end) = if args.once {
            let mut engine = Engine::start(config, options, Box::new(Printer::new()?)).await?;
            engine.once().await?;
            (engine, End::NoMoreData)
        } else {
            let mut engine = Engine::start(config, options, Box::new(Unobserved)).await?;
            tracing::info!("running; stop with SIGINT or SIGTERM");
            let end = engine.run(interrupted()).await?;
            (engine, end)
        };
        let totals = finish(engine).await;
        // A service that was told to stop has done its duty, whatever it met on the way.
        if end == End::NoMoreData && (totals.failures > 0 || totals.undelivered > 0) {
            return Err(Failure::Incomplete(format!(
                "{} queries and {} deliveries failed",
                totals.failures, totals.undelivered
            )));
        }
        Ok(())
    })
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

/// Completes on SIGINT or SIGTERM.
pub(crate) async fn interrupted() {
    let interrupt = async {
        // Without a handler the process ends the default way, which is also an end.
        let _ = tokio::signal::ctrl_c().await;
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                () = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    interrupt.await;
}

/// Prints verdicts as CSV to standard output.
#[derive(Debug)]
struct Printer;

impl Printer {
    fn new() -> Result<Self, Failure> {
        std::io::stdout().write_all(VERDICT_HEADER.as_bytes())?;
        Ok(Self)
    }
}

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
