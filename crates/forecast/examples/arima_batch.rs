//! Fits many ARIMA models for `benches/peers/arima_accuracy.py`: a line of standard input is
//! `p d q P D Q s COUNT PARAMETER... VALUE...`, a line of standard output
//! `LIKELIHOOD AT SECONDS CONVERGED FAILURE`: the fitted log-likelihood, the one at the COUNT
//! parameters given, and why there was no fit, else nothing.

// xtask: skip benches/peers/arima_accuracy.py runs it

use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::time::Instant;

use bongsu_core::{Labels, Series, Timestamp};
use bongsu_forecast::arima::{Arima, Orders};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let line = line?;
        let mut words = line.split(' ');
        let mut order = || -> Result<usize, Box<dyn Error>> {
            Ok(words.next().ok_or("a line ends early")?.parse()?)
        };
        let mut orders = Orders::new(order()?, order()?, order()?);
        orders = orders.seasonal(order()?, order()?, order()?, order()?);
        let count = order()?;
        let mut numbers: Vec<f64> = words.map(str::parse).collect::<Result<_, _>>()?;
        let values = numbers.split_off(count);
        let times = (0..values.len() as i64).map(Timestamp::from_secs);
        let series = Series::new(Labels::empty(), times.collect(), values)?;
        let config = Arima::new(orders);
        let start = Instant::now();
        let fitted = config.fit(&series.view());
        let seconds = start.elapsed().as_secs_f64();
        let at = config.log_likelihood(&series.view(), &[], None, &numbers);
        let at = at.unwrap_or(f64::NAN);
        match fitted {
            Ok(fitted) => writeln!(
                out,
                "{} {at} {seconds} {} ",
                fitted.log_likelihood(),
                fitted.converged()
            )?,
            Err(error) => writeln!(out, "NaN {at} {seconds} false {error}")?,
        }
    }
    Ok(())
}
