//! The document and the plots.

use crate::run::{csv, forecast, json, seasonal};

#[test]
fn the_document_has_its_fields() {
    let args = [
        "--model",
        "arima",
        "--set",
        "order=1,0,1",
        "--set",
        "seasonal=0,1,1,12",
        "--horizon",
        "3",
        "--level",
        "80,99.5",
        "--json",
    ];
    let document = json(&args, &seasonal());
    assert_eq!(document["schema"], 1);
    assert_eq!(document["model"], "arima");
    assert_eq!(document["order"], serde_json::json!([1, 0, 1]));
    assert_eq!(document["seasonal_order"], serde_json::json!([0, 1, 1, 12]));
    assert_eq!(document["converged"], true);
    let parameters = document["parameters"].as_object().unwrap();
    let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
    for name in ["ar.L1", "ma.L1", "ma.S.L12", "sigma2"] {
        assert!(
            names.contains(&name) && parameters[name].is_f64(),
            "{names:?}"
        );
    }
    let number = |name: &str| document[name].as_f64().unwrap();
    // Four parameters.
    let aic = -2.0 * number("log_likelihood") + 8.0;
    assert!((number("aic") - aic).abs() < 1e-9);
    assert!(number("aicc") > aic && number("bic") > aic);
    let rows = document["forecast"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0]["timestamp"], 1_700_518_400);
    let bound = |name: &str| rows[2][name].as_f64().unwrap();
    let order = ["lower_99.5", "lower_80", "mean", "upper_80", "upper_99.5"].map(bound);
    assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
    let tests = &document["diagnostics"];
    // A fifth of the points.
    assert_eq!(tests["ljung_box"]["lags"], 14);
    for test in ["ljung_box", "jarque_bera", "break_variance"] {
        let p = tests[test]["p_value"].as_f64().unwrap();
        assert!(p > 0.0 && p <= 1.0, "{test}: {p}");
    }

    let naive = json(
        &["--model", "naive", "--horizon", "1", "--json"],
        &seasonal(),
    );
    for name in ["order", "log_likelihood", "aic", "aicc", "bic", "period"] {
        assert!(naive[name].is_null() && naive.get(name).is_some(), "{name}");
    }
    let args = ["--model", "ensemble", "--horizon", "1", "--json"];
    let ensemble = json(&args, &seasonal());
    assert_eq!(ensemble["members"].as_array().unwrap().len(), 4);
    assert_eq!(ensemble["period"], 12);
}

#[test]
fn plots_are_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (png, svg) = (path("a.png"), path("a.SVG"));
    for file in [&png, &svg] {
        let args = ["--model", "ets", "--horizon", "24", "--plot", file];
        assert_eq!(csv(&forecast(&args, &seasonal())).len(), 25);
    }
    let png = std::fs::read(png).unwrap();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 10_000);
    let svg = std::fs::read_to_string(svg).unwrap();
    for words in [
        "observed",
        "fitted",
        "forecast",
        "80 %",
        "95 %",
        "ETS(A,A,A)",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    let args = ["--model", "tsb", "--horizon", "2", "--plot", &path("b.svg")];
    assert!(forecast(&args, &seasonal()).status.success());
    let residuals = path("c.svg");
    let args = [
        "--model",
        "ets",
        "--horizon",
        "2",
        "--residuals",
        &residuals,
    ];
    assert!(forecast(&args, &seasonal()).status.success());
    let svg = std::fs::read_to_string(residuals).unwrap();
    for words in [
        "Residuals of",
        "Autocorrelation by steps",
        "ETS(A,A,A)",
        "autocorrelations outside",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    let wrong = forecast(
        &["--model", "ets", "--horizon", "2", "--residuals", "c.gif"],
        &seasonal(),
    );
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        !wrong.status.success() && said.contains("--residuals c.gif"),
        "{said}"
    );
}
