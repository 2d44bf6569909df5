use std::cmp::Ordering;
use std::collections::BTreeMap;

use bongsu_core::{Error, Frame, Result, Timestamp};

use crate::onset::{Onset, OnsetSource, find_onset};
use crate::rank::{
    self, CLEARLY_MOVED, Deviation, Evidence, Layout, MIN_NORMAL, Movement, Ranking, Split, thinned,
};
use crate::relations::relations;
use crate::report::SCHEMA;
use crate::{
    Advice, Graph, MetricCause, Moved, Observations, Options, Ranker, RcaReport, RcaVerdict,
    ServiceCause, actions, pattern,
};

/// Of so many evenly spaced moments before and after, it is judged how much a metric says of the onset.
const GLANCE: usize = 600;

/// Finds what an incident in `frame` began with. The value of the label
/// [`Options::service_label`] names the service of each channel.
///
/// # Errors
/// When a channel has no such label, and as [`analyse_observations`].
///
/// ```
/// use bongsu_core::{Fill, Frame, Labels, Series, Timestamp};
/// use bongsu_rca::{Graph, Options, Provenance, RcaVerdict, analyse};
///
/// let mut series = Vec::new();
/// for (service, jump) in [("shop", 2.0), ("cart", 30.0), ("mail", 0.0)] {
///     let labels = Labels::from_pairs([("__name__", "latency"), ("service", service)])?;
///     let mut one = Series::empty(labels);
///     for i in 0..80 {
///         let noise = f64::from(i * 37 % 11) / 10.0;
///         one.push(Timestamp::from_secs(60 * i64::from(i)), noise + if i < 60 { 5.0 } else { 5.0 + jump })?;
///     }
///     series.push(one);
/// }
/// let frame = Frame::align(&series, 60_000, Fill::None)?;
/// let mut graph = Graph::new();
/// graph.add("shop", "cart", Provenance::Configured);
/// let onset = Some(Timestamp::from_secs(3_600));
/// let report = analyse(&frame, onset, &graph, &Options::default())?;
/// assert_eq!(report.verdict, RcaVerdict::Ranked);
/// assert_eq!(report.services[0].service, "cart");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
pub fn analyse(
    frame: &Frame,
    onset: Option<Timestamp>,
    graph: &Graph,
    options: &Options,
) -> Result<RcaReport> {
    let observations = Observations::from_frame(frame, &options.service_label)?;
    analyse_observations(&observations, None, onset, graph, options)
}

