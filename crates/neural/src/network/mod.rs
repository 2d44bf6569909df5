//! Networks ready to compute: a stack of layers and their weights.

mod forward;
mod initial;
mod plan;
mod tensor;

use bongsu_core::{Error, Result, Snapshot};
use serde::{Deserialize, Serialize};

use crate::kernel::{Buffer, Packed, padded};
use crate::{Layer, Shape};

pub use forward::Scratch;
pub(crate) use forward::Windows;
pub(crate) use initial::initial;
pub(crate) use plan::{Placed, Plan};
pub use tensor::Tensor;
pub(crate) use tensor::gathered;

/// A stack of layers with their weights, ready to compute in `f32`.
///
/// Weights are kept once, laid out for the products that they are needed in. Memory: 4 bytes a
/// parameter, with the columns of each matrix rounded up to a multiple of 16.
///
/// ```
/// use bongsu_neural::{Activation, Layer, Network, Shape};
/// let layers = [
///     Layer::Dense { units: 8, activation: Activation::Relu },
///     Layer::Dense { units: 2, activation: Activation::Linear },
/// ];
/// let network = Network::new(Shape { steps: 1, features: 2 }, &layers, 1)?;
/// assert_eq!(network.parameters(), 2 * 8 + 8 + 8 * 2 + 2);
/// let outputs = network.predict(&[0.5, -1.0, 1.0, 2.0])?;
/// assert_eq!(outputs.len(), 4, "two rows in, two rows out");
/// # Ok::<(), bongsu_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct Network {
    input: Shape,
    output: Shape,
    layers: Vec<Weighted>,
    parameters: usize,
}

/// A layer, what it takes and gives, and its weights.
#[derive(Debug, Clone, PartialEq)]
struct Weighted {
    layer: Layer,
    input: Shape,
    output: Shape,
    /// Those of the input, then those of the hidden state.
    matrices: Vec<Packed<f32>>,
    /// Filled up to whole lanes.
    biases: Vec<Buffer<f32>>,
}

/// What is saved of a network.
#[derive(Serialize, Deserialize)]
struct Saved {
    input: Shape,
    layers: Vec<Layer>,
    values: Vec<f32>,
}

impl TryFrom<Saved> for Network {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        Self::of(&Plan::new(saved.input, &saved.layers)?, &saved.values)
    }
}

impl From<Network> for Saved {
    fn from(network: Network) -> Self {
        Self {
            input: network.input,
            values: network.values(),
            layers: network.layers(),
        }
    }
}

impl Network {
    /// A network with fresh random weights: of dense layers, weights and biases uniform in
    /// `+-1 / sqrt(inputs)`, as `PyTorch` draws them; of recurrent layers as Keras draws them,
    /// matrices uniform in `+-sqrt(6 / (rows + columns))` (Glorot), those of the hidden state
    /// orthogonal, biases zero but one for the forget gate of an LSTM. Each is what found more
    /// anomalies in server metrics. Drawn with PCG64 from `seed`.
    ///
    /// # Errors
    /// When the layers do not fit one another, a number is outside its domain, or there are more
    /// than 2^26 parameters.
    pub fn new(input: Shape, layers: &[Layer], seed: u64) -> Result<Self> {
        let plan = Plan::new(input, layers)?;
        let values: Vec<f32> = initial(&plan, seed).iter().map(|&w| w as f32).collect();
        Self::of(&plan, &values)
    }

    /// A network with the weights that `find` gives by name, in the names and layouts of a
    /// `torch.nn.Sequential` that holds the same layers: `0.weight` and `0.bias` of a dense layer;
    /// `0.weight_ih_l0`, `0.weight_hh_l0`, `0.bias_ih_l0` and `0.bias_hh_l0` of an LSTM (gates in
    /// the order i, f, g, o) or a GRU (r, z, n). The number counts all layers, those without
    /// weights too.
    ///
    /// # Errors
    /// As [`Network::new`], when `find` fails, a tensor has another shape than the layer needs, or a
    /// weight is not finite.
    pub fn from_tensors(
        input: Shape,
        layers: &[Layer],
        mut find: impl FnMut(&str) -> Result<Tensor>,
    ) -> Result<Self> {
        let plan = Plan::new(input, layers)?;
        let values = gathered(&plan, "", &mut find)?;
        Self::of(&plan, &values)
    }

    /// The weights by name; see [`Network::from_tensors`]. An LSTM has but one bias here: it is
    /// given as `bias_ih_l0`, and `bias_hh_l0` is zero.
    #[must_use]
    pub fn tensors(&self) -> Vec<Tensor> {
        Plan::new(self.input, &self.layers())
            .map_or_else(|_| Vec::new(), |plan| tensor::named(&plan, &self.values()))
    }

