//! Numbers as Prometheus writes them.

use bongsu_core::Timestamp;

use super::round;

/// Powers of ten that an `f64` holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The text of a sample value: Prometheus' spellings of NaN and the infinities, or a decimal.
/// Correctly rounded, as `str::parse`.
pub(crate) fn value(text: &[u8]) -> Option<f64> {
    if let Some((number, [])) = leading_decimal(text) {
        return Some(number);
    }
    // Everything else that Go's ParseFloat and Rust's agree on: any decimal, `NaN`, `inf`, `Inf`,
    // `+Inf`, `-Inf`, `Infinity`, in any case.
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The decimal of at most 19 digits that `text` starts with, and what follows it. `None` says
/// only that the fast paths cannot tell.
#[inline]
pub(crate) fn leading_decimal(text: &[u8]) -> Option<(f64, &[u8])> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (whole, rest) = take_digits(digits, 0);
    let mut n_digits = digits.len() - rest.len();
    let (mantissa, rest, decimals) = match rest {
        [b'.', fraction @ ..] => {
            let (mantissa, rest) = take_digits(fraction, whole);
            let decimals = fraction.len() - rest.len();
            n_digits += decimals;
            (mantissa, rest, decimals)
        }
        rest => (whole, rest, 0),
    };
    // 19 digits cannot overflow the mantissa.
    if n_digits == 0 || n_digits > 19 {
        return None;
    }
    let (mut exponent, mut rest) = (-(decimals as i32), rest);
    if let [b'e' | b'E', power @ ..] = rest {
        let (power, after) = leading_exponent(power)?;
        exponent += power;
        rest = after;
    }
    let magnitude = if mantissa <= 1 << 53 && exponent.unsigned_abs() <= 22 {
        exact(mantissa, exponent)?
    } else {
        round::quotient(mantissa, exponent)?
    };
    Some((if negative { -magnitude } else { magnitude }, rest))
}

/// Digits and power of ten are both exact in an `f64`: one multiplication or division then rounds
/// correctly (Clinger's fast path).
#[inline]
fn exact(mantissa: u64, exponent: i32) -> Option<f64> {
    let power = *EXACT_POWERS.get(exponent.unsigned_abs() as usize)?;
    let magnitude = mantissa as f64;
    Some(if exponent < 0 {
        magnitude / power
    } else {
        magnitude * power
    })
}

/// An exponent of up to three digits, and what follows it.
fn leading_exponent(text: &[u8]) -> Option<(i32, &[u8])> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (exponent, rest) = take_digits(digits, 0);
    if !(1..=3).contains(&(digits.len() - rest.len())) {
        return None;
    }
    let exponent = i32::try_from(exponent).ok()?;
    Some((if negative { -exponent } else { exponent }, rest))
}

/// Appends leading digits to `number` (wrapping after 19 of them) and gives what follows.
#[inline]
fn take_digits(mut text: &[u8], mut number: u64) -> (u64, &[u8]) {
    while let Some((chunk, rest)) = text.split_first_chunk::<8>()
        && let Some(eight) = eight_digits(*chunk)
    {
        number = number.wrapping_mul(100_000_000).wrapping_add(eight);
        text = rest;
    }
    while let [digit @ b'0'..=b'9', rest @ ..] = text {
        number = number
            .wrapping_mul(10)
            .wrapping_add(u64::from(digit - b'0'));
        text = rest;
    }
    (number, text)
}

/// Eight ASCII digits at once, if they all are digits.
#[inline]
fn eight_digits(chunk: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(chunk);
    let digits = word.wrapping_sub(0x3030_3030_3030_3030);
    let above = word.wrapping_add(0x4646_4646_4646_4646);
    if (digits | above) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    // Neighbours are joined in pairs, then fours, then all eight.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
}

/// The text of a timestamp: seconds, rounded to milliseconds.
#[inline]
pub(crate) fn timestamp(text: &[u8]) -> Option<Timestamp> {
    if let Some((time, [])) = leading_timestamp(text) {
        return Some(time);
    }
    let secs: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Timestamp::from_secs_f64(secs)
}

