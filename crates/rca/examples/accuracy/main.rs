//! Accuracy of the rankers on labelled incidents.
//!
//! `BONGSU_DATA=<folder> cargo run --release -p bongsu-rca --example accuracy [-- details | quick | lab]` reads
//! the cases of `rcd_sockshop`, `energy_sockshop` and `causalrca_sockshop` there, and simulates larger call
//! graphs without any data: `synthetic` with metrics each minute, `hard` with three to four metrics a service every five
//! minutes, weak faults, changing load and unrelated changes. `lab` is the recording of `examples/lab`; the
//! argument of that name leaves out all others. Times to the onset are shifted as stated.
// xtask: args lab quick
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement ends with its first failure"
)]

mod calibration;
mod cases;
mod lab;
mod simulation;

use std::collections::BTreeMap;

use bongsu_rca::{Options, Ranker, RcaReport, RcaVerdict, analyse_observations, find_onset};
use cases::Case;

/// Shifts of the onset in seconds; a positive one is a late alarm.
const SHIFTS: [i64; 7] = [0, 30, 60, 120, -30, -60, -120];

fn main() {
    let quick = std::env::args().any(|a| a == "quick");
    let details = std::env::args().any(|a| a == "details");
    let only_lab = std::env::args().any(|a| a == "lab");
    let (mut all, quiet): (Vec<Case>, Vec<Case>) = cases::lab();
    if only_lab {
        // The others are left out.
    } else if let Ok(folder) = std::env::var("BONGSU_DATA") {
        all.extend(cases::rcd(&folder));
        all.extend(cases::energy(&folder, false));
        all.extend(cases::energy(&folder, true));
    }
    if !only_lab {
        all.extend((0..200).map(|seed| cases::simulated(seed, false, true)));
        all.extend((0..300).map(|seed| cases::simulated(seed, true, true)));
    }
    let mut sets: Vec<&str> = all.iter().map(|case| case.set).collect();
    sets.dedup();
    for set in &sets {
        println!("\n{set}: AC@1 / AC@3 / Avg@5 by onset error");
        // The lab has less than two minutes of normal times.
        let shifts = SHIFTS.into_iter().filter(|s| *set != "lab" || *s > -100);
        print!("{:9}", "");
        for shift in shifts.clone() {
            print!(" {shift:>+14} s");
        }
        println!();
        for ranker in Ranker::ALL {
            if quick && ranker != Ranker::Default {
                continue;
            }
            print!("{:9}", ranker.name());
            for shift in shifts.clone() {
                let places = places(&all, set, "", ranker, shift);
                print!(" {:>16}", accuracy(&places));
            }
            println!();
        }
        if details && *set == "lab" {
            by_fault_and_shift(&all, set);
        } else if details {
            by_fault(&all, set);
        }
    }
    calibration::show(&all, &quiet, &sets);
    scaled(only_lab);
    without_fault(&quiet);
}

/// What the default ranker, BARO's formula and n-sigma say of each kind of fault.
fn by_fault_and_shift(all: &[Case], set: &str) {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for case in all.iter().filter(|c| c.set == set) {
        *kinds.entry(&case.kind).or_default() += 1;
    }
    for (kind, count) in kinds {
        for ranker in [Ranker::Default, Ranker::Baro, Ranker::NSigma] {
            print!("  {kind:10} {count:2} {:9}", ranker.name());
            for shift in SHIFTS.into_iter().filter(|shift| *shift >= 0) {
                print!(" {}", accuracy(&places(all, set, kind, ranker, shift)));
            }
            println!();
        }
    }
    let cases = all.iter().filter(|c| c.set == set);
    for case in cases {
        let mut line = format!("  {:10} {:16}", case.kind, case.root);
        for ranker in Ranker::ALL {
            let report = report(case, ranker, 0);
            let place = report.services.iter().position(|s| s.service == case.root);
            let place = place.map_or_else(|| "-".to_owned(), |place| (place + 1).to_string());
            line += &format!(" {} {place}", ranker.name());
            if ranker == Ranker::Default {
                let named: Vec<String> = report
                    .services
                    .iter()
                    .take(3)
                    .map(|s| format!("{} {:.0} %", s.service, s.likelihood))
                    .collect();
                line += &format!(
                    " ({}, none {:.0} %)",
                    named.join(", "),
                    report.none_likelihood
                );
            }
        }
        println!("{line}");
    }
}

