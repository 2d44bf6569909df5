//! What an answer that is not a success means.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};

use super::retry;
use crate::decode::decode;
use crate::{Error, ErrorKind};

/// How much of a strange body an error shows.
const SHOWN_CHARS: usize = 160;

/// The error that `status` means.
pub(crate) fn error(request: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let kind = match status.as_u16() {
        400 | 422 => ErrorKind::Query,
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        429 => ErrorKind::RateLimited,
        502..=504 => ErrorKind::Unavailable,
        _ => ErrorKind::Status,
    };
    let told = decode(body).ok().filter(|told| told.error.is_some());
    let (error_type, text) = match told {
        Some(told) => (told.error_type, told.error.unwrap_or_default()),
        None => (None, start_of(body)),
    };
    let mut message = format!("the server answered {status}");
    if let Some(error_type) = &error_type {
        message = format!("{message}, {error_type}");
    }
    if !text.is_empty() {
        message = format!("{message}: {text}");
    }
    if kind == ErrorKind::NotFound {
        message.push_str(" (is the address, with its path prefix, that of a Prometheus API?)");
    }
    Error::status(kind, request, message, error_type, retry_after(headers))
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry::retry_after(header, SystemTime::now())
}

/// Refuses a body that does not call itself JSON, such as a proxy's login page.
pub(crate) fn require_json(request: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Error> {
    let named = headers.get(CONTENT_TYPE).map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes()).to_lowercase();
        text.split(';').next().unwrap_or_default().trim().to_owned()
    });
    let is_json = match &named {
        Some(name) => name.ends_with("/json") || name.ends_with("+json"),
        // Without a name, the body speaks for itself.
        None => body.trim_ascii_start().starts_with(b"{"),
    };
    if is_json {
        return Ok(());
    }
    let message = format!(
        "the answer is of type `{}`, not JSON; it starts with: {}",
        named.as_deref().unwrap_or("unnamed"),
        start_of(body)
    );
    Err(Error::request(ErrorKind::ContentType, request, message))
}

/// The first characters of `body` on one line.
fn start_of(body: &[u8]) -> String {
    let head = body.get(..SHOWN_CHARS * 4).unwrap_or(body);
    let text = String::from_utf8_lossy(head);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let mut start: String = line
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_CHARS)
        .collect();
    if start.len() < line.len() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_message_is_passed_on() {
        let body = br#"{"status":"error","errorType":"bad_data","error":"1:2: parse error"}"#;
        let error = error(
            "POST http://h/api/v1/query",
            StatusCode::BAD_REQUEST,
            &HeaderMap::new(),
            body,
        );
        assert_eq!(error.kind(), ErrorKind::Query);
        assert_eq!(error.error_type(), Some("bad_data"));
        assert_eq!(
            error.to_string(),
            "POST http://h/api/v1/query: the server answered 400 Bad Request, bad_data: 1:2: parse error"
        );
    }

    #[test]
    fn long_bodies_are_cut_and_put_on_one_line() {
        let body = format!("<html>\n\t<b>\u{1b}é{}", "x".repeat(10_000));
        let start = start_of(body.as_bytes());
        assert!(start.starts_with("<html> <b>é"), "{start}");
        assert_eq!(start.chars().count(), SHOWN_CHARS + 1);
    }
}
