use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{Read, Write};

use arrow_array::{Array as _, ArrayRef, UInt64Array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::Field;
use arrow_select::take::take;
use bongsu_core::Timestamp;
use bongsu_core::ndarray::Array2;
use bongsu_engine::{Table, TimeUnit};

use crate::batches::Batches;
use crate::input::{Columns, Part};
use crate::output::{self, Rows};
use crate::{Error, Job, OnError};

/// Results are written when there are about this many rows of them.
const BATCH: usize = 1 << 14;

/// What a worker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// The series.
    pub series: u64,
    /// The rows that were read.
    pub rows: u64,
    /// The series that could not be done.
    pub failed: u64,
}

/// Does a job: reads an Arrow IPC stream from `input` and writes one to `output`.
///
/// What is written is a whole stream only when this returns without an error; a stream without its
/// end is told as cut short by readers that look for it.
///
/// # Errors
/// When the job is not valid; the stream is cut short, damaged or without a column; a time is null
/// or does not move on; a series comes back after another or has more rows than
/// [`Job::most_rows`]; a series cannot be done and [`Job::errors`] says so; reading or writing
/// fails.
pub fn run(job: &Job, input: impl Read, output: impl Write) -> Result<Done, Error> {
    job.validate()?;
    let mut input = Batches::new(input);
    let mut batch = input.next()?;
    let schema = input
        .schema()
        .ok_or_else(|| Error::input("the stream says nothing of its columns"))?;
    let columns = Columns::new(job, &schema)?;
    let mut worker = Worker::new(job, columns.series_of(&schema), output)?;
    while let Some(rows) = batch {
        worker.take(&columns.read(job, &rows)?)?;
        batch = input.next()?;
    }
    worker.finish()
}

/// The series that is being read.
struct Open {
    /// What names it, each one row.
    key: Vec<ArrayRef>,
    /// The same as text.
    name: Vec<String>,
    times: Vec<Timestamp>,
    /// Row by row.
    values: Vec<f64>,
}

struct Worker<'a, W: Write> {
    job: &'a Job,
    writer: StreamWriter<W>,
    rows: Rows,
    hashers: [RandomState; 2],
    seen: HashSet<[u64; 2]>,
    open: Option<Open>,
    done: Done,
}

impl<'a, W: Write> Worker<'a, W> {
    fn new(job: &'a Job, series: Vec<Field>, output: W) -> Result<Self, Error> {
        let rows = Rows::new(job, series);
        let schema = rows.schema();
        let mut names = HashSet::new();
        if let Some(twice) = schema
            .fields()
            .iter()
            .find(|field| !names.insert(field.name()))
        {
            return Err(Error::input(format!(
                "column `{}` names a series, and a column of the results has that name: rename it",
                twice.name()
            )));
        }
        let writer = StreamWriter::try_new(output, &schema).map_err(Error::output)?;
        Ok(Self {
            job,
            writer,
            rows,
            hashers: [RandomState::new(), RandomState::new()],
            seen: HashSet::new(),
            open: None,
            done: Done::default(),
        })
    }

    fn finish(mut self) -> Result<Done, Error> {
        self.close()?;
        self.write()?;
        self.writer.finish().map_err(Error::output)?;
        Ok(self.done)
    }

