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
                mut observe: impl FnMut(&Progress) -> ControlFlow<()>,
            ) -> Result<FittedNetwork> {
                let kind = self.kind(x.ncols())?;
                Ok(self.recipe().fit(&kind, &x, &mut observe)?.0)
            }
        }

        impl FitDetector for $config {
            type Fitted = FittedNetwork;

            fn fit(&self, x: ArrayView2<'_, f64>) -> Result<FittedNetwork> {
                self.fit_with(x, |_| ControlFlow::Continue(()))
            }

            fn fit_score(&self, rows: &Rows<'_>) -> Result<(FittedNetwork, Vec<f64>)> {
                let kind = self.kind(rows.values().ncols())?;
                let mut observe = |_: &Progress| ControlFlow::Continue(());
                self.recipe().fit(&kind, &rows.values(), &mut observe)
            }
        }
    };
}

pub(super) use shared;
