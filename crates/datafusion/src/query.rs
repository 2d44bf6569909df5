//! Queries over a folder of files: the library side of `bongsu sql`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv::WriterBuilder;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{CsvReadOptions, ParquetReadOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::DFParser;
use futures::StreamExt as _;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::register_all;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people: at most [`Format::MOST_SHOWN`] rows.
    #[default]
    Table,
    /// Comma-separated, with a header.
    Csv,
    /// One object a line.
    Json,
    /// One file, packed by zstd.
    Parquet,
}

impl Format {
    /// The rows of a table for people.
    pub const MOST_SHOWN: usize = 1_000;
}

/// A query over a folder.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// One statement or several, with `;` between them; the last one gives the results.
    pub sql: String,
    /// The folder of the tables; see [`open`].
    pub data: Option<PathBuf>,
    /// How results are written.
    pub format: Format,
    /// The most bytes for sorting, joining and grouping, beyond which it goes to disk.
    pub memory: Option<usize>,
    /// The threads; as many as there are processors without it.
    pub threads: Option<usize>,
}

/// The rows of a batch. A sort merges as many runs as there are batches: of a hundred million rows
/// in batches of the usual 8,192 it took ten times as long as everything else together.
const BATCH: usize = 1 << 17;

/// What a query gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// The rows of the result.
    pub rows: u64,
    /// Those that were written: all, but for a long [`Format::Table`].
    pub shown: u64,
}

/// A session with every function, whose tables are those of `query.data`: `NAME.parquet`, `NAME.csv`,
/// and each folder `NAME` with Parquet files in it, at any depth; folders such as `day=2026-03-02`
/// are columns of it. Where such folders lie in `query.data` itself, it is one table.
///
/// # Errors
/// When a file cannot be read, or the folder has no table.
pub async fn open(query: &Query) -> Result<SessionContext> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_batch_size(BATCH);
    if let Some(threads) = query.threads {
        config = config.with_target_partitions(threads.max(1));
    }
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(bytes) = query.memory {
        runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
    }
    let context = SessionContext::new_with_config_rt(config, runtime.build_arc()?);
    if let Some(data) = &query.data {
        let tables = tables(data).map_err(|e| unreadable(data, &e))?;
        if tables.is_empty() {
            return Err(unreadable(
                data,
                &"there is no table: neither a Parquet or CSV file nor a folder of Parquet files",
            ));
        }
        for (name, path) in tables {
            register(&context, &name, &path)
                .await
                .map_err(|e| unreadable(&path, &e))?;
        }
    }
    register_all(&context)?;
    Ok(context)
}

fn unreadable(path: &Path, reason: &dyn std::fmt::Display) -> DataFusionError {
    DataFusionError::Execution(format!("{}: {reason}", path.display()))
}

/// The tables in a folder, by name.
fn tables(folder: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_column = |name: &std::ffi::OsStr| name.to_string_lossy().contains('=');
        if path.is_dir() && path.file_name().is_some_and(is_column) {
            let whole = folder.canonicalize()?;
            let name = whole
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            return Ok(name.map(|name| (name, whole)).into_iter().collect());
        }
        let named = |name: Option<&std::ffi::OsStr>| Some(name?.to_str()?.to_owned());
        let is_table = if path.is_dir() {
            has_parquet(&path)?
        } else {
            is_parquet(&path) || path.extension().is_some_and(|end| end == "csv")
        };
        let name = if path.is_dir() {
            named(path.file_name())
        } else {
            named(path.file_stem())
        };
        // What is hidden is being written.
        if let Some(name) = name.filter(|name| is_table && !name.starts_with('.')) {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "parquet")
}

fn has_parquet(folder: &Path) -> std::io::Result<bool> {
    Ok(columns_of(folder)?.is_some())
}

/// The columns that folders down to the first Parquet file are: `day` of `day=2026-03-02`. `None`
/// where there is no such file.
fn columns_of(folder: &Path) -> std::io::Result<Option<Vec<String>>> {
    let entries = std::fs::read_dir(folder)?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort();
    if paths.iter().any(|path| is_parquet(path)) {
        return Ok(Some(Vec::new()));
    }
    for path in paths.iter().filter(|path| path.is_dir()) {
        if let Some(mut columns) = columns_of(path)? {
            let name = path.file_name().map(|name| name.to_string_lossy());
            let column = name.as_ref().and_then(|name| name.split_once('='));
            columns.splice(0..0, column.map(|(name, _)| name.to_owned()));
            return Ok(Some(columns));
        }
    }
    Ok(None)
}

