//! Times in which a query's series neither alarm nor teach.

use bongsu_core::{Labels, Series, Timestamp};

use crate::Error;
use crate::config::MaintenanceConfig;
use crate::judge::Grid;
use crate::schedule::Calendar;

/// The most windows of a calendar that are looked at for one stretch of data.
const MOST_OCCURRENCES: usize = 100_000;

/// The maintenance windows of one query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Maintenance {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    name: String,
    labels: Vec<(String, String)>,
    when: When,
}

#[derive(Debug, Clone)]
enum When {
    Between(Timestamp, Timestamp),
    By {
        calendar: Calendar,
        duration: i64,
    },
    /// While a series of the expression is not 0, for the series that have its `on` labels.
    While {
        expr: String,
        on: Vec<String>,
    },
}

/// The windows that touch a stretch of data.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Closed(Vec<Span>);

#[derive(Debug, Clone, PartialEq)]
struct Span {
    name: String,
    from: Timestamp,
    /// Not part of it.
    to: Timestamp,
    labels: Vec<(String, String)>,
}

impl Closed {
    /// The name of a window that holds `moment` for the series of `labels`.
    pub(crate) fn at(&self, moment: Timestamp, labels: &Labels) -> Option<&str> {
        let here = |span: &&Span| {
            span.from <= moment
                && moment < span.to
                && (span.labels.iter())
                    .all(|(name, value)| labels.get(name).unwrap_or_default() == value)
        };
        self.0.iter().find(here).map(|span| span.name.as_str())
    }
}

impl Maintenance {
    /// The windows among `configs` that are for `query`.
    pub(crate) fn new(configs: &[MaintenanceConfig], query: &str) -> Result<Self, Error> {
        let mut rules = Vec::new();
        for (i, config) in configs.iter().enumerate() {
            let rule =
                Rule::new(config).map_err(|e| Error::config(format!("maintenance[{i}].{e}")))?;
            if config.queries.is_empty() || config.queries.iter().any(|name| name == query) {
                rules.push(rule);
            }
        }
        Ok(Self { rules })
    }

    /// The expressions that say when there is maintenance.
    pub(crate) fn exprs(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(|rule| match &rule.when {
            When::While { expr, .. } => Some(expr.as_str()),
            When::Between(..) | When::By { .. } => None,
        })
    }

    /// The expressions whose `answers` have series without any of the labels that would say which
    /// series of the query they are about.
    pub(crate) fn unlabelled(&self, answers: &[Vec<Series>]) -> Vec<String> {
        let asked = self.rules.iter().filter_map(|rule| match &rule.when {
            When::While { expr, on } => Some((expr, on)),
            When::Between(..) | When::By { .. } => None,
        });
        let tell = |((expr, on), series): ((&String, &Vec<String>), &Vec<Series>)| {
            let lost = series
                .iter()
                .any(|series| says_nothing(series.labels(), on));
            lost.then(|| format!("`{expr}`: series lack the labels {}", on.join(", ")))
        };
        asked.zip(answers).filter_map(tell).collect()
    }

    /// The windows that touch `grid`, of moments `step` apart; `answers` are those to
    /// [`Maintenance::exprs`], in their order.
    pub(crate) fn closed(&self, grid: Grid, step: i64, answers: &[Vec<Series>]) -> Closed {
        let mut answers = answers.iter();
        let mut spans = Vec::new();
        for rule in &self.rules {
            let mut add = |from: Timestamp, to: Timestamp, more: Vec<(String, String)>| {
                let labels = rule.labels.iter().cloned().chain(more).collect();
                let name = rule.name.clone();
                spans.push(Span {
                    name,
                    from,
                    to,
                    labels,
                });
            };
            match &rule.when {
                When::Between(from, to) if *from <= grid.to && grid.from < *to => {
                    add(*from, *to, Vec::new());
                }
                When::Between(..) => {}
                When::By { calendar, duration } => {
                    // Those that began before the stretch reach into it.
                    let starts = calendar.after(grid.from.add_millis(-duration));
                    let starts = starts.take_while(|start| *start <= grid.to);
                    for from in starts.take(MOST_OCCURRENCES) {
                        add(from, from.add_millis(*duration), Vec::new());
                    }
                }
                When::While { on, .. } => {
                    for series in answers.next().into_iter().flatten() {
                        let labels = series.labels();
                        if says_nothing(labels, on) {
                            continue;
                        }
                        let same = |name: &String| {
                            (
                                name.clone(),
                                labels.get(name).unwrap_or_default().to_owned(),
                            )
                        };
                        let same: Vec<(String, String)> = on.iter().map(same).collect();
                        for (from, to) in stretches(series, step) {
                            add(from, to, same.clone());
                        }
                    }
                }
            }
        }
        Closed(spans)
    }
}