/// Finds what an incident in `observations` began with.
///
/// `normal`: the same metrics at normal times, when these are recorded apart; then nothing of
/// `observations` counts as normal. `onset`: when the incident began; without it, that is looked for, and
/// every likelihood of a service is that for the onset that was found times the confidence in it.
///
/// # Errors
/// When an option is outside its domain, there are too few moments before the onset, the onset is
/// outside the data, no metric has enough values, or the graph knows none of the services.
///
/// Cost: O(metrics x moments) time for the default ranker.
pub fn analyse_observations(
    observations: &Observations,
    normal: Option<&Observations>,
    onset: Option<Timestamp>,
    graph: &Graph,
    options: &Options,
) -> Result<RcaReport> {
    options.validate()?;
    let known = observations.services();
    graph.check_covers(&known)?;
    check_values(observations)?;
    let onset = match onset {
        Some(time) => Onset {
            time,
            source: OnsetSource::Given,
            confidence: 100.0,
        },
        None => find_onset(observations, normal)?,
    };
    let uncertainty = i64::try_from(options.onset_uncertainty.as_millis()).unwrap_or(i64::MAX);
    let layout = Layout::new(observations.metrics());
    let weigh = |normal: &[&[f64]], after: &[&[f64]]| {
        let ((normal, _), (after, _)) = (thinned(normal, GLANCE), thinned(after, GLANCE));
        let normal: Vec<&[f64]> = normal.iter().map(Vec::as_slice).collect();
        let after: Vec<&[f64]> = after.iter().map(Vec::as_slice).collect();
        Evidence::new(&layout, &normal, &after, options.block_share).weights
    };
    let latest = options.onset_is_latest;
    let split = Split::new(observations, normal, onset.time, uncertainty, latest, weigh)?;
    let ranking = rank::rank(observations, normal, &split, &layout, graph, options)?;
    let case = Case {
        split: &split,
        layout: &layout,
        ranking: &ranking,
        evidence: &ranking.evidence,
        options,
        onset_confidence: onset.confidence,
    };
    let metrics = case.metrics();
    let (services, none) = case.services(&metrics);
    let comparable = rank::is_comparable(&split);
    let alike = alike(&services, options.ranker);
    let stands = |first: &ServiceCause| first.score > 0.0 && first.likelihood > none;
    let wrong = comparable && none < options.not_proven_from;
    let proven = wrong && alike.len() == 1 && services.first().is_some_and(stands);
    let verdict = if proven {
        RcaVerdict::Ranked
    } else {
        RcaVerdict::NotProven
    };
    let relations = relations(&split, &layout, &ranking.topology, &metrics, options);
    let patterns = pattern::find(&case.pattern_input(graph), &options.patterns)?;
    let advice: Vec<Advice> = if proven {
        actions::advise(&options.actions, &services, &metrics, &patterns)
    } else {
        Vec::new()
    };
    Ok(RcaReport {
        schema: SCHEMA,
        onset: onset.time,
        onset_source: onset.source,
        onset_confidence: onset.confidence,
        verdict,
        summary: summary(
            verdict,
            &services,
            &alike,
            (wrong, none),
            &onset,
            options.ranker,
        ),
        none_likelihood: none,
        ranker: options.ranker,
        timeline: timeline(&metrics),
        relations,
        notes: notes(observations, &split, graph),
        services,
        metrics,
        patterns,
        actions: advice,
        dependencies: graph.dependencies(),
        cycles: graph
            .cycles()
            .into_iter()
            .map(|cycle| cycle.into_iter().map(str::to_owned).collect())
            .collect(),
        from: observations.times().first().copied().unwrap_or_default(),
        to: observations.times().last().copied().unwrap_or_default(),
    })
}

fn check_values(observations: &Observations) -> Result<()> {
    let longest = observations
        .columns()
        .iter()
        .map(|column| column.iter().filter(|x| !x.is_nan()).count())
        .max()
        .unwrap_or_default();
    if longest < MIN_NORMAL {
        return Err(Error::not_enough_data(
            "a root-cause analysis (the metric with the most values)",
            MIN_NORMAL,
            longest,
        ));
    }
    Ok(())
}

struct Case<'a> {
    split: &'a Split<'a>,
    layout: &'a Layout,
    ranking: &'a Ranking,
    evidence: &'a Evidence,
    options: &'a Options,
    /// In percent.
    onset_confidence: f64,
}

