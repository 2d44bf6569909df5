use super::{AlertPolicy, Config, QueryConfig, SinkConfig, SourceConfig, Span};
use crate::maintenance::Maintenance;
use crate::{Error, capacity, registry, scrape, sinks, source};

/// The longest time that late points are waited for, in milliseconds.
const LONGEST_LATE: i64 = 24 * 3_600_000;

impl Config {
    /// Checks everything that can be checked without a server: what this accepts, a run does not
    /// refuse.
    ///
    /// # Errors
    /// When something is outside its domain or a named certificate cannot be read; the message
    /// names its path.
    pub fn validate(&self) -> Result<(), Error> {
        check_source(&self.source)?;
        if let Some(shard) = &self.shard {
            shard.validate()?;
        }
        if let Some(capacity) = &self.capacity {
            capacity.validate()?;
        }
        if self.queries.is_empty() && self.capacity.is_none() {
            return Err(Error::config("queries: there must be at least one"));
        }
        for (i, query) in self.queries.iter().enumerate() {
            let at = |e: &dyn std::fmt::Display| Error::config(format!("queries[{i}].{e}"));
            query.validate().map_err(|e| at(&e))?;
            if self
                .queries
                .iter()
                .take(i)
                .any(|other| other.name == query.name)
            {
                return Err(at(&format!("name: `{}` is taken", query.name)));
            }
            if self.capacity.is_some() && query.name == capacity::QUERY {
                let message =
                    "name: `capacity` is what the alerts of the section `capacity` are called";
                return Err(at(&message));
            }
        }
        self.validate_budgets()?;
        for query in &self.queries {
            Maintenance::new(&self.maintenance, &query.name)?;
        }
        let known = |name: &&String| self.queries.iter().any(|query| query.name == **name);
        for (i, window) in self.maintenance.iter().enumerate() {
            if let Some(unknown) = window.queries.iter().find(|name| !known(name)) {
                return Err(Error::config(format!(
                    "maintenance[{i}].queries: there is no query `{unknown}`"
                )));
            }
        }
        scrape::check(self)?;
        self.validate_rca()?;
        for (i, sink) in self.sinks.iter().enumerate() {
            check_sink(sink).map_err(|e| Error::config(format!("sinks[{i}].{e}")))?;
        }
        if let Some(alerting) = &self.alerting {
            alerting.validate()?;
        }
        sinks::build(self, None)?;
        if let Some(server) = &self.server {
            server.validate()?;
        }
        self.output.validate()?;
        if let Some(reports) = &self.reports {
            reports.validate(&self.output)?;
        }
        if let Some(write) = &self.output.remote_write {
            write.validate()?;
            let replicas = self.shard.as_ref().map_or(1, |shard| shard.replicas);
            if replicas > 1 && write.labels.is_empty() {
                return Err(Error::config(format!(
                    "output.remote_write.labels is empty, but with shard.replicas {replicas} it must \
                     hold a label that tells the processes apart, for example \
                     `replica: '${{HOSTNAME}}'`: a receiver takes each moment of a series once"
                )));
            }
            for name in write.labels.keys() {
                check_label("output.remote_write.labels", name)?;
            }
        }
        if !(1..=1_024).contains(&self.engine.training_threads) {
            return Err(Error::config(format!(
                "engine.training_threads is {}, but must be 1 to 1024",
                self.engine.training_threads
            )));
        }
        if self.engine.max_series == 0 {
            return Err(Error::config(
                "engine.max_series is 0, but must be at least 1",
            ));
        }
        Ok(())
    }
}

