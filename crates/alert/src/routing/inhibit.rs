use super::InhibitRuleConfig;
use super::tree::{matchers, within};
use crate::matcher::{Matcher, all_match, selector};
use crate::{Error, Subject};

/// An inhibition rule, ready for use.
#[derive(Debug, Clone)]
pub(crate) struct InhibitRule {
    /// What explanations call it.
    pub(crate) name: String,
    source: Vec<Matcher>,
    target: Vec<Matcher>,
    equal: Vec<String>,
}

impl InhibitRule {
    pub(super) fn new(config: &InhibitRuleConfig, path: &str) -> Result<Self, Error> {
        let side = |name, plain, texts, equal, regexes| {
            let texts: &[String] = texts;
            let found = matchers(&format!("{path}.{name}"), texts, plain, equal, regexes)?;
            if found.is_empty() {
                let what = Error::input(format!("a rule needs {name}"));
                return Err(within(path, &what));
            }
            Ok(found)
        };
        let source = side(
            "source_matchers",
            "source_match",
            &config.source_matchers,
            &config.source_match,
            &config.source_match_re,
        )?;
        let target = side(
            "target_matchers",
            "target_match",
            &config.target_matchers,
            &config.target_match,
            &config.target_match_re,
        )?;
        let mut equal = config.equal.clone();
        equal.sort();
        equal.dedup();
        let name = match &config.name {
            Some(name) => name.clone(),
            None => format!("{} mutes {}", selector(&source), selector(&target)),
        };
        Ok(Self {
            name,
            source,
            target,
            equal,
        })
    }

    pub(crate) fn is_source(&self, alert: Subject<'_>) -> bool {
        all_match(&self.source, alert)
    }

    pub(crate) fn is_target(&self, alert: Subject<'_>) -> bool {
        all_match(&self.target, alert)
    }

    /// The values that source and target must share.
    pub(crate) fn shared(&self, alert: Subject<'_>) -> Vec<String> {
        self.equal
            .iter()
            .map(|name| alert.get(name).to_owned())
            .collect()
    }
}
