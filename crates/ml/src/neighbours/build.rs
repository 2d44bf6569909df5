use super::nearest::Neighbour;
use super::{Branch, FAN, LANES};

/// Rows being sorted into blocks, and the tree above them.
pub(super) struct Builder<'a> {
    /// Row after row.
    values: &'a [f64],
    features: usize,
    pub(super) blocks: Vec<f64>,
    pub(super) ids: Vec<u32>,
    pub(super) branches: Vec<Branch>,
    pub(super) boxes: Vec<f64>,
}

impl<'a> Builder<'a> {
    /// Sorts rows of `features` values each; branch 0 is the root.
    pub(super) fn build(values: &'a [f64], features: usize) -> Self {
        let rows = values.len() / features;
        let padded = rows.next_multiple_of(LANES);
        let mut builder = Self {
            values,
            features,
            blocks: Vec::with_capacity(padded * features),
            ids: Vec::with_capacity(padded),
            branches: Vec::new(),
            boxes: Vec::new(),
        };
        let mut order: Vec<u32> = (0..rows as u32).collect();
        builder.branch(&mut order);
        builder
    }

    fn value(&self, row: u32, feature: usize) -> f64 {
        let at = row as usize * self.features + feature;
        self.values.get(at).copied().unwrap_or_default()
    }

    /// The least and the largest value of a feature among `rows`.
    fn bounds(&self, rows: &[u32], feature: usize) -> (f64, f64) {
        let values = rows.iter().map(|&row| self.value(row, feature));
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
            (low.min(x), high.max(x))
        })
    }

    /// Adds the branch over `rows`, with everything below it; gives its index.
    fn branch(&mut self, rows: &mut [u32]) -> u32 {
        let index = self.branches.len();
        self.branches.push(Branch::EMPTY);
        let start = self.boxes.len();
        let beyond = std::iter::repeat_n(f64::INFINITY, 2 * FAN * self.features);
        self.boxes.extend(beyond);
        for (slot, part) in self.split(rows).into_iter().enumerate() {
            for feature in 0..self.features {
                let (low, high) = self.bounds(part, feature);
                let at = start + 2 * FAN * feature + slot;
                for (at, bound) in [(at, low), (at + FAN, high)] {
                    if let Some(place) = self.boxes.get_mut(at) {
                        *place = bound;
                    }
                }
            }
            let first = part.iter().copied().min().unwrap_or(u32::MAX);
            let child = if part.len() <= LANES {
                Branch::LEAF | self.block(part)
            } else {
                self.branch(part)
            };
            let branch = self.branches.get_mut(index);
            if let Some(place) = branch.and_then(|b| b.children.get_mut(slot)) {
                *place = (first, child);
            }
        }
        index as u32
    }

    /// Cuts `rows` into at most [`FAN`] parts of whole blocks: three times each in two.
    fn split<'r>(&self, rows: &'r mut [u32]) -> Vec<&'r mut [u32]> {
        let mut parts = vec![rows];
        while parts.len() < FAN && parts.iter().any(|part| part.len() > LANES) {
            let halves = parts.into_iter().flat_map(|part| {
                let blocks = part.len().div_ceil(LANES);
                let (left, right) = self.halve(part, blocks / 2 * LANES);
                [left, right]
            });
            parts = halves.filter(|part| !part.is_empty()).collect();
        }
        parts
    }

    /// Cuts `rows` at the `middle`-th of the feature that varies most. Equal values are kept in
    /// the order of their rows, so that the earliest of many identical rows share blocks.
    fn halve<'r>(&self, rows: &'r mut [u32], middle: usize) -> (&'r mut [u32], &'r mut [u32]) {
        if middle == 0 {
            return rows.split_at_mut(0);
        }
        let spread = |feature| {
            let (low, high) = self.bounds(rows, feature);
            high - low
        };
        let widest = (0..self.features)
            .map(|feature| (feature, spread(feature)))
            .max_by(|(_, a), (_, b)| a.total_cmp(b));
        let feature = widest.map_or(0, |(feature, _)| feature);
        rows.select_nth_unstable_by(middle, |&a, &b| {
            let values = self.value(a, feature).total_cmp(&self.value(b, feature));
            values.then(a.cmp(&b))
        });
        rows.split_at_mut(middle)
    }

    /// Adds the block of `rows`; gives its index. Lanes without a row are farther than any.
    fn block(&mut self, rows: &[u32]) -> u32 {
        let index = self.ids.len() / LANES;
        let missing = LANES - rows.len();
        for feature in 0..self.features {
            for &row in rows {
                self.blocks.push(self.value(row, feature));
            }
            self.blocks
                .extend(std::iter::repeat_n(f64::INFINITY, missing));
        }
        self.ids.extend_from_slice(rows);
        let padding = std::iter::repeat_n(Neighbour::NONE.row, missing);
        self.ids.extend(padding);
        index as u32
    }
}
