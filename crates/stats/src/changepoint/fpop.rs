use super::cost::{MeanSums, Sums as _};
use super::pelt::breakpoints;

/// As [`pelt`](super::pelt::pelt) for the sum of squares about the mean, with pruning that works
/// without changes too.
///
/// The least cost of the values to `t` when the last segment started at `s` and has the level `u` is
/// a parabola in `u`, `F(s) + penalty + squares + n (u - mean)^2`. A start stays only while its
/// parabola is the lowest somewhere: where another is below, it stays below, since both take in the
/// same points. Starts closer than `min_size` wait before they join.
///
/// Cost: O(n) times the number of parabolas in the lower envelope, which is a few dozen at most on
/// common data (O(n^2) in the worst case), and O(`n * min_size`); memory O(n).
///
/// Source: Maidstone et al. 2017, <https://doi.org/10.1007/s11222-016-9636-3>.
pub(super) fn fpop(values: &[f64], penalty: f64, min_size: usize) -> Vec<usize> {
    let n = values.len();
    let range = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| {
            (low.min(x), high.max(x))
        });
    if range.0 >= range.1 {
        return Vec::new();
    }
    let mut best = vec![f64::INFINITY; n + 1];
    let mut last = vec![0; n + 1];
    if let Some(nothing) = best.first_mut() {
        *nothing = -penalty;
    }
    let mut envelope = Envelope::new(range);
    for (i, &x) in values.iter().enumerate() {
        let end = i + 1;
        envelope.push(x);
        let Some(start) = end.checked_sub(min_size) else {
            continue;
        };
        let before = best.get(start).copied().unwrap_or(f64::INFINITY);
        if before < f64::INFINITY {
            let segment = values.get(start..end).unwrap_or_default();
            envelope.insert(Parabola::of(start, before + penalty, segment));
        }
        let (least, start) = envelope.least();
        if let (Some(best), Some(last)) = (best.get_mut(end), last.get_mut(end)) {
            (*best, *last) = (least, start);
        }
    }
    breakpoints(&last)
}

/// The least cost of everything as a function of the level of the last segment.
#[derive(Debug, Clone, Copy)]
struct Parabola {
    start: usize,
    n: f64,
    mean: f64,
    least: f64,
    /// Whether a piece of the envelope is of it.
    used: bool,
}

impl Parabola {
    fn of(start: usize, before: f64, segment: &[f64]) -> Self {
        let mut values = segment.iter().copied();
        let mut sums = MeanSums::new(values.next().unwrap_or(0.0));
        let mut n = 1.0;
        for x in values {
            n += 1.0;
            sums.push(x, n);
        }
        Self {
            start,
            n,
            mean: sums.mean(),
            least: before + sums.cost(n),
            used: false,
        }
    }

    #[inline]
    fn push(&mut self, x: f64) {
        let d = x - self.mean;
        self.n += 1.0;
        self.mean += d / self.n;
        self.least += d * (x - self.mean);
    }

    /// The levels between which `self`, the longer segment, is below `other`.
    fn below(&self, other: &Self) -> Option<(f64, f64)> {
        let apart = other.mean - self.mean;
        let longer = self.n - other.n;
        let square = self.n * other.n * apart * apart + longer * (other.least - self.least);
        (square > 0.0).then(|| {
            let (center, reach) = (-other.n * apart / longer, square.sqrt() / longer);
            (self.mean + (center - reach), self.mean + (center + reach))
        })
    }
}

/// Up to which level a parabola is the lowest; the pieces before it end where it begins.
#[derive(Debug, Clone, Copy)]
struct Piece {
    to: f64,
    parabola: usize,
}

/// The lowest of all parabolas, level by level.
#[derive(Debug)]
struct Envelope {
    range: (f64, f64),
    parabolas: Vec<Parabola>,
    pieces: Vec<Piece>,
    /// The pieces of the next step, and where each parabola moves to.
    next: Vec<Piece>,
    moved: Vec<usize>,
}

impl Envelope {
    const fn new(range: (f64, f64)) -> Self {
        Self {
            range,
            parabolas: Vec::new(),
            pieces: Vec::new(),
            next: Vec::new(),
            moved: Vec::new(),
        }
    }

    fn push(&mut self, x: f64) {
        for parabola in &mut self.parabolas {
            parabola.push(x);
        }
    }

    /// The lowest point and the start that it belongs to; the earliest of equal ones.
    fn least(&self) -> (f64, usize) {
        let least = |best: (f64, usize), p: &Parabola| {
            if p.least < best.0 {
                (p.least, p.start)
            } else {
                best
            }
        };
        self.parabolas.iter().fold((f64::INFINITY, 0), least)
    }

    /// Adds the parabola of the shortest segment.
    fn insert(&mut self, new: Parabola) {
        let index = self.parabolas.len();
        self.parabolas.push(new);
        self.next.clear();
        let mut from = self.range.0;
        for &Piece { to, parabola } in &self.pieces {
            let old = self.parabolas.get(parabola).and_then(|old| old.below(&new));
            let (low, high) = old.unwrap_or((to, to));
            // Up to `low` and from `high` on the new one is below.
            for (to, parabola) in [
                (low.clamp(from, to), index),
                (high.clamp(from, to), parabola),
                (to, index),
            ] {
                if to > from {
                    Self::extend(&mut self.next, Piece { to, parabola });
                    from = to;
                }
            }
        }
        if self.pieces.is_empty() {
            self.next.push(Piece {
                to: self.range.1,
                parabola: index,
            });
        }
        std::mem::swap(&mut self.pieces, &mut self.next);
        self.let_go();
    }

    fn extend(pieces: &mut Vec<Piece>, piece: Piece) {
        match pieces.last_mut() {
            Some(last) if last.parabola == piece.parabola => last.to = piece.to,
            _ => pieces.push(piece),
        }
    }

    /// Removes the parabolas that are nowhere the lowest.
    fn let_go(&mut self) {
        for parabola in &mut self.parabolas {
            parabola.used = false;
        }
        for piece in &self.pieces {
            if let Some(parabola) = self.parabolas.get_mut(piece.parabola) {
                parabola.used = true;
            }
        }
        let mut kept = 0;
        self.moved.clear();
        self.moved.extend(self.parabolas.iter().map(|parabola| {
            let place = kept;
            kept += usize::from(parabola.used);
            place
        }));
        self.parabolas.retain(|parabola| parabola.used);
        for piece in &mut self.pieces {
            piece.parabola = self.moved.get(piece.parabola).copied().unwrap_or(0);
        }
    }
}
