use std::collections::HashMap;

use bongsu_core::{Error, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors};

use super::Weights;
use crate::Tensor;

pub(super) fn read(bytes: &[u8]) -> Result<Weights> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| refused(&e))?;
    let tensors = file.iter().map(|(name, view)| tensor(name, &view));
    Weights::new(tensors.collect::<Result<Vec<_>>>()?)
}

fn refused(error: &SafeTensorError) -> Error {
    Error::input(format!("not a whole safetensors file: {error}"))
}

fn tensor(name: &str, view: &TensorView<'_>) -> Result<Tensor> {
    let data = view.data();
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => data
            .as_chunks()
            .0
            .iter()
            .copied()
            .map(f32::from_le_bytes)
            .collect(),
        Dtype::F64 => data
            .as_chunks()
            .0
            .iter()
            .map(|&bytes| f64::from_le_bytes(bytes) as f32)
            .collect(),
        other => {
            return Err(Error::input(format!(
                "tensor `{name}` has numbers of type {other:?}; F32 and F64 can be read"
            )));
        }
    };
    match values.iter().find(|value| !value.is_finite()) {
        Some(&bad) => Err(Error::non_finite(
            format!("a number of tensor `{name}`, as F32,"),
            f64::from(bad),
        )),
        None => Ok(Tensor {
            name: name.to_owned(),
            shape: view.shape().to_vec(),
            values,
        }),
    }
}

pub(super) fn write<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Result<Vec<u8>> {
    let bytes = tensors.map(|tensor| {
        let values = tensor.values.iter();
        let bytes: Vec<u8> = values.flat_map(|value| value.to_le_bytes()).collect();
        (tensor, bytes)
    });
    let bytes: Vec<(&Tensor, Vec<u8>)> = bytes.collect();
    let views = bytes.iter().map(|(tensor, bytes)| {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes);
        Ok((tensor.name.as_str(), view.map_err(|e| refused(&e))?))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    // What PyTorch's own writer says of its files.
    let about = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    safetensors::serialize(views, Some(about)).map_err(|e| refused(&e))
}
