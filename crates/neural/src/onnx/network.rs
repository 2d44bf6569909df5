use std::sync::Arc;

use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};
use tract_onnx::prelude::{Datum as _, InferenceModel};
use tract_onnx::tract_hir::infer::Factoid as _;

use super::plan::{Plan, parsed};
use crate::Shape;
use crate::network::Windows;

/// The windows that go through a network together, where there are so many.
const BLOCK: usize = 64;

/// A network of an ONNX file that gives its input again, run by
/// [tract](https://docs.rs/tract-onnx): with feature `onnx` alone.
///
/// For networks whose layers a [`Network`](crate::Network) does not have: convolutions, attention,
/// normalisations. Where a [`Network`](crate::Network) can be made of the file, prefer that: it needs
/// no feature, and streams without allocating.
///
/// It has one input and one output, both of the axes `[windows, features]` or
/// `[windows, steps, features]` and in `f32`. Read only files that you trust: tract is not made for
/// hostile ones, and takes the memory that they ask for. Some that onnxruntime runs it cannot, such
/// as a GRU on a single feature (tract 0.23): the error says so. Others it cannot optimise, such as an
/// LSTM autoencoder that repeats its code: these run, but slowly.
///
/// Cost: that of tract, on the thread that asks. Memory: the file, and what tract makes of it, once
/// for one window and once for 64 at a time.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct OnnxNetwork {
    bytes: Arc<[u8]>,
    input: Shape,
    /// For more windows together first.
    plans: Vec<Plan>,
}

/// What is saved of it.
#[derive(Serialize, Deserialize)]
struct Saved {
    bytes: Vec<u8>,
    input: Shape,
}

impl TryFrom<Saved> for OnnxNetwork {
    type Error = Error;

    fn try_from(saved: Saved) -> Result<Self> {
        Self::read_as(&saved.bytes, saved.input)
    }
}

impl From<OnnxNetwork> for Saved {
    fn from(network: OnnxNetwork) -> Self {
        Self {
            bytes: network.bytes.to_vec(),
            input: network.input,
        }
    }
}

impl PartialEq for OnnxNetwork {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.input == other.input
    }
}

impl std::fmt::Debug for OnnxNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxNetwork")
            .field("bytes", &self.bytes.len())
            .field("input", &self.input)
            .finish_non_exhaustive()
    }
}

