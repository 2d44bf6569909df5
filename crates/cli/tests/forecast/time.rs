//! Times, as they are read and written.

use std::fmt::Write as _;

use crate::run::{csv, forecast, json};

#[test]
fn times_are_written_as_they_are_read() {
    for (times, next) in [
        (["60", "120", "180"], "240"),
        (["1700000000.5", "1700000001", "1700000001.5"], "1700000002"),
        (
            ["1700000000000", "1700000060000", "1700000120000"],
            "1700000180000",
        ),
        (
            [
                "2024-01-31T00:00:00Z",
                "2024-02-29T00:00:00Z",
                "2024-03-31T00:00:00Z",
            ],
            "2024-04-30T00:00:00Z",
        ),
        (
            [
                "2024-03-05T22:00:00+01:00",
                "2024-03-05T23:00:00+01:00",
                "2024-03-06T00:00:00+01:00",
            ],
            "2024-03-06T01:00:00+01:00",
        ),
        (
            ["2024-03-05 22:00", "2024-03-05 23:00", "2024-03-06 00:00"],
            "2024-03-06 01:00",
        ),
        (["2024-01-01", "2024-02-01", "2024-03-01"], "2024-04-01"),
    ] {
        let mut input = String::from("timestamp,a\n");
        for (i, time) in times.iter().enumerate() {
            writeln!(input, "{time},{i}").unwrap();
        }
        let args = ["--model", "drift", "--horizon", "1", "--level", "95"];
        let rows = csv(&forecast(&args, &input));
        assert_eq!(rows[1][..2], [next.to_owned(), "3".to_owned()]);
        let args = ["--model", "drift", "--horizon", "1", "--json"];
        let document = json(&args, &input);
        let time = &document["forecast"][0]["timestamp"];
        assert_eq!(time.to_string().trim_matches('"'), next);
        assert_eq!(time.is_string(), next.contains('-'));
    }
}

#[test]
fn the_column_of_the_time_has_any_usual_name() {
    for name in ["timestamp", "time", "Date", "datetime", "ds", "TS"] {
        let input = format!("{name},a\n60,1\n120,2\n180,3\n");
        let rows = csv(&forecast(&["--model", "drift", "--horizon", "1"], &input));
        assert_eq!(rows[0][0], "timestamp");
        assert_eq!(rows[1][..2], ["240".to_owned(), "4".to_owned()]);
    }
}
