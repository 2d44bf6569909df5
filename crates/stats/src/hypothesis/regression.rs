//! Least squares, column by column.

/// Columns made orthonormal one after the other, and what they leave of a response.
///
/// After each column the squared rest and the last coefficient's t-value belong to the regression on
/// the columns so far: one pass gives all nested regressions.
#[derive(Debug)]
pub(super) struct Regression {
    columns: Vec<Vec<f64>>,
    response: Vec<f64>,
    /// The sum of squares of the response.
    total: f64,
}

/// The regression on the columns so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The number of columns, of which none depends on the others.
    pub(super) rank: usize,
    /// The sum of squares of what the columns do not explain.
    pub(super) rest: f64,
    /// The t-value of the last coefficient; 0 for a column that depends on the others.
    pub(super) t: f64,
    /// Whether the columns explain the response but for rounding.
    pub(super) exhausted: bool,
}

/// A column of which less than this share is left depends on the others.
const DEPENDENT: f64 = 1e-12;

/// A response of which less than this share is left is explained.
const EXPLAINED: f64 = 1e-24;

impl Regression {
    pub(super) fn new(response: Vec<f64>) -> Self {
        Self {
            columns: Vec::new(),
            total: dot(&response, &response),
            response,
        }
    }

    /// What the columns so far leave of the response.
    pub(super) fn residuals(&self) -> &[f64] {
        &self.response
    }

    /// The sum of squares of that.
    pub(super) fn rest(&self) -> f64 {
        dot(&self.response, &self.response)
    }

    /// Adds a column as long as the response.
    pub(super) fn add(&mut self, mut column: Vec<f64>) -> Step {
        let length = norm(&column);
        // Twice is enough: Giraud et al. 2005, https://doi.org/10.1007/s00211-005-0615-4.
        for _ in 0..2 {
            for other in &self.columns {
                let share = dot(&column, other);
                take(&mut column, other, share);
            }
        }
        let left = norm(&column);
        let independent = left > DEPENDENT * length;
        let mut projection = 0.0;
        if independent {
            for x in &mut column {
                *x /= left;
            }
            projection = dot(&self.response, &column);
            take(&mut self.response, &column, projection);
            self.columns.push(column);
        }
        let rank = self.columns.len();
        let rest = self.rest();
        let freedom = self.response.len().saturating_sub(rank) as f64;
        let t = if projection == 0.0 {
            0.0
        } else {
            projection / (rest / freedom).sqrt()
        };
        let exhausted = rest <= EXPLAINED * self.total;
        Step {
            rank,
            rest,
            t,
            exhausted,
        }
    }
}

/// The sum of products, in four sums that do not wait for each other.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (fours, rest) = a.as_chunks::<4>();
    let (others, other_rest) = b.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (a, b) in fours.iter().zip(others) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let tail: f64 = rest.iter().zip(other_rest).map(|(a, b)| a * b).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

fn norm(column: &[f64]) -> f64 {
    dot(column, column).sqrt()
}

/// `column - share * other`.
fn take(column: &mut [f64], other: &[f64], share: f64) {
    for (x, other) in column.iter_mut().zip(other) {
        *x -= share * other;
    }
}
