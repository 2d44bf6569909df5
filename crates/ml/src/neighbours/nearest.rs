/// A row of the index and its distance from the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Neighbour {
    /// The distance; during a search the quantity of which it is a function.
    pub(crate) distance: f64,
    pub(crate) row: u32,
}

impl Neighbour {
    /// Farther than every row.
    pub(super) const NONE: Self = Self {
        distance: f64::INFINITY,
        row: u32::MAX,
    };

    /// Whether it comes before `other`: nearer, or as near and in an earlier row.
    #[inline(always)]
    pub(super) fn before(self, other: Self) -> bool {
        // Without branches: which way they go cannot be foretold.
        (self.distance < other.distance)
            | ((self.distance == other.distance) & (self.row < other.row))
    }
}

/// Neighbours among which counting is faster than bisection.
const FEW: usize = 64;

/// The nearest rows found so far, in order.
#[derive(Debug)]
pub(super) struct Nearest {
    found: Vec<Neighbour>,
}

impl Nearest {
    pub(super) fn new(k: usize) -> Self {
        Self {
            found: vec![Neighbour::NONE; k],
        }
    }

    pub(super) fn clear(&mut self) {
        self.found.fill(Neighbour::NONE);
    }

    pub(super) fn found(&mut self) -> &mut [Neighbour] {
        &mut self.found
    }

    /// The farthest of them: what comes after it need not be offered.
    #[inline(always)]
    pub(super) fn last(&self) -> Neighbour {
        self.found.last().copied().unwrap_or(Neighbour::NONE)
    }

    /// Takes `candidate` in place of the farthest when it comes before that one.
    #[inline(always)]
    pub(super) fn offer(&mut self, candidate: Neighbour) {
        let place = if self.found.len() <= FEW {
            let before = |f: &Neighbour| usize::from(f.before(candidate));
            self.found.iter().map(before).sum()
        } else {
            self.found.partition_point(|f| f.before(candidate))
        };
        if let Some(after) = self.found.get_mut(place..)
            && let Some(kept) = after.len().checked_sub(1)
        {
            after.copy_within(..kept, 1);
            after.iter_mut().take(1).for_each(|slot| *slot = candidate);
        }
    }
}
