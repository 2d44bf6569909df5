use bongsu_core::{Error, Result};

use super::plan::Plan;
use crate::Layer;

/// A named array of a network, as `PyTorch` would hold it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// For example `0.weight`: the number of the layer and the name that `PyTorch` gives.
    pub name: String,
    /// Rows and columns of a matrix, or the length of a vector.
    pub shape: Vec<usize>,
    /// The numbers, row after row.
    pub values: Vec<f32>,
}

/// The parameters `values` of `plan`, each matrix with a row for each number given, as `PyTorch`
/// has them.
pub(super) fn named(plan: &Plan, values: &[f32]) -> Vec<Tensor> {
    let mut tensors = Vec::new();
    for (index, placed) in plan.layers.iter().enumerate() {
        for (parameter, range) in placed.parameters() {
            let values = values.get(range).unwrap_or_default();
            let (shape, values) = if parameter.is_matrix {
                let shape = vec![parameter.columns, parameter.rows];
                (shape, transposed(values, parameter.rows, parameter.columns))
            } else {
                (vec![parameter.columns], values.to_vec())
            };
            tensors.push(Tensor {
                name: format!("{index}.{}", parameter.name),
                shape,
                values,
            });
        }
        if matches!(placed.layer, Layer::Lstm { .. }) {
            // Only the sum of the two biases counts.
            let length = tensors.last().map_or(0, |bias| bias.values.len());
            tensors.push(Tensor {
                name: format!("{index}.bias_hh_l0"),
                shape: vec![length],
                values: vec![0.0; length],
            });
        }
    }
    tensors
}

/// The parameters of `plan` from arrays by name, each with `prefix` before it; the inverse of
/// [`named`].
pub(crate) fn gathered(
    plan: &Plan,
    prefix: &str,
    find: &mut dyn FnMut(&str) -> Result<Tensor>,
) -> Result<Vec<f32>> {
    let mut all = Vec::with_capacity(plan.parameters());
    for (index, placed) in plan.layers.iter().enumerate() {
        for (parameter, _) in placed.parameters() {
            let name = format!("{prefix}{index}.{}", parameter.name);
            let (rows, columns) = (parameter.rows, parameter.columns);
            if parameter.is_matrix {
                let tensor = checked(find(&name)?, &name, &[columns, rows])?;
                all.extend(transposed(&tensor.values, columns, rows));
            } else {
                all.extend(checked(find(&name)?, &name, &[columns])?.values);
            }
        }
        if let Layer::Lstm { units, .. } = placed.layer {
            // Only the sum of the two biases counts.
            let name = format!("{prefix}{index}.bias_hh_l0");
            let more = checked(find(&name)?, &name, &[4 * units])?;
            for (sum, value) in all.iter_mut().rev().zip(more.values.iter().rev()) {
                *sum += value;
            }
        }
    }
    Ok(all)
}

/// `tensor` has this shape and finite numbers.
fn checked(tensor: Tensor, name: &str, shape: &[usize]) -> Result<Tensor> {
    if tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
        return Err(Error::input(format!(
            "tensor `{name}` has shape {:?}, but the network needs {shape:?}",
            tensor.shape
        )));
    }
    match tensor.values.iter().find(|value| !value.is_finite()) {
        Some(&bad) => Err(Error::non_finite(
            format!("a number of tensor `{name}`"),
            f64::from(bad),
        )),
        None => Ok(tensor),
    }
}

/// The transpose of a matrix with these rows and columns.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let column = |c: usize| values.iter().skip(c).step_by(columns.max(1)).take(rows);
    (0..columns).flat_map(column).copied().collect()
}