impl OnnxNetwork {
    /// The network of an ONNX file.
    ///
    /// # Errors
    /// When `bytes` are not a whole ONNX file, or have their weights in another one; the network has
    /// an operator that tract does not have, several inputs or outputs, other axes or another type
    /// than the one it should have; it leaves open how many steps or features it takes (see
    /// [`OnnxNetwork::read_as`]), or does not give the shape that it takes; or tract cannot run it.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let model = parsed(bytes)?;
        let axes = axes(&model)?;
        let known = |axis: usize, what: &str| {
            axes.get(axis).copied().flatten().ok_or_else(|| {
                Error::input(format!(
                    "the ONNX file leaves the number of {what} open: say it with `read_as`"
                ))
            })
        };
        let input = if axes.len() == 2 {
            Shape {
                steps: 1,
                features: known(1, "features")?,
            }
        } else {
            Shape {
                steps: known(1, "steps")?,
                features: known(2, "features")?,
            }
        };
        Self::made(bytes, &model, &axes, input)
    }

    /// As [`OnnxNetwork::read`], of a file that leaves the number of steps or of features open.
    ///
    /// # Errors
    /// As [`OnnxNetwork::read`], and when the file says another number.
    pub fn read_as(bytes: &[u8], input: Shape) -> Result<Self> {
        let model = parsed(bytes)?;
        let axes = axes(&model)?;
        Self::made(bytes, &model, &axes, input)
    }

    fn made(
        bytes: &[u8],
        model: &InferenceModel,
        axes: &[Option<usize>],
        input: Shape,
    ) -> Result<Self> {
        // The domain of a shape is that of every layer.
        crate::Layer::Dropout { rate: 0.0 }.output(input)?;
        let wanted: &[usize] = match axes.len() {
            2 if input.steps != 1 => return Err(Error::shape("steps", input.steps, 1)),
            2 => &[input.features],
            _ => &[input.steps, input.features],
        };
        for ((found, &wanted), what) in axes.iter().skip(1).zip(wanted).zip(["second", "third"]) {
            if let Some(found) = found.filter(|&found| found != wanted) {
                let what = format!("the {what} axis of the ONNX file");
                return Err(Error::shape(what, found, wanted));
            }
        }
        let plan = |batch: usize| {
            let axes: Vec<usize> = [batch].iter().chain(wanted).copied().collect();
            Plan::new(model, &axes)
        };
        let plans = match axes.first().copied().flatten() {
            Some(batch) => vec![plan(batch)?],
            None => vec![plan(BLOCK)?, plan(1)?],
        };
        Ok(Self {
            bytes: bytes.into(),
            input,
            plans,
        })
    }

    /// What it takes, and gives.
    #[must_use]
    pub const fn input(&self) -> Shape {
        self.input
    }

    /// The bytes of the file that it keeps; what tract holds is not known.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The outputs for any number of windows that follow each other in `inputs`.
    ///
    /// # Errors
    /// When `inputs` does not hold whole windows, a number in it is not finite, or the network gives
    /// one that is not.
    pub fn predict(&self, inputs: &[f32]) -> Result<Vec<f32>> {
        let hop = self.input.len();
        let count = inputs.len() / hop;
        if inputs.len() != count * hop {
            return Err(Error::shape(
                "length of the inputs",
                inputs.len(),
                count * hop,
            ));
        }
        if let Some(&bad) = inputs.iter().find(|value| !value.is_finite()) {
            return Err(Error::non_finite("a number of the inputs", f64::from(bad)));
        }
        let mut outputs = Vec::with_capacity(inputs.len());
        let windows = Windows {
            values: inputs,
            hop,
            count,
        };
        self.forward(&windows, &mut |_, output| outputs.extend_from_slice(output))?;
        Ok(outputs)
    }

    /// Hands each window's number and output to `take`, first to last.
    pub(crate) fn forward(
        &self,
        windows: &Windows<'_>,
        take: &mut dyn FnMut(usize, &[f32]),
    ) -> Result<()> {
        let size = self.input.len();
        let mut done = 0;
        let mut inputs = Vec::new();
        while done < windows.count {
            let left = windows.count - done;
            let fitting = self.plans.iter().find(|plan| plan.batch <= left);
            let Some(plan) = fitting.or(self.plans.last()) else {
                break;
            };
            let together = plan.batch.min(left);
            inputs.clear();
            for index in done..done + together {
                let from = index * windows.hop;
                let window = windows.values.get(from..from + size);
                inputs.extend_from_slice(window.unwrap_or_default());
            }
            // A file that says how many windows it takes gets empty ones at the end.
            inputs.resize(plan.batch * size, 0.0);
            plan.run(&inputs, &mut |outputs| {
                let outputs = outputs.chunks_exact(size).take(together);
                for (index, output) in outputs.enumerate() {
                    take(done + index, output);
                }
            })?;
            done += together;
        }
        Ok(())
    }
}

/// The sizes of the input's axes, `None` where the file leaves one open.
fn axes(model: &InferenceModel) -> Result<Vec<Option<usize>>> {
    for (what, found) in [("inputs", &model.inputs), ("outputs", &model.outputs)] {
        if found.len() != 1 {
            let what = format!("number of {what} of the ONNX file");
            return Err(Error::shape(what, found.len(), 1));
        }
    }
    let fact = model.input_fact(0).map_err(|e| super::plan::refused(&e))?;
    if let Some(kind) = fact
        .datum_type
        .concretize()
        .filter(|&k| k != f32::datum_type())
    {
        return Err(Error::input(format!(
            "the ONNX file takes numbers of type {kind:?}, but F32 is needed"
        )));
    }
    let axes: Vec<Option<usize>> = fact
        .shape
        .dims()
        .map(|axis| usize::try_from(axis.concretize()?.to_i64().ok()?).ok())
        .collect();
    if fact.shape.is_open() || !(2..=3).contains(&axes.len()) {
        return Err(Error::input(format!(
            "the ONNX file takes {}, but [windows, features] or [windows, steps, features] is needed",
            if fact.shape.is_open() {
                "an open number of axes".to_owned()
            } else {
                format!("{} axes", axes.len())
            }
        )));
    }
    Ok(axes)
}
