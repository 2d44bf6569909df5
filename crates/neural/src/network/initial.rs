use rand_distr::{Distribution as _, StandardNormal, Uniform};
use rand_pcg::Pcg64;

use super::plan::Plan;
use crate::Layer;
use crate::random::generator;

/// Fresh parameters for `plan`, each layer drawn from a generator of its own.
pub(crate) fn initial(plan: &Plan, seed: u64) -> Vec<f64> {
    let mut values = Vec::with_capacity(plan.parameters());
    for (index, placed) in plan.layers.iter().enumerate() {
        let mut rng = generator(seed, index);
        for (parameter, _) in placed.parameters() {
            let (rows, columns) = (parameter.rows, parameter.columns);
            match placed.layer {
                Layer::Dense { .. } => {
                    let most = (1.0 / placed.input.features as f64).sqrt();
                    values.extend(uniform(most, rows * columns, &mut rng));
                }
                _ if parameter.name == "weight_hh_l0" => {
                    values.extend(orthogonal(rows, columns, &mut rng));
                }
                _ if parameter.is_matrix => {
                    let most = (6.0 / (rows + columns) as f64).sqrt();
                    values.extend(uniform(most, rows * columns, &mut rng));
                }
                Layer::Lstm { units, .. } => {
                    let forget = units..2 * units;
                    let bias = |column| if forget.contains(&column) { 1.0 } else { 0.0 };
                    values.extend((0..columns).map(bias));
                }
                _ => values.extend(std::iter::repeat_n(0.0, columns)),
            }
        }
    }
    values
}

fn uniform(most: f64, count: usize, rng: &mut Pcg64) -> Vec<f64> {
    Uniform::new_inclusive(-most, most).map_or_else(
        |_| vec![0.0; count],
        |uniform| (0..count).map(|_| uniform.sample(rng)).collect(),
    )
}

/// Orthonormal rows, of which there are not more than columns: Gram-Schmidt, twice for exactness,
/// on normal draws.
fn orthogonal(rows: usize, columns: usize, rng: &mut Pcg64) -> Vec<f64> {
    let mut done: Vec<f64> = Vec::with_capacity(rows * columns);
    for _ in 0..rows {
        let mut row: Vec<f64> = (0..columns).map(|_| StandardNormal.sample(rng)).collect();
        for _ in 0..2 {
            for other in done.chunks_exact(columns.max(1)) {
                let dot: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                for (value, other) in row.iter_mut().zip(other) {
                    *value -= dot * other;
                }
            }
        }
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        done.extend(row.iter().map(|x| x / norm.max(f64::MIN_POSITIVE)));
    }
    done
}
