//! The decoder against a general JSON library, on generated answers.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bongsu_prometheus::decode::decode;
use proptest::prelude::*;
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Debug, Clone)]
struct Generated {
    metric: BTreeMap<String, String>,
    points: Vec<(i64, String)>,
    histograms: bool,
}

/// A key and what writes its value.
type Field<'a, W> = (&'a str, &'a mut dyn FnMut(&mut W));

/// Writes JSON with the given white space, in turn, between its tokens.
struct Writer<'a> {
    out: String,
    spaces: std::iter::Cycle<std::slice::Iter<'a, &'static str>>,
}

impl Writer<'_> {
    fn put(&mut self, token: &str) {
        self.out.push_str(self.spaces.next().unwrap());
        self.out.push_str(token);
    }

    fn text(&mut self, text: &str, escape_all: bool) {
        let json = if escape_all {
            let units: String = text.encode_utf16().map(|u| format!("\\u{u:04x}")).collect();
            format!("\"{units}\"")
        } else {
            serde_json::to_string(text).unwrap()
        };
        self.put(&json);
    }

    /// An object of fields in an order that `turn` rotates.
    fn object(&mut self, mut fields: Vec<Field<'_, Self>>, turn: usize) {
        let by = turn % fields.len().max(1);
        fields.rotate_left(by);
        self.put("{");
        for (i, (key, write)) in fields.into_iter().enumerate() {
            if i > 0 {
                self.put(",");
            }
            self.text(key, turn % 5 == 4);
            self.put(":");
            write(self);
        }
        self.put("}");
    }

    fn series(&mut self, series: &Generated, turn: usize) {
        let unknown = r#"{"a":[1,-2.5e3,true,null,{"b":"\"]}"}],"c":{}}"#;
        self.object(
            vec![
                ("metric", &mut |w| {
                    w.put("{");
                    for (i, (name, value)) in series.metric.iter().enumerate() {
                        if i > 0 {
                            w.put(",");
                        }
                        w.text(name, turn % 3 == 1);
                        w.put(":");
                        w.text(value, turn % 3 == 2);
                    }
                    w.put("}");
                }),
                ("values", &mut |w| {
                    w.put("[");
                    for (i, (millis, value)) in series.points.iter().enumerate() {
                        if i > 0 {
                            w.put(",");
                        }
                        w.put("[");
                        w.put(&format!("{}.{:03}", millis / 1_000, millis % 1_000));
                        w.put(",");
                        w.put(&format!("\"{value}\""));
                        w.put("]");
                    }
                    w.put("]");
                }),
                ("unknown", &mut |w| w.put(unknown)),
                ("histograms", &mut |w| {
                    w.put(if series.histograms {
                        r#"[[1,{"count":"1"}]]"#
                    } else {
                        "null"
                    });
                }),
            ],
            turn,
        );
    }
}

