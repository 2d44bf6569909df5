//! Tails of distributions, exact where only a small probability is left.
//!
//! Those of `statrs` 0.19 are not used: its error function is exact to 5e-11 only, and its Student t
//! loses digits with many degrees of freedom, to the difference of two large log-gammas.

use statrs::function::beta::checked_beta_reg;
use statrs::function::gamma::gamma_ur;

/// `1 / sqrt(2 pi)`.
const NORMAL_PEAK: f64 = 0.398_942_280_401_432_7;

/// The density of a standard normal at `z`.
pub(crate) fn normal_pdf(z: f64) -> f64 {
    NORMAL_PEAK * (-0.5 * z * z).exp()
}

/// From here on the continued fraction of the normal tail converges faster than the series.
const NORMAL_TAIL: f64 = 2.5;

/// The probability that a standard normal is above `z`.
///
/// `P(Z > z)`
///
/// - `z`: any number; NaN gives NaN.
///
/// Cost: at most about ninety terms of a series or a continued fraction.
///
/// Source: Abramowitz & Stegun 1964, 26.2.11 and 26.2.14; agrees with SciPy 1.17.1 `stats.norm.sf`.
///
/// ```
/// let p = bongsu_stats::special::normal_sf(1.959_963_984_540_054);
/// assert!((p - 0.025).abs() < 1e-16);
/// ```
#[must_use]
pub fn normal_sf(z: f64) -> f64 {
    if z.is_nan() {
        return f64::NAN;
    }
    if z < 0.0 {
        return 1.0 - normal_sf(-z);
    }
    if z > 40.0 {
        return 0.0;
    }
    if z < NORMAL_TAIL {
        // The series of the area between 0 and z, in which every term is positive.
        let (mut term, mut sum, mut odd) = (z, z, 1.0);
        while term > 1e-17 * sum {
            odd += 2.0;
            term *= z * z / odd;
            sum += term;
        }
        return 0.5 - normal_pdf(z) * sum;
    }
    // Laplace's continued fraction, from its far end.
    let terms = (8.0 + 500.0 / (z * z)) as u32;
    let tail = (1..=terms).rev().fold(z, |f, k| z + f64::from(k) / f);
    normal_pdf(z) / tail
}

/// What a standard normal is above with probability `p`.
///
/// `z` with `P(Z > z) = p`
///
/// - `p`: domain (0, 1); outside it the result is NaN.
///
/// Cost: two evaluations of the tail.
///
/// Source: Abramowitz & Stegun 1964, 26.2.23, and two steps of Halley's method; agrees with SciPy
/// 1.17.1 `stats.norm.isf`.
///
/// ```
/// let z = bongsu_stats::special::normal_isf(0.025);
/// assert!((z - 1.959_963_984_540_054).abs() < 1e-14);
/// ```
#[must_use]
pub fn normal_isf(p: f64) -> f64 {
    if !(p > 0.0 && p < 1.0) {
        return f64::NAN;
    }
    if p > 0.5 {
        return -normal_isf(1.0 - p);
    }
    // A rational approximation to 5e-4 (Abramowitz & Stegun 1964, 26.2.23), then two steps of
    // Halley's method, each of which triples the digits.
    let u = (-2.0 * p.ln()).sqrt();
    let above = 2.515_517 + u * (0.802_853 + u * 0.010_328);
    let below = 1.0 + u * (1.432_788 + u * (0.189_269 + u * 0.001_308));
    let start = (u - above / below).max(0.0);
    (0..2).fold(start, |z, _| {
        let newton = (normal_sf(z) - p) / normal_pdf(z);
        z + newton / (1.0 - 0.5 * z * newton)
    })
}

/// The probability that a chi-squared of `freedom` degrees is above `x`; 1 when `x` is not above 0.
pub(crate) fn chi_squared_sf(x: f64, freedom: f64) -> f64 {
    if x > 0.0 && x.is_finite() {
        gamma_ur(0.5 * freedom, 0.5 * x).clamp(0.0, 1.0)
    } else if x > 0.0 {
        0.0
    } else {
        1.0
    }
}

/// The probability that an F of `above` and `below` degrees of freedom, both above 0, is above `x`; 1
/// when `x` is not above 0.
pub(crate) fn f_sf(x: f64, above: f64, below: f64) -> f64 {
    if x > 0.0 && x.is_finite() {
        let share = below / (below + above * x);
        let tail = checked_beta_reg(0.5 * below, 0.5 * above, share.min(1.0));
        tail.unwrap_or(f64::NAN).clamp(0.0, 1.0)
    } else if x > 0.0 {
        0.0
    } else {
        1.0
    }
}