impl Case<'_> {
    fn pattern_input<'b>(&'b self, graph: &'b Graph) -> pattern::Input<'b> {
        pattern::Input {
            split: self.split,
            evidence: self.evidence,
            graph,
            share: self.options.block_share,
        }
    }

    fn lag_seconds(&self, deviation: &Deviation) -> Option<f64> {
        let moved = self.split.times.get(deviation.moved_at?)?;
        Some(moved.millis_since(self.split.onset) as f64 / 1e3)
    }

    fn metrics(&self) -> Vec<MetricCause> {
        let scored = self.split.metrics.iter().zip(&self.ranking.metrics);
        let mut metrics: Vec<MetricCause> = scored
            .zip(&self.evidence.deviations)
            .filter(|((_, score), _)| score.is_finite())
            .map(|((metric, &score), deviation)| MetricCause {
                service: metric.service.clone(),
                metric: metric.name.clone(),
                score,
                lag_seconds: self.lag_seconds(deviation),
                evidence: sentence(deviation),
                deviation: deviation.size,
                movement: deviation.movement,
                normal: Some(deviation.center).filter(|x| x.is_finite()),
                level: Some(deviation.level).filter(|x| x.is_finite()),
            })
            .collect();
        // Stable: of equals, the order of the input.
        metrics.sort_by(|a, b| b.score.total_cmp(&a.score));
        metrics
    }

    /// The services with their likelihoods, and the likelihood of none.
    ///
    /// The likelihoods are those of the default ranker, whoever ranks, times the confidence `c` in the onset, `p = c p(onset)`:
    /// when nothing began at that moment, what deviates since then proves nothing. The rest is for none:
    /// `1 - c (1 - none(onset))`.
    fn services(&self, metrics: &[MetricCause]) -> (Vec<ServiceCause>, f64) {
        let scores = &self.ranking.services;
        let (mut shares, none) = rank::likelihoods(&self.ranking.blame, self.ranking.null);
        let sure = (self.onset_confidence / 100.0).clamp(0.0, 1.0);
        for share in &mut shares {
            *share *= sure;
        }
        let none = 100.0 - sure * (100.0 - none);
        let mut moved: BTreeMap<&str, Vec<&MetricCause>> = BTreeMap::new();
        for metric in metrics.iter().filter(|m| m.deviation >= CLEARLY_MOVED) {
            moved.entry(&metric.service).or_default().push(metric);
        }
        let named = self.layout.services.iter().zip(scores).zip(&shares);
        let mut services: Vec<ServiceCause> = named
            .enumerate()
            .map(|(i, ((name, &score), &likelihood))| {
                let explained_by = self.explained_by(i);
                ServiceCause {
                    service: name.clone(),
                    score: if score.is_finite() { score } else { 0.0 },
                    likelihood,
                    evidence: why(moved.get(name.as_str()), explained_by.as_deref()),
                    explained_by,
                }
            })
            .collect();
        services.sort_by(|a, b| {
            let by_score = b.score.total_cmp(&a.score);
            by_score.then_with(|| a.service.cmp(&b.service))
        });
        (services, none)
    }

    fn explained_by(&self, service: usize) -> Option<String> {
        if self.options.ranker != Ranker::Default {
            return None;
        }
        let evidence = &self.evidence.services;
        let own = evidence.get(service).copied()?;
        let topology = &self.ranking.topology;
        let (callee, worst) = topology.worst_callee(service, evidence)?;
        let explains = worst > 1.0 && own > 0.0 && worst >= 0.5 * own;
        explains.then(|| self.layout.services.get(callee).cloned())?
    }
}

/// Why a service is suspected, the metrics of which that moved are `moved`, the most suspicious first.
fn why(moved: Option<&Vec<&MetricCause>>, explained_by: Option<&str>) -> String {
    let mut text = match moved.map(Vec::as_slice).unwrap_or_default() {
        [] => "no metric moved clearly".to_owned(),
        [one] => format!("{}: {}", one.metric, one.evidence),
        [one, other, ..] => format!(
            "{}: {}; {}: {}",
            one.metric, one.evidence, other.metric, other.evidence
        ),
    };
    if let Some(callee) = explained_by {
        text.push_str(&format!("; may follow from {callee}, which it calls"));
    }
    text
}

fn sentence(deviation: &Deviation) -> String {
    let (from, to) = (number(deviation.center), number(deviation.level));
    match deviation.movement {
        Movement::Absent => format!("gone; it was {from}"),
        Movement::Appeared => format!("appeared at {to}; in normal times it had no values"),
        _ if deviation.center.is_nan() => "too few values in normal times".to_owned(),
        _ if deviation.size < 1.0 => "within its normal range".to_owned(),
        Movement::Up => format!("rose from {from} to {to}, {:.1} deviations", deviation.size),
        Movement::Down => format!("fell from {from} to {to}, {:.1} deviations", deviation.size),
    }
}

/// Four significant digits.
fn number(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    let digits = 3 - x.abs().log10().floor() as i32;
    if (-3..=8).contains(&digits) {
        format!("{:.*}", digits.max(0) as usize, x)
    } else {
        format!("{x:.3e}")
    }
}

fn timeline(metrics: &[MetricCause]) -> Vec<Moved> {
    let moved = metrics.iter().filter(|m| m.deviation >= CLEARLY_MOVED);
    let mut moved: Vec<Moved> = moved
        .filter_map(|m| {
            Some(Moved {
                service: m.service.clone(),
                metric: m.metric.clone(),
                lag_seconds: m.lag_seconds?,
                deviation: m.deviation,
                movement: m.movement,
            })
        })
        .collect();
    moved.sort_by(|a, b| {
        let early = a.lag_seconds.partial_cmp(&b.lag_seconds);
        let early = early.unwrap_or(Ordering::Equal);
        early.then(b.deviation.total_cmp(&a.deviation))
    });
    moved
}

/// A service whose likelihood is at least this share of the first one's cannot be told from it.
const ALIKE: f64 = 0.9;

