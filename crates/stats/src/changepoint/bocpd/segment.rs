use bongsu_core::{Error, Result};

use super::super::segmentation::{Segment, Segmentation};
use super::runs::Scratch;
use super::{Bocpd, Runs, Standard};
use crate::check;

impl Bocpd {
    /// Cuts a whole series of finite values at its changes: the most probable sequence of runs.
    ///
    /// The prior is that of the whole series (or [`Bocpd::known`]); no warm-up is needed. The cost of
    /// the segmentation is -2 times the logarithm of the joint probability density of runs and values,
    /// in units of the spread of the prior, and its penalty is `2 ln((1 - hazard) / hazard)`.
    ///
    /// # Errors
    /// When a parameter is outside its domain, there are no values, or one is not finite or no count
    /// where counts are asked for.
    ///
    /// Cost: O(n) times the runs kept; memory 8 bytes a value.
    ///
    /// Source: the recursion of Viterbi on the runs of *Bayesian online changepoint detection*, 2007,
    /// <https://arxiv.org/abs/0710.3742>.
    ///
    /// ```
    /// let mut x: Vec<f64> = (0..100).map(|i| f64::from(i * 7 % 5)).collect();
    /// x[60..].iter_mut().for_each(|x| *x += 12.0);
    /// assert_eq!(bongsu_stats::Bocpd::new().segment(&x)?.breakpoints(), [60]);
    /// # Ok::<(), bongsu_core::Error>(())
    /// ```
    pub fn segment(&self, values: &[f64]) -> Result<Segmentation> {
        self.validate()?;
        check::finite_rows(values)?;
        values.iter().try_for_each(|&x| self.check(x))?;
        if values.is_empty() {
            return Err(Error::not_enough_data("a segmentation", 1, 0));
        }
        let learn = || Standard::learn(self, values);
        let standard = self
            .known
            .map_or_else(learn, |known| Standard::of(self, known));
        let (starts, joint) = self.most_probable_starts(values, &standard);
        let ends = starts.iter().skip(1).copied().chain([values.len()]);
        let segment = |(&from, to)| Segment::of(from, values.get(from..to).unwrap_or_default());
        Ok(Segmentation {
            segments: starts.iter().zip(ends).map(segment).collect(),
            cost: -2.0 * joint,
            penalty: 2.0 * ((-self.hazard).ln_1p() - self.hazard.ln()),
            noise: standard.unit,
        })
    }

    /// The starts of the most probable sequence of runs, and the logarithm of its joint density.
    fn most_probable_starts(&self, values: &[f64], standard: &Standard) -> (Vec<usize>, f64) {
        let limits = self.limits();
        let (grow, end) = ((-self.hazard).ln_1p(), self.hazard.ln());
        let mut runs = Runs::new(standard.prior);
        let mut scratch = Scratch::default();
        // Of each run the joint density of the best way to it, and when it began.
        let mut ways = vec![(0.0, 0_usize)];
        // When the best last run before each point began.
        let mut origins = Vec::with_capacity(values.len());
        let better = |a: (f64, usize), b: (f64, usize)| if b.0 > a.0 { b } else { a };
        let mut best = (0.0, 0);
        for (i, &x) in values.iter().enumerate() {
            origins.push(best.1);
            runs.take_in(standard.apply(x), self.hazard, &mut scratch);
            for (way, density) in ways.iter_mut().zip(&scratch.densities) {
                way.0 += density;
            }
            best = ways.iter().copied().reduce(better).unwrap_or_default();
            ways.iter_mut().for_each(|way| way.0 += grow);
            ways.push((best.0 + end, i + 1));
            runs.let_go(limits, |place| {
                ways.remove(place);
            });
        }
        let mut starts = vec![best.1];
        while let Some(&start) = starts.last().filter(|&&start| start > 0) {
            starts.push(origins.get(start).copied().unwrap_or(0).min(start - 1));
        }
        starts.reverse();
        (starts, best.0)
    }
}
