//! Which season `auto` is: one that is found in the values, or one of the calendar.

use bongsu_core::Result as CoreResult;
use bongsu_forecast::Step;
use bongsu_stats::period::PeriodSearch;

const DAY: i64 = 86_400_000;

/// A season of the calendar stands for a found one from this share of what the found one explains on.
const ABOUT_AS_GOOD: f64 = 0.9;

/// Cycles from which on a season of the calendar may stand for one that is not near, or for none.
const CYCLES: usize = 3;

/// Standard deviations of a normal variable beyond which the phases of a season differ.
const CERTAIN: f64 = 4.0;

/// Mean square, relative to the largest value, up to which changes are rounding.
const ROUNDING: f64 = 1e-24;

/// The points of the seasons that the calendar has for a step, the shortest first: a day and a week for
/// steps below a day, a week for days, a year for weeks (52), months and quarters.
pub(super) fn calendar(step: Step) -> Vec<usize> {
    // The steps of a whole, 0 where they are not a whole number.
    let parts = |whole: i64, step: i64| match whole.checked_rem(step) {
        Some(0) => usize::try_from(whole / step).unwrap_or(0),
        _ => 0,
    };
    let points = match step {
        Step::Millis(step) if step == 7 * DAY => vec![52],
        Step::Millis(step) => vec![parts(DAY, step), parts(7 * DAY, step)],
        Step::Months { count, .. } => vec![parts(12, count.into())],
        // The calendar is not known of other steps.
        _ => Vec::new(),
    };
    points.into_iter().filter(|&points| points > 1).collect()
}

/// The seasons of `values` (NaN where one is missing) in points, the strongest first.
///
/// What `search` finds counts, but for one near which the calendar has a season: the nearest that
/// so many values can tell from it (`p^2 / n` points, at least 1) and that explains about as much. One of the
/// calendar that is not near does as well where its phases differ for certain; so it does where
/// nothing is found.
///
/// # Errors
/// When a value is infinite.
pub(crate) fn find(
    search: &PeriodSearch,
    values: &[f64],
    step: Option<Step>,
) -> CoreResult<Vec<usize>> {
    let found = search.find(values)?;
    let found: Vec<usize> = found.iter().map(|period| period.points).collect();
    let mut calendar = step.map(calendar).unwrap_or_default();
    calendar.retain(|points| points.saturating_mul(2) <= values.len());
    if calendar.is_empty() {
        return Ok(found);
    }
    let series = scaled(values);
    let mut seasons = Vec::with_capacity(found.len());
    for points in found {
        let points = settled(&series, points, &calendar);
        if !seasons.contains(&points) {
            seasons.push(points);
        }
    }
    if seasons.is_empty() {
        let certain = |points: &&usize| phases_differ(&series, **points);
        seasons.extend(calendar.iter().find(certain));
    }
    Ok(seasons)
}

/// A season of the calendar in place of one of `found` points, or that one.
fn settled(series: &[f64], found: usize, calendar: &[usize]) -> usize {
    if calendar.contains(&found) {
        return found;
    }
    let resolution = (found as f64 * found as f64 / series.len() as f64).max(1.0);
    let own = explained(series, found);
    let as_good =
        |points: usize| explained(series, points) >= own - (1.0 - ABOUT_AS_GOOD) * own.abs();
    let distance = |points: usize| points.abs_diff(found);
    let near = calendar.iter().copied();
    let near = near.filter(|&points| distance(points) as f64 <= resolution && as_good(points));
    if let Some(points) = near.min_by_key(|&points| distance(points)) {
        return points;
    }
    // The double of a season explains what the season does: that says nothing for it.
    let other = |&points: &usize| {
        !points.is_multiple_of(found) && as_good(points) && phases_differ(series, points)
    };
    calendar.iter().copied().find(other).unwrap_or(found)
}

/// The values in units of the largest, less the line of least squares.
fn scaled(values: &[f64]) -> Vec<f64> {
    let present = || values.iter().enumerate().filter(|(_, x)| !x.is_nan());
    let largest = present().fold(0.0_f64, |m, (_, x)| m.max(x.abs()));
    if largest == 0.0 {
        return vec![0.0; values.len()];
    }
    let count = present().count().max(1) as f64;
    let center = present().map(|(i, _)| i as f64).sum::<f64>() / count;
    let mean = present().map(|(_, x)| x / largest).sum::<f64>() / count;
    let (mut products, mut squares) = (0.0, 0.0);
    for (i, x) in present() {
        let t = i as f64 - center;
        products += t * (x / largest - mean);
        squares += t * t;
    }
    let slope = if squares > 0.0 {
        products / squares
    } else {
        0.0
    };
    let line = |i: usize| mean + slope * (i as f64 - center);
    let series = values.iter().enumerate();
    series.map(|(i, x)| x / largest - line(i)).collect()
}