/// Above this many degrees of freedom, and for `t^2 / freedom` below [`NEARLY_NORMAL_SHARE`], the
/// expansion about the normal distribution is exact to 1e-11.
const NEARLY_NORMAL: f64 = 1000.0;
const NEARLY_NORMAL_SHARE: f64 = 1e-3;

/// The probability that a Student t of `freedom` degrees (above 0) is above `t`.
pub(crate) fn student_sf(t: f64, freedom: f64) -> f64 {
    if t < 0.0 {
        return 1.0 - student_sf(-t, freedom);
    }
    if t.is_infinite() {
        return 0.0;
    }
    let share = t * (t / freedom);
    if freedom > NEARLY_NORMAL && share < NEARLY_NORMAL_SHARE {
        return normal_sf(t * normal_ratio(t * t, freedom));
    }
    let (a, x) = (0.5 * freedom, 1.0 / (1.0 + share));
    if x < (a + 1.0) / (a + 2.5) {
        student_pdf(t, freedom) * (t / freedom) * beta_fraction(a, 0.5, x)
    } else {
        0.5 - student_pdf(t, freedom) * t * beta_fraction(0.5, a, share * x)
    }
}

/// What a Student t variable exceeds with probability `p`: for a two-sided interval of coverage
/// `c`, ask for `(1 - c) / 2`.
///
/// - `p`: a probability, domain (0, 1/2]; outside it the result is NaN.
/// - `freedom`: degrees of freedom, at least 1; below it the result is NaN.
///
/// Cost: a few dozen evaluations of the tail.
///
/// Source: Abramowitz & Stegun 1964, 26.7; agrees with SciPy 1.17.1 `stats.t.isf`.
///
/// ```
/// let t = bongsu_stats::special::student_isf(0.025, 10.0);
/// assert!((t - 2.228_138_851_986_274).abs() < 1e-12);
/// ```
#[must_use]
pub fn student_isf(p: f64, freedom: f64) -> f64 {
    if !(p > 0.0 && p <= 0.5 && freedom >= 1.0) {
        return f64::NAN;
    }
    if p == 0.5 {
        return 0.0;
    }
    let z = normal_isf(p);
    let t = z * student_ratio(z * z, freedom);
    if freedom > 200.0 && z * z < 0.025 * freedom {
        return t;
    }
    // ln P(T > e^u) bends downwards everywhere: Newton's steps come from the right after the first.
    let mut t = t.max(z);
    for _ in 0..100 {
        let tail = student_sf(t, freedom);
        let slope = student_pdf(t, freedom) * t / tail;
        let step = (tail / p).ln() / slope;
        if !step.is_finite() {
            break;
        }
        t *= step.clamp(-2.0, 2.0).exp();
        if step.abs() < 1e-15 {
            break;
        }
    }
    t
}

/// The normal deviate with the tail of `t`, over `t`; an expansion in `1 / freedom`.
///
/// Source: Abramowitz & Stegun 1964, 26.7.5 inverted.
fn normal_ratio(t2: f64, freedom: f64) -> f64 {
    let v = 1.0 / freedom;
    let first = -0.25 * (t2 + 1.0);
    let second = (t2 * (13.0 * t2 + 8.0) + 3.0) / 96.0;
    let third = -(t2 * (t2 * (35.0 * t2 + 19.0) + 1.0) - 15.0) / 384.0;
    1.0 + v * (first + v * (second + v * third))
}

/// The Student deviate with the tail of the normal `z`, over `z`; an expansion in `1 / freedom`.
///
/// Source: Abramowitz & Stegun 1964, 26.7.5.
fn student_ratio(z2: f64, freedom: f64) -> f64 {
    let v = 1.0 / freedom;
    let first = 0.25 * (z2 + 1.0);
    let second = (z2 * (5.0 * z2 + 16.0) + 3.0) / 96.0;
    let third = (z2 * (z2 * (3.0 * z2 + 19.0) + 17.0) - 15.0) / 384.0;
    let fourth = (z2 * (z2 * (z2 * (79.0 * z2 + 776.0) + 1482.0) - 1920.0) - 945.0) / 92_160.0;
    1.0 + v * (first + v * (second + v * (third + v * fourth)))
}

/// The density of a Student t of `freedom` degrees.
fn student_pdf(t: f64, freedom: f64) -> f64 {
    let power = -0.5 * (freedom + 1.0) * (t * (t / freedom)).ln_1p();
    half_gamma_ratio(0.5 * freedom) / (std::f64::consts::PI * freedom).sqrt() * power.exp()
}

