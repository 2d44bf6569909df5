//! Exporters as the source, from their configuration.

use std::collections::HashSet;

use bongsu_core::Labels;
use bongsu_prometheus::scrape::{Expression, Pool, PoolOptions, Scraper};

use crate::Error;
use crate::config::{Config, SourceConfig, Span, TargetConfig, check_label};
use crate::connection::Connection;
use crate::maintenance::Maintenance;

/// The settings of a scraping source.
struct Settings<'a> {
    targets: &'a [TargetConfig],
    interval: Span,
    timeout: Span,
    keep: Span,
    max_series: usize,
}

fn settings(source: &SourceConfig) -> Option<Settings<'_>> {
    match source {
        SourceConfig::Scrape {
            targets,
            interval,
            timeout,
            keep,
            max_series,
        } => Some(Settings {
            targets,
            interval: *interval,
            timeout: *timeout,
            keep: *keep,
            max_series: *max_series,
        }),
        _ => None,
    }
}

/// Begins to scrape, inside a Tokio runtime; `None` when the source is another.
pub(crate) fn start(config: &Config) -> Result<Option<Pool>, Error> {
    let Some(settings) = settings(&config.source) else {
        return Ok(None);
    };
    let options = PoolOptions {
        interval: settings.interval.duration(),
        keep: settings.keep.duration(),
        max_series: settings.max_series,
    };
    let scrapers = scrapers(&settings)?;
    Ok(Some(Pool::start(scrapers, options, expressions(config)?)))
}

/// What the queries and maintenance windows of `config` ask.
pub(crate) fn expressions(config: &Config) -> Result<Vec<Expression>, Error> {
    let read = |expr: &str, at: &str| -> Result<Expression, Error> {
        expr.parse()
            .map_err(|e| Error::config(format!("{at}: {e}")))
    };
    let mut all = Vec::new();
    for (i, query) in config.queries.iter().enumerate() {
        for (channel, expr) in query.exprs() {
            let at = match channel {
                None => format!("queries[{i}].expr"),
                Some(channel) => format!("queries[{i}].group.channels.{channel}"),
            };
            all.push(read(expr, &at)?);
        }
    }
    if let Some(rca) = config.rca.as_ref().filter(|rca| rca.enabled) {
        for (name, expr) in &rca.queries {
            all.push(read(expr, &format!("rca.queries.{name}"))?);
        }
        if let Some(expr) = &rca.service_graph_query {
            all.push(read(expr, "rca.service_graph_query")?);
        }
        if let Some(expr) = &rca.workload_query {
            all.push(read(expr, "rca.workload_query")?);
        }
    }
    let everywhere = config.maintenance.iter().map(|window| {
        let mut window = window.clone();
        window.queries.clear();
        window
    });
    let maintenance = Maintenance::new(&everywhere.collect::<Vec<_>>(), "")?;
    for expr in maintenance.exprs() {
        all.push(read(expr, "maintenance")?);
    }
    Ok(all)
}

/// What scraping would refuse.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    let Some(settings) = settings(&config.source) else {
        return Ok(());
    };
    let wrong = |message: String| Err(Error::config(format!("source.{message}")));
    if settings.targets.is_empty() {
        return wrong("targets: there must be at least one".to_owned());
    }
    let (interval, timeout, keep) = (settings.interval, settings.timeout, settings.keep);
    if interval.millis() < 1 {
        return wrong(format!("interval is {interval}, but must be above 0"));
    }
    if timeout.duration().is_zero() || timeout > interval {
        return wrong(format!(
            "timeout is {timeout}, but must be above 0 and at most the interval, {interval}"
        ));
    }
    if keep < interval {
        return wrong(format!(
            "keep is {keep}, but must be at least the interval, {interval}"
        ));
    }
    if settings.max_series == 0 {
        return wrong("max_series is 0, but must be at least 1".to_owned());
    }
    scrapers(&settings)?;
    expressions(config)?;
    for (i, query) in config.queries.iter().enumerate() {
        if let Some(training) = &query.training
            && training.window > keep
        {
            return Err(Error::config(format!(
                "queries[{i}].training.window is {}, but source.keep is {keep}: older samples are \
                 not kept",
                training.window
            )));
        }
    }
    Ok(())
}

