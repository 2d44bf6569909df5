/// Above the key of every number: the threshold of a leaf.
pub(super) const BEYOND: u64 = u64::MAX;

const SIGN: u64 = 1 << 63;

/// A whole number for each float, in the same order; both zeros have the same.
#[inline]
pub(crate) fn of(x: f64) -> u64 {
    let bits = (x + 0.0).to_bits();
    // The magnitudes of negative numbers count down.
    let negative = (bits as i64 >> 63) as u64;
    bits ^ (negative | SIGN)
}

/// The inverse of [`of`].
pub(super) fn value(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key ^ SIGN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_numbers() {
        let sorted = [
            f64::NEG_INFINITY,
            -f64::MAX,
            -1.5,
            -1e-308,
            -5e-324,
            0.0,
            5e-324,
            1e-308,
            1.5,
            f64::MAX,
            f64::INFINITY,
        ];
        for pair in sorted.windows(2) {
            assert!(of(pair[0]) < of(pair[1]), "{pair:?}");
        }
        for x in sorted {
            assert_eq!(value(of(x)).to_bits(), x.to_bits());
        }
        assert_eq!(of(-0.0), of(0.0));
        assert!(of(f64::INFINITY) < BEYOND);
    }
}
