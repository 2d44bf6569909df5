use std::cmp::Ordering;

/// Spells numbers for people: as many significant digits as asked, no trailing zeros, whole
/// numbers below ten million in full, above them M, G, T, P or E for powers of a thousand, an
/// exponent for the absurdly large and the very small.
pub(crate) fn number(x: f64, digits: usize) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if x == 0.0 {
        return "0".to_owned();
    }
    let digits = digits.clamp(1, 17);
    let scientific = format!("{x:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if let Some((suffix, power)) = prefix(exponent) {
        let decimals = usize::try_from(digits as i32 - 1 - (exponent - power)).unwrap_or(0);
        let scaled = format!("{:.decimals$}", x / 10_f64.powi(power));
        return format!("{}{suffix}", trim_zeros(&scaled));
    }
    if !(-4..7).contains(&exponent) {
        return format!("{}e{exponent}", trim_zeros(mantissa));
    }
    let decimals = i32::try_from(digits).unwrap_or(17) - 1 - exponent;
    let decimals = usize::try_from(decimals).unwrap_or(0);
    trim_zeros(&format!("{x:.decimals$}")).to_owned()
}

/// Spells a number for programs: six significant digits, no unit prefix, no exponent.
pub(crate) fn plain_number(x: f64) -> String {
    if !x.is_finite() {
        return number(x, 6);
    }
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    rounded.to_string()
}

/// The unit prefix for numbers of this power of ten, and its own power.
fn prefix(exponent: i32) -> Option<(&'static str, i32)> {
    Some(match exponent {
        7..=8 => ("M", 6),
        9..=11 => ("G", 9),
        12..=14 => ("T", 12),
        15..=17 => ("P", 15),
        18..=20 => ("E", 18),
        _ => return None,
    })
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// Spells values to be compared with one another: four significant digits, more where different
/// values would look the same.
pub(crate) fn distinct_numbers<const N: usize>(values: [Option<f64>; N]) -> [Option<String>; N] {
    let spell = |digits| values.map(|value| value.map(|value| number(value, digits)));
    for digits in 4..17 {
        let texts = spell(digits);
        let pairs = || values.iter().zip(&texts);
        let ambiguous = pairs().any(|(x, text)| {
            text.is_some()
                && pairs().any(|(y, other)| {
                    other == text && x.partial_cmp(y).is_some_and(Ordering::is_ne)
                })
        });
        if !ambiguous {
            return texts;
        }
    }
    spell(17)
}

/// Gives two numbers the same number of decimals, where neither has an exponent.
pub(crate) fn same_decimals(a: &str, b: &str) -> (String, String) {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_digit() || "-.".contains(c));
    if !plain(a) || !plain(b) {
        return (a.to_owned(), b.to_owned());
    }
    let decimals = |text: &str| text.split_once('.').map_or(0, |(_, tail)| tail.len());
    let wanted = decimals(a).max(decimals(b));
    let pad = |text: &str| {
        let missing = wanted - decimals(text);
        let point = if missing > 0 && !text.contains('.') {
            "."
        } else {
            ""
        };
        format!("{text}{point}{}", "0".repeat(missing))
    };
    (pad(a), pad(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_honest() {
        for (x, text) in [
            (0.93, "0.93"),
            (0.934_56, "0.9346"),
            (-12.345_6, "-12.35"),
            (5.0, "5"),
            (-0.0, "0"),
            (100.0, "100"),
            (1_234_567.0, "1234567"),
            (1_234_567.8, "1234568"),
            (12_345_678.0, "12.35M"),
            (-8.555e7, "-85.55M"),
            (4e9, "4G"),
            (9.999_96e8, "1G"),
            (1e300, "1e300"),
            (0.000_123_46, "0.0001235"),
            (0.000_042, "4.2e-5"),
            (9_999.96, "10000"),
            (0.999_99, "1"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(x, 4), text);
        }
    }

    #[test]
    fn numbers_for_programs_are_plain() {
        for (x, text) in [
            (85_549_056.0, "85549100"),
            (0.418_233_333, "0.418233"),
            (50.0, "50"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(plain_number(x), text);
        }
    }

    #[test]
    fn different_values_look_different() {
        assert_eq!(
            distinct_numbers([Some(100.013), Some(100.012), None]),
            [Some("100.013".to_owned()), Some("100.012".to_owned()), None]
        );
        assert_eq!(
            distinct_numbers([Some(1.0), Some(1.0)]),
            [Some("1".to_owned()), Some("1".to_owned())]
        );
    }

    #[test]
    fn the_ends_of_a_band_have_the_same_decimals() {
        let padded = |a, b| {
            let (a, b) = same_decimals(a, b);
            format!("{a} {b}")
        };
        assert_eq!(padded("0.1", "0.33"), "0.10 0.33");
        assert_eq!(padded("-1", "0.5"), "-1.0 0.5");
        assert_eq!(padded("1G", "0.5"), "1G 0.5");
    }
}
