use std::io::Write as _;
use std::path::Path;

use bongsu::engine::config::load;
use bongsu::engine::grafana::{Grafana, PushOptions, Service, dashboards, read_secret};
use serde_json::Value;

use crate::Failure;
use crate::args::{AnnotateArgs, DashboardCommand, PushArgs};
use crate::terminal::say;

pub(crate) fn dashboard(command: &DashboardCommand, quiet: bool) -> Result<(), Failure> {
    match command {
        DashboardCommand::Render {
            config,
            profile,
            output,
        } => render(config, profile.as_deref(), output, quiet),
        DashboardCommand::Push(args) => push(args),
        DashboardCommand::Annotate(args) => annotate(args),
    }
}

fn render(config: &Path, profile: Option<&str>, output: &Path, quiet: bool) -> Result<(), Failure> {
    let config = load(config, profile)?;
    if config.output.remote_write.is_none() && !quiet {
        say("output.remote_write is not set: without scores, only Bongsu's own metrics are drawn");
    }
    let all = dashboards(&config);
    if output.as_os_str() == "-" {
        let list: Vec<&Value> = all.iter().map(|board| &board.json).collect();
        let mut out = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &list).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    let named =
        |e: std::io::Error| std::io::Error::new(e.kind(), format!("{}: {e}", output.display()));
    std::fs::create_dir_all(output).map_err(named)?;
    for board in &all {
        let file = output.join(format!("{}.json", board.uid));
        std::fs::write(&file, format!("{:#}\n", board.json)).map_err(named)?;
    }
    if !quiet {
        say(&format!("{} dashboards in {}", all.len(), output.display()));
    }
    Ok(())
}

fn push(args: &PushArgs) -> Result<(), Failure> {
    let config = load(&args.config, args.profile.as_deref())?;
    let grafana = Grafana::new(&args.to.grafana, read_secret(&args.to.token)?)?;
    let options = PushOptions {
        folder: args.folder.clone(),
        dry_run: args.dry_run,
        overwrite: args.overwrite,
    };
    let all = dashboards(&config);
    let outcome = tokio::runtime::Runtime::new()?.block_on(grafana.push(&all, &options))?;
    let mut out = std::io::stdout().lock();
    for board in &outcome {
        writeln!(out, "{board}")?;
    }
    let failed = outcome.iter().filter(|board| board.result.is_err()).count();
    if failed > 0 {
        let all = outcome.len();
        let message = format!("{failed} of {all} dashboards could not be pushed");
        return Err(Failure::Incomplete(message));
    }
    Ok(())
}

fn annotate(args: &AnnotateArgs) -> Result<(), Failure> {
    let grafana = Grafana::new(&args.to.grafana, read_secret(&args.to.token)?)?;
    let token = args.service_token.as_deref().map(read_secret).transpose()?;
    let service = Service::new(&args.service, token)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let marks = runtime.block_on(async {
        let incidents = service.incidents().await?;
        grafana.annotate(&incidents, args.dry_run).await
    })?;
    let mut out = std::io::stdout().lock();
    for mark in &marks {
        writeln!(out, "{mark}")?;
    }
    Ok(())
}
