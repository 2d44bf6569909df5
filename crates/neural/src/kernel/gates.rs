use super::{LANE, Work, padded, widest};
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
        let (lanes, _) = self.values.as_chunks_mut::<LANE>();
        // One loop each: a closure for the function would not become vector instructions.
        match self.activation {
            Activation::Linear => {}
            Activation::Relu => {
                for lane in lanes {
                    for value in lane {
                        *value = value.largest(T::ZERO);
                    }
                }
            }
            Activation::Sigmoid => {
                for lane in lanes {
                    for value in lane {
                        *value = value.sigmoid::<FUSED>();
                    }
                }
            }
            Activation::Tanh => {
                for lane in lanes {
                    for value in lane {
                        *value = value.tanh::<FUSED>();
                    }
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
        reason = "all are arrays of the loop's length"
    )]
    fn run<const FUSED: bool, const WIDTH: usize>(self) {
        let (stride, width, units) = (self.factors.len(), padded(self.units), self.units);
        let (factors, _) = self.factors.as_chunks::<LANE>();
        let rows = self.gates.chunks_exact_mut(stride);
        let cells = self.cells.chunks_exact_mut(width);
        let squashed = self.squashed.chunks_exact_mut(width);
        let hidden = self.hidden.chunks_exact_mut(width);
        for (((gates, cells), squashed), hidden) in rows.zip(cells).zip(squashed).zip(hidden) {
            let (lanes, _) = gates.as_chunks_mut::<LANE>();
            for (lane, factors) in lanes.iter_mut().zip(factors) {
                for (x, &m) in lane.iter_mut().zip(factors) {
                    *x = m * (m * *x).sigmoid::<FUSED>() - (m - T::ONE);
                }
            }
            let lanes = |gate: usize| {
                let from = gate * units;
                let gate = gates.get(from..from + width).unwrap_or_default();
                gate.as_chunks::<LANE>().0
            };
            let (input, forget, new, output) = (lanes(0), lanes(1), lanes(2), lanes(3));
            let cells = cells.as_chunks_mut::<LANE>().0;
            let squashed = squashed.as_chunks_mut::<LANE>().0;
            let hidden = hidden.as_chunks_mut::<LANE>().0;
            let gates = input.iter().zip(forget).zip(new).zip(output);
            let states = cells.iter_mut().zip(squashed).zip(hidden);
            for ((((i, f), g), o), ((c, s), h)) in gates.zip(states) {
                for j in 0..LANE {
                    c[j] = f[j].times_plus::<FUSED>(c[j], i[j] * g[j]);
                    s[j] = c[j].tanh::<FUSED>();
                    h[j] = o[j] * s[j];
                }
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
/// `recurrent` holds `U h + d`, `hidden` the hidden state before and then after.
pub(crate) struct GruStep<'a, T> {
    pub(crate) units: usize,
    pub(crate) factors: &'a [T],
    pub(crate) gates: &'a mut [T],
    pub(crate) recurrent: &'a [T],
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
        reason = "rows are cut to the stride, which has room for every lane that is read"
    )]
    fn run<const FUSED: bool, const WIDTH: usize>(self) {
        let (stride, width, units) = (self.factors.len(), padded(self.units), self.units);
        let rows = self.gates.chunks_exact_mut(stride);
        let recurrent = self.recurrent.chunks_exact(stride);
        let hidden = self.hidden.chunks_exact_mut(width);
        for ((gates, recurrent), hidden) in rows.zip(recurrent).zip(hidden) {
            for ((x, &u), &m) in gates.iter_mut().zip(recurrent).zip(self.factors) {
                *x = m * (*x + u).sigmoid::<FUSED>() + (T::ONE - m) * *x;
            }
            // What lies behind the last unit in a lane is of no use, and may be overwritten by it.
            for from in (0..width).step_by(LANE) {
                for j in from..from + LANE {
                    let n = (gates[2 * units + j] + gates[j] * recurrent[2 * units + j])
                        .tanh::<FUSED>();
                    let z = gates[units + j];
                    hidden[j] = n + z * (hidden[j] - n);
                    if j < units {
                        gates[2 * units + j] = n;
                    }
                }
            }
        }
    }
}
