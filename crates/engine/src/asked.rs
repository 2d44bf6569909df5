//! What a query asks its source.

use bongsu_core::Series;
use bongsu_prometheus::{Answer, Quality, Range};

use crate::Error;
use crate::config::QueryConfig;
use crate::judge::CHANNEL;
use crate::source::Source;

/// The expressions of a query: one, or one for each channel of its groups.
#[derive(Debug, Clone)]
pub(crate) struct Asked(Vec<Part>);

#[derive(Debug, Clone)]
struct Part {
    channel: Option<String>,
    expr: String,
}

impl Asked {
    pub(crate) fn new(query: &QueryConfig) -> Self {
        let part = |(channel, expr): (Option<&str>, &str)| Part {
            channel: channel.map(str::to_owned),
            expr: expr.to_owned(),
        };
        Self(query.exprs().into_iter().map(part).collect())
    }

    /// Asks for `range`; series of a channel that has an expression of its own carry its name as
    /// the label [`CHANNEL`].
    pub(crate) async fn fetch(&self, source: &Source, range: &Range) -> Result<Answer, Error> {
        let answers = self.0.iter().map(|part| part.fetch(source, range));
        let mut whole = Answer {
            series: Vec::new(),
            quality: Quality::default(),
        };
        for answer in futures_util::future::try_join_all(answers).await? {
            whole.quality.merge(answer.quality);
            whole.series.extend(answer.series);
        }
        Ok(whole)
    }
}

impl Part {
    async fn fetch(&self, source: &Source, range: &Range) -> Result<Answer, Error> {
        let Some(channel) = &self.channel else {
            return source.fetch(&self.expr, range).await;
        };
        let answer = source.fetch(&self.expr, range).await;
        let mut answer = answer.map_err(|e| Error::source(format!("channel `{channel}`: {e}")))?;
        answer.series = answer
            .series
            .into_iter()
            .map(|series| named(series, channel))
            .collect::<Result<_, Error>>()?;
        Ok(answer)
    }
}

fn named(series: Series, channel: &str) -> Result<Series, Error> {
    let (labels, times, values) = series.into_parts();
    let labels = labels.with(CHANNEL, channel).map_err(Error::source)?;
    Series::new(labels, times, values).map_err(Error::source)
}
