use bongsu_core::ndarray::{Array2, Axis};
use bongsu_core::{Contribution, DeviationFilter, Rows, Timestamp};

use super::lane::{Lane, Manner, shares};
use super::{DetectRequest, Found};
use crate::consecutive::Consecutive;
use crate::fitted::Fitted;
use crate::registry::{Input, Runner, StreamState};
use crate::{Error, Table};

/// The rows of one channel, or of all channels together, that can be judged.
pub(super) struct Channels<'a> {
    names: Vec<String>,
    /// Their places in the table.
    rows: Vec<usize>,
    times: Vec<Timestamp>,
    values: Array2<f64>,
    input: Input,
    request: &'a DetectRequest,
    filter: &'a DeviationFilter,
}

impl<'a> Channels<'a> {
    /// The rows in time whose values in `columns` are all numbers.
    pub(super) fn new(
        table: &'a Table,
        columns: &[usize],
        input: Input,
        request: &'a DetectRequest,
        filter: &'a DeviationFilter,
    ) -> Self {
        let values = table.values.select(Axis(1), columns);
        let mut late = table.late_rows.iter().copied().peekable();
        let rows: Vec<usize> = values
            .rows()
            .into_iter()
            .enumerate()
            .filter(|(row, cells)| {
                late.next_if_eq(row).is_none() && cells.iter().all(|value| value.is_finite())
            })
            .map(|(row, _)| row)
            .collect();
        let names = columns
            .iter()
            .filter_map(|&column| table.channels.get(column));
        let times = rows.iter().filter_map(|&row| table.timestamps.get(row));
        Self {
            names: names.cloned().collect(),
            times: times.copied().collect(),
            values: values.select(Axis(0), &rows),
            rows,
            input,
            request,
            filter,
        }
    }

    /// What is found in each of the rows.
    pub(super) fn judge(&self, runner: Runner) -> Result<Vec<(usize, Found)>, Error> {
        let found = match runner {
            Runner::Stream(detector) => self.stream(*detector),
            Runner::Batch(config) => match self.input {
                Input::Series | Input::TableSeries => {
                    let grid = Consecutive::new(&self.times, &self.values.view());
                    let train = grid.places.get(self.training_rows()).copied();
                    let rows = grid.rows()?;
                    let train = train.unwrap_or_else(|| rows.len());
                    self.batch(config.as_ref(), &rows, train, &grid.places)
                }
                Input::Column | Input::Table => {
                    let places: Vec<usize> = (0..self.rows.len()).collect();
                    let rows = Rows::at(&self.times, self.values.view())?;
                    self.batch(config.as_ref(), &rows, self.training_rows(), &places)
                }
            },
        }?;
        Ok(self.rows.iter().copied().zip(found).collect())
    }

    /// How many of the rows are learned from.
    fn training_rows(&self) -> usize {
        let limit = self.request.train_rows.unwrap_or(usize::MAX);
        self.rows.partition_point(|&row| row < limit)
    }

    fn stream(&self, detector: StreamState) -> Result<Vec<Found>, Error> {
        let mut lane = Lane::new(detector, self.names.len())?;
        let train = self.training_rows();
        let mut found = Vec::with_capacity(self.rows.len());
        let mut values = Vec::with_capacity(self.names.len());
        for (i, (row, &time)) in self.values.rows().into_iter().zip(&self.times).enumerate() {
            values.clear();
            values.extend(row);
            let manner = Manner {
                learn: i < train,
                raw: self.request.raw,
                explain: self.request.explain.then_some(self.names.as_slice()),
                filter: self.filter,
            };
            found.push(lane.judge(time, &values, manner)?);
        }
        Ok(found)
    }

    /// Fits on the first `train` of `rows` and judges all; `places` are those of the rows of the
    /// table among them.
    fn batch(
        &self,
        config: &dyn bongsu_core::FitDetectorDyn,
        rows: &Rows<'_>,
        train: usize,
        places: &[usize],
    ) -> Result<Vec<Found>, Error> {
        let learned = rows.first(train);
        let fitted = Fitted::new(config, &learned, None)?;
        let mut scores = fitted.training_scores.clone();
        if train < rows.len() {
            let all = fitted.detector.score_rows(rows)?;
            scores.extend(all.into_iter().skip(train));
        }
        let bands = fitted.expectations(rows)?;
        let mut found = Vec::with_capacity(places.len());
        for (row, &place) in self.values.rows().into_iter().zip(places) {
            let values = row.to_vec();
            let band = bands.as_ref().and_then(|bands| bands.get(place)).copied();
            let band = band.filter(|band| band.expected.is_finite());
            let raw = scores.get(place).copied().filter(|raw| !raw.is_nan());
            let mut one = Found::new(
                raw,
                raw.map(|raw| fitted.calibrator.calibrate(raw)),
                &values,
                band,
                self.filter,
            );
            if self.request.explain && one.is_anomalous() {
                one.contributions = self.contributions(&fitted, &values)?;
            }
            found.push(one);
        }
        Ok(found)
    }

    /// The shares of the channels in the score of a row, largest first.
    fn contributions(&self, fitted: &Fitted, row: &[f64]) -> Result<Vec<Contribution>, Error> {
        if !self.input.is_together() || self.names.len() < 2 {
            return Ok(Vec::new());
        }
        Ok(shares(&self.names, fitted.detector.contributions(row)?))
    }
}
