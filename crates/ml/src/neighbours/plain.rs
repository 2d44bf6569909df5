use serde::{Deserialize, Serialize, Serializer};

use super::{Metric, NeighbourIndex};

/// An index as it is saved: its rows alone, in their order. The tree is built anew.
#[derive(Serialize, Deserialize)]
pub(super) struct PlainIndex {
    metric: Metric,
    features: usize,
    /// Row after row.
    values: Vec<f64>,
}

impl From<&NeighbourIndex> for PlainIndex {
    fn from(index: &NeighbourIndex) -> Self {
        let rows = 0..index.len() as u32;
        let values = rows.flat_map(|row| index.row(row)).collect();
        Self {
            metric: index.metric,
            features: index.features,
            values,
        }
    }
}

impl TryFrom<PlainIndex> for NeighbourIndex {
    type Error = String;

    fn try_from(plain: PlainIndex) -> Result<Self, String> {
        let PlainIndex {
            metric,
            features,
            values,
        } = plain;
        if features == 0 || values.is_empty() || values.len() % features != 0 {
            return Err(format!(
                "{} values are not rows of {features} features",
                values.len()
            ));
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err("a row has a value that is not finite".to_owned());
        }
        Self::of(values, features, metric).map_err(|e| e.to_string())
    }
}

impl Serialize for NeighbourIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PlainIndex::from(self).serialize(serializer)
    }
}
