//! What an answer that is not a success means.

use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};

use super::hidden::Hidden;
use super::retry;
use super::transport::Reply;
use crate::decode::decode;
use crate::error::Refusal;
use crate::{Error, ErrorKind};

/// How much of a strange body an error shows.
const SHOWN_CHARS: usize = 160;

/// How much of a server's own message an error shows.
const MESSAGE_CHARS: usize = 2_000;

/// The error that `status` means.
pub(crate) fn error(request: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let kind = match status.as_u16() {
        400 | 422 => ErrorKind::Query,
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        429 => ErrorKind::RateLimited,
        // Prometheus answers 422 and 503 to what a query does wrong; Thanos and Mimir answer 500
        // to failures that pass.
        500 | 502..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Status,
    };
    let (error_type, text) = match told(body) {
        Some((error_type, text)) => (error_type.as_deref().map(cleaned), cleaned(&text)),
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
    let answer = Refusal {
        status: status.as_u16(),
        error_type,
        retry_after: retry_after(headers),
    };
    Error::status(kind, request, message, answer)
}

/// Prometheus' own account of an error, also when it is cut short within its message.
fn told(body: &[u8]) -> Option<(Option<String>, String)> {
    let read = |body: &[u8]| {
        let told = decode(body).ok()?;
        Some((told.error_type, told.error?))
    };
    read(body).or_else(|| {
        // The cut may have gone through an escape, of 12 bytes at most.
        (0..12).find_map(|cut| {
            let whole = body.get(..body.len().checked_sub(cut)?)?;
            read(&[whole, b"\"}"].concat())
        })
    })
}

/// What is wrong with an answer whose status in the body is not `success`.
pub(crate) fn unsuccessful(status: &str, error: Option<&str>) -> String {
    let (status, error) = (cleaned(status), cleaned(error.unwrap_or_default()));
    format!("the answer has status `{status}`: {error}")
}

/// A server's text on one line and not longer than anyone reads.
pub(crate) fn cleaned(text: &str) -> String {
    let text = text.trim();
    let blank = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = text.chars().take(MESSAGE_CHARS).map(blank).collect();
    if text.chars().nth(MESSAGE_CHARS).is_some() {
        line.push('…');
    }
    line
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry::retry_after(header, SystemTime::now())
}

/// Refuses a body that does not call itself JSON, such as a proxy's login page.
pub(crate) fn require_json(request: &str, reply: &Reply, hidden: &Hidden) -> Result<(), Error> {
    let (headers, body) = (&reply.headers, &reply.body);
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
        start_of(&hidden.body(body))
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
    fn messages_are_cleaned_and_survive_a_cut() {
        let message = format!("a\u{1b}[31m\nb 🔥 {}", "x".repeat(100));
        let text = serde_json::to_string(&message)
            .unwrap()
            .replace('🔥', r"\ud83d\udd25");
        let body = format!(r#"{{"status":"error","errorType":"execution","error":{text}}}"#);
        let start = body.find(r"\ud83d").unwrap();
        for len in start..body.len() {
            let (error_type, found) = told(&body.as_bytes()[..len]).unwrap();
            assert_eq!(error_type.as_deref(), Some("execution"));
            assert!(message.starts_with(&found), "{found}");
            assert!(cleaned(&found).starts_with("a [31m b"), "{found}");
        }
        let long = cleaned(&"é".repeat(70_000));
        assert_eq!(long.chars().count(), MESSAGE_CHARS + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn long_bodies_are_cut_and_put_on_one_line() {
        let body = format!("<html>\n\t<b>\u{1b}é{}", "x".repeat(10_000));
        let start = start_of(body.as_bytes());
        assert!(start.starts_with("<html> <b>é"), "{start}");
        assert_eq!(start.chars().count(), SHOWN_CHARS + 1);
    }
}