async fn register(context: &SessionContext, name: &str, path: &Path) -> Result<()> {
    let mut text = path.display().to_string();
    if path.is_dir() {
        text.push('/');
    }
    // A name is one, whatever is in it.
    let table = datafusion::common::TableReference::bare(name);
    if path.extension().is_some_and(|end| end == "csv") {
        return context
            .register_csv(table, text, CsvReadOptions::new())
            .await;
    }
    let mut columns = Vec::new();
    if path.is_dir() {
        let found = columns_of(path).map_err(|e| unreadable(path, &e))?;
        let found = found.unwrap_or_default().into_iter();
        columns.extend(found.map(|column| (column, DataType::Utf8)));
    }
    let options = ParquetReadOptions::default().table_partition_cols(columns);
    context.register_parquet(table, text, options).await
}

/// Runs a query and writes its results as they come.
///
/// # Errors
/// When the folder, the query or the writing fails; rows that were written before are then left.
pub async fn run(query: &Query, out: impl Write + Send) -> Result<Written> {
    let context = open(query).await?;
    let mut statements = DFParser::parse_sql(&query.sql)?;
    let last = statements
        .pop_back()
        .ok_or_else(|| DataFusionError::Plan("the query is empty".into()))?;
    for statement in statements {
        let plan = context.state().statement_to_plan(statement).await?;
        context.execute_logical_plan(plan).await?.collect().await?;
    }
    let plan = context.state().statement_to_plan(last).await?;
    let mut results = context
        .execute_logical_plan(plan)
        .await?
        .execute_stream()
        .await?;
    let mut rows = Rows::new(query.format, &results.schema(), out)?;
    while let Some(batch) = results.next().await {
        rows.write(&batch?)?;
    }
    rows.finish()
}

/// Where results go.
struct Rows<W: Write + Send> {
    to: To<W>,
    done: Written,
}

enum To<W: Write + Send> {
    Table(Vec<RecordBatch>, SchemaRef, W),
    Csv(Box<datafusion::arrow::csv::Writer<W>>),
    Json(LineDelimitedWriter<W>),
    Parquet(Box<ArrowWriter<W>>),
}

impl<W: Write + Send> Rows<W> {
    fn new(format: Format, schema: &SchemaRef, out: W) -> Result<Self> {
        let to = match format {
            Format::Table => To::Table(Vec::new(), Arc::clone(schema), out),
            Format::Csv => {
                if let Some(field) = schema.fields().iter().find(|f| f.data_type().is_nested()) {
                    return Err(DataFusionError::Plan(format!(
                        "column `{}` is {}, which CSV cannot hold: take its parts, as in {}['...'], \
                         unnest it, or write JSON",
                        field.name(),
                        field.data_type(),
                        field.name()
                    )));
                }
                let mut writer = WriterBuilder::new().with_header(true).build(out);
                writer.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
                To::Csv(Box::new(writer))
            }
            Format::Json => To::Json(LineDelimitedWriter::new(out)),
            Format::Parquet => {
                let zstd = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(zstd).build();
                let writer = ArrowWriter::try_new(out, Arc::clone(schema), Some(properties))?;
                To::Parquet(Box::new(writer))
            }
        };
        Ok(Self {
            to,
            done: Written::default(),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.done.rows += batch.num_rows() as u64;
        match &mut self.to {
            To::Table(batches, _, _) => {
                let room = Format::MOST_SHOWN - self.done.shown as usize;
                let batch = batch.slice(0, batch.num_rows().min(room));
                self.done.shown += batch.num_rows() as u64;
                if batch.num_rows() > 0 {
                    batches.push(batch);
                }
            }
            To::Csv(writer) => writer.write(batch)?,
            To::Json(writer) => writer.write(batch)?,
            To::Parquet(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Written> {
        match self.to {
            To::Table(mut batches, schema, mut out) => {
                if batches.is_empty() {
                    batches.push(RecordBatch::new_empty(schema));
                }
                writeln!(out, "{}", pretty_format_batches(&batches)?)?;
                out.flush()?;
                return Ok(self.done);
            }
            To::Csv(writer) => writer.into_inner().flush()?,
            To::Json(mut writer) => {
                writer.finish()?;
                writer.into_inner().flush()?;
            }
            To::Parquet(writer) => {
                writer.into_inner()?.flush()?;
            }
        }
        self.done.shown = self.done.rows;
        Ok(self.done)
    }
}
