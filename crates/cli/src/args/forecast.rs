use std::path::PathBuf;

use bongsu::engine::Length;
use clap::{Args, ValueEnum};

use super::{ListFormat, name_and_value};

#[derive(Debug, Args)]
pub(crate) struct ForecastArgs {
    /// The model; see --list.
    #[arg(long, required_unless_present = "list")]
    pub(crate) model: Option<String>,
    /// How many steps to forecast.
    #[arg(long, value_name = "N", required_unless_present_any = ["list", "future"])]
    pub(crate) horizon: Option<usize>,
    /// The levels of the intervals in percent; without it those that are usual for the model.
    #[arg(
        long,
        value_name = "PERCENT,...",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub(crate) level: Option<Vec<f64>>,
    /// Calibrate the intervals on the model's errors at past moments of the series, so that they
    /// hold what they state (split conformal); the model is fitted up to ten times more.
    #[arg(long)]
    pub(crate) calibrate: bool,
    /// A parameter of the model, name=value. May be given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameters: Vec<(String, String)>,
    /// For prophet, another column of the input that explains the series, as `promotion`; behind it
    /// may stand `:multiplicative` or `:additive`, `:standardize` or `:raw`, `:prior=5`. May be given
    /// several times; --future has the coming values.
    #[arg(long = "regressor", value_name = "COLUMN[:...]")]
    pub(crate) regressors: Vec<String>,
    /// For prophet, one more season, as `month:30.5:5`; behind it may stand `:multiplicative` or
    /// `:additive`, `:prior=5`, `:condition=COLUMN` (on where that column of the input is 1). May be
    /// given several times.
    #[arg(long = "seasonality", value_name = "NAME:DAYS:PAIRS[:...]")]
    pub(crate) seasonalities: Vec<String>,
    /// For prophet, a country whose public holidays count, as KR. May be given several times.
    #[arg(long = "country", value_name = "CODE")]
    pub(crate) countries: Vec<String>,
    /// For prophet, a CSV file of holidays and other events: `ds,holiday`, and where wanted
    /// `lower_window,upper_window,prior_scale`; one row an occurrence, coming ones too.
    #[arg(long, value_name = "FILE")]
    pub(crate) holidays: Option<PathBuf>,
    /// For prophet, a CSV file `timestamp,<column>,...` of the coming moments with the values of the
    /// regressors and conditions there, and of `cap` and `floor` where those are columns; without --horizon all of its rows are forecast.
    #[arg(long, value_name = "FILE")]
    pub(crate) future: Option<PathBuf>,
    /// Write what the forecast is made of too: trend, seasons, holidays, regressors.
    #[arg(long)]
    pub(crate) parts: bool,
    /// The CSV file `timestamp,<channel>,...`; the time may be called time, date, datetime, ds
    /// or ts too. .gz and .zst are read as they are, - is standard input.
    #[arg(long, short, default_value = "-")]
    pub(crate) input: PathBuf,
    /// Where the CSV `timestamp,mean,lower_80,upper_80,...` goes; - is standard output.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
    /// The channel that is forecast; without it the first.
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// Write JSON in place of CSV: the forecast with the model's order, parameters, likelihood and
    /// information criteria.
    #[arg(long)]
    pub(crate) json: bool,
    /// Draw the history, the forecast and its parts to this file, .png or .svg.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// Draw what the model left unexplained to this file, .png or .svg: over time, by size, and its
    /// autocorrelation.
    #[arg(long, value_name = "FILE")]
    pub(crate) residuals: Option<PathBuf>,
    /// List the models with their parameters and stop.
    #[arg(long)]
    pub(crate) list: bool,
    /// How the list is written.
    #[arg(long, value_enum, default_value = "text", requires = "list")]
    pub(crate) format: ListFormat,
}

#[derive(Debug, Args)]
pub(crate) struct BacktestArgs {
    /// The models; see `bongsu forecast --list`.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', required = true)]
    pub(crate) model: Vec<String>,
    /// How far ahead to forecast: steps, or a duration such as 30d.
    #[arg(long, value_name = "N|DURATION")]
    pub(crate) horizon: Length,
    /// What is known at the first cutoff at least; without it three horizons.
    #[arg(long, value_name = "N|DURATION")]
    pub(crate) initial: Option<Length>,
    /// From cutoff to cutoff; without it half a horizon. The last cutoff is a horizon before the end.
    #[arg(long, visible_alias = "period", value_name = "N|DURATION")]
    pub(crate) step: Option<Length>,
    /// Fit to the latest part only; without it to all that is known.
    #[arg(long, value_name = "N|DURATION")]
    pub(crate) window: Option<Length>,
    /// Fit anew at every so many cutoffs, and update between them.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) refit: usize,
    /// The levels of the intervals that are judged, in percent.
    #[arg(
        long,
        value_name = "PERCENT,...",
        value_delimiter = ',',
        default_value = "95",
        allow_hyphen_values = true
    )]
    pub(crate) level: Vec<f64>,
    /// The points of the season by whose naive forecast errors are scaled; without it found.
    #[arg(long, value_name = "N")]
    pub(crate) season: Option<usize>,
    /// A parameter, name=value, of every model that has it, or of one as MODEL.NAME=VALUE. May be
    /// given several times.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) parameters: Vec<(String, String)>,
    /// The CSV file `timestamp,<channel>,...`; the time may be called time, date, datetime, ds
    /// or ts too. .gz and .zst are read as they are, - is standard input.
    #[arg(long, short, default_value = "-")]
    pub(crate) input: PathBuf,
    /// Where the table goes; - is standard output.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
    /// The channel that is forecast; without it the first.
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// A row for each number of steps ahead, too.
    #[arg(long)]
    pub(crate) by_step: bool,
    /// How the table is written.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: TableFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TableFormat {
    Text,
    Csv,
    Markdown,
    Json,
}
