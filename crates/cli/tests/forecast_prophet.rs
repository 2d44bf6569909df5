//! `bongsu forecast --model prophet` with what explains the series: columns, seasons, holidays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Days of 2021 and 2022 with a promotion on some, and the closing of a shop on the New Year's Days and
/// the days of summer.
struct Shop {
    directory: tempfile::TempDir,
}

fn promotion(day: i64) -> f64 {
    f64::from(u8::from(day % 11 == 3))
}

impl Shop {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut past = String::from("timestamp,sales,promotion,open\n");
        let mut coming = String::from("timestamp,promotion,open\n");
        for i in 0..760_i64 {
            // From 2021-01-01.
            let (time, promotion) = ((18_628 + i) * 86_400, promotion(i));
            let new_year = f64::from(u8::from(i == 0 || i == 365 || i == 730));
            let inventory = f64::from(u8::from([100, 101, 400, 401, 740, 741].contains(&i)));
            let open = 1.0 - f64::from(u8::from(i % 14 < 7));
            let week = open * 5.0 * (i % 7) as f64;
            let sales = 100.0 + 20.0 * promotion - 60.0 * new_year - 30.0 * inventory
                + week
                + (i * i % 5) as f64 * 0.1;
            if i < 730 {
                writeln!(past, "{time},{sales},{promotion},{open}").unwrap();
            } else {
                writeln!(coming, "{time},{promotion},{open}").unwrap();
            }
        }
        let holidays = "ds,holiday,lower_window,upper_window,prior_scale\n\
            2021-04-11,inventory,0,1,10\n2022-02-05,inventory,0,1,10\n2023-01-11,inventory,0,1,10\n";
        for (name, text) in [("past.csv", &past), ("future.csv", &coming)] {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        std::fs::write(directory.path().join("days.csv"), holidays).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn run(&self, args: &[&str]) -> Output {
        let paths: Vec<String> = args.iter().map(|arg| self.named(arg)).collect();
        Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .args([
                "forecast",
                "--model",
                "prophet",
                "--input",
                &self.path("past.csv"),
            ])
            .args(paths)
            .output()
            .expect("the binary runs")
    }

    /// Files are in the directory of the shop.
    fn named(&self, arg: &str) -> String {
        let file = Path::new(arg).extension().is_some_and(|e| e != "5");
        if file { self.path(arg) } else { arg.to_owned() }
    }

    fn refused(&self, args: &[&str], words: &str) {
        let output = self.run(args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && told.contains(words),
            "{args:?}: {told}"
        );
    }
}

const ALL: &[&str] = &[
    "--regressor",
    "promotion:raw",
    "--seasonality",
    "shop:7:3:condition=open",
    "--set",
    "weekly=false",
    "--set",
    "yearly=false",
    "--country",
    "DE",
    "--holidays",
    "days.csv",
    "--future",
    "future.csv",
];

#[test]
fn columns_seasons_and_holidays_explain_the_future() {
    let shop = Shop::new();
    let output = shop.run(&[ALL, &["--json", "--parts", "--plot", "plot.svg"]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows = document["forecast"].as_array().unwrap();
    assert_eq!(rows.len(), 30);
    let part = |row: usize, name: &str| rows[row]["parts"][name].as_f64().unwrap();
    for (row, value) in rows.iter().enumerate() {
        let i = 730 + row as i64;
        let mean = value["mean"].as_f64().unwrap();
        let parts: f64 = ["trend", "shop", "promotion", "holidays"]
            .map(|name| part(row, name))
            .iter()
            .sum();
        assert!((mean - parts).abs() < 1e-6, "{value}");
        let gain = part(row, "promotion");
        assert!((gain - 20.0 * promotion(i)).abs() < 2.0, "{value}");
        let down = match i {
            730 => 60.0,
            740 | 741 => 30.0,
            _ => 0.0,
        };
        assert!((part(row, "holidays") + down).abs() < 10.0, "{value}");
        assert_eq!(part(row, "shop") == 0.0, i % 14 < 7, "{value}");
    }
    let svg = std::fs::read_to_string(shop.path("plot.svg")).unwrap();
    for words in ["trend", "promotion", "holidays", "shop", ">Mon<", ">Sun<"] {
        assert!(svg.contains(words), "{words}");
    }
    // Fewer steps take the first rows.
    let few = shop.run(&[ALL, &["--horizon", "3"]].concat());
    assert_eq!(String::from_utf8(few.stdout).unwrap().lines().count(), 4);
}

#[test]
fn what_is_missing_or_wrong_is_told() {
    let shop = Shop::new();
    let with = |args: &[&'static str]| [&["--horizon", "5"], args].concat();
    shop.refused(
        &with(&["--regressor", "promotion"]),
        "coming values of `promotion`",
    );
    shop.refused(&with(&["--regressor", "weather"]), "no column `weather`");
    shop.refused(&with(&["--regressor", "promotion:fast"]), "standardize");
    shop.refused(&with(&["--seasonality", "month"]), "name:days:pairs");
    shop.refused(
        &with(&["--seasonality", "month:30:2:condition=open"]),
        "`open`",
    );
    shop.refused(&with(&["--country", "Atlantis"]), "one of AT, AU");
    let twice = ["--country", "DE", "--set", "countries=FR"];
    shop.refused(&with(&twice), "use one of them");
    shop.refused(&with(&["--holidays", "past.csv"]), "no column `ds`");
    let future = [
        "--regressor",
        "promotion",
        "--future",
        "future.csv",
        "--horizon",
        "31",
    ];
    shop.refused(&future, "30 rows after");
    let past = ["--regressor", "promotion", "--future", "past.csv"];
    shop.refused(&past, "0 rows after");
    std::fs::write(
        shop.path("bad.csv"),
        "ds,holiday,lower_window\n2021-01-01,a,1\n",
    )
    .unwrap();
    shop.refused(&with(&["--holidays", "bad.csv"]), "line 2: `lower_window`");
    std::fs::write(shop.path("bad.csv"), "ds,holiday\n2021-13-01,a\n").unwrap();
    shop.refused(&with(&["--holidays", "bad.csv"]), "line 2");
    let gap = "timestamp,promotion\n1703980800,1\n1704067200,\n";
    std::fs::write(shop.path("gap.csv"), gap).unwrap();
    let args = ["--regressor", "promotion", "--future", "gap.csv"];
    shop.refused(&args, "no value of `promotion` at `1704067200`");
    let other = Command::new(env!("CARGO_BIN_EXE_bongsu"))
        .args([
            "forecast",
            "--model",
            "naive",
            "--input",
            &shop.path("past.csv"),
        ])
        .args(["--future", &shop.path("future.csv")])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&other.stderr).contains("takes no values of the future"));
}

/// Growth towards a capacity that a column gives, which doubles at the end of the history.
fn saturating() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut past = String::from("ds,users,cap,floor\n");
    let mut coming = String::from("ds,cap,floor\n");
    let day = |i: i32| 1_600_000_000 + 86_400 * i64::from(i);
    for i in 0..200 {
        let share = 1.0 / (1.0 + (-0.05 * f64::from(i - 60)).exp());
        writeln!(past, "{},{},120,20", day(i), 20.0 + 100.0 * share).unwrap();
    }
    for i in 200..230 {
        writeln!(coming, "{},220,20", day(i)).unwrap();
    }
    std::fs::write(directory.path().join("past.csv"), past).unwrap();
    std::fs::write(directory.path().join("future.csv"), coming).unwrap();
    directory
}

#[test]
fn capacities_and_floors_may_be_columns() {
    let directory = saturating();
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_bongsu"))
            .current_dir(&directory)
            .args(["forecast", "--model", "prophet", "--input", "past.csv"])
            .args(["--set", "growth=logistic", "--set", "weekly=false"])
            .args(args)
            .output()
            .unwrap()
    };
    let last = |args: &[&str]| {
        let output = run(args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let rows = String::from_utf8(output.stdout).unwrap();
        let fields: Vec<f64> = rows
            .lines()
            .last()
            .unwrap()
            .split(',')
            .map(|x| x.parse().unwrap())
            .collect();
        fields[1]
    };
    // The trend is the same share of whatever capacity there is above the floor.
    let doubled = last(&["--future", "future.csv", "--plot", "plot.svg"]);
    assert!((doubled - 220.0).abs() < 5.0, "{doubled}");
    let constant = ["--set", "cap=120", "--set", "floor=20", "--horizon", "30"];
    let kept = last(&constant);
    assert!((kept - 120.0).abs() < 3.0, "{kept}");
    for (args, words) in [
        (&["--horizon", "3"][..], "coming values of `cap`, `floor`"),
        (
            &["--horizon", "3", "--set", "cap=10", "--set", "floor=0"],
            "above the capacity",
        ),
        (
            &["--horizon", "3", "--set", "cap=10", "--set", "floor=20"],
            "above the floor",
        ),
    ] {
        let output = run(args);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && told.contains(words), "{told}");
    }
    let shop = Shop::new();
    let args = ["--horizon", "3", "--set", "growth=logistic"];
    shop.refused(
        &args,
        "no column `cap`, which the model needs: give it one, or set `cap`",
    );
}
