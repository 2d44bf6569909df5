use std::fmt;

use super::Truth;
use crate::Error;

/// A recording that comes with the demo, with what was injected into it and how it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bundled {
    /// Four services and their node, 57 minutes.
    #[default]
    Machine,
    /// A round of the lab, eight services that call each other, 36 minutes each. Domain: 1 to 6.
    Lab(u8),
}

/// The parts of a bundled recording.
struct Parts {
    /// In VictoriaMetrics' JSON line format, packed.
    recording: &'static [u8],
    /// What was injected into it.
    labels: &'static str,
}

macro_rules! parts {
    ($name:literal) => {
        Parts {
            recording: include_bytes!(concat!("../../recordings/", $name, ".jsonl.gz")),
            labels: include_str!(concat!("../../recordings/", $name, ".labels.json")),
        }
    };
}

const MACHINE: Parts = parts!("demo");
const LAB: [Parts; 6] = [
    parts!("lab-1"),
    parts!("lab-2"),
    parts!("lab-3"),
    parts!("lab-4"),
    parts!("lab-5"),
    parts!("lab-6"),
];

impl Bundled {
    /// Every recording, the default one first.
    pub const ALL: [Self; 7] = [
        Self::Machine,
        Self::Lab(1),
        Self::Lab(2),
        Self::Lab(3),
        Self::Lab(4),
        Self::Lab(5),
        Self::Lab(6),
    ];

    /// The recording of that name: `machine`, or `lab-1` to `lab-6`.
    ///
    /// # Errors
    /// When there is none of that name; the message has them all.
    ///
    /// ```
    /// use bongsu_engine::demo::Bundled;
    /// assert_eq!(Bundled::from_name("lab-2")?, Bundled::Lab(2));
    /// assert!(Bundled::from_name("lab-7").is_err());
    /// # Ok::<(), bongsu_engine::Error>(())
    /// ```
    pub fn from_name(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|one| one.to_string() == name);
        found.ok_or_else(|| {
            let all = Self::ALL.map(|one| one.to_string()).join(", ");
            Error::config(format!("recording is `{name}`, but must be one of {all}"))
        })
    }

    /// What was injected into it, and when.
    ///
    /// # Errors
    /// When there is no such round, or the label file cannot be read, which would be a defect.
    pub fn truth(self) -> Result<Truth, Error> {
        Truth::parse(self.parts()?.labels)
    }

    pub(super) fn recording(self) -> Result<&'static [u8], Error> {
        Ok(self.parts()?.recording)
    }

    /// How it is judged: an ordinary configuration.
    pub(super) const fn config(self) -> &'static str {
        match self {
            Self::Machine => include_str!("demo.yaml"),
            Self::Lab(_) => include_str!("lab.yaml"),
        }
    }

    fn parts(self) -> Result<&'static Parts, Error> {
        match self {
            Self::Machine => Ok(&MACHINE),
            Self::Lab(round) => {
                let place = usize::from(round).checked_sub(1);
                let found = place.and_then(|place| LAB.get(place));
                found.ok_or_else(|| {
                    Error::config(format!("round is {round}, but must be 1 to {}", LAB.len()))
                })
            }
        }
    }
}

impl fmt::Display for Bundled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("machine"),
            Self::Lab(round) => write!(f, "lab-{round}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_prometheus::replay::Recording;

    use super::*;

    #[test]
    fn every_recording_can_be_played_and_judged() {
        for one in Bundled::ALL {
            assert_eq!(Bundled::from_name(&one.to_string()).unwrap(), one);
            let truth = one.truth().unwrap();
            let recording = Recording::from_bytes(one.recording().unwrap()).unwrap();
            assert!(
                recording.start() >= truth.start.add_millis(-60_000),
                "{one}"
            );
            let first = truth.incidents.first().unwrap();
            let history = truth.start.add_millis(truth.history());
            assert!(
                history < first.from && truth.end <= recording.end().add_millis(60_000),
                "{one}"
            );
            crate::config::parse(one.config(), None).unwrap();
        }
        for round in [0, 7] {
            let message = Bundled::Lab(round).truth().unwrap_err().to_string();
            assert!(message.contains("1 to 6"), "{message}");
        }
    }
}
