use super::{LANE, Packed, Work, widest};
use crate::real::Real;

/// A body for each row `m` below `M` and each panel `p` below `P`, at most 8 of either, written out:
/// a loop that the compiler may or may not unroll would keep the sums in memory, not in registers.
macro_rules! unrolled {
    ($M:ident, $P:ident, |$m:ident, $p:ident| $body:expr) => {{
        unrolled!(@panel $M, $P, $m, $p, $body, 0);
        unrolled!(@panel $M, $P, $m, $p, $body, 1);
        unrolled!(@panel $M, $P, $m, $p, $body, 2);
        unrolled!(@panel $M, $P, $m, $p, $body, 3);
        unrolled!(@panel $M, $P, $m, $p, $body, 4);
        unrolled!(@panel $M, $P, $m, $p, $body, 5);
        unrolled!(@panel $M, $P, $m, $p, $body, 6);
        unrolled!(@panel $M, $P, $m, $p, $body, 7);
    }};
    (@panel $M:ident, $P:ident, $m:ident, $p:ident, $body:expr, $panel:literal) => {
        if $panel < $P {
            let $p = $panel;
            unrolled!(@row $M, $m, $body, 0);
            unrolled!(@row $M, $m, $body, 1);
            unrolled!(@row $M, $m, $body, 2);
            unrolled!(@row $M, $m, $body, 3);
            unrolled!(@row $M, $m, $body, 4);
            unrolled!(@row $M, $m, $body, 5);
            unrolled!(@row $M, $m, $body, 6);
            unrolled!(@row $M, $m, $body, 7);
        }
    };
    (@row $M:ident, $m:ident, $body:expr, $row:literal) => {
        if $row < $M {
            let $m = $row;
            $body;
        }
    };
}

/// The left side of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left<'a, T> {
    /// Row `r` starts at `r * stride`.
    Rows(&'a [T], usize),
    /// The transpose of such a matrix.
    Transposed(&'a [T], usize),
}

/// What the product is added to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start<'a, T> {
    Zero,
    /// The same numbers for each row, padded to whole lanes.
    Row(&'a [T]),
    /// What the output holds.
    Output,
}

/// `out = start + left * right` for `rows` rows of `left`; row `r` of the output starts at
/// `r * stride`. Where `stride` leaves room, padding is written too.
pub(crate) fn multiply<T: Real>(
    left: Left<'_, T>,
    rows: usize,
    right: &Packed<T>,
    start: Start<'_, T>,
    out: &mut [T],
    stride: usize,
) {
    widest(Multiply {
        left,
        rows,
        right,
        start,
        out,
        stride,
    });
}

struct Multiply<'a, T: Real> {
    left: Left<'a, T>,
    rows: usize,
    right: &'a Packed<T>,
    start: Start<'a, T>,
    out: &'a mut [T],
    stride: usize,
}

impl<T: Real> Work for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<const FUSED: bool, const WIDTH: usize>(self) {
        match (WIDTH, self.left) {
            (16, Left::Rows(..)) => self.tiles::<FUSED, false, 8, 1, 8>(),
            (16, Left::Transposed(..)) => self.tiles::<FUSED, true, 8, 1, 8>(),
            (8, Left::Rows(..)) => self.tiles::<FUSED, false, 6, 1, 6>(),
            (8, Left::Transposed(..)) => self.tiles::<FUSED, true, 6, 1, 6>(),
            (_, Left::Rows(..)) => self.tiles::<FUSED, false, 2, 1, 2>(),
            (_, Left::Transposed(..)) => self.tiles::<FUSED, true, 2, 1, 2>(),
        }
    }
}

