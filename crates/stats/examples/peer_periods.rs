//! Looks for the periods of series, for `benches/peers/periods.py`.

// xtask: skip benches/peers/periods.py runs it, on the file that it writes

use std::error::Error;
use std::io::{BufRead as _, Write as _};

use bongsu_stats::period::PeriodSearch;

/// A series a line, values divided by blanks; for each a line of periods, strongest first.
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("the file of series is missing")?;
    let mut out = std::io::stdout().lock();
    for line in std::io::BufReader::new(std::fs::File::open(path)?).lines() {
        let line = line?;
        let values = line.split_whitespace().map(str::parse);
        let values: Vec<f64> = values.collect::<Result<_, _>>()?;
        let found = PeriodSearch::new().find(&values)?;
        let shown: Vec<String> = found
            .iter()
            .map(|period| format!("{}:{:.2}", period.points, period.strength))
            .collect();
        writeln!(out, "{}", shown.join(" "))?;
    }
    Ok(())
}