    /// The network of `plan` with these parameters, layer after layer.
    pub(crate) fn of(plan: &Plan, values: &[f32]) -> Result<Self> {
        if values.len() != plan.parameters() {
            let (found, expected) = (values.len(), plan.parameters());
            return Err(Error::shape("number of parameters", found, expected));
        }
        if let Some(&bad) = values.iter().find(|value| !value.is_finite()) {
            return Err(Error::non_finite("a parameter", f64::from(bad)));
        }
        let layers = plan.layers.iter().map(|placed| {
            let mut weighted = Weighted {
                layer: placed.layer,
                input: placed.input,
                output: placed.output,
                matrices: Vec::new(),
                biases: Vec::new(),
            };
            for (parameter, range) in placed.parameters() {
                let values = values.get(range).unwrap_or_default();
                let (rows, columns) = (parameter.rows, parameter.columns);
                if parameter.is_matrix {
                    weighted.matrices.push(Packed::new(rows, columns, values));
                } else {
                    let mut bias = Buffer::zeros(padded(columns));
                    for (slot, &value) in bias.iter_mut().zip(values) {
                        *slot = value;
                    }
                    weighted.biases.push(bias);
                }
            }
            weighted
        });
        Ok(Self {
            input: plan.input,
            output: plan.output,
            layers: layers.collect(),
            parameters: values.len(),
        })
    }

    /// All parameters, layer after layer; the inverse of [`Network::of`].
    pub(crate) fn values(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.parameters);
        for layer in &self.layers {
            let (mut matrices, mut biases) = (layer.matrices.iter(), layer.biases.iter());
            for parameter in layer.layer.parameters(layer.input) {
                if parameter.is_matrix {
                    values.extend(matrices.next().into_iter().flat_map(Packed::values));
                } else {
                    let bias = biases.next().map_or(&[][..], |bias| bias);
                    values.extend(bias.iter().take(parameter.columns));
                }
            }
        }
        values
    }

    /// What it takes.
    #[must_use]
    pub const fn input(&self) -> Shape {
        self.input
    }

    /// What it gives.
    #[must_use]
    pub const fn output(&self) -> Shape {
        self.output
    }

    /// Its layers.
    #[must_use]
    pub fn layers(&self) -> Vec<Layer> {
        self.layers.iter().map(|layer| layer.layer).collect()
    }

    /// The number of its parameters.
    #[must_use]
    pub const fn parameters(&self) -> usize {
        self.parameters
    }

    /// The bytes that it holds on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let of_layer = |layer: &Weighted| {
            let matrices: usize = layer.matrices.iter().map(Packed::heap_bytes).sum();
            let biases: usize = layer.biases.iter().map(Buffer::heap_bytes).sum();
            matrices + biases
        };
        self.layers.iter().map(of_layer).sum()
    }

    /// The outputs for any number of inputs that follow each other in `inputs`.
    ///
    /// # Errors
    /// When `inputs` does not hold whole inputs, or a number in it is not finite.
    ///
    /// Cost: one pass; takes the memory of a [`Scratch`] and of the outputs.
    pub fn predict(&self, inputs: &[f32]) -> Result<Vec<f32>> {
        let count = inputs.len() / self.input.len();
        let mut outputs = vec![0.0; count * self.output.len()];
        self.predict_into(inputs, &mut outputs, &mut Scratch::default())?;
        Ok(outputs)
    }

    /// As [`Network::predict`], into `outputs`; allocates nothing once `scratch` has grown to the
    /// network's size.
    ///
    /// # Errors
    /// As [`Network::predict`], and when `outputs` has another length than the outputs have.
    pub fn predict_into(
        &self,
        inputs: &[f32],
        outputs: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let count = inputs.len() / self.input.len();
        let (needed, given) = (count * self.input.len(), count * self.output.len());
        if inputs.len() != needed {
            return Err(Error::shape("length of the inputs", inputs.len(), needed));
        }
        if outputs.len() != given {
            return Err(Error::shape("length of the outputs", outputs.len(), given));
        }
        // All numbers of a chunk are looked at together: a loop that may end early is not vectorised.
        let is_finite = |part: &[f32]| part.iter().fold(true, |ok, value| ok & value.is_finite());
        if let Some(part) = inputs.chunks(256).find(|part| !is_finite(part)) {
            let bad = part.iter().find(|value| !value.is_finite());
            let bad = bad.map_or(f64::NAN, |&value| f64::from(value));
            return Err(Error::non_finite("a number of the inputs", bad));
        }
        let windows = Windows {
            values: inputs,
            hop: self.input.len(),
            count,
        };
        self.forward(&windows, scratch, &mut |first, block| {
            block.copy_to(first, outputs);
        });
        Ok(())
    }
}

impl Snapshot for Network {
    const KIND: &'static str = "neural.network";
    const VERSION: u16 = 1;

    /// Nothing is left to check: a network is only made of layers and weights that fit.
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}
