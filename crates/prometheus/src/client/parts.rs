//! Long ranges in parts that the server accepts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use bongsu_core::{Labels, Series, Timestamp};

use crate::{Answer, Error, ErrorKind};

/// More requests than this for one range are taken for a mistaken step.
const MAX_PARTS: i64 = 256;

/// Disjoint parts of the aligned range `start..=end`, each with integer `(end - start) / step` of
/// at most `max_points`.
pub(crate) fn split(
    start: Timestamp,
    end: Timestamp,
    step_ms: i64,
    max_points: u32,
) -> Result<Vec<(Timestamp, Timestamp)>, Error> {
    let points = (end.millis_since(start) / step_ms).saturating_add(1);
    let points_a_part = i64::from(max_points) + 1;
    let n_parts = points / points_a_part + i64::from(points % points_a_part > 0);
    if n_parts > MAX_PARTS {
        return Err(Error::plain(
            ErrorKind::Range,
            format!(
                "the range from {start} to {end} in steps of {step_ms} ms has {points} points and \
                 needs {n_parts} requests, but at most {MAX_PARTS} are allowed: enlarge the step"
            ),
        ));
    }
    // Parts of equal length, so that no request is left with a few points.
    let points_a_part = points / n_parts + i64::from(points % n_parts > 0);
    let advance = points_a_part.saturating_mul(step_ms);
    Ok((0..n_parts)
        .map(|part| start.add_millis(part.saturating_mul(advance)))
        .take_while(|&from| from <= end)
        .map(|from| (from, from.add_millis(advance - step_ms).min(end)))
        .collect())
}

/// Joins the answers of consecutive parts. A point at a seam that both sides have is taken from
/// the earlier part.
pub(crate) fn join(parts: Vec<Answer>) -> Answer {
    let mut parts = parts.into_iter();
    let Some(mut joined) = parts.next() else {
        return Answer::default();
    };
    let mut places: HashMap<Labels, usize> = HashMap::new();
    for (place, series) in joined.series.iter().enumerate() {
        places.insert(series.labels().clone(), place);
    }
    for part in parts {
        joined.quality.merge(part.quality);
        for series in part.series {
            match places.entry(series.labels().clone()) {
                Entry::Vacant(place) => {
                    place.insert(joined.series.len());
                    joined.series.push(series);
                }
                Entry::Occupied(place) => {
                    if let Some(earlier) = joined.series.get_mut(*place.get()) {
                        append(earlier, &series);
                    }
                }
            }
        }
    }
    joined
}

/// Appends the points of `later` that come after those of `earlier`.
fn append(earlier: &mut Series, later: &Series) {
    for (time, value) in later.iter() {
        // A refused point is one that the earlier part already covered.
        let _ = earlier.push(time, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_servers_limit_is_met_exactly() {
        // (end - start) / step = 11,000 passes in one request; one step more needs two.
        let one = split(at(0), at(11_000_000), 1_000, 11_000).unwrap();
        assert_eq!(one, [(at(0), at(11_000_000))]);
        let two = split(at(0), at(11_001_000), 1_000, 11_000).unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(two[1].0.millis_since(two[0].1), 1_000);
    }

    #[test]
    fn a_bad_step_is_an_error() {
        let error = split(at(0), at(i64::MAX), 1, 11_000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Range);
        assert!(error.to_string().contains("enlarge the step"), "{error}");
    }

    #[test]
    fn points_at_a_seam_occur_once() {
        let part = |times: [i64; 2], values: [f64; 2]| Answer {
            series: vec![
                Series::new(Labels::empty(), times.map(at).to_vec(), values.to_vec()).unwrap(),
            ],
            ..Answer::default()
        };
        let joined = join(vec![part([1, 2], [1.0, 2.0]), part([2, 3], [9.0, 3.0])]);
        assert_eq!(joined.series[0].values(), [1.0, 2.0, 3.0]);
        assert!(joined.quality.is_clean());
    }

    proptest! {
        #[test]
        fn parts_cover_the_grid_once(
            start in -1_000_i64..1_000, points in 0_i64..5_000, step in 1_i64..100_000, max in 1_u32..200,
        ) {
            let (first, last) = (at(start * step), at((start + points) * step));
            let Ok(parts) = split(first, last, step, max) else {
                prop_assert!((points + 1) / i64::from(max + 1) >= MAX_PARTS);
                return Ok(());
            };
            let mut next = first;
            for (from, to) in parts {
                prop_assert_eq!(from, next);
                prop_assert!(to >= from && to.millis_since(from) / step <= i64::from(max));
                next = to.add_millis(step);
            }
            prop_assert_eq!(next, last.add_millis(step));
        }
    }
}
