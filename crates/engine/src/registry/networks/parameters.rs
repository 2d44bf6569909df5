//! What networks can be told.

use super::super::parameter::{ParameterSpec, parameter};

pub(super) const EPOCHS: ParameterSpec = parameter(
    "epochs",
    "50",
    "1 to 100000",
    "the most passes over the rows in training",
);

pub(super) const BATCH: ParameterSpec = parameter(
    "batch_size",
    "32",
    "1 to 4096",
    "windows from one step of the weights to the next",
);

pub(super) const LEARNING_RATE: ParameterSpec = parameter(
    "learning_rate",
    "0.001",
    "finite, above 0",
    "how far a step moves the weights (Adam)",
);

pub(super) const WEIGHT_DECAY: ParameterSpec = parameter(
    "weight_decay",
    "0",
    "in [0, 1)",
    "the share of each weight that a step takes away, times the learning rate (AdamW)",
);

pub(super) const L2: ParameterSpec = parameter(
    "l2",
    "0",
    "finite, at least 0",
    "the weight of the squared weights in what is minimised",
);

pub(super) const LOSS: ParameterSpec = parameter(
    "loss",
    "mse",
    "mse, mae or huber",
    "what a difference costs, in training and in the score: its square, its size, or its square where it is below 1",
);

pub(super) const VALIDATION: ParameterSpec = parameter(
    "validation",
    "0.1",
    "in [0, 1)",
    "the share of the rows, the last ones, that are held back to choose the best epoch",
);

pub(super) const PATIENCE: ParameterSpec = parameter(
    "patience",
    "5",
    "0 to 100000",
    "epochs without a better loss after which training stops; 0 is never",
);

pub(super) const REDUCE_AFTER: ParameterSpec = parameter(
    "reduce_after",
    "3",
    "0 to 100000",
    "epochs without a better loss after which the learning rate is halved; 0 is never",
);

pub(super) const DROPOUT: ParameterSpec = parameter(
    "dropout",
    "0.2",
    "in [0, 1)",
    "the share of a layer's numbers that are left out in training, each time others",
);

pub(super) const SIZES: &str = "1 to 16 sizes, each 1 to 4096, divided by commas";

pub(super) const UNITS: ParameterSpec = parameter(
    "units",
    "50,25",
    SIZES,
    "the sizes of the recurrent layers from the input to the code",
);

pub(super) const SEQUENCE: ParameterSpec = parameter(
    "sequence",
    "60",
    "2 to 4096",
    "consecutive rows that are looked at together",
);

pub(super) const CELL: ParameterSpec = parameter(
    "cell",
    "lstm",
    "lstm or gru",
    "the cell of the recurrent layers",
);

pub(super) const ACTIVATION: ParameterSpec = parameter(
    "activation",
    "relu",
    "relu, tanh, sigmoid or linear",
    "what follows the weighted sums of the hidden layers",
);

pub(super) const OUTPUT: ParameterSpec = parameter(
    "output",
    "linear",
    "linear, sigmoid, tanh or relu",
    "what follows the weighted sums of the last layer: sigmoid suits min-max scaling",
);

pub(super) const THRESHOLD: ParameterSpec = parameter(
    "threshold",
    "contamination",
    "contamination, spot or conformal",
    "where the bound lies: a quantile of the errors of all rows, extreme value theory on them, or a quantile of the errors of the rows held back that keeps to the rate of false alarms",
);

pub(super) const HISTORY: ParameterSpec = parameter(
    "history",
    "2016",
    "16 to 1048576",
    "points that it is trained on before the first score, where points come one by one; at least 15 windows more than one",
);

pub(super) const MAX_ALARM_SHARE: ParameterSpec = parameter(
    "max_alarm_share",
    "0.01",
    "none or in (0, 0.5]",
    "the largest share of these points beyond the bound, where points come one by one; `none` leaves the bound to `threshold`",
);

pub(super) const fn scaling(default: &'static str) -> ParameterSpec {
    parameter(
        "scaling",
        default,
        "standard, min-max or none",
        "how channels are brought to one scale, by the rows that are trained on",
    )
}

pub(super) const fn contamination(default: &'static str) -> ParameterSpec {
    parameter(
        "contamination",
        default,
        "in (0, 0.5]",
        "the share of training rows beyond the bound; the rate of false alarms where the threshold is conformal",
    )
}

pub(super) const STRIDE: ParameterSpec = parameter(
    "stride",
    "1",
    "1 to sequence",
    "rows from one window to the next",
);

pub(super) const CAUSAL: ParameterSpec = parameter(
    "causal",
    "false",
    "true or false",
    "judge a row by the window that ends with it, in place of all that cover it; points that come one by one always are",
);

pub(super) const MIN_MAX: ParameterSpec = scaling("min-max");
pub(super) const FIVE_PERCENT: ParameterSpec = contamination("0.05");
