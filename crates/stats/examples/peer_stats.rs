//! Times the detectors on a file of little-endian floats, for `benches/peers/stats.py`.
//!
//! Usage: `peer_stats INPUT WINDOW METHOD REPEATS OUTPUT`. Scores go to `OUTPUT` in the layout of the
//! input, and the seconds that each of `REPEATS` scorings took to standard output.

// xtask: skip benches/peers/stats.py runs it, on the files that it writes

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;
use std::{env, fs, io};

use bongsu_stats::ewma::ewm_zscore;
use bongsu_stats::iqr::rolling_iqr;
use bongsu_stats::robust_z::rolling_robust_z;
use bongsu_stats::zscore::rolling_zscore;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [input, window, method, repeats, output] = arguments.as_slice() else {
        return Err("usage: peer_stats INPUT WINDOW METHOD REPEATS OUTPUT".into());
    };
    let window: usize = window.parse()?;
    let bytes = fs::read(input)?;
    let (floats, _) = bytes.as_chunks::<8>();
    let values: Vec<f64> = floats.iter().copied().map(f64::from_le_bytes).collect();
    let score = || match method.as_str() {
        "zscore" => Ok(rolling_zscore(&values, window, true)?),
        "robust-z" => Ok(rolling_robust_z(&values, window, false)?),
        "iqr" => Ok(rolling_iqr(&values, window)?),
        "ewma" => Ok(ewm_zscore(&values, 0.1)?),
        other => Err(Box::<dyn Error>::from(format!("no method `{other}`"))),
    };
    let mut scores = score()?;
    let mut seconds = Vec::new();
    // Several times in one process, as the reference: both then reuse warm memory.
    for _ in 0..repeats.parse()? {
        drop(scores);
        let start = Instant::now();
        scores = score()?;
        seconds.push(start.elapsed().as_secs_f64().to_string());
    }
    let bytes: Vec<u8> = scores.iter().flat_map(|s| s.to_le_bytes()).collect();
    fs::write(output, bytes)?;
    writeln!(io::stdout(), "{}", seconds.join(" "))?;
    Ok(())
}
