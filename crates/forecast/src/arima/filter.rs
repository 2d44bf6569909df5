//! The two filters of an ARMA process, by the few lags of their polynomials.

/// A lag polynomial by the lags whose coefficient can differ from 0.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sparse {
    lags: Vec<usize>,
    coefficients: Vec<f64>,
}

impl Sparse {
    pub(crate) const fn new(lags: Vec<usize>) -> Self {
        Self {
            lags,
            coefficients: Vec::new(),
        }
    }

    /// Takes the coefficients from all of them, of lags 1 and up.
    pub(crate) fn set(&mut self, all: &[f64]) {
        let at = |&lag: &usize| all.get(lag.wrapping_sub(1)).copied().unwrap_or(0.0);
        self.coefficients.clear();
        self.coefficients.extend(self.lags.iter().map(at));
    }

    pub(crate) fn lags(&self) -> &[usize] {
        &self.lags
    }

    /// The largest lag, 0 without one.
    pub(crate) fn reach(&self) -> usize {
        self.lags.last().copied().unwrap_or(0)
    }

    /// `out = w - sum c_k B^k w`, with zeros before the start.
    pub(crate) fn apply(&self, w: &[f64], out: &mut [f64]) {
        out.copy_from_slice(w);
        for (&lag, &c) in self.lags.iter().zip(&self.coefficients) {
            let (_, later) = out.split_at_mut(lag.min(w.len()));
            for (slot, earlier) in later.iter_mut().zip(w) {
                *slot -= c * earlier;
            }
        }
    }

    /// Divides by `1 + sum c_k B^k` in place: `e_t = z_t - sum c_k e_(t-k)`. `buffer` starts with
    /// as many zeros as the largest lag.
    pub(crate) fn divide(&self, buffer: &mut [f64]) {
        let dense = self.reach() == self.lags.len();
        match *self.coefficients.as_slice() {
            [] => {}
            [a] if dense => divide_dense(buffer, [a]),
            [a, b] if dense => divide_dense(buffer, [a, b]),
            [a, b, c] if dense => divide_dense(buffer, [a, b, c]),
            [a, b, c, d] if dense => divide_dense(buffer, [a, b, c, d]),
            [a, b, c, d, e] if dense => divide_dense(buffer, [a, b, c, d, e]),
            _ => self.divide_sparse(buffer),
        }
    }

    #[allow(
        clippy::indexing_slicing,
        reason = "t runs from the largest lag, so that t - lag is inside"
    )]
    fn divide_sparse(&self, buffer: &mut [f64]) {
        for t in self.reach()..buffer.len() {
            let mut sum = buffer[t];
            // The nearest lag last: only it waits for the value before.
            for (&lag, &c) in self.lags.iter().zip(&self.coefficients).rev() {
                sum -= c * buffer[t - lag];
            }
            buffer[t] = sum;
        }
    }

    /// As [`Self::divide`], going on where the first `done` values are results already.
    pub(crate) fn divide_on(&self, buffer: &mut [f64], done: usize) {
        debug_assert!(done >= self.reach(), "the results before are needed");
        self.divide_sparse(buffer);
    }

    /// Divides the values by `1 + sum c_k F^k` with the forward shift `F`: `out` gets the largest
    /// lag of zeros, then the results with the last moment first.
    pub(crate) fn divide_backward(&self, values: &[f64], out: &mut Vec<f64>) {
        out.clear();
        out.resize(self.reach(), 0.0);
        out.extend(values.iter().rev());
        self.divide(out);
    }
}

/// The values stay in registers, the nearest last.
fn divide_dense<const N: usize>(buffer: &mut [f64], coefficients: [f64; N]) {
    let mut history = [0.0; N];
    for slot in buffer.iter_mut().skip(N) {
        let mut sum = *slot;
        for (c, h) in coefficients.iter().zip(&history).rev() {
            sum -= c * h;
        }
        *slot = sum;
        history.rotate_right(1);
        if let Some(first) = history.first_mut() {
            *first = sum;
        }
    }
}

/// The sum of products, in four sums that do not wait for each other.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (fours, rest) = a.as_chunks::<4>();
    let (others, other_rest) = b.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (a, b) in fours.iter().zip(others) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let done = fours.len().min(others.len()) * 4;
    let tail: f64 = if fours.len() == others.len() {
        rest.iter().zip(other_rest).map(|(a, b)| a * b).sum()
    } else {
        a.iter()
            .skip(done)
            .zip(b.iter().skip(done))
            .map(|(a, b)| a * b)
            .sum()
    };
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dividing_undoes_multiplying() {
        for lags in [vec![1], vec![1, 2], vec![1, 2, 3, 4, 5], vec![2, 5, 7]] {
            let reach = lags[lags.len() - 1];
            let mut polynomial = Sparse::new(lags);
            let all: Vec<f64> = (0..reach).map(|i| 0.3 / (i + 1) as f64).collect();
            polynomial.set(&all);
            let values: Vec<f64> = (0..20).map(|i| f64::from(i * i % 7)).collect();
            let mut buffer = vec![0.0; reach];
            buffer.extend_from_slice(&values);
            polynomial.divide(&mut buffer);
            let mut negative = polynomial.clone();
            negative.coefficients.iter_mut().for_each(|c| *c = -*c);
            let mut back = vec![0.0; 20];
            negative.apply(&buffer[reach..], &mut back);
            for (a, b) in back.iter().zip(&values) {
                assert!((a - b).abs() < 1e-12);
            }
        }
        assert_eq!(dot(&[1.0; 9], &[2.0; 6]), 12.0);
    }
}
