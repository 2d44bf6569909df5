//! What Bongsu runs as, and its bounds.

use std::collections::{BTreeMap, BTreeSet};

use crate::Error;

/// Where the variables that the configuration names come from.
#[derive(Clone, PartialEq, Eq)]
pub enum Variables {
    /// It names none.
    None,
    /// A Secret of this name, which somebody else made.
    Existing(String),
    /// A Secret with these values, made with the other objects.
    Values(BTreeMap<String, String>),
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Existing(name) => f.debug_tuple("Existing").field(name).finish(),
            Self::Values(values) => {
                let hidden = values.keys().map(|name| (name, "<secret>"));
                f.debug_map().entries(hidden).finish()
            }
        }
    }
}

/// A `CronJob` of Bongsu: what came since its last run is judged at every one.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where everything lives: a DNS label; it is made if it is not there.
    pub namespace: String,
    /// The name of every object: a DNS label of at most 52 characters, as Kubernetes asks of a `CronJob`.
    pub name: String,
    /// The image of the container.
    pub image: String,
    /// When it runs, as five fields of cron.
    pub schedule: String,
    /// The IANA time zone of the schedule.
    pub time_zone: String,
    /// A run that takes longer, in seconds, is stopped; at least 1.
    pub deadline: i64,
    /// The text of the configuration; its variables stay as they are.
    pub config: String,
    /// The profile of the configuration to run with.
    pub profile: Option<String>,
    /// What the variables of the configuration are.
    pub variables: Variables,
    /// Where the configuration keeps its state: an absolute path, which a volume is mounted at.
    pub state_directory: String,
    /// The size of that volume, a quantity of Kubernetes.
    pub storage: String,
    /// The class of that volume; the cluster's default without one.
    pub storage_class: Option<String>,
    /// The memory that is asked for and the most it may take.
    pub memory: (String, String),
    /// The processor time that is asked for.
    pub cpu: String,
}

impl Settings {
    /// The defaults: every ten minutes, 2 GiB of state, 256 to 512 MiB of memory.
    #[must_use]
    pub fn new(config: impl Into<String>) -> Self {
        Self {
            namespace: "bongsu".into(),
            name: "bongsu".into(),
            image: concat!("ghcr.io/bongsu/bongsu:", env!("CARGO_PKG_VERSION")).into(),
            schedule: "*/10 * * * *".into(),
            time_zone: "Etc/UTC".into(),
            deadline: 540,
            config: config.into(),
            profile: None,
            variables: Variables::None,
            state_directory: "/var/lib/bongsu".into(),
            storage: "2Gi".into(),
            storage_class: None,
            memory: ("256Mi".into(), "512Mi".into()),
            cpu: "100m".into(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        const LABEL: &str = "lower-case letters, digits and hyphens, which neither begins nor ends with a hyphen, of at most 63 characters (a name: 52)";
        let check = |parameter, value: &str, domain, holds: bool| {
            if holds {
                return Ok(());
            }
            let value = value.to_owned();
            Err(Error::Setting {
                parameter,
                value,
                domain,
            })
        };
        check(
            "namespace",
            &self.namespace,
            LABEL,
            is_label(&self.namespace, 63),
        )?;
        check("name", &self.name, LABEL, is_label(&self.name, 52))?;
        if let Variables::Existing(name) = &self.variables {
            check(
                "existing_secret",
                name,
                "the name of a Secret",
                is_name(name),
            )?;
        }
        if let Some(class) = &self.storage_class {
            check(
                "storage_class",
                class,
                "the name of a storage class",
                is_name(class),
            )?;
        }
        let image = !self.image.is_empty() && !self.image.contains(char::is_whitespace);
        check(
            "image",
            &self.image,
            "a reference of an image, without blanks",
            image,
        )?;
        let five = self.schedule.split_whitespace().count() == 5;
        check("schedule", &self.schedule, "five fields of cron", five)?;
        let zone = !self.time_zone.is_empty() && self.time_zone != "Local";
        check("time_zone", &self.time_zone, "an IANA time zone", zone)?;
        let deadline = self.deadline.to_string();
        check(
            "deadline",
            &deadline,
            "at least 1 second",
            self.deadline >= 1,
        )?;
        const QUANTITY: &str = "a quantity of Kubernetes such as 2Gi or 100m";
        let quantities = [
            ("storage", &self.storage),
            ("memory", &self.memory.0),
            ("memory_limit", &self.memory.1),
            ("cpu", &self.cpu),
        ];
        for (name, value) in quantities {
            check(name, value, QUANTITY, is_quantity(value))?;
        }
        let directory = self.state_directory.trim_end_matches('/');
        let free = directory.len() > 1
            && directory.starts_with('/')
            && !["/tmp", "/etc", "/etc/bongsu"].contains(&directory);
        check(
            "state_directory",
            &self.state_directory,
            "an absolute path other than /, /tmp, /etc and /etc/bongsu",
            free,
        )?;
        // The API server refuses more than a mebibyte, with what else is in the object.
        let short = self.config.len() <= 1_000_000;
        let length = format!("{} bytes", self.config.len());
        check("config", &length, "at most 1,000,000 bytes", short)?;
        if let Variables::Values(values) = &self.variables {
            for name in values.keys() {
                check(
                    "variables",
                    name,
                    "the name of an environment variable",
                    is_variable(name),
                )?;
            }
        }
        Ok(())
    }
}

fn is_label(text: &str, most: usize) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=most).contains(&text.len())
        && text.chars().all(fits)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A DNS subdomain.
fn is_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|part| is_label(part, 63))
}

