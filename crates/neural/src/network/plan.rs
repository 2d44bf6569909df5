use std::ops::Range;

use bongsu_core::{Error, Result};

use crate::layer::Parameter;
use crate::{Layer, Shape};

/// The most parameters of a network: 256 MB of them.
const MOST_PARAMETERS: usize = 1 << 26;

/// The most layers of a network.
const MOST_LAYERS: usize = 256;

/// A layer in its place: what goes in and out, and where its parameters are among all.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) layer: Layer,
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    pub(crate) range: Range<usize>,
}

impl Placed {
    /// Each of its parameters, and where it is among all.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (Parameter, Range<usize>)> {
        let mut from = self.range.start;
        let parameters = self.layer.parameters(self.input).into_iter();
        parameters.map(move |parameter| {
            let range = from..from + parameter.len();
            from = range.end;
            (parameter, range)
        })
    }
}

/// The layers of a network, checked to fit one another.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) input: Shape,
    pub(crate) output: Shape,
    pub(crate) layers: Vec<Placed>,
}

impl Plan {
    pub(crate) fn new(input: Shape, layers: &[Layer]) -> Result<Self> {
        if !(1..=MOST_LAYERS).contains(&layers.len()) {
            let domain = format!("in [1, {MOST_LAYERS}]");
            return Err(Error::parameter("number of layers", layers.len(), domain));
        }
        let (mut shape, mut from) = (input, 0_usize);
        let mut placed = Vec::with_capacity(layers.len());
        for (index, layer) in layers.iter().enumerate() {
            let output = layer
                .output(shape)
                .map_err(|e| Error::input(format!("layer {index}: {e}")))?;
            let parameters = layer.parameters(shape);
            let to = parameters
                .iter()
                .fold(from, |sum, parameter| sum.saturating_add(parameter.len()));
            if to > MOST_PARAMETERS {
                return Err(Error::parameter(
                    "number of parameters",
                    to,
                    format!("at most {MOST_PARAMETERS}"),
                ));
            }
            placed.push(Placed {
                layer: *layer,
                input: shape,
                output,
                range: from..to,
            });
            (shape, from) = (output, to);
        }
        Ok(Self {
            input,
            output: shape,
            layers: placed,
        })
    }

    /// How many parameters all layers have.
    pub(crate) fn parameters(&self) -> usize {
        self.layers.last().map_or(0, |placed| placed.range.end)
    }
}