fn write(all: &[Generated], spaces: &[&'static str], turn: usize) -> String {
    let mut writer = Writer {
        out: String::new(),
        spaces: spaces.iter().cycle(),
    };
    writer.object(
        vec![
            ("status", &mut |w| w.text("success", false)),
            ("warnings", &mut |w| w.put(r#"["PromQL w\u00e9"]"#)),
            ("data", &mut |w| {
                w.object(
                    vec![
                        ("resultType", &mut |w| w.text("matrix", false)),
                        ("result", &mut |w| {
                            w.put("[");
                            for (i, series) in all.iter().enumerate() {
                                if i > 0 {
                                    w.put(",");
                                }
                                w.series(series, turn + i);
                            }
                            w.put("]");
                        }),
                        ("stats", &mut |w| w.put("[[],{}]")),
                    ],
                    turn,
                );
            }),
            ("isPartial", &mut |w| {
                w.put(if turn.is_multiple_of(2) {
                    "true"
                } else {
                    "false"
                });
            }),
        ],
        turn,
    );
    writer.put("");
    writer.out
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    status: String,
    data: Data,
    warnings: Vec<String>,
    is_partial: bool,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Element>,
}

#[derive(Deserialize)]
struct Element {
    metric: BTreeMap<String, String>,
    values: Vec<(f64, String)>,
    histograms: Option<IgnoredAny>,
}

/// Points as the answer should have them, and how many were dropped and out of order.
fn expected_points(values: &[(f64, String)]) -> (Vec<(i64, f64)>, usize, usize) {
    let (mut kept, mut dropped, mut unordered) = (BTreeMap::new(), 0, 0);
    let mut latest = i64::MIN;
    for (secs, value) in values {
        let millis = (secs * 1e3).round() as i64;
        unordered += usize::from(millis < latest);
        latest = latest.max(millis);
        match kept.entry(millis) {
            Entry::Occupied(_) => dropped += 1,
            Entry::Vacant(place) => {
                place.insert(value.parse().unwrap());
            }
        }
    }
    (kept.into_iter().collect(), dropped, unordered)
}

fn value_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>().prop_map(|v| format!("{v}")),
        any::<f64>().prop_map(|v| format!("{v:e}")),
        (any::<i32>(), 0_usize..6).prop_map(|(v, d)| format!("{:.d$}", f64::from(v) / 1e3)),
        prop::sample::select(vec!["NaN", "+Inf", "-Inf", "1e+06", "0", "-0", "1e-07"])
            .prop_map(str::to_owned),
    ]
}

fn generated() -> impl Strategy<Value = Generated> {
    let times = prop_oneof![
        // Mostly ordered, sometimes anything.
        4 => prop::collection::vec(1_i64..100_000, 0..30).prop_map(|gaps| {
            let mut time = 1_435_781_430_000;
            gaps.iter().map(|gap| { time += gap; time }).collect::<Vec<_>>()
        }),
        1 => prop::collection::vec(0_i64..20, 0..30),
    ];
    let points = times.prop_flat_map(|times| {
        let n = times.len();
        (Just(times), prop::collection::vec(value_text(), n))
            .prop_map(|(times, values)| times.into_iter().zip(values).collect())
    });
    let metric = prop::collection::btree_map("\\PC{1,6}|[a-z_]{1,9}", ".{0,6}|[a-z]{0,9}", 0..5);
    (metric, points, any::<bool>()).prop_map(|(metric, points, histograms)| Generated {
        metric,
        points,
        histograms,
    })
}

fn spaces() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(
        prop::sample::select(vec!["", "", " ", "\n\t", "\r\n  "]),
        1..9,
    )
}

proptest! {
    #[test]
    fn any_answer_is_read_as_a_general_library_reads_it(
        all in prop::collection::vec(generated(), 0..4),
        spaces in spaces(),
        turn in 0_usize..100,
    ) {
        let text = write(&all, &spaces, turn);
        let expected: Body = serde_json::from_str(&text).unwrap();
        let found = decode(text.as_bytes()).unwrap();
        prop_assert_eq!(&found.status, &expected.status);
        prop_assert_eq!(&found.quality.warnings, &expected.warnings);
        prop_assert_eq!(found.quality.partial, expected.is_partial);
        let (mut histograms, mut dropped, mut unordered) = (0, 0, 0);
        let mut series = found.series.iter();
        for element in expected.data.result {
            histograms += usize::from(element.histograms.is_some());
            let (points, more_dropped, more_unordered) = expected_points(&element.values);
            dropped += more_dropped;
            unordered += more_unordered;
            if points.is_empty() {
                continue;
            }
            let found = series.next().unwrap();
            let labels = element.metric.iter().filter(|(_, value)| !value.is_empty());
            let labels: Vec<_> = labels.map(|(name, value)| (&**name, &**value)).collect();
            prop_assert_eq!(found.labels().iter().collect::<Vec<_>>(), labels);
            prop_assert_eq!(found.len(), points.len());
            for ((time, value), (millis, expected)) in found.iter().zip(points) {
                prop_assert_eq!(time.as_millis(), millis);
                prop_assert!(value.to_bits() == expected.to_bits() || value.is_nan() && expected.is_nan());
            }
        }
        prop_assert!(series.next().is_none());
        prop_assert_eq!(found.quality.histogram_series, histograms);
        prop_assert_eq!(found.quality.duplicate_points, dropped);
        prop_assert_eq!(found.quality.unordered_points, unordered);
    }

    #[test]
    fn cut_or_damaged_answers_are_errors_or_answers_but_never_panics(
        all in prop::collection::vec(generated(), 0..3),
        spaces in spaces(),
        turn in 0_usize..100,
        cut: prop::sample::Index,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let text = write(&all, &[""], turn);
        let cut = cut.index(text.len());
        let error = decode(&text.as_bytes()[..cut]).unwrap_err();
        prop_assert!(error.is_truncated() && error.offset() <= cut, "{}", error);
        let mut damaged = write(&all, &spaces, turn).into_bytes();
        for (place, byte) in damage {
            let place = place.index(damaged.len());
            damaged[place] = byte;
        }
        let _ = decode(&damaged);
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, text in "[\\[\\]{}:,\"0-9a-z\\\\.]{0,80}") {
        let _ = decode(&bytes);
        let _ = decode(text.as_bytes());
    }
}

