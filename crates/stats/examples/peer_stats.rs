//! Times the detectors on a file of little-endian floats, for `benches/peers/stats.py`.
//!
//! Usage: `peer_stats INPUT WINDOW METHOD OUTPUT`. Scores go to `OUTPUT` in the layout of the
//! input, and the seconds that scoring took (not reading or writing) to standard output.

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
    let [input, window, method, output] = arguments.as_slice() else {
        return Err("usage: peer_stats INPUT WINDOW METHOD OUTPUT".into());
    };
    let window: usize = window.parse()?;
    let bytes = fs::read(input)?;
    let (floats, _) = bytes.as_chunks::<8>();
    let values: Vec<f64> = floats.iter().copied().map(f64::from_le_bytes).collect();
    let start = Instant::now();
    let scores = match method.as_str() {
        "zscore" => rolling_zscore(&values, window, true)?,
        "robust-z" => rolling_robust_z(&values, window, false)?,
        "iqr" => rolling_iqr(&values, window)?,
        "ewma" => ewm_zscore(&values, 0.1)?,
        other => return Err(format!("no method `{other}`").into()),
    };
    let seconds = start.elapsed().as_secs_f64();
    let bytes: Vec<u8> = scores.iter().flat_map(|s| s.to_le_bytes()).collect();
    fs::write(output, bytes)?;
    writeln!(io::stdout(), "{seconds}")?;
    Ok(())
}
