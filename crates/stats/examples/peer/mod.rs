//! What the examples share that `benches/peers/compare.py` times.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::time::Instant;
use std::{env, fs, io};

use bongsu_core::ndarray::Array2;

/// What the command line asks for:
/// `METHOD REPEATS OUTPUT [INPUT | name=value]...`.
pub(crate) struct Job {
    pub(crate) method: String,
    pub(crate) inputs: Vec<Array2<f64>>,
    repeats: usize,
    output: String,
    parameters: BTreeMap<String, String>,
}

impl Job {
    pub(crate) fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let mut arguments = env::args().skip(1);
        let mut next = || {
            let usage = "usage: METHOD REPEATS OUTPUT [INPUT | name=value]...";
            arguments.next().ok_or(usage)
        };
        let (method, repeats, output) = (next()?, next()?.parse()?, next()?);
        let (mut inputs, mut parameters) = (Vec::new(), BTreeMap::new());
        for argument in arguments {
            if let Some((name, value)) = argument.split_once('=') {
                parameters.insert(name.to_owned(), value.to_owned());
            } else {
                inputs.push(read_table(&argument)?);
            }
        }
        Ok(Self {
            method,
            inputs,
            repeats,
            output,
            parameters,
        })
    }

    /// The first input as one column.
    pub(crate) fn column(&self) -> Vec<f64> {
        let first = self.inputs.first();
        first.map_or_else(Vec::new, |table| table.iter().copied().collect())
    }

    /// The parameter `name`.
    pub(crate) fn parameter<T: std::str::FromStr>(&self, name: &str) -> Result<T, Box<dyn Error>> {
        let text = self.parameters.get(name);
        let text = text.ok_or_else(|| format!("the parameter `{name}` is missing"))?;
        text.parse()
            .map_err(|_| format!("`{name}={text}` cannot be read").into())
    }

    /// Runs `score` once to warm up and then as often as asked for; prints the seconds of each of
    /// these runs and writes the last result, little-endian floats, to the output.
    pub(crate) fn run(
        &self,
        score: impl Fn() -> Result<Vec<f64>, Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let mut scores = score()?;
        let mut seconds = Vec::new();
        // Several times in one process, as the reference: both then reuse warm memory.
        for _ in 0..self.repeats {
            drop(scores);
            let start = Instant::now();
            scores = score()?;
            seconds.push(start.elapsed().as_secs_f64().to_string());
        }
        let bytes: Vec<u8> = scores.iter().flat_map(|s| s.to_le_bytes()).collect();
        fs::write(&self.output, bytes)?;
        writeln!(io::stdout(), "{}", seconds.join(" "))?;
        Ok(())
    }
}

/// A table: numbers of rows and columns, then its rows; little-endian.
fn read_table(path: &str) -> Result<Array2<f64>, Box<dyn Error>> {
    let bytes = fs::read(path)?;
    let (words, _) = bytes.as_chunks::<8>();
    let [rows, columns, values @ ..] = words else {
        return Err(format!("{path} has no shape").into());
    };
    let shape = [rows, columns].map(|&word| u64::from_le_bytes(word) as usize);
    let values = values.iter().copied().map(f64::from_le_bytes).collect();
    Ok(Array2::from_shape_vec(shape, values)?)
}
