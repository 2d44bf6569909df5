use bongsu_core::{Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use crate::check;
use crate::random::split;

/// The most cells in a row, and the most rows.
const MAX_WIDTH: usize = 1 << 24;
const MAX_DEPTH: usize = 32;

/// How often each key of a stream came, from a table much smaller than the number of keys.
///
/// Every row counts a key in one cell, which a hash of its own chooses; `estimate(key)` is the least
/// of these cells. Only the cells that hold the least are raised (conservative update), which keeps
/// frequent keys out of the counts of rare ones.
///
/// Never below the true count, and with a probability of at least `1 - e^-depth` at most
/// `e / width * total` above it, for any one key.
///
/// Cost: O(depth) time a key; `8 * width * depth` bytes.
///
/// Source: Cormode, Muthukrishnan 2005, <https://doi.org/10.1016/j.jalgor.2003.12.001>; conservative
/// update: Estan, Varghese 2003, <https://doi.org/10.1145/859716.859719>; the hash is multiply-shift
/// with 128-bit factors, Dietzfelbinger 1996, <https://doi.org/10.1007/3-540-60922-9_46>.
///
/// ```
/// use bongsu_stream::sketch::CountMin;
/// let mut counts = CountMin::with_error(0.01, 0.01, 7)?;
/// for key in 0..10_000_u64 {
///     counts.add(key % 100, 1);
/// }
/// assert!((100..200).contains(&counts.estimate(42)));
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountMin {
    width: usize,
    depth: usize,
    seed: u64,
    total: u64,
    /// Row by row.
    cells: Vec<u64>,
}

impl CountMin {
    /// An empty table.
    ///
    /// - `width`: cells in a row. Domain: a power of two in [2, 16777216].
    /// - `depth`: rows. Domain: [1, 32].
    /// - `seed`: what the hashes depend on.
    ///
    /// # Errors
    /// When a parameter is outside its domain.
    pub fn new(width: usize, depth: usize, seed: u64) -> Result<Self> {
        domain(width, depth)?;
        Ok(Self {
            width,
            depth,
            seed,
            total: 0,
            cells: vec![0; width * depth],
        })
    }

    /// An empty table whose estimates are at most `error * total` too high, but for a share
    /// `failure` of the keys: width `e / error`, rounded up to a power of two, and depth
    /// `ln(1 / failure)`. Domain: both in (0, 1).
    ///
    /// # Errors
    /// When a parameter is outside its domain, or asks for more than 2^24 cells a row or 32 rows.
    pub fn with_error(error: f64, failure: f64, seed: u64) -> Result<Self> {
        check::open_unit("error", error)?;
        check::open_unit("failure", failure)?;
        let cells = (std::f64::consts::E / error).ceil();
        if cells > MAX_WIDTH as f64 {
            return Err(Error::parameter("error", error, "at least 1.7e-7"));
        }
        let rows = (-failure.ln()).ceil().max(1.0);
        if rows > MAX_DEPTH as f64 {
            return Err(Error::parameter("failure", failure, "at least 1.3e-14"));
        }
        Self::new((cells as usize).next_power_of_two(), rows as usize, seed)
    }

    /// Counts `key` another `count` times.
    pub fn add(&mut self, key: u64, count: u64) {
        let raised = self.estimate(key).saturating_add(count);
        self.total = self.total.saturating_add(count);
        let (width, seed) = (self.width, self.seed);
        for (row, cells) in self.cells.chunks_exact_mut(width).enumerate() {
            if let Some(cell) = cells.get_mut(place(key, seed, row, width)) {
                *cell = raised.max(*cell);
            }
        }
    }

    /// How often `key` came, or more.
    #[must_use]
    pub fn estimate(&self, key: u64) -> u64 {
        let rows = self.cells.chunks_exact(self.width).enumerate();
        let cell = |(row, cells): (usize, &[u64])| {
            let place = place(key, self.seed, row, self.width);
            cells.get(place).copied().unwrap_or(0)
        };
        rows.map(cell).min().unwrap_or(0)
    }

    /// Takes in everything that `other` has counted; the bound holds for the sum.
    ///
    /// # Errors
    /// When `other` has another width, depth or seed.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if (self.width, self.depth, self.seed) != (other.width, other.depth, other.seed) {
            return Err(Error::input(
                "only counts of the same width, depth and seed can be merged",
            ));
        }
        self.total = self.total.saturating_add(other.total);
        for (own, &theirs) in self.cells.iter_mut().zip(&other.cells) {
            *own = own.saturating_add(theirs);
        }
        Ok(())
    }

    /// How many keys were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }
}

fn domain(width: usize, depth: usize) -> Result<()> {
    if !width.is_power_of_two() || !(2..=MAX_WIDTH).contains(&width) {
        let domain = format!("a power of two in [2, {MAX_WIDTH}]");
        return Err(Error::parameter("width", width, domain));
    }
    check::count("depth", depth, 1, MAX_DEPTH).map(|_| ())
}

/// The cell of `key` in `row`: the highest bits of `a key + b` modulo 2^128.
fn place(key: u64, seed: u64, row: usize, width: usize) -> usize {
    let part = |index: u64| u128::from(split(seed, 4 * row as u64 + index));
    let a = (part(0) << 64) | part(1);
    let b = (part(2) << 64) | part(3);
    let hash = a.wrapping_mul(u128::from(key)).wrapping_add(b);
    (hash >> (128 - width.trailing_zeros())) as usize
}

impl Snapshot for CountMin {
    const KIND: &'static str = "stream.sketch.count_min";
    const VERSION: u16 = 1;

    fn validate(&self) -> Result<()> {
        domain(self.width, self.depth)?;
        let rows_hold_all = self.cells.chunks_exact(self.width).all(|row| {
            let sum = row
                .iter()
                .fold(0_u64, |sum, &cell| sum.saturating_add(cell));
            sum <= self.total
        });
        check::saved(
            self.cells.len() == self.width * self.depth && rows_hold_all,
            "the table of counts contradicts itself",
        )
    }
}
