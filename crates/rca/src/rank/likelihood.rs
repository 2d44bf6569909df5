//! From blame to likelihood: is there a fault at all, and if so, where.
//!
//! The two slopes and the margin are those of greatest likelihood over incidents and normal times of
//! all sets of the accuracy example, each set and either kind counting as much. Fitted without a set
//! they make the same claims there for 98 to 100 % of its windows. The least null was set by hand.

/// How fast the likelihood of a service grows with its blame, when there is a fault.
pub(super) const SLOPE: f64 = 2.0;

/// How fast the likelihood of a fault grows with the largest blame.
const FAULT_SLOPE: f64 = 1.4;

/// How much more blame than in normal times speaks as much for a fault as for none.
const MARGIN: f64 = 1.25;

/// What normal times are never taken to show less of: of a service one metric of which moves by seven
/// deviations, no more is sure than that there is or is not a fault.
const LEAST_NULL: f64 = 0.8;

/// The likelihoods in percent of each service, and of none of them, where a fault is as likely as none
/// before anything is seen.
///
/// `none = 1 / (1 + exp(1.4 (max(blame) - max(null, 0.8) - 1.25)))`; the rest is shared in proportion to
/// `exp(2 blame)` among the services with any blame.
pub(crate) fn likelihoods(blame: &[f64], null: f64) -> (Vec<f64>, f64) {
    let top = blame.iter().copied().fold(0.0, f64::max);
    if top <= 0.0 {
        return (vec![0.0; blame.len()], 100.0);
    }
    let beyond = top - null.max(LEAST_NULL) - MARGIN;
    let fault = 1.0 / (1.0 + (-FAULT_SLOPE * beyond).exp());
    // Services without any evidence are no candidates, however many they are.
    let weights: Vec<f64> = blame
        .iter()
        .map(|&x| {
            if x > 0.0 {
                (SLOPE * (x - top)).exp()
            } else {
                0.0
            }
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    let shares = weights.iter().map(|w| 100.0 * fault * w / sum).collect();
    (shares, 100.0 * (1.0 - fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_likelihoods_sum_to_a_hundred() {
        for (blame, null) in [(vec![3.0, 1.0, 0.0], 0.5), (vec![0.1], 9.0), (vec![], 1.0)] {
            let (shares, none) = likelihoods(&blame, null);
            assert!((shares.iter().sum::<f64>() + none - 100.0).abs() < 1e-9);
        }
        assert_eq!(likelihoods(&[0.0, 0.0], 0.0).1, 100.0);
    }

    #[test]
    fn blame_beyond_normal_times_by_the_margin_is_even_odds() {
        assert!((likelihoods(&[4.0, 1.0], 4.0 - MARGIN).1 - 50.0).abs() < 1e-9);
        assert!(likelihoods(&[4.0], 3.5).1 > 60.0);
        assert!(likelihoods(&[4.0], 1.0).1 < 20.0);
    }
}
