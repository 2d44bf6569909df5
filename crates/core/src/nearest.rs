/// The candidate nearest to `word`, when it is near enough to be a slip: for "did you mean".
///
/// The distance is Levenshtein's; at most one edit and one more for each four characters of the
/// shorter of the two count as a slip. Of equally near ones the first is taken.
///
/// Cost: O(n m) for each candidate, in their lengths.
///
/// ```
/// use bongsu_core::nearest;
/// assert_eq!(nearest("zscor", ["ewma", "zscore"].into_iter()), Some("zscore"));
/// assert_eq!(nearest("forest", ["ewma", "zscore"].into_iter()), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .filter(|&(distance, candidate)| {
            distance <= 1 + candidate.chars().count().min(word.chars().count()) / 4
        })
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = *cell;
            left = substituted.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(
            nearest("zscor", ["iqr", "zscore"].into_iter()),
            Some("zscore")
        );
        assert_eq!(nearest("banana", ["iqr", "zscore"].into_iter()), None);
    }
}