fn scrapers(settings: &Settings<'_>) -> Result<Vec<Scraper>, Error> {
    let mut scrapers = Vec::new();
    let mut taken = HashSet::new();
    for (i, target) in settings.targets.iter().enumerate() {
        let at = format!("source.targets[{i}]");
        if target.job.is_empty() {
            return Err(Error::config(format!("{at}.job is empty")));
        }
        if target.urls.is_empty() {
            return Err(Error::config(format!(
                "{at}.urls: there must be at least one"
            )));
        }
        for name in target.labels.keys() {
            check_label(&format!("{at}.labels"), name)?;
            if name == "job" || name == "instance" {
                let message = "comes from the job's name and the address";
                return Err(Error::config(format!("{at}.labels.{name}: {message}")));
            }
        }
        for (j, url) in target.urls.iter().enumerate() {
            let at = format!("{at}.urls[{j}]");
            let scraper = scraper(target, url, settings.timeout, &at)?;
            if !taken.insert(scraper.labels().clone()) {
                let message = "another target has the same job, address and labels";
                return Err(Error::config(format!("{at}: {message}")));
            }
            scrapers.push(scraper);
        }
    }
    Ok(scrapers)
}

fn scraper(target: &TargetConfig, url: &str, timeout: Span, at: &str) -> Result<Scraper, Error> {
    let wrong = |e: bongsu_prometheus::Error| Error::config(format!("{at}: {e}"));
    let connection = Connection {
        url,
        auth: &target.auth,
        tls: &target.tls,
        timeout,
        headers: &target.headers,
    };
    connection.check(at)?;
    // What fails is scraped again soon enough.
    let mut client = connection.client_config(at)?.retries(0).map_err(wrong)?;
    for (name, value) in &target.params {
        client = client.param(name, value.secret().expose()).map_err(wrong)?;
    }
    let own = [("job", target.job.as_str()), ("instance", instance(url))];
    let added = target.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    Scraper::new(client, Labels::from_pairs(own.into_iter().chain(added))?).map_err(wrong)
}

/// Host and port as they are written.
fn instance(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest).trim()
}

#[cfg(test)]
mod tests {
    use super::instance;
    use crate::config::parse;

    const TARGETS: &str = "targets: [{job: node, urls: ['http://h:9100/metrics']}]";

    fn with(source: &str, query: &str, more: &str) -> Result<(), String> {
        let text =
            format!("source: {{type: scrape, {source}}}\nqueries: [{{name: a, {query}}}]\n{more}");
        parse(&text, None).map(|_| ()).map_err(|e| e.to_string())
    }

    #[test]
    fn what_cannot_be_scraped_is_named_by_its_place() {
        assert_eq!(with(TARGETS, "expr: 'rate(a_total[5m])'", ""), Ok(()));
        for (source, word) in [
            ("targets: []", "source.targets: there must be"),
            (
                "targets: [{job: '', urls: ['http://h/']}]",
                "source.targets[0].job",
            ),
            ("targets: [{job: a, urls: []}]", "source.targets[0].urls"),
            (
                "targets: [{job: a, urls: [h]}]",
                "source.targets[0].urls[0]",
            ),
            (
                "targets: [{job: a, urls: ['http://ann:hunter2@h/']}]",
                "source.targets[0].urls[0]",
            ),
            (
                "targets: [{job: a, urls: ['http://h/', 'http://h/']}]",
                "urls[1]: another",
            ),
            (
                "targets: [{job: a, urls: ['http://h/'], labels: {job: b}}]",
                "labels.job: comes",
            ),
            (
                "targets: [{job: a, urls: ['http://h/'], labels: {a-b: b}}]",
                "labels.a-b: a label",
            ),
            (
                "targets: [{job: a, urls: ['http://h/'], tls: {ca: /nowhere}}]",
                "tls.ca: /nowhere",
            ),
        ] {
            let error = with(source, "expr: up", "").unwrap_err();
            assert!(
                error.contains(word) && !error.contains("hunter2"),
                "{source}: {error}"
            );
        }
        for (key, word) in [
            ("interval: 0s", "source.interval is 0s"),
            (
                "interval: 5s",
                "source.timeout is 10s, but must be above 0 and at most",
            ),
            ("timeout: 0s", "source.timeout is 0s"),
            ("keep: 1s", "source.keep is 1s"),
            ("max_series: 0", "source.max_series is 0"),
            ("intervall: 5s", "unknown field"),
        ] {
            let error = with(&format!("{TARGETS}, {key}"), "expr: up", "").unwrap_err();
            assert!(error.contains(word), "{key}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_before_a_run() {
        let error = with(TARGETS, "expr: 'sum(up)'", "").unwrap_err();
        assert!(
            error.contains("queries[0].expr") && error.contains("not evaluated"),
            "{error}"
        );
        let error = with(TARGETS, "expr: up, training: {window: 1d}", "").unwrap_err();
        assert!(
            error.contains("training.window is 1d") && error.contains("keep"),
            "{error}"
        );
        let window = "maintenance: [{name: m, queries: [a], expr: 'a > 0'}]";
        let error = with(TARGETS, "expr: up", window).unwrap_err();
        assert!(error.contains("maintenance"), "{error}");
    }

    #[test]
    fn the_instance_is_host_and_port() {
        assert_eq!(instance("http://h:9100/metrics"), "h:9100");
        assert_eq!(instance("https://h"), "h");
    }
}
