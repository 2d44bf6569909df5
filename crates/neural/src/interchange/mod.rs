//! Weights by name: to and from safetensors files.

mod file;

use std::collections::BTreeMap;

use bongsu_core::{Error, Result};

use crate::network::{Plan, gathered};
use crate::{Layer, Network, Shape, Tensor};

/// The weights of networks by name, as they lie in a safetensors file.
///
/// Names and layouts are those of the `state_dict` of a `PyTorch` module that holds the layers of
/// [`Network::layers`] in a `torch.nn.Sequential`. The number in a name counts all layers, those
/// without weights (dropout, repetition) too:
///
/// | layer `n` | tensors | shape |
/// |---|---|---|
/// | dense | `n.weight`, `n.bias` | (units, inputs), (units) |
/// | LSTM | `n.weight_ih_l0`, `n.weight_hh_l0` | (4 units, inputs), (4 units, units), gates i, f, g, o |
/// | | `n.bias_ih_l0`, `n.bias_hh_l0` | (4 units) each; only their sum counts |
/// | GRU | `n.weight_ih_l0`, `n.weight_hh_l0` | (3 units, inputs), (3 units, units), gates r, z, n |
/// | | `n.bias_ih_l0`, `n.bias_hh_l0` | (3 units) each; both count |
///
/// A variational autoencoder is two of these, with `encoder.` and `decoder.` before the names; the
/// last layer of the encoder gives the means and then the logarithms of the variances.
///
/// In a file numbers may be `F32` or `F64`; they are kept, and written, as `F32`. Memory: 4 bytes a
/// number.
///
/// ```
/// use bongsu_neural::{Activation, Layer, Network, Shape, Weights};
/// let input = Shape { steps: 1, features: 2 };
/// let layers = [Layer::Dense { units: 3, activation: Activation::Relu }];
/// let network = Network::new(input, &layers, 1)?;
/// let bytes = Weights::of(&network).to_safetensors()?;
///
/// let weights = Weights::from_safetensors(&bytes)?;
/// assert_eq!(weights.names().collect::<Vec<_>>(), ["0.bias", "0.weight"]);
/// assert_eq!(weights.network(input, &layers)?, network);
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Those of `tensors`.
    ///
    /// # Errors
    /// When two have the same name, or a tensor has not as many numbers as its shape says.
    pub fn new(tensors: impl IntoIterator<Item = Tensor>) -> Result<Self> {
        let mut weights = Self::default();
        for tensor in tensors {
            let len = tensor
                .shape
                .iter()
                .try_fold(1_usize, |product, &size| product.checked_mul(size));
            if len != Some(tensor.values.len()) {
                return Err(Error::input(format!(
                    "tensor `{}` has {} numbers, but shape {:?}",
                    tensor.name,
                    tensor.values.len(),
                    tensor.shape
                )));
            }
            let name = tensor.name.clone();
            if weights.tensors.insert(name.clone(), tensor).is_some() {
                return Err(Error::input(format!("there are two tensors `{name}`")));
            }
        }
        Ok(weights)
    }

    /// Those of `network`.
    #[must_use]
    pub fn of(network: &Network) -> Self {
        Self::of_parts(&[("", network)])
    }

    /// Those of networks whose tensors have a prefix each.
    pub(crate) fn of_parts(parts: &[(&str, &Network)]) -> Self {
        let mut tensors = BTreeMap::new();
        for (prefix, network) in parts {
            for mut tensor in network.tensors() {
                tensor.name = format!("{prefix}{}", tensor.name);
                tensors.insert(tensor.name.clone(), tensor);
            }
        }
        Self { tensors }
    }

    /// Reads a safetensors file.
    ///
    /// # Errors
    /// When `bytes` are not a whole safetensors file, or a tensor is of another type than `F32` or
    /// `F64`, or holds a number beyond the range of `F32`.
    ///
    /// Cost: one pass. What it allocates is bounded by the length of `bytes`.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self> {
        file::read(bytes)
    }

    /// Writes a safetensors file, which `safetensors.torch.load_file` reads.
    ///
    /// # Errors
    /// When the file cannot be laid out, which no weights of this crate bring about.
    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        file::write(self.tensors.values())
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The network of these layers with these weights.
    ///
    /// # Errors
    /// As [`Network::from_tensors`], and when a tensor that the layers need is missing, or one is
    /// not of these layers.
    pub fn network(&self, input: Shape, layers: &[Layer]) -> Result<Network> {
        let plan = Plan::new(input, layers)?;
        Network::of(&plan, &self.parameters(&[("", &plan)])?)
    }

    /// The parameters of all plans, one after the other; each has a prefix for its tensors.
    pub(crate) fn parameters(&self, plans: &[(&str, &Plan)]) -> Result<Vec<f32>> {
        let mut used = std::collections::BTreeSet::new();
        let mut all = Vec::new();
        for (prefix, plan) in plans {
            all.extend(gathered(plan, prefix, &mut |name| {
                used.insert(name.to_owned());
                self.get(name).cloned().ok_or_else(|| self.missing(name))
            })?);
        }
        match self.tensors.keys().find(|name| !used.contains(*name)) {
            Some(name) => Err(Error::input(format!(
                "tensor `{name}` belongs to no layer of the network"
            ))),
            None => Ok(all),
        }
    }

    fn missing(&self, name: &str) -> Error {
        const MOST: usize = 12;
        let mut names: Vec<&str> = self.names().take(MOST).collect();
        if self.tensors.len() > MOST {
            names.push("...");
        }
        Error::input(format!(
            "tensor `{name}` is missing; there are: {}",
            names.join(", ")
        ))
    }
}
