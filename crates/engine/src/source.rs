//! Where the data come from.

mod given;
mod pieces;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bongsu_core::{METRIC_NAME, Series, Timestamp, format_duration};
use bongsu_prometheus::replay::{Recording, ReplayClock, ReplayServer};
use bongsu_prometheus::scrape::{Expression, Pool};
use bongsu_prometheus::{Answer, Client, ClientConfig, Quality, Range};

use crate::config::{Config, SourceConfig};
use crate::connection::Connection;
use crate::{Error, Table, scrape};

pub use given::{Answering, SeriesSource};

/// Clocks that differ by less are taken to agree.
pub(crate) const TOLERATED_SKEW_MS: i64 = 5_000;

/// A source of series with its own idea of the time.
#[derive(Debug)]
pub(crate) enum Source {
    /// A server and the wall clock.
    Live(Client),
    /// Exporters and the wall clock.
    Scraped(Pool),
    /// A server that replays a recording, and its clock.
    Replay {
        client: Client,
        server: ReplayServer,
        speed: f64,
    },
    /// A file, whole.
    Fixed(Vec<Series>),
    /// What an embedding program has, and the longest that an answer may take.
    Given {
        source: Arc<dyn SeriesSource>,
        timeout: Duration,
    },
}

impl Source {
    pub(crate) async fn open(config: &Config) -> Result<Self, Error> {
        if let Some(pool) = scrape::start(config)? {
            return Ok(Self::Scraped(pool));
        }
        match &config.source {
            SourceConfig::Prometheus { .. } | SourceConfig::Scrape { .. } => {
                Ok(Self::Live(client(&config.source)?))
            }
            SourceConfig::Csv { path } => Ok(Self::Fixed(Table::open(path)?.to_series()?)),
            SourceConfig::Replay { path, speed } => {
                let recording = Recording::from_path(path).map_err(Error::input)?;
                let (start, end) = (recording.start(), recording.end());
                let clock = ReplayClock::running(start, end, *speed).map_err(Error::config)?;
                Self::replay(Arc::new(recording), clock, *speed)
            }
            SourceConfig::Given { .. } => Err(Error::config(
                "source.type is `given`, but only a program that embeds the engine can give one",
            )),
        }
    }

    /// The source of a new configuration in place of that of `old`; `None` where it stays, as files
    /// and recordings do, and targets with the samples that were read of them.
    pub(crate) fn connect(&self, config: &Config, old: &Config) -> Result<Option<Self>, Error> {
        match &config.source {
            SourceConfig::Prometheus { .. } => Ok(Some(Self::Live(client(&config.source)?))),
            SourceConfig::Scrape { .. } if config.source != old.source => {
                Ok(scrape::start(config)?.map(Self::Scraped))
            }
            SourceConfig::Given { timeout } => Ok(self.given_with(timeout.duration())),
            SourceConfig::Scrape { .. }
            | SourceConfig::Csv { .. }
            | SourceConfig::Replay { .. } => Ok(None),
        }
    }

    /// What the program gives, with another time-out.
    fn given_with(&self, timeout: Duration) -> Option<Self> {
        match self {
            Self::Given { source, .. } => Some(Self::Given {
                source: Arc::clone(source),
                timeout,
            }),
            _ => None,
        }
    }

    /// Reads from now on what `expressions` ask for.
    pub(crate) fn watch(&self, expressions: Vec<Expression>) {
        if let Self::Scraped(pool) = self {
            pool.watch(expressions);
        }
    }

    /// Waits until the first question makes sense: for rates, targets must have been read twice.
    pub(crate) async fn gather(&self) {
        if let Self::Scraped(pool) = self {
            pool.scraped_twice().await;
        }
    }

