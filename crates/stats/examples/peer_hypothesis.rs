//! Times tests and robust estimates for `benches/peers/hypothesis.py`.

// xtask: skip benches/peers/compare.py runs it, on the files that it writes

mod peer;

use std::error::Error;

use bongsu_stats::cusum::AfterAlarm;
use bongsu_stats::hypothesis::{
    Adf, Alternative, KpssLags, KpssTrend, PValue, energy_distance, jarque_bera, kpss, ks_2samp,
    ljung_box, mann_whitney, welch,
};
use bongsu_stats::robust::{huber, qn, theil_sen};
use bongsu_stats::rolling::rolling_quantile;
use bongsu_stats::{Cusum, Gesd};

fn main() -> Result<(), Box<dyn Error>> {
    let job = peer::Job::from_arguments()?;
    let x = &job.column();
    let second = job.inputs.get(1).into_iter().flatten();
    let y = &second.copied().collect::<Vec<f64>>();
    let side = Alternative::TwoSided;
    job.run(|| {
        Ok(match job.method.as_str() {
            "gesd" => {
                let test = Gesd::new().max_count(job.parameter("most")?)?.test(x)?;
                let steps = test.steps().iter();
                steps.flat_map(|s| [s.statistic, s.critical]).collect()
            }
            "cusum" => {
                let cusum = Cusum::new().target(0.0)?.scale(1.0)?;
                cusum.after_alarm(AfterAlarm::Continue).score(x)?
            }
            "rolling-quantile" => {
                rolling_quantile(x, job.parameter("window")?, job.parameter("q")?)?
            }
            "qn" => vec![qn(x, false)],
            "huber" => {
                let estimate = huber(x, 1.5)?;
                vec![estimate.location, estimate.scale]
            }
            "theil-sen" => {
                let line = theil_sen(x, y, 0.95)?;
                vec![line.slope, line.intercept, line.lower, line.upper]
            }
            "ks" => {
                let test = ks_2samp(x, y, side, PValue::Auto)?;
                vec![test.statistic, test.p_value]
            }
            "mann-whitney" => {
                let test = mann_whitney(x, y, side, PValue::Auto)?;
                vec![test.statistic, test.p_value]
            }
            "welch" => {
                let test = welch(x, y, side)?;
                vec![test.statistic, test.p_value]
            }
            "energy" => vec![energy_distance(x, y)?],
            "adf" => {
                let test = Adf::new().test(x)?;
                vec![test.statistic, test.p_value, test.lags as f64]
            }
            "kpss" => {
                let test = kpss(x, KpssTrend::Constant, KpssLags::Auto)?;
                vec![test.statistic, test.p_value]
            }
            "ljung-box" => {
                let tests = ljung_box(x, job.parameter("lags")?, 0)?;
                tests
                    .iter()
                    .flat_map(|t| [t.statistic, t.p_value])
                    .collect()
            }
            "jarque-bera" => {
                let test = jarque_bera(x)?;
                vec![test.statistic, test.p_value, test.skewness, test.kurtosis]
            }
            other => return Err(format!("no method `{other}`").into()),
        })
    })
}