/// `Gamma(a + 1/2) / Gamma(a)` for `a` above 0: recurrence up to 20, then the asymptotic series.
fn half_gamma_ratio(mut a: f64) -> f64 {
    let mut factor = 1.0;
    while a < 20.0 {
        factor *= a / (a + 0.5);
        a += 1.0;
    }
    let inverse = 1.0 / a;
    let square = inverse * inverse;
    let series =
        -0.125 + square * (1.0 / 192.0 + square * (-1.0 / 640.0 + square * 17.0 / 14_336.0));
    factor * a.sqrt() * (inverse * series).exp()
}

/// The continued fraction of the incomplete beta function: `I_x(a, b)` over
/// `x^a (1 - x)^b / (a B(a, b))`, for `x` below `(a + 1) / (a + b + 2)`; by the method of Lentz.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    let keep = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let (mut c, mut d) = (1.0, 1.0 / keep(1.0 - (a + b) * x / (a + 1.0)));
    let mut fraction = d;
    for m in 1..10_000 {
        let m = f64::from(m);
        let place = a + 2.0 * m;
        for term in [
            m * (b - m) * x / ((place - 1.0) * place),
            -(a + m) * (a + b + m) * x / (place * (place + 1.0)),
        ] {
            d = 1.0 / keep(1.0 + term * d);
            c = keep(1.0 + term / c);
            fraction *= c * d;
        }
        if (c * d - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close(ours: f64, theirs: f64) {
        assert!(
            (ours - theirs).abs() <= 1e-11 * theirs.abs(),
            "{ours} and {theirs}"
        );
    }

    /// Expected values are those of mpmath 1.3 at 40 digits.
    #[test]
    fn tails_are_exact() {
        for (t, freedom, p) in [
            (0.5, 1.0, 0.35241638234956674),
            (12.7, 1.0, 0.02501216384467208),
            (1000000.0, 1.5, 3.770852432013216e-10),
            (1.0, 4.0, 0.18695048315002943),
            (1.7, 7.25, 0.0657247092834783),
            (4.5, 30.0, 4.7596796960562346e-05),
            (-2.0, 9.0, 0.9617235881146495),
            (2.2, 999.0, 0.014017626963336008),
            (5.0, 1001.5, 3.3828012392648777e-07),
            (40.0, 5000.0, 4.207425235968186e-304),
            (1.2, 5000.0, 0.1150980975302089),
            (0.01, 3000.0, 0.49601097614003054),
            (9.0, 100000.0, 1.1477045025115785e-19),
            (5.5, 1000000.0, 1.899419056909024e-08),
            (3.0, 1000000000.0, 0.0013498980648689578),
        ] {
            assert_close(student_sf(t, freedom), p);
        }
        for (p, freedom, t) in [
            (0.4, 1.0, 0.32491969623290623),
            (1e-07, 1.0, 3183098.861837802),
            (0.05, 2.0, 2.9199855803537256),
            (0.00025, 5.0, 7.975653419040797),
            (1e-09, 12.5, 15.180120303021186),
            (2.5e-05, 998.0, 4.073422055284904),
            (2.5e-08, 2000.0, 5.472310924641299),
            (1e-12, 40000.0, 7.036703976396653),
            (2.5e-08, 999998.0, 5.451352299890441),
            (0.3, 30.0, 0.5300190039065045),
        ] {
            assert_close(student_isf(p, freedom), t);
        }
        for (x, freedom, p) in [
            (0.1, 1.0, 0.7518296340458492),
            (3.84, 1.0, 0.050043521248705106),
            (700.0, 2.0, 9.92959039626498e-153),
            (1e-05, 3.0, 0.9999999915895835),
            (5.0, 10.0, 0.8911780189141513),
            (40.0, 10.0, 1.6944743930067385e-05),
            (90.0, 100.0, 0.7531979655998298),
            (300.0, 100.0, 7.412100857322876e-22),
            (1050.0, 1000.0, 0.1324740568214771),
            (1500.0, 1000.0, 1.0454640385979658e-22),
        ] {
            assert_close(chi_squared_sf(x, freedom), p);
        }
        for (z, p) in [
            (-3.0, 0.9986501019683699),
            (0.1, 0.460172162722971),
            (1.0, 0.15865525393145705),
            (2.5, 0.006209665325776135),
            (6.0, 9.86587645037698e-10),
            (12.0, 1.776482112077679e-33),
            (30.0, 4.906713927148187e-198),
        ] {
            assert_close(normal_sf(z), p);
            assert_close(normal_isf(p), z);
        }
    }
}