    /// Takes the rows of a batch, and does every series that ends in it.
    fn take(&mut self, part: &Part) -> Result<(), Error> {
        let options = FormatOptions::new().with_null("null");
        let names = part.series.iter();
        let names: Vec<ArrayFormatter<'_>> = names
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<_, _>>()
            .map_err(Error::input)?;
        for rows in part.ranges()? {
            let key = part.series.iter();
            let key: Vec<ArrayRef> = key
                .map(|column| copy_of_row(column, rows.start))
                .collect::<Result<_, _>>()?;
            let same = self.open.as_ref().is_some_and(|open| {
                let mut pairs = open.key.iter().zip(&key);
                pairs.all(|(open, key)| open.to_data() == key.to_data())
            });
            if !same {
                self.close()?;
                let name = names.iter().map(|name| name.value(rows.start).to_string());
                self.begin(name.collect(), key)?;
            }
            for row in rows {
                let time = part.times.get(row).copied().unwrap_or_default();
                let values = part.values.iter().filter_map(|column| column.get(row));
                self.push(Timestamp::from_millis(time), values.copied())?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, name: Vec<String>, key: Vec<ArrayRef>) -> Result<(), Error> {
        // A null has the name of the text `null`, but is another series.
        let nulls: Vec<bool> = key.iter().map(|column| column.is_null(0)).collect();
        let hash = self.hashers.each_ref();
        let hash = hash.map(|hasher| hasher.hash_one((&name, &nulls)));
        if !self.seen.insert(hash) {
            return Err(Error::Series {
                series: shown(&name),
                reason: "comes back after another series: sort the rows by series and time".into(),
            });
        }
        self.open = Some(Open {
            key,
            name,
            times: Vec::new(),
            values: Vec::new(),
        });
        Ok(())
    }

    fn push(&mut self, time: Timestamp, values: impl Iterator<Item = f64>) -> Result<(), Error> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let refused = |reason: String| Error::Series {
            series: shown(&open.name),
            reason,
        };
        if let Some(&last) = open.times.last().filter(|&&last| last >= time) {
            let (last, time) = (last.as_millis(), time.as_millis());
            return Err(refused(format!(
                "the time {time} ms comes after {last} ms: sort the rows by series and time, and \
                 keep one of each"
            )));
        }
        if open.times.len() >= self.job.most_rows {
            let most = self.job.most_rows;
            return Err(refused(format!("has more than {most} rows (`most_rows`)")));
        }
        open.times.push(time);
        open.values.extend(values);
        self.done.rows += 1;
        Ok(())
    }

    /// Does the series that is open, and writes results when there are enough.
    fn close(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        self.done.series += 1;
        let (rows, channels) = (open.times.len(), self.job.values.len());
        let table = Table {
            timestamp_texts: Vec::new(),
            timestamps: open.times,
            unit: TimeUnit::Milliseconds,
            channels: self.job.values.clone(),
            values: Array2::from_shape_vec((rows, channels), open.values).map_err(Error::input)?,
            late_rows: Vec::new(),
        };
        match output::results(self.job, &table) {
            Ok(found) => self.rows.push(&open.key, found),
            Err(reason) if self.job.errors == OnError::Rows => {
                self.done.failed += 1;
                self.rows.push_error(&open.key, reason);
            }
            Err(reason) => {
                return Err(Error::Series {
                    series: shown(&open.name),
                    reason,
                });
            }
        }
        if self.rows.len() >= BATCH {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Error> {
        if self.rows.len() > 0 {
            let batch = self.rows.take()?;
            self.writer.write(&batch).map_err(Error::output)?;
            self.writer.flush().map_err(Error::output)?;
        }
        Ok(())
    }
}

/// The name of a series, as short as a message must be.
fn shown(name: &[String]) -> String {
    let parts = name.iter().map(|part| part.chars().take(100).collect());
    format!("`{}`", parts.collect::<Vec<String>>().join("`, `"))
}

/// Row `row` of `column` in memory of its own: a slice would keep all of its batch.
fn copy_of_row(column: &ArrayRef, row: usize) -> Result<ArrayRef, Error> {
    let place = u64::try_from(row).map_err(Error::input)?;
    take(column, &UInt64Array::from(vec![place]), None).map_err(Error::input)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::StringArray;

    use super::*;

    #[test]
    fn a_kept_name_does_not_keep_its_batch() -> Result<(), Error> {
        let batch: ArrayRef = Arc::new(StringArray::from(vec!["host-1"; 10_000]));
        let kept = copy_of_row(&batch, 9_999)?;
        assert_eq!(kept.to_data(), batch.slice(9_999, 1).to_data());
        assert!(kept.get_buffer_memory_size() < 1_000);
        Ok(())
    }
}
