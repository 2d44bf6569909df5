/// The values of a block in ascending order as a linked list, from which they are taken in the order
/// of their arrival and given back in the same order, and a pointer into it.
///
/// Taking an element out leaves its own links in place, so giving back is two assignments, as long
/// as elements come back in the opposite order of their removal (Knuth's dancing links).
#[derive(Debug)]
pub(super) struct LinkedBlock {
    len: usize,
    /// By place of arrival; one more than values: the end of the list, larger than all.
    nodes: Vec<Node>,
    /// By rank: the place of arrival.
    order: Vec<(f64, u32)>,
    pointer: usize,
    /// How many values that are in the list lie before the pointer.
    below: usize,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    value: f64,
    rank: u32,
    before: u32,
    after: u32,
}

const EMPTY: Node = Node {
    value: f64::INFINITY,
    rank: 0,
    before: 0,
    after: 0,
};

#[allow(
    clippy::indexing_slicing,
    reason = "links, ranks and places are below `len + 1`, the number of nodes, by construction; \
              callers pass places below the length of the block they loaded"
)]
impl LinkedBlock {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            len: 0,
            nodes: Vec::with_capacity(capacity + 1),
            order: Vec::with_capacity(capacity),
            pointer: 0,
            below: 0,
        }
    }

    /// Replaces the block; every value is in the list, and the pointer at the smallest. NaN counts as
    /// the largest value.
    pub(super) fn load(&mut self, values: &[f64]) {
        self.len = values.len();
        self.order.clear();
        // One zero only, so that comparisons agree with the order.
        let value = |&x: &f64| if x.is_nan() { f64::MAX } else { x + 0.0 };
        self.order.extend(values.iter().map(value).zip(0_u32..));
        self.order
            .sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.nodes.clear();
        self.nodes.resize(self.len + 1, EMPTY);
        let mut before = self.len as u32;
        for (rank, &(value, place)) in (0_u32..).zip(&self.order) {
            self.nodes[before as usize].after = place;
            self.nodes[place as usize] = Node {
                value,
                rank,
                before,
                after: self.len as u32,
            };
            before = place;
        }
        let end = &mut self.nodes[self.len];
        (end.before, end.rank) = (before, self.len as u32);
        self.pointer = self.nodes[self.len].after as usize;
        self.below = 0;
    }

    /// Moves the pointer to the value of rank `rank`, or to the end.
    pub(super) fn seek(&mut self, rank: usize) {
        self.below = rank.min(self.len);
        let place = self.order.get(rank);
        self.pointer = place.map_or(self.len, |&(_, place)| place as usize);
    }

    /// Takes every value out, the last to arrive first.
    pub(super) fn unwind(&mut self) {
        for place in (0..self.len).rev() {
            self.unlink(place);
        }
        (self.pointer, self.below) = (self.len, 0);
    }

    #[inline]
    fn unlink(&mut self, place: usize) {
        let Node { before, after, .. } = self.nodes[place];
        self.nodes[before as usize].after = after;
        self.nodes[after as usize].before = before;
    }

    #[inline]
    fn is_below(&self, place: usize) -> bool {
        self.nodes[place].rank < self.nodes[self.pointer].rank
    }

    /// Takes the value at `place` out. The pointer may step back, never forwards over a value.
    #[inline]
    pub(super) fn delete(&mut self, place: usize) {
        self.unlink(place);
        if self.is_below(place) {
            self.below -= 1;
            return;
        }
        if self.pointer == place {
            self.pointer = self.nodes[place].after as usize;
        }
        if self.below > 0 {
            self.pointer = self.nodes[self.pointer].before as usize;
            self.below -= 1;
        }
    }

    /// Gives the value at `place` back. The pointer steps back when the value is before it.
    #[inline]
    pub(super) fn restore(&mut self, place: usize) {
        let Node { before, after, .. } = self.nodes[place];
        self.nodes[before as usize].after = place as u32;
        self.nodes[after as usize].before = place as u32;
        if self.is_below(place) {
            self.pointer = self.nodes[self.pointer].before as usize;
        }
    }

    #[inline]
    pub(super) fn advance(&mut self) {
        self.pointer = self.nodes[self.pointer].after as usize;
        self.below += 1;
    }

    /// How many values in the list lie before the pointer.
    #[inline]
    pub(super) fn below(&self) -> usize {
        self.below
    }

    /// The value at the pointer; infinite at the end.
    #[inline]
    pub(super) fn peek(&self) -> f64 {
        self.nodes[self.pointer].value
    }

    /// The value after the pointer; infinite when there is none.
    #[inline]
    pub(super) fn peek_next(&self) -> f64 {
        self.nodes[self.nodes[self.pointer].after as usize].value
    }
}