/// Whether a series with these `labels` does not say which series it is about.
fn says_nothing(labels: &Labels, on: &[String]) -> bool {
    !on.is_empty() && on.iter().all(|name| labels.get(name).is_none())
}

/// The stretches in which a series is there and not 0; a sample stands for the step that it ends.
fn stretches(series: &Series, step: i64) -> Vec<(Timestamp, Timestamp)> {
    let mut all: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (time, value) in series.iter() {
        if value == 0.0 || value.is_nan() {
            continue;
        }
        let (from, to) = (time.add_millis(1 - step), time.add_millis(1));
        match all.last_mut() {
            Some((_, end)) if from <= *end => *end = to,
            _ => all.push((from, to)),
        }
    }
    all
}

impl Rule {
    fn new(config: &MaintenanceConfig) -> Result<Self, Error> {
        let time = |key: &str, text: &str| {
            let time: Result<jiff::Timestamp, _> = text.parse();
            time.map(|time| Timestamp::from_millis(time.as_millisecond()))
                .map_err(|_| {
                    Error::config(format!(
                        "{key} is `{text}`, but must be a time such as `2026-03-01T02:00:00Z`"
                    ))
                })
        };
        let when = match (&config.from, &config.to, &config.cron, &config.expr) {
            (Some(from), Some(to), None, None) => {
                let (from, to) = (time("from", from)?, time("to", to)?);
                if to <= from {
                    return Err(Error::config("to: must be later than `from`"));
                }
                When::Between(from, to)
            }
            (None, None, Some(cron), None) => by_calendar(config, cron)?,
            (None, None, None, Some(expr)) if !expr.trim().is_empty() => When::While {
                expr: expr.clone(),
                on: config.on.clone(),
            },
            _ => {
                return Err(Error::config(
                    "name: give either `from` and `to`, or `cron` and `duration`, or `expr`",
                ));
            }
        };
        let is_calendar = matches!(when, When::By { .. });
        if config.duration.is_some() != is_calendar {
            return Err(Error::config("duration: belongs to `cron`, which needs it"));
        }
        if !config.on.is_empty() && !matches!(when, When::While { .. }) {
            return Err(Error::config("on: belongs to `expr`"));
        }
        Ok(Self {
            name: config.name.clone(),
            labels: config.labels.clone().into_iter().collect(),
            when,
        })
    }
}

