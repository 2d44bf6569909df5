use std::path::PathBuf;

use bongsu::engine::config::load;
use bongsu::engine::{Period, PeriodicRequest, parse_day, periodic_report};

use crate::Failure;
use crate::args::ReportArgs;
use crate::terminal::say;

pub(crate) fn report(args: &ReportArgs, quiet: bool) -> Result<(), Failure> {
    let config = args
        .config
        .as_deref()
        .map(|path| load(path, args.profile.as_deref()))
        .transpose()?;
    let reports = config.as_ref().and_then(|config| config.reports.clone());
    let reports = reports.unwrap_or_default();
    let verdicts = match (&args.verdicts, &config) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(config)) => config.output.verdicts.clone(),
        (None, None) => None,
    };
    let verdicts = verdicts.ok_or_else(|| {
        Failure::Usage("output.verdicts is not set: there is nothing to report from".to_owned())
    })?;
    let period = match (args.daily, args.weekly) {
        (true, _) => Period::Daily,
        (_, true) => Period::Weekly,
        _ => Period::Monthly,
    };
    let zone = args.timezone.as_ref().unwrap_or(&reports.timezone);
    let (at, zone) = parse_day(args.at.as_deref(), period, zone)?;
    let of_config = config
        .as_ref()
        .and_then(|config| config.state.directory.clone());
    let request = PeriodicRequest {
        period,
        at,
        zone,
        verdicts,
        state: args.state.clone().or(of_config),
        config,
    };
    let folder: PathBuf = args.output.clone().unwrap_or(reports.directory);
    let page = periodic_report(&request)?.write(&folder)?;
    if !quiet {
        say(&format!("{} and its tables were written", page.display()));
    }
    Ok(())
}
