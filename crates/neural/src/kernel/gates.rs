use super::{Work, padded, widest};
use crate::Activation;
use crate::real::Real;

/// Applies `activation` to each number.
pub(crate) fn activate<T: Real>(activation: Activation, values: &mut [T]) {
    if activation != Activation::Linear {
        widest(Activate { activation, values });
    }
}

struct Activate<'a, T> {
    activation: Activation,
    values: &'a mut [T],
}

impl<T: Real> Work for Activate<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const WIDTH: usize>(self) {
        // Plain loops over all numbers: of a loop over lanes, or with a closure for the function, the
        // compiler makes gathers and scatters, or no vector instructions at all.
        match self.activation {
            Activation::Linear => {}
            Activation::Relu => {
                for value in self.values {
                    *value = value.largest(T::ZERO);
                }
            }
            Activation::Sigmoid => {
                for value in self.values {
                    *value = value.sigmoid::<FUSED>();
                }
            }
            Activation::Tanh => {
                for value in self.values {
                    *value = value.tanh::<FUSED>();
                }
            }
        }
    }
}

/// The numbers of a row of gates: all of them in whole lanes, and a lane more where the last gate
/// is read as whole lanes.
pub(crate) const fn gate_stride(gates: usize, units: usize) -> usize {
    let (all, read) = (gates * units, (gates - 1) * units + padded(units));
    padded(if all > read { all } else { read })
}

/// Two for the columns of the gate with the hyperbolic tangent, one for those with the logistic
/// function: `tanh(x) = 2 s(2x) - 1`, so that one loop serves all four gates.
pub(crate) fn lstm_factors<T: Real>(units: usize) -> impl Iterator<Item = T> {
    let factor = move |column| {
        if (2 * units..3 * units).contains(&column) {
            T::ONE + T::ONE
        } else {
            T::ONE
        }
    };
    (0..gate_stride(4, units)).map(factor)
}

/// One step of an LSTM for several rows, in place: `gates` holds the weighted sums and then the
/// gates, `cells` the cell state before and then after; `squashed` gets its hyperbolic tangent and
/// `hidden` the hidden state.
pub(crate) struct LstmStep<'a, T> {
    pub(crate) units: usize,
    pub(crate) factors: &'a [T],
    pub(crate) gates: &'a mut [T],
    pub(crate) cells: &'a mut [T],
    pub(crate) squashed: &'a mut [T],
    pub(crate) hidden: &'a mut [T],
}

impl<T: Real> LstmStep<'_, T> {
    pub(crate) fn take(self) {
        widest(self);
    }
}

impl<T: Real> Work for LstmStep<'_, T> {
    type Output = ();

    #[inline(always)]
    #[allow(
        clippy::indexing_slicing,
        clippy::many_single_char_names,
        reason = "slices are cut to the loop's length, and named as in the formula"
    )]
    fn run<const FUSED: bool, const WIDTH: usize>(self) {
        let (stride, width, units) = (self.factors.len(), padded(self.units), self.units);
        let rows = self.gates.chunks_exact_mut(stride);
        let cells = self.cells.chunks_exact_mut(width);
        let squashed = self.squashed.chunks_exact_mut(width);
        let hidden = self.hidden.chunks_exact_mut(width);
        for (((gates, c), s), h) in rows.zip(cells).zip(squashed).zip(hidden) {
            for (x, &m) in gates.iter_mut().zip(self.factors) {
                *x = m * (m * *x).sigmoid::<FUSED>() - (m - T::ONE);
            }
            // Whole lanes of each gate; what is behind the last unit is of no use.
            let gate = |gate: usize| &gates[gate * units..gate * units + width];
            let (i, f, g, o) = (gate(0), gate(1), gate(2), gate(3));
            let (c, s, h) = (&mut c[..width], &mut s[..width], &mut h[..width]);
            for j in 0..width {
                c[j] = f[j].times_plus::<FUSED>(c[j], i[j] * g[j]);
                s[j] = c[j].tanh::<FUSED>();
                h[j] = o[j] * s[j];
            }
        }
    }
}

/// One for the columns of the gates with the logistic function, zero for the others.
pub(crate) fn gru_factors<T: Real>(units: usize) -> impl Iterator<Item = T> {
    let factor = move |column| if column < 2 * units { T::ONE } else { T::ZERO };
    (0..gate_stride(3, units)).map(factor)
}

/// One step of a GRU for several rows, in place: `gates` holds `W x + b` and then the gates,
/// `recurrent` holds `U h + d`, `hidden` the hidden state before and then after; `new` gets the gate
/// `n` once more.
pub(crate) struct GruStep<'a, T> {
    pub(crate) units: usize,
    pub(crate) factors: &'a [T],
    pub(crate) gates: &'a mut [T],
    pub(crate) recurrent: &'a [T],
    pub(crate) new: &'a mut [T],
    pub(crate) hidden: &'a mut [T],
}

impl<T: Real> GruStep<'_, T> {
    pub(crate) fn take(self) {
        widest(self);
    }
}

impl<T: Real> Work for GruStep<'_, T> {
    type Output = ();

    #[inline(always)]
    #[allow(
        clippy::indexing_slicing,
        clippy::many_single_char_names,
        reason = "slices are cut to the loop's length, and named as in the formula"
    )]
    fn run<const FUSED: bool, const WIDTH: usize>(self) {
        let (stride, width, units) = (self.factors.len(), padded(self.units), self.units);
        let rows = self.gates.chunks_exact_mut(stride);
        let recurrent = self.recurrent.chunks_exact(stride);
        let new = self.new.chunks_exact_mut(width);
        let hidden = self.hidden.chunks_exact_mut(width);
        for (((gates, recurrent), n), h) in rows.zip(recurrent).zip(new).zip(hidden) {
            for ((x, &u), &m) in gates.iter_mut().zip(recurrent).zip(self.factors) {
                *x = m * (*x + u).sigmoid::<FUSED>() + (T::ONE - m) * *x;
            }
            // Whole lanes of each gate; what is behind the last unit is of no use.
            let gate = |gate: usize| &gates[gate * units..gate * units + width];
            let (r, z, x) = (gate(0), gate(1), gate(2));
            let u = &recurrent[2 * units..2 * units + width];
            let (n, h) = (&mut n[..width], &mut h[..width]);
            for j in 0..width {
                n[j] = r[j].times_plus::<FUSED>(u[j], x[j]).tanh::<FUSED>();
                h[j] = z[j].times_plus::<FUSED>(h[j] - n[j], n[j]);
            }
            gates[2 * units..3 * units].copy_from_slice(&n[..units]);
        }
    }
}