fn by_calendar(config: &MaintenanceConfig, cron: &str) -> Result<When, Error> {
    let calendar = Calendar::new(cron, &config.timezone)?;
    match config.duration.map(crate::config::Span::millis) {
        Some(duration) if duration > 0 => Ok(When::By { calendar, duration }),
        _ => Err(Error::config("duration: must be there and above 0")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        let time: jiff::Timestamp = text.parse().unwrap();
        Timestamp::from_millis(time.as_millisecond())
    }

    fn of(yaml: &str) -> Result<Maintenance, Error> {
        let configs: Vec<MaintenanceConfig> = serde_saphyr::from_str(yaml).unwrap();
        Maintenance::new(&configs, "cpu")
    }

    const DAY: (&str, &str) = ("2026-03-07T00:00:00Z", "2026-03-08T00:00:00Z");

    fn closed(yaml: &str, answers: &[Vec<Series>]) -> Closed {
        let (from, to) = (at(DAY.0), at(DAY.1));
        of(yaml).unwrap().closed(Grid { from, to }, 60_000, answers)
    }

    #[test]
    fn a_window_closes_its_own_times_queries_and_series() {
        let fixed = closed(
            "- {name: move, labels: {job: db}, from: '2026-03-07T10:00:00+09:00', to: '2026-03-07T02:00:00Z'}
- {name: other, queries: [memory], from: '2026-03-07T00:00:00Z', to: '2026-03-08T00:00:00Z'}",
            &[],
        );
        let db = labels(&[("job", "db")]);
        assert_eq!(fixed.at(at("2026-03-07T01:00:00Z"), &db), Some("move"));
        assert_eq!(fixed.at(at("2026-03-07T00:59:59Z"), &db), None);
        assert_eq!(fixed.at(at("2026-03-07T02:00:00Z"), &db), None);
        assert_eq!(
            fixed.at(at("2026-03-07T01:00:00Z"), &labels(&[("job", "web")])),
            None
        );
    }

    #[test]
    fn a_calendar_closes_windows_that_began_before_the_stretch_too() {
        // Saturday at 3:00 in Seoul is Friday at 18:00 in UTC.
        let weekly = closed(
            "- {name: backup, cron: '0 3 * * 6', timezone: Asia/Seoul, duration: 7h}",
            &[],
        );
        let any = labels(&[]);
        assert_eq!(weekly.at(at("2026-03-07T00:30:00Z"), &any), Some("backup"));
        assert_eq!(weekly.at(at("2026-03-07T01:00:00Z"), &any), None);
        assert_eq!(weekly.at(at("2026-03-07T19:00:00Z"), &any), None);
    }

    #[test]
    fn an_expression_closes_the_series_that_share_its_labels() {
        let times: Vec<Timestamp> = (1..=3).map(|i| at(DAY.0).add_millis(60_000 * i)).collect();
        let deploying = |job: &str, values: Vec<f64>| {
            Series::new(labels(&[("job", job), ("pod", "x")]), times.clone(), values).unwrap()
        };
        let answer = vec![
            deploying("db", vec![0.0, 1.0, 1.0]),
            deploying("web", vec![f64::NAN, 0.0, 0.0]),
        ];
        let deploy = closed("- {name: deploy, expr: deploying, on: [job]}", &[answer]);
        let seen = |job: &str, minute: i64| {
            let moment = at(DAY.0).add_millis(60_000 * minute);
            deploy
                .at(moment, &labels(&[("job", job), ("pod", "y")]))
                .is_some()
        };
        assert_eq!(deploy.at(times[1], &labels(&[("pod", "y")])), None);
        assert_eq!(
            [1, 2, 3, 4].map(|minute| seen("db", minute)),
            [false, true, true, false]
        );
        assert_eq!([1, 2, 3, 4].map(|minute| seen("web", minute)), [false; 4]);
    }

    #[test]
    fn what_is_no_window_is_refused_by_place_and_name() {
        for (yaml, word) in [
            ("- {name: a}", "maintenance[0].name"),
            (
                "- {name: a, from: soon, to: '2026-03-08T00:00:00Z'}",
                "from is `soon`",
            ),
            (
                "- {name: a, from: '2026-03-08T00:00:00Z', to: '2026-03-08T00:00:00Z'}",
                "later than `from`",
            ),
            ("- {name: a, cron: 'x y', duration: 1h}", "cron is `x y`"),
            ("- {name: a, cron: '0 2 * * *'}", "duration"),
            ("- {name: a, expr: up, duration: 1h}", "duration"),
            (
                "- {name: a, cron: '0 2 * * *', duration: 1h, on: [job]}",
                "on: belongs",
            ),
            (
                "- {name: a, cron: '0 2 * * *', duration: 1h, timezone: Mars}",
                "timezone is `Mars`",
            ),
        ] {
            let error = of(yaml).unwrap_err().to_string();
            assert!(error.contains(word), "{yaml}: {error}");
        }
    }
}