impl<T: Real> Multiply<'_, T> {
    /// Tiles of `M` rows and `P` panels, or of one row and at most `Q` panels.
    #[inline(always)]
    fn tiles<
        const FUSED: bool,
        const TRANSPOSED: bool,
        const M: usize,
        const P: usize,
        const Q: usize,
    >(
        mut self,
    ) {
        let panels = self.right.columns().div_ceil(LANE);
        let mut row = 0;
        while row + M <= self.rows {
            let mut panel = 0;
            while panel + P <= panels {
                self.tile::<FUSED, TRANSPOSED, M, P>(row, panel);
                panel += P;
            }
            while panel < panels {
                self.tile::<FUSED, TRANSPOSED, M, 1>(row, panel);
                panel += 1;
            }
            row += M;
        }
        // Two rows at a time, then one by as many panels as there are registers.
        while row + 2 <= self.rows {
            self.line::<FUSED, TRANSPOSED, 2>(row, panels, Q / 2);
            row += 2;
        }
        if row < self.rows {
            self.line::<FUSED, TRANSPOSED, 1>(row, panels, Q);
        }
    }

    /// `M` rows by all panels, in groups of like size of at most `most`.
    #[inline(always)]
    fn line<const FUSED: bool, const TRANSPOSED: bool, const M: usize>(
        &mut self,
        row: usize,
        panels: usize,
        most: usize,
    ) {
        let groups = panels.div_ceil(most.max(1)).max(1);
        let size = panels.div_ceil(groups);
        let mut panel = 0;
        while panel < panels {
            let count = size.min(panels - panel);
            match count {
                1 => self.tile::<FUSED, TRANSPOSED, M, 1>(row, panel),
                2 => self.tile::<FUSED, TRANSPOSED, M, 2>(row, panel),
                3 => self.tile::<FUSED, TRANSPOSED, M, 3>(row, panel),
                4 => self.tile::<FUSED, TRANSPOSED, M, 4>(row, panel),
                5 => self.tile::<FUSED, TRANSPOSED, M, 5>(row, panel),
                6 => self.tile::<FUSED, TRANSPOSED, M, 6>(row, panel),
                7 => self.tile::<FUSED, TRANSPOSED, M, 7>(row, panel),
                _ => self.tile::<FUSED, TRANSPOSED, M, 8>(row, panel),
            }
            panel += count;
        }
    }

    #[inline(always)]
    fn tile<const FUSED: bool, const TRANSPOSED: bool, const M: usize, const P: usize>(
        &mut self,
        row: usize,
        panel: usize,
    ) {
        if (panel + P) * LANE <= self.stride {
            self.sums::<FUSED, TRANSPOSED, true, M, P>(row, panel);
        } else {
            self.sums::<FUSED, TRANSPOSED, false, M, P>(row, panel);
        }
    }

    /// `WHOLE`: every lane of the output is there; otherwise the last one is cut off.
    #[inline(always)]
    #[allow(
        clippy::indexing_slicing,
        clippy::needless_range_loop,
        reason = "slices are cut to their length before the loop, so that its checks vanish"
    )]
    fn sums<
        const FUSED: bool,
        const TRANSPOSED: bool,
        const WHOLE: bool,
        const M: usize,
        const P: usize,
    >(
        &mut self,
        row: usize,
        panel: usize,
    ) {
        let (depth, stride) = (self.right.rows(), self.stride);
        let lanes = self.right.panels();
        let sides: [&[[T; LANE]]; P] =
            std::array::from_fn(|p| &lanes[(panel + p) * depth..(panel + p + 1) * depth]);
        // The columns of the output that are there, of the last panel.
        let width = LANE.min(stride.saturating_sub((panel + P - 1) * LANE));
        let from = row * stride + panel * LANE;
        let to = from + (M - 1) * stride + (P - 1) * LANE + width;
        let out = &mut self.out[from..to];
        let mut sums = [[[T::ZERO; LANE]; P]; M];
        match self.start {
            Start::Zero => {}
            Start::Row(values) => {
                let values = values[panel * LANE..(panel + P) * LANE].as_chunks().0;
                unrolled!(M, P, |m, p| sums[m][p] = values[p]);
            }
            Start::Output => unrolled!(M, P, |m, p| {
                let at = m * stride + p * LANE;
                if WHOLE || p + 1 < P {
                    sums[m][p].copy_from_slice(&out[at..at + LANE]);
                } else {
                    sums[m][p][..width].copy_from_slice(&out[at..at + width]);
                }
            }),
        }
        match self.left {
            Left::Rows(values, stride) => {
                let lines: [&[T]; M] = std::array::from_fn(|m| {
                    let from = (row + m) * stride;
                    &values[from..from + depth]
                });
                for k in 0..depth {
                    let factors: [T; M] = std::array::from_fn(|m| lines[m][k]);
                    step::<T, FUSED, M, P>(&factors, &sides, k, &mut sums);
                }
            }
            Left::Transposed(values, stride) => {
                for k in 0..depth {
                    let from = k * stride + row;
                    let factors = &values[from..from + M];
                    let factors: [T; M] = std::array::from_fn(|m| factors[m]);
                    step::<T, FUSED, M, P>(&factors, &sides, k, &mut sums);
                }
            }
        }
        unrolled!(M, P, |m, p| {
            let at = m * stride + p * LANE;
            if WHOLE || p + 1 < P {
                out[at..at + LANE].copy_from_slice(&sums[m][p]);
            } else {
                out[at..at + width].copy_from_slice(&sums[m][p][..width]);
            }
        });
    }
}

#[inline(always)]
#[allow(
    clippy::indexing_slicing,
    reason = "every side is as long as the loop over `k`, the rest are arrays"
)]
fn step<T: Real, const FUSED: bool, const M: usize, const P: usize>(
    factors: &[T; M],
    sides: &[&[[T; LANE]]; P],
    k: usize,
    sums: &mut [[[T; LANE]; P]; M],
) {
    unrolled!(M, P, |m, p| {
        let (side, factor, sum) = (&sides[p][k], factors[m], &mut sums[m][p]);
        for j in 0..LANE {
            sum[j] = factor.times_plus::<FUSED>(side[j], sum[j]);
        }
    });
}