fn is_variable(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && text.chars().all(fits) && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_quantity(text: &str) -> bool {
    const UNITS: [&str; 14] = [
        "", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let number = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.parse::<f64>().is_ok_and(|value| value > 0.0);
    number && UNITS.contains(&unit)
}

/// What a configuration says that its deployment must know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asks {
    /// The environment variables that it names, without those that every pod has.
    pub variables: BTreeSet<String>,
    /// Where its state is kept, if it says so.
    pub state_directory: Option<String>,
}

impl Asks {
    /// Reads them from the text of a configuration (YAML or JSON) and one of its profiles.
    ///
    /// # Errors
    /// [`Error::Configuration`] for what is neither.
    pub fn of(config: &str, profile: Option<&str>) -> Result<Self, Error> {
        let value: serde_json::Value =
            serde_saphyr::from_str(config).map_err(|e| Error::Configuration(e.to_string()))?;
        let mut variables = BTreeSet::new();
        collect(&value, &mut variables);
        variables.remove("HOSTNAME");
        let directory = |of: &serde_json::Value| {
            let found = of.pointer("/state/directory")?.as_str()?;
            Some(found.to_owned())
        };
        let of_profile = profile.and_then(|name| directory(value.get("profiles")?.get(name)?));
        Ok(Self {
            variables,
            state_directory: of_profile.or_else(|| directory(&value)),
        })
    }
}

fn collect(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::String(text) => names.extend(named(text)),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        serde_json::Value::Object(fields) => fields.values().for_each(|item| collect(item, names)),
        _ => {}
    }
}

/// The variables of a text; `$${` stands for a literal `${`.
fn named(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if before.ends_with('$') {
            rest = after;
            continue;
        }
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        names.push(name.to_owned());
        rest = behind;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_where_the_configuration_expands_them() {
        let config = "# ${IN_A_COMMENT}\nsource: {url: 'http://${HOST}:${PORT}/$${NOT}', name: '${HOSTNAME}'}\nsinks: [{url: '${HOOK}'}]\nstate: {directory: /var/lib/a}\nprofiles: {dev: {state: {directory: /var/lib/b}}}\n";
        let asks = Asks::of(config, None).unwrap();
        assert_eq!(
            asks.variables.iter().collect::<Vec<_>>(),
            ["HOOK", "HOST", "PORT"]
        );
        assert_eq!(asks.state_directory.as_deref(), Some("/var/lib/a"));
        let asks = Asks::of(config, Some("dev")).unwrap();
        assert_eq!(asks.state_directory.as_deref(), Some("/var/lib/b"));
        assert!(matches!(
            Asks::of("a: [", None),
            Err(Error::Configuration(_))
        ));
        assert_eq!(Asks::of("{}", None).unwrap(), Asks::default());
    }

    #[test]
    fn each_setting_has_its_domain() {
        type Change = fn(&mut Settings);
        let bad: [(&str, Change); 13] = [
            ("namespace", |s| s.namespace = "Upper".into()),
            ("namespace", |s| s.namespace = "a".repeat(64)),
            ("name", |s| s.name = "a".repeat(53)),
            ("name", |s| s.name = "-a".into()),
            ("image", |s| s.image = "a b".into()),
            ("schedule", |s| s.schedule = "* * * *".into()),
            ("time_zone", |s| s.time_zone = String::new()),
            ("deadline", |s| s.deadline = 0),
            ("storage", |s| s.storage = "2 GB".into()),
            ("memory_limit", |s| s.memory.1 = "0Mi".into()),
            ("cpu", |s| s.cpu = "-1".into()),
            ("state_directory", |s| s.state_directory = "relative".into()),
            ("variables", |s| {
                s.variables = Variables::Values([("1A".into(), "x".into())].into());
            }),
        ];
        assert!(Settings::new("{}").check().is_ok());
        for (named, change) in bad {
            let mut settings = Settings::new("{}");
            change(&mut settings);
            let error = settings.check().unwrap_err().to_string();
            assert!(error.contains(&format!("`{named}` is")), "{error}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let mut settings = Settings::new("{}");
        settings.variables = Variables::Values([("TOKEN".into(), "hunter2".into())].into());
        let shown = format!("{settings:?}");
        assert!(
            shown.contains("TOKEN") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