    /// The range that shows what there is in the `window` before `newest`.
    pub(crate) fn whole(&self, step_ms: i64, newest: Timestamp, window: i64) -> Range {
        let newest = match self {
            // What was read a moment ago is later than the last whole step.
            Self::Scraped(_) => {
                return Range {
                    start: newest,
                    end: newest,
                    step_ms: 1,
                };
            }
            Self::Live(_) | Self::Given { .. } | Self::Replay { .. } => newest.align_down(step_ms),
            Self::Fixed(_) => newest.align_up(step_ms),
        };
        Range {
            start: newest.add_millis(-window).align_up(step_ms),
            end: newest,
            step_ms,
        }
    }

    /// A replay server on a free port of the loopback address, and a client of it.
    pub(crate) fn replay(
        recording: Arc<Recording>,
        clock: ReplayClock,
        speed: f64,
    ) -> Result<Self, Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = ReplayServer::start(recording, clock, address).map_err(Error::source)?;
        let client = Client::new(ClientConfig::new(&server.url()).map_err(Error::source)?);
        Ok(Self::Replay {
            client: client.map_err(Error::source)?,
            server,
            speed,
        })
    }

    /// The address at which the data can be looked at, when there is one.
    pub(crate) fn url(&self) -> Option<String> {
        match self {
            Self::Replay { server, .. } => Some(server.url()),
            Self::Live(_) | Self::Given { .. } | Self::Scraped(_) | Self::Fixed(_) => None,
        }
    }

    /// The present moment of the data.
    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::Live(_) => wall_clock().add_millis(self.clock_skew()),
            Self::Scraped(_) => wall_clock(),
            Self::Given { source, .. } => source.now(),
            Self::Replay { server, .. } => server.now(),
            Self::Fixed(series) => {
                let ends = series.iter().filter_map(|s| s.timestamps().last());
                ends.max().copied().unwrap_or(Timestamp::MIN)
            }
        }
    }

    /// How far the source's clock is ahead of this machine's, where that matters: what is asked for
    /// must exist by the clock that stamped it.
    pub(crate) fn clock_skew(&self) -> i64 {
        match self {
            Self::Live(client) => client
                .clock_ahead_ms()
                .filter(|ahead| ahead.abs() >= TOLERATED_SKEW_MS)
                .unwrap_or(0),
            Self::Given { .. } | Self::Scraped(_) | Self::Replay { .. } | Self::Fixed(_) => 0,
        }
    }

    /// The earliest moment of the data, when it is known.
    pub(crate) fn start(&self) -> Option<Timestamp> {
        match self {
            Self::Fixed(series) => series
                .iter()
                .filter_map(|s| s.timestamps().first())
                .min()
                .copied(),
            Self::Live(_) | Self::Given { .. } | Self::Scraped(_) | Self::Replay { .. } => None,
        }
    }

    /// The moment before which it says nothing of what there was; `None` while it says nothing yet.
    pub(crate) fn known_from(&self) -> Option<Timestamp> {
        match self {
            Self::Scraped(pool) => pool.complete_since(),
            Self::Live(_) | Self::Given { .. } | Self::Replay { .. } | Self::Fixed(_) => {
                Some(Timestamp::MIN)
            }
        }
    }

    /// Whether there is nothing in it and never will be.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Fixed(series) if series.iter().all(Series::is_empty))
    }

    /// How long to wait in the real world until `span` has passed in the data.
    pub(crate) fn real_time(&self, span: Duration) -> Duration {
        match self {
            Self::Replay { speed, .. } => span.div_f64(*speed),
            Self::Live(_) | Self::Given { .. } | Self::Scraped(_) | Self::Fixed(_) => span,
        }
    }

    /// Whether no more data will come.
    pub(crate) fn ended(&self) -> bool {
        match self {
            Self::Live(_) | Self::Given { .. } | Self::Scraped(_) => false,
            Self::Replay { server, .. } => server.now() >= server.recording().end(),
            Self::Fixed(_) => true,
        }
    }

    pub(crate) async fn fetch(&self, expr: &str, range: &Range) -> Result<Answer, Error> {
        match self {
            Self::Live(client) | Self::Replay { client, .. } => {
                pieces::fetch(range, async |piece| client.query_range(expr, &piece).await).await
            }
            Self::Scraped(pool) => pool.query_range(expr, range).map_err(Error::source),
            Self::Given { source, timeout } => {
                let answer = tokio::time::timeout(*timeout, source.query_range(expr, range));
                match answer.await {
                    Ok(answer) => answer.map_err(Error::source),
                    Err(_) => Err(Error::source(format!(
                        "no answer came within {} (source.timeout)",
                        format_duration(*timeout)
                    ))),
                }
            }
            Self::Fixed(series) => from_file(series, expr, range),
        }
    }

    pub(crate) async fn close(self) {
        if let Self::Replay { server, .. } = self {
            server.stop().await;
        }
    }

    /// Whether all of it is there from the start.
    pub(crate) const fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    /// Whether nothing of it is known from before the start.
    pub(crate) const fn is_scraped(&self) -> bool {
        matches!(self, Self::Scraped(_))
    }

    /// The moment by which people are told and silences hold: of what happens now the time of day,
    /// since receivers compare with their own clocks; of what has a clock of its own, that.
    pub(crate) fn present(&self) -> Timestamp {
        match self {
            Self::Live(_) | Self::Scraped(_) => wall_clock(),
            Self::Given { .. } | Self::Replay { .. } | Self::Fixed(_) => self.now(),
        }
    }

    /// Whether its clock is another's, which may be set at any time.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self, Self::Live(_) | Self::Given { .. } | Self::Scraped(_))
    }
}