/// Sums of squares about the mean, in all and within phases, and their degrees of freedom.
struct Spread {
    all: f64,
    within: f64,
    all_free: f64,
    within_free: f64,
}

/// How `series` spreads, in all and within the phases of a season of `points`; `None` with too few
/// values to tell.
fn spread(series: &[f64], points: usize) -> Option<Spread> {
    let present = series.iter().filter(|x| !x.is_nan());
    let count = present.clone().count();
    let mean = present.clone().sum::<f64>() / count.max(1) as f64;
    let all = present.map(|x| (x - mean) * (x - mean)).sum();
    let (mut within, mut phases) = (0.0, 0);
    for phase in 0..points {
        let own = series.iter().skip(phase).step_by(points);
        let own = own.filter(|x| !x.is_nan());
        let seen = own.clone().count();
        if seen > 0 {
            phases += 1;
            let mean = own.clone().sum::<f64>() / seen as f64;
            within += own.map(|x| (x - mean) * (x - mean)).sum::<f64>();
        }
    }
    (phases > 1 && count > phases).then(|| Spread {
        all,
        within,
        all_free: (count - 1) as f64,
        within_free: (count - phases) as f64,
    })
}

/// The share of the variance that the phases of a season explain, less what they would by chance
/// (the adjusted coefficient of determination).
fn explained(series: &[f64], points: usize) -> f64 {
    match spread(series, points) {
        Some(s) if s.all > 0.0 => 1.0 - (s.within / s.within_free) / (s.all / s.all_free),
        _ => 0.0,
    }
}