fn report(case: &Case, ranker: Ranker, shift: i64) -> RcaReport {
    let onset = case.onset.add_millis(1_000 * shift);
    let options = options(ranker);
    let apart = case.apart.as_ref();
    analyse_observations(&case.data, apart, Some(onset), &case.graph, &options).unwrap()
}

/// What is said of windows without a fault.
fn without_fault(quiet: &[Case]) {
    println!("\nlab, windows without a fault: what the default ranker says");
    let mut named = 0;
    for case in quiet {
        let report = report(case, Ranker::Default, 0);
        let ranked = report.verdict == RcaVerdict::Ranked;
        named += u32::from(ranked);
        let first = report.services.first();
        println!(
            "  {:10} of {:16} {} (first {}, none {:.0} %)",
            case.kind,
            case.root,
            if ranked {
                "names a cause"
            } else {
                "not proven"
            },
            first.map_or("-", |s| s.service.as_str()),
            report.none_likelihood
        );
    }
    println!("a cause is named in {named} of {}", quiet.len());
}

fn by_fault(all: &[Case], set: &str) {
    let kinds: std::collections::BTreeSet<&str> = all
        .iter()
        .filter(|c| c.set == set)
        .map(|c| c.kind.as_str())
        .collect();
    for kind in kinds {
        print!("  {kind:24}");
        for ranker in Ranker::ALL {
            let places = places(all, set, kind, ranker, 0);
            print!(" {} {:<15}", ranker.name(), accuracy(&places));
        }
        println!();
    }
}

fn options(ranker: Ranker) -> Options {
    let mut options = Options::default();
    options.ranker = ranker;
    options.patterns.clear();
    options
}

/// The place of the true cause in each case.
fn places(all: &[Case], set: &str, kind: &str, ranker: Ranker, shift: i64) -> Vec<usize> {
    let cases = all
        .iter()
        .filter(|c| c.set == set && c.kind.starts_with(kind));
    cases
        .map(|case| {
            let onset = case.onset.add_millis(1_000 * shift);
            let report = analyse_observations(
                &case.data,
                case.apart.as_ref(),
                Some(onset),
                &case.graph,
                &options(ranker),
            );
            let found = report
                .ok()
                .and_then(|r| r.services.iter().position(|s| s.service == case.root));
            found.unwrap_or(usize::MAX)
        })
        .collect()
}

fn accuracy(places: &[usize]) -> String {
    let at =
        |k: usize| places.iter().filter(|p| **p < k).count() as f64 / places.len().max(1) as f64;
    let avg = (1..=5).map(at).sum::<f64>() / 5.0;
    format!("{:.2}/{:.2}/{avg:.2}", at(1), at(3))
}

/// Windows without a normal part, in which the onset is not known: it is looked for, and the same one is
/// given to each ranker, as it is found and later.
fn scaled(skip: bool) {
    let folder = std::env::var("BONGSU_DATA").ok().filter(|_| !skip);
    let Some(folder) = folder else { return };
    let mut all = cases::causalrca(&folder);
    for case in &mut all {
        case.onset = find_onset(&case.data, None).unwrap().time;
    }
    println!("\ncausalrca_sockshop: AC@1 / AC@3 / Avg@5 by shift of the onset that was found");
    let mut kinds: Vec<&str> = all.iter().map(|case| case.kind.as_str()).collect();
    kinds.dedup();
    for kind in [""].into_iter().chain(kinds) {
        let name = if kind.is_empty() { "all" } else { kind };
        for ranker in Ranker::ALL {
            print!("  {name:14} {:9}", ranker.name());
            for shift in SHIFTS.into_iter().filter(|shift| *shift >= 0) {
                let places = places(&all, "causalrca_sockshop", kind, ranker, shift);
                print!(" {:>16}", accuracy(&places));
            }
            println!();
        }
    }
    let named = |case: &&Case| report(case, Ranker::Default, 0).verdict == RcaVerdict::Ranked;
    let named = all.iter().filter(named).count();
    println!("  a cause is named in {named} of {}", all.len());
}
