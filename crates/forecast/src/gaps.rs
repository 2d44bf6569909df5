//! Missing values, for models that need every step.

/// Fills missing values (NaN) in place: on a straight line between the nearest present ones, and with
/// the nearest one at both ends. At least one is present.
pub(crate) fn fill(values: &mut [f64]) {
    let mut last: Option<(usize, f64)> = None;
    for row in 0..values.len() {
        let Some(&value) = values.get(row) else { break };
        if value.is_nan() {
            continue;
        }
        let from = last.map_or(0, |(at, _)| at + 1);
        let gap = values.get_mut(from..row).unwrap_or_default();
        let size = (gap.len() + 1) as f64;
        let before = last.map_or(value, |(_, before)| before);
        for (i, slot) in gap.iter_mut().enumerate() {
            let share = (i + 1) as f64 / size;
            *slot = before * (1.0 - share) + value * share;
        }
        last = Some((row, value));
    }
    if let Some((at, value)) = last {
        values.get_mut(at + 1..).unwrap_or_default().fill(value);
    }
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn gaps_become_lines_and_ends_flat() {
        let gap = f64::NAN;
        let mut values = [gap, 1.0, gap, gap, 4.0, gap];
        fill(&mut values);
        assert_eq!(values, [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        let mut complete = [2.0];
        fill(&mut complete);
        assert_eq!(complete, [2.0]);
    }
}
