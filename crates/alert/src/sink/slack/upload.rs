//! Pictures for messages, by Slack's Web API.

use bongsu_core::Secret;
use reqwest::Url;
use serde_json::{Value, json};

use crate::annotations::is_web_address;
use crate::sink::auth::Auth;
use crate::sink::http::{HttpClient, Kind};
use crate::{Error, ErrorKind};

/// The longest answer that is read.
const MAX_ANSWER: usize = 64 * 1024;

/// Where and as whom pictures are uploaded.
pub(super) struct Uploader {
    api: Url,
    http: HttpClient,
    /// Without the token: an upload's own address is all that it needs.
    plain: HttpClient,
}

impl Uploader {
    pub(super) fn new(
        api: &str,
        token: &Secret,
        timeout: std::time::Duration,
    ) -> Result<Self, Error> {
        let url = Url::parse(&format!("{}/", api.trim_end_matches('/')));
        let api = url.ok().filter(|_| is_web_address(api)).ok_or_else(|| {
            Error::parameter("api_url", format!("`{api}`"), "an http or https address")
        })?;
        if token.expose().is_empty() {
            return Err(Error::parameter("upload_token", "empty", "a token"));
        }
        Ok(Self {
            api,
            http: HttpClient::new(timeout, Auth::Bearer(token.clone()))?,
            plain: HttpClient::new(timeout, Auth::None)?.hide([token.clone()]),
        })
    }

    /// Uploads a picture in the three steps that Slack has for it, and gives the file's identifier.
    pub(super) async fn upload(&self, name: &str, png: Vec<u8>) -> Result<String, Error> {
        let form = format!("filename={name}&length={}", png.len());
        let place = self
            .call("files.getUploadURLExternal", Kind::Form, form)
            .await?;
        let text = |key: &str| place.get(key).and_then(Value::as_str);
        let (Some(address), Some(id)) = (text("upload_url"), text("file_id")) else {
            return Err(said("does not say where to upload"));
        };
        let address = Url::parse(address)
            .ok()
            .filter(|url| is_web_address(url.as_str()))
            .ok_or_else(|| said("gave no address to upload to"))?;
        self.plain
            .send(&address, "Slack", Kind::Bytes, png, MAX_ANSWER)
            .await?;
        let done = json!({"files": [{"id": id, "title": name}]}).to_string();
        self.call("files.completeUploadExternal", Kind::Json, done)
            .await?;
        Ok(id.to_owned())
    }

    /// Calls a method; Slack tells of errors in answers that are successes for HTTP.
    async fn call(&self, method: &str, kind: Kind, body: String) -> Result<Value, Error> {
        let url = self.api.join(method).map_err(|e| said(&e.to_string()))?;
        let answer = self
            .http
            .send(&url, "Slack", kind, body.into_bytes(), MAX_ANSWER)
            .await?;
        let answer: Value = serde_json::from_str(&answer)
            .map_err(|_| said("answered with something that is not JSON"))?;
        if answer.get("ok").and_then(Value::as_bool) == Some(true) {
            return Ok(answer);
        }
        let why = answer.get("error").and_then(Value::as_str);
        Err(said(&format!(
            "refused {method}: {}",
            why.unwrap_or("for no stated reason")
        )))
    }
}

fn said(what: &str) -> Error {
    Error::delivery(ErrorKind::Rejected, format!("Slack {what}"))
}