impl QueryConfig {
    /// Checks the query on its own.
    ///
    /// # Errors
    /// When something is outside its domain; the message begins with the key.
    pub fn validate(&self) -> Result<(), Error> {
        if self.name.is_empty() || self.name.chars().any(char::is_control) {
            return Err(Error::config(
                "name: must not be empty nor hold control characters",
            ));
        }
        let wrong = |key: &str, e: &dyn std::fmt::Display| {
            Error::config(format!("{key}: {e} (query `{}`)", self.name))
        };
        let by_channel = self.group.as_ref().is_some_and(|g| g.exprs().is_some());
        match (self.expr.trim().is_empty(), by_channel) {
            (true, false) => return Err(wrong("expr", &"is empty")),
            (false, true) => {
                let message = "must be left out: each of group.channels has its own";
                return Err(wrong("expr", &message));
            }
            _ => {}
        }
        if self.step.millis() < 1 {
            return Err(wrong("step", &"must be at least 1ms"));
        }
        let (absent, forget) = (self.absent_after.millis(), self.forget_after.millis());
        if absent > 0 && forget > 0 && forget <= absent {
            let domain = "must be longer than absent_after, or the series is forgotten before its absence is told";
            return Err(wrong("forget_after", &domain));
        }
        self.filter()?;
        registry::find(&self.detector).map_err(|e| wrong("detector", &e))?;
        registry::build(&self.detector, &self.parameter_texts())
            .map_err(|e| wrong("parameters", &e))?;
        let late = self.late.millis();
        if !(0..=LONGEST_LATE).contains(&late) {
            let message = format!("is {}, but must be at most 24h", self.late);
            return Err(wrong("late", &message));
        }
        if late % self.step.millis() != 0 {
            let message = format!(
                "is {}, but must be a multiple of the step, {}",
                self.late, self.step
            );
            return Err(wrong("late", &message));
        }
        if forget > 0 && late >= forget {
            let message = format!(
                "is {}, but must be shorter than forget_after, {}, or what is forgotten comes back",
                self.late, self.forget_after
            );
            return Err(wrong("late", &message));
        }
        let at = |e| Error::config(format!("{e} (query `{}`)", self.name));
        self.gaps.validate(self).map_err(at)?;
        if let Some(group) = &self.group {
            group.validate(self).map_err(at)?;
        }
        if let Some(training) = &self.training {
            let at = |e| Error::config(format!("training.{e} (query `{}`)", self.name));
            training.validate(self).map_err(at)?;
        }
        check_alert(&self.alert)
    }
}

fn check_source(source: &SourceConfig) -> Result<(), Error> {
    match source {
        SourceConfig::Prometheus { .. } => source::check(source),
        SourceConfig::Replay { speed, .. } if !(speed.is_finite() && *speed > 0.0) => {
            Err(Error::config(format!(
                "source.speed is {speed}, but must be finite and above 0"
            )))
        }
        SourceConfig::Given { timeout } => positive("source.timeout", *timeout),
        SourceConfig::Scrape { .. } | SourceConfig::Replay { .. } | SourceConfig::Csv { .. } => {
            Ok(())
        }
    }
}

fn positive(path: &str, span: Span) -> Result<(), Error> {
    if span.duration().is_zero() {
        return Err(Error::config(format!("{path} is 0s, but must be above 0")));
    }
    Ok(())
}

fn check_sink(sink: &SinkConfig) -> Result<(), Error> {
    match sink {
        SinkConfig::Log {} => Ok(()),
        SinkConfig::Webhook { timeout, .. }
        | SinkConfig::Slack { timeout, .. }
        | SinkConfig::Teams { timeout, .. }
        | SinkConfig::Discord { timeout, .. }
        | SinkConfig::Pagerduty { timeout, .. }
        | SinkConfig::Email { timeout, .. } => positive("timeout", *timeout),
        SinkConfig::Alertmanager {
            urls,
            resend,
            labels,
            timeout,
            ..
        } => {
            if urls.is_empty() {
                return Err(Error::config("urls: there must be at least one"));
            }
            positive("resend", *resend)?;
            positive("timeout", *timeout)?;
            labels
                .keys()
                .try_for_each(|name| check_label("labels", name))
        }
    }
}

fn check_alert(alert: &AlertPolicy) -> Result<(), Error> {
    sinks::policy(alert)?;
    for name in alert.labels.keys() {
        check_label("alert.labels", name)?;
        if name == "query" {
            return Err(Error::config(
                "alert.labels.query: the label `query` is reserved for the query's name",
            ));
        }
    }
    Ok(())
}

/// A label's name as Prometheus and Alertmanager accept it everywhere.
pub(crate) fn check_label(path: &str, name: &str) -> Result<(), Error> {
    let mut rest = name.chars();
    let first = rest.next();
    let starts = first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if starts && rest.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    Err(Error::config(format!(
        "{path}.{}: a label's name must match [a-zA-Z_][a-zA-Z0-9_]*",
        name.escape_debug()
    )))
}
