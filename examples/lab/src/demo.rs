//! `lab demo`: the rounds of a recording as `bongsu demo` has them, with fewer series.

use crate::Result;
use crate::record::{RecordedLabels, read, write};
use std::path::Path;

/// What the demo looks at.
const SHOWN: [&str; 12] = [
    "process_resident_memory_bytes",
    "service:cpu:rate10s",
    "service:errors:rate10s",
    "service:failed_calls:rate10s",
    "service:in_flight:mean10s",
    "service:latency_seconds:p95_10s",
    "service:lock_wait_seconds:rate10s",
    "service:pool_wait_seconds:rate10s",
    "service:queue_depth:mean10s",
    "service:requests:rate10s",
    "traces_service_graph_request_total",
    "up",
];

/// Writes `lab-N.jsonl.gz` and `lab-N.labels.json` of every round.
pub(crate) fn run(recording: &Path, out: &Path) -> Result {
    std::fs::create_dir_all(out)?;
    for round in 1.. {
        let labels = recording.join(format!("round-{round}.labels.json"));
        if !labels.exists() {
            return match round {
                1 => Err(format!("no recording in {}", recording.display()).into()),
                _ => Ok(()),
            };
        }
        let mut series = read(&recording.join(format!("round-{round}.jsonl.gz")))?;
        series.retain(|one| SHOWN.contains(&one.label("__name__")));
        let size = write(&out.join(format!("lab-{round}.jsonl.gz")), &series)?;
        RecordedLabels::read(&labels)?.write(&out.join(format!("lab-{round}.labels.json")))?;
        println!("round {round}: {} series, {size} bytes", series.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SHOWN, run};
    use crate::Result;
    use crate::record::read;
    use std::path::Path;

    #[test]
    fn the_demo_has_what_it_shows_of_every_round() -> Result {
        let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("recording");
        let bundled = recording.join("../../../crates/engine/recordings");
        let out = std::env::temp_dir().join(format!("lab-demo-{}", std::process::id()));
        run(&recording, &out)?;
        for round in 1..=6 {
            let labels = format!("lab-{round}.labels.json");
            let read_text = |folder: &Path| std::fs::read_to_string(folder.join(&labels));
            assert_eq!(read_text(&out)?, read_text(&bundled)?, "round {round}");
            let series = format!("lab-{round}.jsonl.gz");
            let made = read(&out.join(&series))?;
            assert!(made == read(&bundled.join(&series))?, "round {round}");
            for name in SHOWN {
                assert!(
                    made.iter().any(|one| one.label("__name__") == name),
                    "{name}"
                );
            }
        }
        std::fs::remove_dir_all(&out)?;
        assert!(run(&out, &out).is_err(), "a folder without a recording");
        Ok(std::fs::remove_dir_all(&out)?)
    }
}
