use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bongsu_core::{Error, Result};
use tract_onnx::prelude::{
    Datum as _, Framework as _, InferenceFact, InferenceModel, InferenceModelExt as _,
    IntoRunnable, IntoTValue as _, Tensor, TractResult, TypedModel, TypedRunnableModel, tvec,
};

/// The most letters of what tract says that are handed on.
const MOST_LETTERS: usize = 400;

/// A network made ready for a fixed number of windows.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The windows that go through it together.
    pub(super) batch: usize,
    /// The sizes of the input's axes.
    axes: Vec<usize>,
    runnable: Arc<TypedRunnableModel>,
}

/// How far tract brings a network before it runs it, best first. It cannot optimise all that it can
/// run.
const LEVELS: [fn(InferenceModel) -> TractResult<TypedModel>; 3] = [
    |model| model.into_optimized(),
    |model| model.into_typed()?.into_decluttered(),
    |model| model.into_typed(),
];

impl Plan {
    /// Of the best level at which tract gives what it takes.
    pub(super) fn new(model: &InferenceModel, axes: &[usize]) -> Result<Self> {
        let mut first = None;
        for level in LEVELS {
            match guarded(|| Self::at(level, model, axes)) {
                Ok(plan) => return Ok(plan),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| Error::unsupported("tract cannot run the network")))
    }

    fn at(
        level: fn(InferenceModel) -> TractResult<TypedModel>,
        model: &InferenceModel,
        axes: &[usize],
    ) -> Result<Self> {
        let fact = InferenceFact::dt_shape(f32::datum_type(), axes);
        let runnable = model
            .clone()
            .with_input_fact(0, fact)
            .and_then(level)
            .and_then(IntoRunnable::into_runnable)
            .map_err(|e| refused(&e))?;
        let plan = Self {
            batch: axes.first().copied().unwrap_or(1),
            axes: axes.to_vec(),
            runnable,
        };
        let nothing = vec![0.0; axes.iter().product()];
        plan.run(&nothing, &mut |_| ())?;
        Ok(plan)
    }

    /// Hands what the network makes of `inputs` to `take`: as many numbers.
    pub(super) fn run(&self, inputs: &[f32], take: &mut dyn FnMut(&[f32])) -> Result<()> {
        let input = Tensor::from_shape(&self.axes, inputs).map_err(|e| refused(&e))?;
        let outputs = guarded(|| {
            let outputs = self.runnable.run(tvec!(input.into_tvalue()));
            outputs.map_err(|e| refused(&e))
        })?;
        let [output] = &outputs[..] else {
            return Err(Error::shape("number of outputs", outputs.len(), 1));
        };
        if output.shape() != self.axes {
            return Err(Error::input(format!(
                "the network gives {:?} numbers for {:?}: one that gives its input again is needed",
                output.shape(),
                self.axes
            )));
        }
        let output = output.to_plain_array_view::<f32>();
        let output = output.map_err(|e| refused(&e))?;
        let output = output.as_standard_layout();
        let output = output.as_slice().unwrap_or_default();
        if let Some(&bad) = output.iter().find(|value| !value.is_finite()) {
            return Err(Error::non_finite(
                "a number that the network gives",
                f64::from(bad),
            ));
        }
        take(output);
        Ok(())
    }
}

/// What `work` gives; a panic of tract, which hostile files bring about, is an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(Error::unsupported(format!(
            "tract failed on the network: {}",
            said(&*panic)
        )))
    })
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason is given")
}

/// The whole chain of what tract says, on a line.
pub(super) fn refused(error: &tract_onnx::prelude::TractError) -> Error {
    let text = format!("{error:#}").replace('\n', " ");
    let short: String = text.chars().take(MOST_LETTERS).collect();
    Error::unsupported(format!("tract cannot run the network: {short}"))
}

/// The network in `bytes`.
pub(super) fn parsed(bytes: &[u8]) -> Result<InferenceModel> {
    let onnx = tract_onnx::onnx()
        .with_ignore_output_shapes(true)
        .with_ignore_value_info(true);
    let file = onnx
        .proto_model_for_read(&mut &*bytes)
        .map_err(|_| Error::input("not a whole ONNX file"))?;
    let Some(graph) = &file.graph else {
        return Err(Error::input("the ONNX file holds no network"));
    };
    if graph
        .initializer
        .iter()
        .any(|t| !t.external_data.is_empty())
    {
        return Err(Error::input(
            "the weights of the ONNX file are in another file: export it as one file",
        ));
    }
    let unknown: std::collections::BTreeSet<&str> = graph
        .node
        .iter()
        .map(|node| node.op_type.as_str())
        .filter(|name| !onnx.op_register.0.contains_key(*name))
        .collect();
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.into_iter().collect();
        return Err(Error::unsupported(format!(
            "tract does not have the operators of the ONNX file: {}",
            names.join(", ")
        )));
    }
    guarded(|| onnx.model_for_proto_model(&file).map_err(|e| refused(&e)))
}
