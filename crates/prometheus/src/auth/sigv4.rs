//! Signature version 4 of Amazon Web Services.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::Write as _;

use bongsu_core::{Secret, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::Error;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Credentials of Amazon Web Services, with which each request is signed (signature version 4).
///
/// The signature holds the moment, which is that of this machine's clock, corrected by what the
/// server's answers prove of it. Roles and profiles are not looked up: give temporary credentials with
/// their session token.
///
/// ```
/// use bongsu_core::Secret;
/// use bongsu_prometheus::{Auth, ClientConfig, SigV4};
///
/// let keys = SigV4::new("eu-west-1", "AKIDEXAMPLE", Secret::new("hunter2"))?;
/// let url = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1";
/// let config = ClientConfig::new(url)?.auth(Auth::SigV4(keys))?;
/// assert!(!format!("{config:?}").contains("hunter2"));
/// # Ok::<(), bongsu_prometheus::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigV4 {
    region: String,
    service: String,
    access_key: String,
    secret_key: Secret,
    session_token: Option<Secret>,
}

impl SigV4 {
    /// The key `access_key` for the service `aps` (Amazon Managed Service for Prometheus) of `region`.
    /// Domain: `region` of lower-case letters, digits and `-`; `access_key` of letters, digits and
    /// `_`; `secret_key` not empty.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn new(
        region: impl Into<String>,
        access_key: impl Into<String>,
        secret_key: Secret,
    ) -> Result<Self, Error> {
        let (region, access_key) = (region.into(), access_key.into());
        check_scope("region", &region)?;
        let is_key = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if access_key.is_empty() || !access_key.chars().all(is_key) {
            // It could be a misplaced secret.
            let domain = "letters, digits and `_`";
            return Err(Error::parameter("access_key", "something else", domain));
        }
        if secret_key.expose().is_empty() {
            return Err(Error::parameter("secret_key", "empty", "not empty"));
        }
        Ok(Self {
            region,
            service: "aps".to_owned(),
            access_key,
            secret_key,
            session_token: None,
        })
    }

    /// The service (default `aps`). Domain: lower-case letters, digits and `-`.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn service(mut self, service: impl Into<String>) -> Result<Self, Error> {
        self.service = service.into();
        check_scope("service", &self.service)?;
        Ok(self)
    }

    /// The session token of temporary credentials (default none). Domain: visible characters.
    ///
    /// # Errors
    /// When outside the domain.
    pub fn session_token(mut self, token: Secret) -> Result<Self, Error> {
        let visible = |token: &str| token.bytes().all(|b| b.is_ascii_graphic());
        if token.expose().is_empty() || !visible(token.expose()) {
            let domain = "of visible characters";
            return Err(Error::parameter("session_token", "something else", domain));
        }
        self.session_token = Some(token);
        Ok(self)
    }

    /// What no error may show.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let token = self.session_token.iter();
        token.chain([&self.secret_key]).map(Secret::expose)
    }

    /// The headers that sign `request` at the moment `at`.
    pub(crate) fn sign(&self, request: &Signed<'_>, at: Timestamp) -> Vec<(&'static str, String)> {
        let moment = moment(at);
        let day = moment.get(..8).unwrap_or_default().to_owned();
        let mut headers = vec![("host", request.host.trim().to_owned())];
        headers.extend(
            request
                .content_type
                .map(|kind| ("content-type", kind.trim().to_owned())),
        );
        let mut added = vec![("x-amz-date", moment.clone())];
        if let Some(token) = &self.session_token {
            added.push(("x-amz-security-token", token.expose().to_owned()));
        }
        headers.extend(added.iter().cloned());
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let canonical = request.canonical(&headers, &names);
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text = format!(
            "{ALGORITHM}\n{moment}\n{scope}\n{}",
            hex(&sha256(canonical.as_bytes()))
        );
        let secret = format!("AWS4{}", self.secret_key.expose());
        let key = [&day, &self.region, &self.service, "aws4_request"]
            .iter()
            .fold(secret.into_bytes(), |key, part| {
                hmac(&key, part.as_bytes()).to_vec()
            });
        let signature = hex(&hmac(&key, text.as_bytes()));
        let value = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key
        );
        added.push(("authorization", value));
        added
    }
}

fn check_scope(name: &str, value: &str) -> Result<(), Error> {
    let is_right = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if value.is_empty() || !value.bytes().all(is_right) {
        let domain = "lower-case letters, digits and `-`";
        return Err(Error::parameter(name, format!("`{value}`"), domain));
    }
    Ok(())
}

/// The parts of a request that are signed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// With the port, where it is not the usual one.
    pub(crate) host: &'a str,
    /// As it is sent.
    pub(crate) path: &'a str,
    /// As it is sent, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

impl Signed<'_> {
    fn canonical(&self, headers: &[(&str, String)], names: &str) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.method, self.path(), self.query());
        for (name, value) in headers {
            let words: Vec<&str> = value.split(' ').filter(|word| !word.is_empty()).collect();
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{name}:{}", words.join(" "));
        }
        let _ = write!(text, "\n{names}\n{}", hex(&sha256(self.body)));
        text
    }

    /// Each segment is encoded once more than it is sent; `.`, `..` and empty ones do not count.
    fn path(&self) -> String {
        let mut segments: Vec<&str> = Vec::new();
        for segment in self.path.split('/') {
            match segment {
                "" | "." => {}
                ".." => drop(segments.pop()),
                segment => segments.push(segment),
            }
        }
        let encoded: Vec<String> = segments.iter().map(|s| encoded(s.as_bytes())).collect();
        let end = if segments.is_empty() || !self.path.ends_with('/') {
            ""
        } else {
            "/"
        };
        format!("/{}{end}", encoded.join("/"))
    }

    /// The parameters in order of their encoded names and values.
    fn query(&self) -> String {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        let mut pairs: Vec<(String, String)> = pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (encoded(&decoded(name)), encoded(&decoded(value)))
            })
            .collect();
        pairs.sort();
        let pairs: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
        pairs.join("&")
    }
}

/// `query` with `%20` where a form has `+`.
pub(crate) fn with_spaces_as_percent(query: &str) -> String {
    query.replace('+', "%20")
}

/// All but letters, digits and `-._~` as `%` and two digits.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The bytes that `text` stands for; a `%` without two digits stands for itself.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut rest = text.as_bytes();
    let mut all = Vec::with_capacity(rest.len());
    while let Some((&byte, after)) = rest.split_first() {
        let value = match after {
            [high, low, ..] if byte == b'%' => digit(*high).zip(digit(*low)),
            _ => None,
        };
        all.push(value.map_or(byte, |(high, low)| 16 * high + low));
        rest = after
            .get(if value.is_some() { 2.. } else { 0.. })
            .unwrap_or_default();
    }
    all
}

/// `20150830T123600Z`.
fn moment(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The keyed hash of RFC 2104.
fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    let hashed;
    let key = if key.len() > BLOCK {
        hashed = sha256(key);
        &hashed[..]
    } else {
        key
    };
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36));
    let inner = inner.chain_update(text).finalize();
    let outer = Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c));
    outer.chain_update(inner).finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