/// Whether the changes from point to point differ between the phases of a season for certain.
///
/// The F test of one-way analysis of variance, of changes less what each takes from the one before it:
/// those of white noise, random walks and trends alike are then nearly independent. F is made normal
/// by Paulson's approximation (1942).
fn phases_differ(series: &[f64], points: usize) -> bool {
    if series.len() / CYCLES < points {
        return false;
    }
    let later = series.iter().skip(1);
    let changes: Vec<f64> = series.iter().zip(later).map(|(a, b)| b - a).collect();
    let pairs = || changes.iter().zip(changes.iter().skip(1));
    let (mut products, mut squares) = (0.0, 0.0);
    for (a, b) in pairs().filter(|(a, b)| !(a.is_nan() || b.is_nan())) {
        products += a * b;
        squares += a * a;
    }
    let kept = if squares > 0.0 {
        products / squares
    } else {
        0.0
    };
    let news: Vec<f64> = pairs().map(|(a, b)| b - kept * a).collect();
    let Some(s) = spread(&news, points) else {
        return false;
    };
    if s.all <= ROUNDING * s.all_free {
        return false;
    }
    let between_free = s.all_free - s.within_free;
    let between = ((s.all - s.within) / between_free).max(0.0);
    let within = (s.within / s.within_free).max(ROUNDING);
    let root = (between / within).cbrt();
    let [first, second] = [between_free, s.within_free].map(|free| 2.0 / (9.0 * free));
    let normal = ((1.0 - second) * root - (1.0 - first)) / (second * root * root + first).sqrt();
    normal > CERTAIN
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a failure in a test is a panic"
    )]

    use super::*;
    use std::f64::consts::TAU;

    const HOUR: Step = Step::Millis(3_600_000);
    const MONTH: Step = Step::Months {
        count: 1,
        end: false,
    };

    /// Normal numbers, from the sum of twelve uniform ones of `SplitMix64`.
    fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5151;
        let mut uniform = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..n)
            .map(|_| (0..12).map(|_| uniform()).sum::<f64>() - 6.0)
            .collect()
    }

    fn walk(n: usize, seed: u64) -> Vec<f64> {
        let mut level = 0.0;
        let steps = noise(n, seed);
        steps
            .iter()
            .map(|step| {
                level += step;
                level
            })
            .collect()
    }

    fn sine(n: usize, period: f64, share: f64, seed: u64) -> Vec<f64> {
        let noise = noise(n, seed);
        let at =
            |(i, e): (usize, &f64)| 50.0 + 10.0 * ((i as f64 / period * TAU).sin() + share * e);
        noise.iter().enumerate().map(at).collect()
    }

    fn first(values: &[f64], step: Option<Step>) -> usize {
        let search = PeriodSearch::new().max_periods(1).unwrap();
        let found = find(&search, values, step).unwrap();
        found.first().copied().unwrap_or(1)
    }

    #[test]
    fn the_calendar_knows_days_weeks_and_years() {
        for (step, points) in [
            (Step::Millis(60_000), vec![1440, 10_080]),
            (Step::Millis(300_000), vec![288, 2016]),
            (HOUR, vec![24, 168]),
            (Step::Millis(DAY), vec![7]),
            (Step::Millis(7 * DAY), vec![52]),
            (Step::Millis(7_000), vec![86_400]),
            (Step::Millis(30 * DAY), vec![]),
            (MONTH, vec![12]),
            (
                Step::Months {
                    count: 3,
                    end: true,
                },
                vec![4],
            ),
            (
                Step::Months {
                    count: 12,
                    end: true,
                },
                vec![],
            ),
        ] {
            assert_eq!(calendar(step), points, "{step:?}");
        }
    }

    #[test]
    fn a_day_of_hours_is_found_in_two_days() {
        for n in [48, 60, 72, 240] {
            for seed in 0..20 {
                assert_eq!(
                    first(&sine(n, 24.0, 0.1, seed), Some(HOUR)),
                    24,
                    "{n} {seed}"
                );
            }
        }
        // Without the step the ends of a short series make it 23.
        assert_ne!(first(&sine(48, 24.0, 0.1, 0), None), 24);
        // Missing values are none of the phases.
        let mut holes = sine(72, 24.0, 0.1, 3);
        holes
            .iter_mut()
            .skip(5)
            .step_by(11)
            .for_each(|x| *x = f64::NAN);
        assert_eq!(first(&holes, Some(HOUR)), 24);
    }

    #[test]
    fn a_season_that_is_not_the_calendars_stays() {
        for (period, n) in [
            (12.0, 72),
            (8.0, 48),
            (20.0, 100),
            (22.0, 240),
            (24.84, 2000),
        ] {
            for seed in 0..5 {
                let found = first(&sine(n, period, 0.1, seed), Some(HOUR));
                assert_eq!(found, period.round() as usize, "{n} {seed}");
            }
        }
    }

    #[test]
    fn months_have_a_year_where_there_is_one() {
        let shape = [
            0.0, 3.0, 1.0, -2.0, 4.0, -1.0, 0.5, 2.0, -3.0, 1.5, -2.0, 5.0,
        ];
        let right = |step: Option<Step>| {
            let made = |seed| -> Vec<f64> {
                let level = walk(72, seed);
                let at = |(i, level): (usize, &f64)| shape[i % 12] + 3.0 * level;
                level.iter().enumerate().map(at).collect()
            };
            let found = (0..100).filter(|&seed| first(&made(seed), step) == 12);
            found.count()
        };
        // On a level that wanders as much; what is found in the values alone is far less.
        assert!(right(Some(MONTH)) >= 60, "{}", right(Some(MONTH)));
        assert!(right(None) <= 20, "{}", right(None));
    }

    #[test]
    fn no_season_is_made_of_noise_or_of_walks() {
        for step in [HOUR, MONTH, Step::Millis(DAY)] {
            for n in [48, 120, 240] {
                for make in [noise, walk] {
                    let more = (0..200).filter(|&seed| {
                        let values = make(n, seed);
                        first(&values, None) == 1 && first(&values, Some(step)) > 1
                    });
                    assert_eq!(more.count(), 0, "{step:?} {n}");
                }
            }
        }
        for values in [vec![3.0; 60], (0..60).map(|i| f64::from(i) / 3.0).collect()] {
            assert_eq!(first(&values, Some(HOUR)), 1);
        }
        assert_eq!(first(&[f64::NAN; 60], Some(HOUR)), 1);
        let huge: Vec<f64> = noise(60, 1).iter().map(|x| x * 1e307).collect();
        assert_eq!(first(&huge, Some(HOUR)), 1);
    }

    #[test]
    fn backtests_and_forecasts_know_the_step() {
        let mut csv = String::from("timestamp,load\n");
        for (i, x) in sine(240, 24.0, 0.1, 1).iter().enumerate() {
            csv += &format!("{},{x}\n", 3600 * i);
        }
        let table = crate::Table::read(csv.as_bytes()).unwrap();
        let mut task = crate::BacktestTask::new(&["seasonal-naive"], crate::Length::Steps(24));
        let found = crate::backtest(&table, &task).unwrap();
        assert_eq!((found.season, found.initial), (24, 72));
        task.parameters.insert("period".to_owned(), "24".to_owned());
        task.season = Some(24);
        assert_eq!(crate::backtest(&table, &task).unwrap().models, found.models);
        let short: String = csv.split_inclusive('\n').take(49).collect();
        let table = crate::Table::read(short.as_bytes()).unwrap();
        let task = crate::ForecastTask {
            model: "auto-ets".to_owned(),
            horizon: 1,
            ..crate::ForecastTask::default()
        };
        assert_eq!(crate::forecast(&table, &task).unwrap().period, 24);
    }
}