/// The timestamp of at most 12 digits and 3 decimals that `text` starts with, and what follows it.
/// What follows may still belong to the number: the caller looks.
#[inline]
pub(crate) fn leading_timestamp(text: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (secs, rest) = take_digits(text, 0);
    if !(1..=12).contains(&(text.len() - rest.len())) {
        return None;
    }
    let digit = |byte: u8, weight: u64| u64::from(byte - b'0') * weight;
    let (millis, rest) = match rest {
        &[
            b'.',
            a @ b'0'..=b'9',
            b @ b'0'..=b'9',
            c @ b'0'..=b'9',
            ref rest @ ..,
        ] => (digit(a, 100) + digit(b, 10) + digit(c, 1), rest),
        &[b'.', a @ b'0'..=b'9', b @ b'0'..=b'9', ref rest @ ..] => {
            (digit(a, 100) + digit(b, 10), rest)
        }
        &[b'.', a @ b'0'..=b'9', ref rest @ ..] => (digit(a, 100), rest),
        rest => (0, rest),
    };
    let millis = i64::try_from(secs * 1_000 + millis).ok()?;
    Some((Timestamp::from_millis(millis), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_spelling_of_prometheus_is_read() {
        for (text, expected) in [
            ("+Inf", f64::INFINITY),
            ("Inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("1e+06", 1e6),
            ("1e-07", 1e-7),
            ("1.7976931348623157e+308", f64::MAX),
            ("5e-324", 5e-324),
            ("0", 0.0),
            ("-12.5", -12.5),
            ("123456789012345678901234567890", 1.2345678901234568e29),
            ("0.30000000000000004", 0.300_000_000_000_000_04),
            ("12345678.87654321", 12_345_678.876_543_21),
        ] {
            assert_eq!(value(text.as_bytes()), Some(expected), "{text}");
        }
        assert!(value(b"NaN").unwrap().is_nan());
        assert!(value(b"-0").unwrap().is_sign_negative());
        for bad in ["", "-", ".", "1e", "1e+", "1x", "x", "1.2.3", "0x10", " 1"] {
            assert_eq!(value(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn timestamps_round_to_milliseconds() {
        for (text, millis) in [
            ("1435781430.781", 1_435_781_430_781),
            ("1435781430", 1_435_781_430_000),
            ("1435781430.7", 1_435_781_430_700),
            ("1435781430.07", 1_435_781_430_070),
            ("1435781430.7816", 1_435_781_430_782),
            ("1.435781430781e9", 1_435_781_430_781),
            ("-1.5", -1_500),
            ("0", 0),
        ] {
            let expected = Some(Timestamp::from_millis(millis));
            assert_eq!(timestamp(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(timestamp(b"1e300"), None);
        assert_eq!(timestamp(b""), None);
    }

    proptest! {
        #[test]
        fn values_equal_the_standard_library(number: f64, decimals in 0_usize..20) {
            for text in [
                format!("{number}"),
                format!("{number:e}"),
                format!("{number:.decimals$}"),
                format!("{number:.decimals$e}"),
            ] {
                let expected: f64 = text.parse().unwrap();
                let found = value(text.as_bytes()).unwrap();
                prop_assert!(found.to_bits() == expected.to_bits() || expected.is_nan());
            }
        }

        #[test]
        fn short_decimals_equal_the_standard_library(text in "[-+]?[0-9]{0,21}(\\.[0-9]{0,21})?(e[-+]?[0-9]{1,3})?") {
            let found = value(text.as_bytes()).map(f64::to_bits);
            prop_assert_eq!(found, text.parse::<f64>().ok().map(f64::to_bits), "{}", text);
        }

        #[test]
        fn full_digits_equal_the_standard_library(mantissa: u64, decimals in 0_usize..30) {
            let digits = format!("{:0>1$}", mantissa % 10_000_000_000_000_000_000, decimals + 1);
            let (whole, fraction) = digits.split_at(digits.len() - decimals);
            let text = format!("{whole}.{fraction}");
            let found = value(text.as_bytes()).map(f64::to_bits);
            prop_assert_eq!(found, text.parse::<f64>().ok().map(f64::to_bits), "{}", text);
        }

        #[test]
        fn halves_between_floats_equal_the_standard_library(number in 1_u64 << 52..1 << 53, shift in 1_u32..3) {
            // Exactly halfway between two floats, and one unit in the last digit beside.
            let odd = number | 1;
            let text = format!("{odd}.{}", 5 * 10_u64.pow(shift - 1));
            for text in [text.clone(), format!("{text}1"), format!("{odd}.4999")] {
                let found = value(text.as_bytes()).map(f64::to_bits);
                prop_assert_eq!(found, text.parse::<f64>().ok().map(f64::to_bits), "{}", text);
            }
        }

        #[test]
        fn timestamps_equal_the_rounded_float(secs in -10_000_000_000_i64..1_000_000_000_000, millis in 0..1_000) {
            let text = format!("{secs}.{millis:03}");
            let expected = Timestamp::from_secs_f64(text.parse().unwrap());
            prop_assert_eq!(timestamp(text.as_bytes()), expected);
        }
    }
}
