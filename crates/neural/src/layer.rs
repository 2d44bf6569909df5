use bongsu_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a dense layer does to its weighted sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x` (the default), for outputs of any sign, such as standardised data.
    #[default]
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `1 / (1 + exp(-x))`, for outputs in [0, 1], such as min-max scaled data.
    Sigmoid,
    /// `tanh(x)`.
    Tanh,
}

/// What a layer takes or gives: `steps` rows of `features` numbers, oldest first. A single row has
/// one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Rows. Domain: [1, 4096].
    pub steps: usize,
    /// Numbers a row. Domain: [1, 65536].
    pub features: usize,
}

impl Shape {
    /// The numbers in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.steps.saturating_mul(self.features)
    }

    /// Whether it holds no numbers.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A layer of a [`Network`](crate::Network).
///
/// With `x_t` the row of step `t`, `h_t` the hidden state (zero before the first step), `*` the
/// product of numbers and `s` the logistic function:
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    /// `y_t = activation(W x_t + b)`, the same for each step (Keras calls it time-distributed).
    Dense {
        /// Numbers given a step. Domain: [1, 65536].
        units: usize,
        /// What follows the weighted sum.
        activation: Activation,
    },
    /// In training sets each number to zero with probability `rate` and divides the others by
    /// `1 - rate`; otherwise does nothing.
    Dropout {
        /// Domain: [0, 1).
        rate: f64,
    },
    /// Long short-term memory: `i, f, g, o = s, s, tanh, s (W x_t + U h_(t-1) + b)`,
    /// `c_t = f * c_(t-1) + i * g`, `h_t = o * tanh(c_t)`.
    Lstm {
        /// The size of the hidden state. Domain: [1, 4096].
        units: usize,
        /// Gives the hidden state of each step; otherwise that of the last step alone.
        sequences: bool,
    },
    /// Gated recurrent unit, as `PyTorch` defines it: `r, z = s(W x_t + U h_(t-1) + b + d)`,
    /// `n = tanh(W_n x_t + b_n + r * (U_n h_(t-1) + d_n))`, `h_t = (1 - z) * n + z * h_(t-1)`.
    Gru {
        /// The size of the hidden state. Domain: [1, 4096].
        units: usize,
        /// Gives the hidden state of each step; otherwise that of the last step alone.
        sequences: bool,
    },
    /// Repeats a single row.
    Repeat {
        /// How often. Domain: [1, 4096].
        times: usize,
    },
}

pub(crate) const MOST_STEPS: usize = 4096;
const MOST_UNITS: usize = 4096;
pub(crate) const MOST_FEATURES: usize = 65536;

impl Layer {
    /// What it gives of `input`.
    ///
    /// # Errors
    /// When one of its numbers is outside its domain, or it cannot take `input`.
    pub fn output(&self, input: Shape) -> Result<Shape> {
        count("steps", input.steps, MOST_STEPS)?;
        count("features", input.features, MOST_FEATURES)?;
        match *self {
            Self::Dense { units, .. } => Ok(Shape {
                steps: input.steps,
                features: count("units", units, MOST_FEATURES)?,
            }),
            Self::Dropout { rate } if (0.0..1.0).contains(&rate) => Ok(input),
            Self::Dropout { rate } => Err(Error::parameter("dropout", rate, "in [0, 1)")),
            Self::Lstm { units, sequences } | Self::Gru { units, sequences } => Ok(Shape {
                steps: if sequences { input.steps } else { 1 },
                features: count("units", units, MOST_UNITS)?,
            }),
            Self::Repeat { times } => {
                if input.steps != 1 {
                    return Err(Error::shape("steps before a repetition", input.steps, 1));
                }
                Ok(Shape {
                    steps: count("times", times, MOST_STEPS)?,
                    features: input.features,
                })
            }
        }
    }

    /// Its parameters for `input`: what each is called after the number of the layer, and its rows
    /// and columns in memory. A row for each number taken, a column for each number given.
    pub(crate) fn parameters(&self, input: Shape) -> Vec<Parameter> {
        let inputs = input.features;
        let matrix = |name, rows, columns| Parameter {
            name,
            rows,
            columns,
            is_matrix: true,
        };
        let vector = |name, columns| Parameter {
            name,
            rows: 1,
            columns,
            is_matrix: false,
        };
        match *self {
            Self::Dense { units, .. } => {
                vec![matrix("weight", inputs, units), vector("bias", units)]
            }
            Self::Lstm { units, .. } => vec![
                matrix("weight_ih_l0", inputs, 4 * units),
                matrix("weight_hh_l0", units, 4 * units),
                vector("bias_ih_l0", 4 * units),
            ],
            Self::Gru { units, .. } => vec![
                matrix("weight_ih_l0", inputs, 3 * units),
                matrix("weight_hh_l0", units, 3 * units),
                vector("bias_ih_l0", 3 * units),
                vector("bias_hh_l0", 3 * units),
            ],
            Self::Dropout { .. } | Self::Repeat { .. } => Vec::new(),
        }
    }
}

/// A matrix or a vector of a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) is_matrix: bool,
}

impl Parameter {
    pub(crate) const fn len(&self) -> usize {
        self.rows.saturating_mul(self.columns)
    }
}

fn count(name: &str, value: usize, most: usize) -> Result<usize> {
    if (1..=most).contains(&value) {
        Ok(value)
    } else {
        Err(Error::parameter(name, value, format!("in [1, {most}]")))
    }
}
