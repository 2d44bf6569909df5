use rand_pcg::Pcg64;

use crate::random;

/// Draws the rows that a tree is grown on.
pub(crate) struct Subsampler {
    /// The numbers of all rows, in order between two draws.
    population: Vec<usize>,
    drawn: Vec<usize>,
    swaps: Vec<usize>,
}

impl Subsampler {
    pub(crate) fn new(rows: usize) -> Self {
        Self {
            population: (0..rows).collect(),
            drawn: Vec::new(),
            swaps: Vec::new(),
        }
    }

    /// Draws `count` rows, which are at most all unless drawn with replacement; O(count).
    pub(crate) fn draw(&mut self, count: usize, with_replacement: bool, rng: &mut Pcg64) {
        let rows = self.population.len();
        self.drawn.clear();
        if with_replacement {
            let draw = |_| random::below(rng, rows);
            self.drawn.extend((0..count).map(draw));
            return;
        }
        // A shuffle that stops after `count` rows; undone at once, so that the next draw starts
        // from the same order whichever thread makes it.
        self.swaps.clear();
        for at in 0..count {
            let other = at + random::below(rng, rows - at);
            self.population.swap(at, other);
            self.swaps.push(other);
        }
        self.drawn.extend(self.population.iter().take(count));
        for (at, &other) in self.swaps.iter().enumerate().rev() {
            self.population.swap(at, other);
        }
    }

    /// The rows drawn last.
    pub(crate) fn rows(&self) -> &[usize] {
        &self.drawn
    }
}
