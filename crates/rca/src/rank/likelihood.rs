//! From blame to likelihood: a logistic choice among the services and "none of these".

/// How fast likelihood grows with blame.
const SLOPE: f64 = 1.5;

/// The blame that the most suspicious of services reaches without a fault, when nothing is known of
/// how the metrics behave: that of one metric at five deviations.
const LEAST_NULL: f64 = 1.8;

/// How much more blame than in normal times speaks as much for a cause as for none.
const MARGIN: f64 = 0.3;

/// `ln(sum of exp(slope x)) / slope` over the services with any blame: the largest, and a little more
/// for each that is close to it.
pub(crate) fn soft_maximum(blame: &[f64]) -> f64 {
    let top = blame.iter().copied().fold(0.0, f64::max);
    let suspects = blame.iter().filter(|x| **x > 0.0);
    let sum: f64 = suspects.map(|x| (SLOPE * (x - top)).exp()).sum();
    top + sum.max(1.0).ln() / SLOPE
}

/// The likelihoods in percent of each service, and of none of them.
pub(crate) fn likelihoods(blame: &[f64], null: f64) -> (Vec<f64>, f64) {
    let none = null.max(LEAST_NULL) + MARGIN;
    let top = blame.iter().copied().fold(none, f64::max);
    let weight = |x: f64| (SLOPE * (x - top)).exp();
    // Services without any evidence are no candidates, however many they are.
    let weights: Vec<f64> = blame
        .iter()
        .map(|&x| if x > 0.0 { weight(x) } else { 0.0 })
        .collect();
    let sum = weights.iter().sum::<f64>() + weight(none);
    let shares = weights.iter().map(|w| 100.0 * w / sum).collect();
    (shares, 100.0 * weight(none) / sum)
}