#[test]
fn vectors_scalars_and_errors_are_read() {
    let vector = decode(
        br#"{"status":"success","data":{"result":[{"value":[1.5,"2"],"metric":{"a":"b"}}],"resultType":"vector"}}"#,
    )
    .unwrap();
    assert_eq!(vector.series[0].timestamps()[0].as_millis(), 1_500);
    let scalar =
        decode(br#"{"status":"success","data":{"resultType":"scalar","result":[1,"NaN"]}}"#)
            .unwrap();
    assert!(scalar.series[0].labels().is_empty() && scalar.series[0].values()[0].is_nan());
    let error =
        decode(br#"{"status":"error","errorType":"bad_data","error":"no \"way\""}"#).unwrap();
    assert_eq!(error.error.as_deref(), Some("no \"way\""));
    let empty =
        decode(br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#).unwrap();
    assert!(empty.series.is_empty() && empty.quality.is_clean());
    let nulls =
        decode(br#"{"data":{"result":[]},"warnings":null,"status":"success","infos":null}"#)
            .unwrap();
    assert!(nulls.series.is_empty() && nulls.quality.is_clean());
    let quoted =
        decode(br#"{"isPartial":"true","status":"success","data":{"result":[]}}"#).unwrap();
    assert!(quoted.quality.partial);
}

#[test]
fn a_success_without_a_result_is_not_an_empty_answer() {
    for bad in [
        r#"{"status":"success"}"#,
        r#"{"status":"success","data":null}"#,
        r#"{"status":"success","data":[]}"#,
        r#"{"data":"text","status":"success"}"#,
        r#"{"status":"success","data":{}}"#,
        r#"{"status":"success","data":{"resultType":"vector"}}"#,
        r#"{"status":"success","data":{"result":{},"resultType":"vector"}}"#,
        r#"{"data":{"resultType":"vector","result":null},"status":"success"}"#,
    ] {
        let error = decode(bad.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "the answer has no result", "{bad}");
        assert!(!error.is_truncated() && error.offset() == bad.len());
    }
}

#[test]
fn only_warnings_about_the_query_leave_an_answer_whole() {
    for (partial, warnings) in [
        (false, r"[]"),
        (
            false,
            r#"["PromQL warning: encountered a mix of histograms and floats"]"#,
        ),
        (false, r#"["PromQL info: metric might not be a counter"]"#),
        (true, r#"["No StoreAPIs matched for this query"]"#),
        (
            true,
            r#"["PromQL warning: a mix", "remote read: connection refused"]"#,
        ),
    ] {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[]}},"warnings":{warnings}}}"#
        );
        let decoded = decode(body.as_bytes()).unwrap();
        assert_eq!(decoded.quality.partial, partial, "{warnings}");
    }
}

#[test]
fn what_no_server_should_send_is_refused() {
    for bad in [
        "",
        "null",
        "[]",
        "{}x",
        r#"{"data":{"result":[{"metric":{},"values":[[1]]}]}}"#,
        r#"{"data":{"result":[{"metric":{},"values":[[1,"x"]]}]}}"#,
        r#"{"data":{"result":[{"metric":{},"values":[["1","1"]]}]}}"#,
        r#"{"data":{"result":[{"metric":{},"values":[[1e300,"1"]]}]}}"#,
        r#"{"data":{"result":[{"metric":{"":"x"},"values":[]}]}}"#,
        r#"{"data":{"result":[{"metric":{"a":"1","a":"2"},"values":[]}]}}"#,
        r#"{"data":{"result":[1,"text",2]}}"#,
        r#"{"data":{"result":["text"]}}"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
    ] {
        assert!(decode(bad.as_bytes()).is_err(), "{bad}");
    }
    let deep = format!("{{\"a\":{}", "[{\"b\":".repeat(100_000));
    let error = decode(deep.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("nesting"), "{error}");
}