/// The channels of a file that `expr` names, within `range` and the step before it.
fn from_file(series: &[Series], expr: &str, range: &Range) -> Result<Answer, Error> {
    let named = |series: &&Series| expr == "*" || series.labels().get(METRIC_NAME) == Some(expr);
    let chosen: Vec<Series> = series
        .iter()
        .filter(named)
        .map(|series| {
            let from = range.start.add_millis(1 - range.step_ms);
            series
                .view()
                .range(from, range.end.add_millis(1))
                .to_series()
        })
        .collect();
    if chosen.is_empty() {
        let channels: Vec<&str> = series
            .iter()
            .filter_map(|s| s.labels().metric_name())
            .collect();
        return Err(Error::source(format!(
            "the file has no channel `{expr}`; it has: {}",
            channels.join(", ")
        )));
    }
    Ok(Answer {
        series: chosen,
        quality: Quality::default(),
    })
}

/// The time of day.
pub(crate) fn wall_clock() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The connection of a server, and what is its own.
fn connection(config: &SourceConfig) -> Option<Connection<'_>> {
    match config {
        SourceConfig::Prometheus {
            url,
            auth,
            tls,
            timeout,
            headers,
            ..
        } => Some(Connection {
            url,
            auth,
            tls,
            timeout: *timeout,
            headers,
        }),
        SourceConfig::Scrape { .. }
        | SourceConfig::Csv { .. }
        | SourceConfig::Replay { .. }
        | SourceConfig::Given { .. } => None,
    }
}

pub(crate) fn client(config: &SourceConfig) -> Result<Client, Error> {
    let (
        SourceConfig::Prometheus {
            retries,
            params,
            max_concurrency,
            max_response_bytes,
            ..
        },
        Some(connection),
    ) = (config, connection(config))
    else {
        return Err(Error::config("the source is not a server"));
    };
    let wrong = |e: bongsu_prometheus::Error| Error::config(format!("source: {e}"));
    let mut client = connection
        .client_config("source")?
        .max_concurrency(*max_concurrency)
        .and_then(|c| c.retries(*retries))
        .and_then(|c| c.max_response_bytes(*max_response_bytes))
        .map_err(wrong)?;
    for (name, value) in params {
        client = client.param(name, value.secret().expose()).map_err(wrong)?;
    }
    Client::new(client).map_err(wrong)
}

/// What opening a server as the source would refuse.
pub(crate) fn check(config: &SourceConfig) -> Result<(), Error> {
    if let Some(connection) = connection(config) {
        connection.check("source")?;
    }
    client(config).map(|_| ())
}
