use reqwest::Url;

use crate::Error;

/// A member of the cluster.
#[derive(Debug)]
pub(super) struct Member {
    /// What it is called in messages.
    pub(super) name: String,
    /// Where alerts are posted.
    pub(super) url: Url,
    /// Where silences are read.
    pub(super) silences: Url,
}

impl Member {
    pub(super) fn new(address: &str, prefix: &str) -> Result<Self, Error> {
        let refused = |domain| Error::parameter("members", "an address", domain);
        let mut url = Url::parse(address)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| refused("an http or https address such as http://host:9093"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("without credentials; give them as `auth`"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("without a query and a fragment"));
        }
        let name = format!("Alertmanager {}", url.origin().ascii_serialization());
        let parts = [url.path(), prefix].map(|part| part.trim_matches('/').to_owned());
        let mut path = String::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            path.push('/');
            path.push_str(part);
        }
        let mut silences = url.clone();
        silences.set_path(&format!("{path}/api/v2/silences"));
        url.set_path(&format!("{path}/api/v2/alerts"));
        Ok(Self {
            name,
            url,
            silences,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined() {
        let url = |address, prefix| Member::new(address, prefix).unwrap().url.to_string();
        assert_eq!(url("http://a:9093", ""), "http://a:9093/api/v2/alerts");
        assert_eq!(
            url("https://a/x/", "/y/z/"),
            "https://a/x/y/z/api/v2/alerts"
        );
    }

    #[test]
    fn bad_addresses_are_refused_without_being_shown() {
        for address in [
            "a:9093",
            "ftp://a",
            "http://u:hunter2@a",
            "http://a?x=hunter2",
            "",
        ] {
            let error = Member::new(address, "").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
