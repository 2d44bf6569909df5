//! How often a cause is named, rightly and without a fault, and what its likelihood is worth.

use bongsu_rca::{Ranker, RcaReport, RcaVerdict, analyse_observations};

use crate::cases::Case;
use crate::{options, report};

/// An answer, and whether it should have been one.
struct Answer {
    set: &'static str,
    fault: bool,
    named: bool,
    /// The first service is the true cause of a fault.
    right: bool,
    /// Of the first service, in percent.
    likelihood: f64,
    /// The logit of the likelihood that there is a fault.
    logit: f64,
}

impl Answer {
    fn new(case: &Case, fault: bool, report: &RcaReport) -> Self {
        let none = (report.none_likelihood / 100.0).clamp(1e-12, 1.0 - 1e-12);
        let first = report.services.first();
        Self {
            set: case.set,
            fault,
            named: report.verdict == RcaVerdict::Ranked,
            right: fault && first.is_some_and(|s| s.service == case.root),
            likelihood: first.map_or(0.0, |s| s.likelihood),
            logit: ((1.0 - none) / none).ln(),
        }
    }
}

/// Of incidents, of normal times cut in two as if there had been one, and of windows without a fault.
pub(crate) fn show(all: &[Case], quiet: &[Case], sets: &[&str]) {
    let mut answers: Vec<Answer> = quiet
        .iter()
        .map(|case| Answer::new(case, false, &report(case, Ranker::Default, 0)))
        .collect();
    for case in all {
        answers.push(Answer::new(case, true, &report(case, Ranker::Default, 0)));
        let data = case.normal();
        for share in [0.5, 0.7] {
            let row = (data.n_rows() as f64 * share) as usize;
            let onset = data.times().get(row).copied();
            let options = options(Ranker::Default);
            if let Ok(report) = analyse_observations(&data, None, onset, &case.graph, &options) {
                answers.push(Answer::new(case, false, &report));
            }
        }
    }
    println!("\ndefault ranker: how often a cause is named, and rightly");
    println!("(in brackets with slope and margin fitted to the other sets)");
    let balance = Balance::new(&answers, sets);
    for set in sets {
        let [slope, shift] = balance.fit(&answers, |answer| answer.set != *set);
        let of = |fault: bool| {
            let of = answers.iter().filter(move |a| a.set == *set);
            of.filter(move |a| a.fault == fault)
        };
        let percent = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
        let rate = |fault: bool, named: &dyn Fn(&Answer) -> bool| {
            percent(of(fault).filter(|a| named(a)).count(), of(fault).count())
        };
        let hits = |named: &dyn Fn(&Answer) -> bool| {
            let right = of(true).filter(|a| named(a) && a.right).count();
            percent(right, of(true).filter(|a| named(a)).count())
        };
        let here = |a: &Answer| a.named;
        let there = |a: &Answer| slope * a.logit + shift > 0.0;
        let same = answers
            .iter()
            .filter(|a| a.set == *set && here(a) == there(a));
        println!(
            "{set}: named in {:.0} % ({:.0}) of {} incidents, rightly in {:.0} % ({:.0}) of these; in {:.0} % \
             ({:.0}) of {} without one; the same claims for {:.1} %",
            rate(true, &here),
            rate(true, &there),
            of(true).count(),
            hits(&here),
            hits(&there),
            rate(false, &here),
            rate(false, &there),
            of(false).count(),
            percent(same.count(), of(true).count() + of(false).count()),
        );
    }
    println!(
        "\nlikelihood of the first service: mean and how often right, each set and kind weighing the same"
    );
    for (what, all) in [
        ("incidents and normal times", true),
        ("incidents only", false),
    ] {
        for bin in 0..5 {
            let (low, high) = (20.0 * f64::from(bin), 20.0 * f64::from(bin + 1));
            let last = bin == 4;
            let inside: Vec<(&Answer, f64)> = answers
                .iter()
                .filter(|a| (all || a.fault) && a.likelihood >= low)
                .filter(|a| a.likelihood < high || last)
                .map(|a| (a, balance.weight(a)))
                .collect();
            let weight: f64 = inside.iter().map(|(_, w)| w).sum();
            let mean = inside.iter().map(|(a, w)| w * a.likelihood).sum::<f64>() / weight;
            let right = inside.iter().map(|(a, w)| w * f64::from(u8::from(a.right)));
            println!(
                "{what}: {low:>2.0} to {high:>3.0} %: {} answers, mean {mean:.0} %, right {:.0} %",
                inside.len(),
                100.0 * right.sum::<f64>() / weight
            );
        }
    }
}

/// How many answers there are of each set and kind.
struct Balance<'a> {
    sets: &'a [&'a str],
    counts: Vec<[f64; 2]>,
}

impl<'a> Balance<'a> {
    fn new(answers: &[Answer], sets: &'a [&'a str]) -> Self {
        let count = |set: &&str, fault: bool| {
            let of = answers.iter().filter(|a| a.set == *set && a.fault == fault);
            of.count() as f64
        };
        let counts = sets.iter().map(|set| [count(set, false), count(set, true)]);
        Self {
            sets,
            counts: counts.collect(),
        }
    }

    fn weight(&self, answer: &Answer) -> f64 {
        let set = self.sets.iter().position(|set| *set == answer.set);
        1.0 / self.counts[set.unwrap()][usize::from(answer.fault)]
    }

    /// The slope and the shift of the logit that make the kinds of those answers likeliest, by Newton's
    /// method.
    fn fit(&self, answers: &[Answer], takes: impl Fn(&Answer) -> bool) -> [f64; 2] {
        let [mut slope, mut shift] = [1.0_f64, 0.0];
        for _ in 0..50 {
            let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
            for answer in answers.iter().filter(|a| takes(a)) {
                let (weight, x) = (self.weight(answer), answer.logit);
                let p = 1.0 / (1.0 + (-(slope * x + shift)).exp());
                let error = weight * (f64::from(u8::from(answer.fault)) - p);
                let curve = weight * p * (1.0 - p);
                (g0, g1) = (g0 + error * x, g1 + error);
                (h00, h01, h11) = (h00 + curve * x * x, h01 + curve * x, h11 + curve);
            }
            let determinant = h00 * h11 - h01 * h01;
            slope += (h11 * g0 - h01 * g1) / determinant;
            shift += (h00 * g1 - h01 * g0) / determinant;
        }
        [slope, shift]
    }
}
