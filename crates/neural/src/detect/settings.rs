/// The setters, the fit and the traits that every configuration here has.
///
/// `$recipe` and `$kind` are its methods that say how, and what for so many columns.
macro_rules! shared {
    ($config:ident) => {
        impl $config {
            /// The defaults.
            #[must_use]
            pub fn new() -> Self {
                Self::default()
            }

            /// How the network is trained. Default: [`Training::new`].
            #[must_use]
            pub const fn training(mut self, training: Training) -> Self {
                self.training = training;
                self
            }

            /// How the columns are scaled. Default: standard.
            #[must_use]
            pub const fn scaling(mut self, scaling: Scaling) -> Self {
                self.scaling = scaling;
                self
            }

            /// Which error scores 1: a quantile of the errors of all rows given (`Contamination`),
            /// extreme value theory on them (`PeaksOverThreshold`), an error of the scaled values
            /// (`Threshold`), or conformal on the rows held back by
            /// [`Training::validation`] (`FalseAlarmRate`), on which the weights were not trained.
            /// Default: a contamination of 0.1.
            ///
            /// The false-alarm rate is kept approximately: the best epoch was chosen on the rows held
            /// back, so that their errors are a little smaller than new ones, and rows of a series
            /// depend on one another.
            #[must_use]
            pub const fn threshold(mut self, threshold: Calibration) -> Self {
                self.threshold = threshold;
                self
            }

            /// Trains on the rows of `x`, telling `observe` of each batch; when it breaks, training
            /// ends and the best weights so far are kept.
            ///
            /// # Errors
            /// When a parameter is outside its domain, `x` has too few rows or a value that is not
            /// finite, or the loss becomes infinite or NaN.
            pub fn fit_with(
                &self,
                x: ArrayView2<'_, f64>,
                observe: impl FnMut(&Progress) -> ControlFlow<()>,
            ) -> Result<FittedNetwork> {
                Ok(self.fit_score_with(x, observe)?.0)
            }

            /// Takes weights that were trained elsewhere in place of training, and gives the scores
            /// of the rows of `x` too; scaler and threshold are fitted on these as in training.
            ///
            /// # Errors
            /// As [`Self::fit_with`], and when `weights` are not those of this network, or the
            /// network gives a number that is not finite for a row of `x`.
            pub fn fit_weights(
                &self,
                x: ArrayView2<'_, f64>,
                weights: &Weights,
            ) -> Result<(FittedNetwork, Vec<f64>)> {
                let kind = self.kind(x.ncols())?;
                let source = $crate::detect::fit::Source::Given(weights);
                self.recipe().fit(&kind, &x, source)
            }

            /// As [`Self::fit_with`], with the scores of the rows of `x`.
            ///
            /// # Errors
            /// As [`Self::fit_with`].
            pub fn fit_score_with(
                &self,
                x: ArrayView2<'_, f64>,
                mut observe: impl FnMut(&Progress) -> ControlFlow<()>,
            ) -> Result<(FittedNetwork, Vec<f64>)> {
                let kind = self.kind(x.ncols())?;
                let source = $crate::detect::fit::Source::Training(&mut observe);
                self.recipe().fit(&kind, &x, source)
            }
        }

        impl FitDetector for $config {
            type Fitted = FittedNetwork;

            fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedNetwork> {
                self.fit_with(x, |_| ControlFlow::Continue(()))
            }

            fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedNetwork, Vec<f64>)> {
                self.fit_score_with(rows.values(), |_| ControlFlow::Continue(()))
            }
        }
    };
}

pub(super) use shared;
