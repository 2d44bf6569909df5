use bongsu_core::ndarray::{Array2, Axis};
use bongsu_core::{Contribution, DeviationFilter, Rows, Timestamp};

use super::lane::{Lane, Manner, shares};
use super::{DetectRequest, Found};
use crate::consecutive::Consecutive;
use crate::fitted::Fitted;
use crate::registry::{Input, Runner, StreamState};
use crate::{Error, Table};

/// The rows of one channel, or of all channels together, that can be judged.
pub(crate) struct Channels<'a> {
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
    pub(crate) fn new(
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
            Runner::Batch(config) => self.on_grid(|rows, train, places| {
                let (fitted, mut scores) = Fitted::new(config.as_ref(), &rows.first(train), None)?;
                if train < rows.len() {
                    let all = fitted.detector.score_rows(rows)?;
                    scores.extend(all.into_iter().skip(train));
                }
                self.found(&fitted, &scores, rows, places)
            }),
        }?;
        Ok(self.rows.iter().copied().zip(found).collect())
    }

    /// What a detector that is fitted already finds in each of the rows.
    pub(crate) fn judge_by(&self, fitted: &Fitted) -> Result<Vec<(usize, Found)>, Error> {
        let found = self.on_grid(|rows, _, places| {
            let scores = fitted.detector.score_rows(rows)?;
            self.found(fitted, &scores, rows, places)
        })?;
        Ok(self.rows.iter().copied().zip(found).collect())
    }

    /// The values of the rows that are learned from.
    pub(crate) fn learned(&self) -> Result<Array2<f64>, Error> {
        self.on_grid(|rows, train, _| Ok(rows.first(train).values().to_owned()))
    }

    /// Gives the rows to `use_them`, their holes filled where neighbours in time matter, how many of
    /// them are learned from, and the places of the rows of the table among them.
    fn on_grid<T>(
        &self,
        use_them: impl FnOnce(&Rows<'_>, usize, &[usize]) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.input.is_sequence() {
            let grid = Consecutive::new(&self.times, &self.values.view());
            let train = grid.places.get(self.training_rows()).copied();
            let rows = grid.rows()?;
            let train = train.unwrap_or_else(|| rows.len());
            use_them(&rows, train, &grid.places)
        } else {
            let places: Vec<usize> = (0..self.rows.len()).collect();
            let rows = Rows::at(&self.times, self.values.view())?;
            use_them(&rows, self.training_rows(), &places)
        }
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

    /// What the scores of `rows` mean; `places` are those of the rows of the table among them.
    fn found(
        &self,
        fitted: &Fitted,
        scores: &[f64],
        rows: &Rows<'_>,
        places: &[usize],
    ) -> Result<Vec<Found>, Error> {
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
                one.contributions = self.contributions(fitted, rows, place)?;
            }
            found.push(one);
        }
        Ok(found)
    }

    /// The shares of the channels in the score of the row at `place`, largest first.
    fn contributions(
        &self,
        fitted: &Fitted,
        rows: &Rows<'_>,
        place: usize,
    ) -> Result<Vec<Contribution>, Error> {
        if !self.input.is_together() || self.names.len() < 2 {
            return Ok(Vec::new());
        }
        let parts = fitted.detector.contributions_at(rows, place)?;
        Ok(shares(&self.names, parts))
    }
}