/// So many services are named that cannot be told apart.
const MOST_NAMED: usize = 5;

/// The services that cannot be told from the first, with it: by their likelihoods, which the scores of
/// other rankers than the default do not give; of those only equals are alike.
fn alike(services: &[ServiceCause], ranker: Ranker) -> Vec<&str> {
    let Some(first) = services.first() else {
        return Vec::new();
    };
    let is_alike = |one: &&ServiceCause| match ranker {
        Ranker::Default => one.likelihood >= ALIKE * first.likelihood,
        _ => one.score >= first.score,
    };
    let alike = services.iter().filter(is_alike);
    alike.map(|one| one.service.as_str()).collect()
}

/// Names as they are told: of many the first few.
fn told(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [some @ .., last] if names.len() <= MOST_NAMED => {
            format!("{} and {last}", some.join(", "))
        }
        _ => {
            let some = names.get(..MOST_NAMED).unwrap_or_default();
            format!("{} and {} more", some.join(", "), names.len() - MOST_NAMED)
        }
    }
}

/// What was found, in a sentence or two; `wrong`: whether something is.
fn summary(
    verdict: RcaVerdict,
    services: &[ServiceCause],
    alike: &[&str],
    (wrong, none): (bool, f64),
    onset: &Onset,
    ranker: Ranker,
) -> String {
    let found = match onset.source {
        OnsetSource::Given => String::new(),
        OnsetSource::Detected => format!(
            " The onset was detected, with a confidence of {:.0} %.",
            onset.confidence
        ),
    };
    match (verdict, services.first()) {
        (RcaVerdict::Ranked, Some(first)) if ranker != Ranker::Default => format!(
            "{} is the first that the ranker `{}` names, with a likelihood of {:.0} %: {}.{found}",
            first.service,
            ranker.name(),
            first.likelihood,
            first.evidence
        ),
        (RcaVerdict::Ranked, Some(first)) => format!(
            "{} is the most likely cause ({:.0} %): {}.{found}",
            first.service, first.likelihood, first.evidence
        ),
        (_, Some(first)) if wrong && alike.len() > 1 => format!(
            "No root cause is proven: something is wrong ({none:.0} % that none of the services is to \
             blame), but {} cannot be told apart ({:.0} % each); {}: {}.{found}",
            told(alike),
            first.likelihood,
            first.service,
            first.evidence
        ),
        (_, Some(first)) if wrong && ranker != Ranker::Default => format!(
            "No root cause is proven: something is wrong ({none:.0} % that none of the services is to \
             blame), but {}, which the ranker `{}` names first, has a likelihood of {:.0} %: {}.{found}",
            first.service,
            ranker.name(),
            first.likelihood,
            first.evidence
        ),
        (_, Some(first)) => format!(
            "No root cause is proven ({none:.0} % that none of the services is to blame); the first to \
             look at is {}: {}.{found}",
            first.service, first.evidence
        ),
        (_, None) => format!("No root cause is proven: there is no service to look at.{found}"),
    }
}

fn notes(observations: &Observations, split: &Split<'_>, graph: &Graph) -> Vec<String> {
    let mut notes = Vec::new();
    let few = |column: &&[f64]| column.iter().filter(|x| !x.is_nan()).count() < MIN_NORMAL;
    let unknown = split.normal.iter().filter(|column| few(column)).count();
    if unknown > 0 {
        notes.push(format!(
            "{unknown} of {} metrics have fewer than {MIN_NORMAL} values in normal times: they are not \
             judged, but for whether they appeared",
            observations.metrics().len()
        ));
    }
    if !rank::is_comparable(split) {
        notes.push(format!(
            "there are fewer than {} moments of normal times: too few to tell what would look like an \
             incident without one, so that no cause is proven",
            2 * MIN_NORMAL
        ));
    }
    if !graph.is_empty() {
        let services = observations.services();
        let missing: Vec<&str> = services
            .iter()
            .copied()
            .filter(|service| !graph.contains(service))
            .collect();
        if !missing.is_empty() {
            notes.push(format!(
                "not in the dependency graph: {}",
                missing.join(", ")
            ));
        }
    }
    for cycle in graph.cycles() {
        notes.push(format!("depend on each other: {}", cycle.join(", ")));
    }
    notes
}
