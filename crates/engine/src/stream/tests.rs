use super::*;
use bongsu_core::Snapshot as _;

/// What the kept session of version 1 was run with.
fn request() -> StreamRequest {
    let parameters = [
        ("history", "64"),
        ("min_points", "32"),
        ("refit", "40"),
        ("trees", "10"),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    StreamRequest {
        detector: "isolation-forest".to_owned(),
        parameters: parameters.map(own).into(),
        ..StreamRequest::default()
    }
}

/// The rows of each minute; the kept session has seen the first 120.
fn row(minute: i64) -> (Timestamp, f64) {
    let tenths = 100 + minute * 7_919 % 23 + 5 * (minute % 6);
    (Timestamp::from_secs(60 * minute), tenths as f64 / 10.0)
}

/// The file was written by `bongsu stream` of a build whose sessions were of version 1, with these
/// parameters and rows as CSV, and had no place for a point beyond the range of the fit.
#[test]
fn a_session_of_version_1_goes_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let path = folder.join("stream-v1.bngs");
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(snapshot::inspect(&bytes).unwrap().version, 1);
    assert!(snapshot::from_bytes::<StreamSession>(&bytes).is_err());
    let mut session = StreamSession::load(&path, &request()).unwrap();
    let counts = session.counts();
    assert_eq!((counts.judged, counts.anomalous, counts.late), (120, 0, 0));

    // It judges what follows as one that has seen the same rows now: further fits, a point far beyond
    // the range, and those after it.
    let mut now = StreamSession::new(&request(), vec!["load".to_owned()]).unwrap();
    for minute in 0..120 {
        let (time, value) = row(minute);
        now.push(time, &[value]).unwrap();
    }
    let seen = session.push(row(119).0, &[12.0]);
    assert!(matches!(seen, Err(Skipped::Late)));
    let mut anomalous = 0;
    for minute in 120..260 {
        let (time, mut value) = row(minute);
        if minute == 150 {
            value = 500.0;
        }
        let (own, other) = (session.push(time, &[value]), now.push(time, &[value]));
        let (own, other) = (own.unwrap(), other.unwrap());
        assert_eq!(own, other, "minute {minute}");
        anomalous += u32::from(own.anomalous);
    }
    assert!(anomalous > 0);

    let kept = tempfile::tempdir().unwrap();
    let path = kept.path().join("stream.bngs");
    session.save(&path).unwrap();
    let saved = std::fs::read(&path).unwrap();
    assert_eq!(
        snapshot::inspect(&saved).unwrap().version,
        StreamSession::VERSION
    );
    let again = StreamSession::load(&path, &request()).unwrap();
    assert_eq!(again, session);
}
