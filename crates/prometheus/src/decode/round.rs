//! Correct rounding of up to 19 digits divided by a power of ten, after D. Lemire, "Number parsing
//! at a gigabyte per second", Software: Practice and Experience 51 (2021),
//! <https://doi.org/10.1002/spe.2984>.

/// The largest power of five whose reciprocal decides every rounding without a further check.
const MAX_POWER: usize = 27;

/// Stored bits of an `f64`'s fraction.
const FRACTION_BITS: u32 = 52;

/// `2^(z + 127) / 5^k + 1` for k = 0 to 27, where z is the number of bits of `5^k`: the reciprocals
/// of the powers of five, with their highest bit set.
static RECIPROCALS: [u128; MAX_POWER + 1] = {
    let mut table = [0; MAX_POWER + 1];
    let mut power = 0;
    let mut k = 0;
    while power <= MAX_POWER {
        // Indices are constants here: one out of range would not compile.
        #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            table[power] = reciprocal(5_u128.pow(k));
        }
        power += 1;
        k += 1;
    }
    table
};

const fn reciprocal(divisor: u128) -> u128 {
    let mut bits = 0;
    while (1 << bits) < divisor {
        bits += 1;
    }
    // Long division of 1 and bits + 127 zeros.
    let (mut quotient, mut remainder, mut i) = (0_u128, 1_u128, 0);
    while i < bits + 127 {
        remainder <<= 1;
        quotient <<= 1;
        if remainder >= divisor {
            remainder -= divisor;
            quotient |= 1;
        }
        i += 1;
    }
    quotient + 1
}

/// `mantissa * 10^exponent`, correctly rounded; `None` when `exponent` is not in -27..=-1 or
/// `mantissa` is 0.
#[inline]
pub(crate) fn quotient(mantissa: u64, exponent: i32) -> Option<f64> {
    if mantissa == 0 || exponent >= 0 {
        return None;
    }
    let reciprocal = *RECIPROCALS.get(exponent.unsigned_abs() as usize)?;
    let zeros = mantissa.leading_zeros();
    let (low, high) = product(mantissa << zeros, reciprocal);
    let upper_bit = (high >> 63) as u32;
    let shift = upper_bit + 64 - FRACTION_BITS - 3;
    let mut significand = high >> shift;
    // Exactly halfway goes to the even neighbour; only small powers of ten can be exact.
    if low <= 1 && exponent >= -4 && significand & 3 == 1 && significand << shift == high {
        significand &= !1;
    }
    significand = (significand + (significand & 1)) >> 1;
    // floor(exponent * log2(10)), the exponent of the result before normalisation.
    let mut power = ((exponent * 217_706) >> 16) + 63 + upper_bit as i32 - zeros as i32 + 1_023;
    if significand >= 2 << FRACTION_BITS {
        significand = 1 << FRACTION_BITS;
        power += 1;
    }
    // 10^-27 at the least: never subnormal, never infinite.
    let power = u64::try_from(power).ok()?;
    let fraction = significand & !(1 << FRACTION_BITS);
    Some(f64::from_bits(fraction | power << FRACTION_BITS))
}

/// The upper 128 of the 192 bits of `factor * reciprocal`, as far as rounding needs them.
#[inline]
fn product(factor: u64, reciprocal: u128) -> (u64, u64) {
    const UNSURE: u64 = u64::MAX >> (FRACTION_BITS + 3);
    let wide = u128::from(factor) * (reciprocal >> 64);
    let (mut low, mut high) = (wide as u64, (wide >> 64) as u64);
    if high & UNSURE == UNSURE {
        let below = (u128::from(factor) * u128::from(reciprocal as u64)) >> 64;
        let (sum, carry) = low.overflowing_add(below as u64);
        low = sum;
        high = high.wrapping_add(u64::from(carry));
    }
    (low, high)
}
