//! Keeping credentials out of what errors repeat of an answer: a server or proxy that refuses a
//! request may show its headers.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Auth, ClientConfig, Error};

/// Header values that are shorter are no keys.
const SHORTEST_KEY: usize = 8;
/// What stands for a secret.
const SHOWN: &str = "<secret>";

/// How many tokens that were fetched are remembered.
const TOKENS: usize = 4;

/// The texts that no error may hold.
pub(crate) struct Hidden {
    known: Vec<String>,
    /// Tokens that were fetched, the newest last.
    fetched: Mutex<Vec<String>>,
}

impl Hidden {
    pub(crate) fn of(config: &ClientConfig) -> Self {
        let mut texts = Vec::new();
        let url = &config.url;
        let in_url = url.password().map(|password| (url.username(), password));
        let basic = match &config.auth {
            Auth::Basic { username, password } => Some((username.as_str(), password.expose())),
            _ => in_url,
        };
        if let Some((user, password)) = basic {
            texts.push(STANDARD.encode(format!("{user}:{password}")));
            texts.push(password.to_owned());
        }
        match &config.auth {
            Auth::Bearer(token) => texts.push(token.expose().to_owned()),
            Auth::Headers(pairs) => {
                texts.extend(pairs.iter().map(|(_, value)| value.expose().to_owned()));
            }
            Auth::OAuth2(client) => texts.extend(client.secrets()),
            Auth::SigV4(keys) => texts.extend(keys.secrets().map(str::to_owned)),
            Auth::None | Auth::Basic { .. } => {}
        }
        // Plain headers and parameters may hold keys too.
        let values = config.headers.iter().filter_map(|(_, v)| v.to_str().ok());
        let values = values.chain(config.params.iter().map(|(_, value)| value.as_str()));
        texts.extend(
            values
                .filter(|value| value.len() >= SHORTEST_KEY)
                .map(str::to_owned),
        );
        texts.retain(|text| !text.is_empty());
        // Of two that begin alike the longer one goes first.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self {
            known: texts,
            fetched: Mutex::default(),
        }
    }

    /// Takes note of a header with a token that was fetched.
    pub(crate) fn learn(&self, header: &str) {
        let token = header.trim_start_matches("Bearer ");
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if token.is_empty() || fetched.iter().any(|known| known == token) {
            return;
        }
        if fetched.len() == TOKENS {
            fetched.remove(0);
        }
        fetched.push(token.to_owned());
    }

    /// `body` without secrets.
    pub(crate) fn body<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if self.known.is_empty() && fetched.is_empty() {
            return Cow::Borrowed(body);
        }
        drop(fetched);
        let text = self.text(String::from_utf8_lossy(body).into_owned());
        Cow::Owned(text.into_bytes())
    }

    /// `error` without secrets: they may have been spelled otherwise in the body.
    pub(crate) fn error(&self, error: Error) -> Error {
        error.map_message(|message| self.text(message))
    }

    pub(crate) fn text(&self, text: String) -> String {
        let hide = |text: String, secret: &String| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), SHOWN)
            } else {
                text
            }
        };
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        self.known.iter().chain(fetched.iter()).fold(text, hide)
    }
}

#[cfg(test)]
mod tests {
    use bongsu_core::Secret;

    use super::*;

    #[test]
    fn what_was_sent_is_not_repeated() {
        let config = ClientConfig::new("http://h:1").unwrap();
        let bearer = config
            .clone()
            .auth(Auth::Bearer(Secret::new("t0ken")))
            .unwrap();
        let hidden = Hidden::of(&bearer);
        assert_eq!(&*hidden.body(b"you said t0ken!"), b"you said <secret>!");
        let basic = Auth::Basic {
            username: "kim".to_owned(),
            password: Secret::new("pw"),
        };
        let hidden = Hidden::of(&config.clone().auth(basic).unwrap());
        assert_eq!(
            &*hidden.body(b"Basic a2ltOnB3, pw"),
            b"Basic <secret>, <secret>"
        );
        let plain = config
            .header("x-key", "0123456789")
            .unwrap()
            .header("x-n", "1")
            .unwrap();
        let hidden = Hidden::of(&plain);
        assert_eq!(&*hidden.body(b"1: 0123456789"), b"1: <secret>");
        let url = ClientConfig::new("http://kim:pw@h:1").unwrap();
        assert_eq!(&*Hidden::of(&url).body(b"a2ltOnB3"), b"<secret>");
    }
}
