"""Writes diagnostics.json beside this script: statsmodels' tests of the residuals of ARIMA models.

Requirements (pinned):
    numpy==2.4.6
    scipy==1.17.1
    statsmodels==0.15.0

Run: python generate_diagnostics.py
The cases are those of arima.json, at their given parameters. The Rust tests read the file and never
need Python. The results' own methods count the residual of a missing value as 0; here the tests that
they call are given the residuals without it.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.stats.stattools import jarque_bera
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.stattools import breakvar_heteroskedasticity_test

HERE = Path(__file__).parent
LAGS = 6
warnings.simplefilter("ignore")


def numbers(text):
    return np.array([float(x) for x in text.split()])


def encode(values):
    return " ".join(repr(float(v)) for v in np.ravel(values))


def run(case):
    x = case["x"]
    if x is not None:
        x = np.column_stack([numbers(column) for column in x])
    model = ARIMA(
        numbers(case["y"]),
        exog=x,
        order=case["order"],
        seasonal_order=case["seasonal"],
        trend=case["trend"],
    )
    model.tolerance = 0.0
    given = model.smooth(numbers(case["parameters"]))
    burn = case["order"][1] + case["seasonal"][1] * case["seasonal"][3]
    residuals = given.filter_results.standardized_forecasts_error[0, burn:]
    if not np.isnan(model.endog).any():
        own = given.test_heteroskedasticity("breakvar")[0]
        tested = breakvar_heteroskedasticity_test(residuals, 1 / 3)
        assert np.allclose(own, [tested.statistic, tested.pvalue])
        assert np.allclose(given.test_normality("jarquebera")[0], jarque_bera(residuals))
    residuals = np.where(np.isnan(model.endog[burn:, 0]), np.nan, residuals)
    present = residuals[~np.isnan(residuals)]
    tested = breakvar_heteroskedasticity_test(residuals, 1 / 3)
    return {
        "break_variance": encode([tested.statistic, tested.pvalue]),
        "jarque_bera": encode(jarque_bera(present)),
        "ljung_box": encode(acorr_ljungbox(present, lags=LAGS)["lb_stat"]),
    }


def main():
    cases = json.loads((HERE / "arima.json").read_text())
    results = {case["name"]: run(case) for case in cases}
    text = json.dumps(results, indent=1)
    (HERE / "diagnostics.json").write_text(text + "\n")
    print(len(results), "cases,", len(text), "bytes")


if __name__ == "__main__":
    main()
