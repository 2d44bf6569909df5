//! The answer decoder against typed decoding with `serde_json`, on answers as Prometheus writes
//! them: 50 series of 2,000 points.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;

use bongsu_core::{Labels, Series, Timestamp};
use bongsu_prometheus::decode::decode;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;

const SERIES: u32 = 50;
const POINTS: u32 = 2_000;

/// Borrows every text that has no escapes, so that this is the fastest of the plain ways.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    result: Vec<Element<'a>>,
}

#[derive(Deserialize)]
struct Element<'a> {
    #[serde(borrow)]
    metric: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(borrow)]
    values: Vec<(f64, &'a str)>,
}

/// The general way: typed structs, then the series that the decoder gives at once.
fn general(body: &[u8]) -> Option<Vec<Series>> {
    let body: Body<'_> = serde_json::from_slice(body).ok()?;
    let series = body.data.result.into_iter().map(|element| {
        let labels = element.metric.into_iter();
        let labels = labels.map(|(name, value)| (name.into_owned(), value.into_owned()));
        let mut times = Vec::with_capacity(element.values.len());
        let mut values = Vec::with_capacity(element.values.len());
        for (time, value) in element.values {
            times.push(Timestamp::from_secs_f64(time)?);
            values.push(value.parse().ok()?);
        }
        Series::new(Labels::from_pairs(labels).ok()?, times, values).ok()
    });
    series.collect()
}

/// The typed structs alone: values stay text, times stay floats.
fn structs_only(body: &[u8]) -> usize {
    let body: Result<Body<'_>, _> = serde_json::from_slice(body);
    body.map_or(0, |body| {
        body.data.result.iter().map(|e| e.values.len()).sum()
    })
}

fn answer(first: f64, mut value: impl FnMut(u32, u32) -> f64) -> String {
    let mut body = r#"{"status":"success","data":{"resultType":"matrix","result":["#.to_owned();
    for series in 0..SERIES {
        let comma = if series == 0 { "" } else { "," };
        let _ = write!(
            body,
            r#"{comma}{{"metric":{{"__name__":"node_cpu_seconds_total","cpu":"{series}","instance":"10.0.0.7:9100","job":"node","mode":"idle"}},"values":["#
        );
        for point in 0..POINTS {
            let comma = if point == 0 { "" } else { "," };
            let time = first + 15.0 * f64::from(point);
            let _ = write!(body, r#"{comma}[{time},"{}"]"#, value(series, point));
        }
        body.push_str("]}");
    }
    body.push_str("]}}");
    body
}

fn benches(criterion: &mut Criterion) {
    // Counters, percentages with a few decimals, and the full digits of a division such as rate().
    let counters = answer(1_435_781_430.0, |series, point| {
        f64::from(series * 1_000_003 + point * 17)
    });
    let decimals = answer(1_435_781_430.781, |series, point| {
        f64::from(series * 7_919 + point * 31 % 9_973) / 100.0
    });
    let rates = answer(1_435_781_430.781, |series, point| {
        f64::from(series + 1) / f64::from(point + 3)
    });
    for (name, body) in [
        ("counters", counters),
        ("decimals", decimals),
        ("rates", rates),
    ] {
        let body = body.as_bytes();
        let same = decode(body).map(|decoded| decoded.series).ok() == general(body);
        assert!(same, "both ways must give the same series");
        let mut group = criterion.benchmark_group(format!("decode/{name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("bongsu", |b| b.iter(|| decode(black_box(body))));
        group.bench_function("serde_json", |b| b.iter(|| general(black_box(body))));
        group.bench_function("serde_json_structs", |b| {
            b.iter(|| structs_only(black_box(body)));
        });
        group.finish();
    }
}

criterion_group!(group, benches);
criterion_main!(group);
