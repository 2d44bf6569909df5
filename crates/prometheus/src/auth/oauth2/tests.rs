use std::sync::Arc;

use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::ClientConfig;

async fn server(status: u16, answer: &str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(status).set_body_raw(answer, "application/json"))
        .mount(&server)
        .await;
    server
}

fn client(server: &MockServer) -> OAuth2 {
    OAuth2::new(&server.uri(), "bongsu", Secret::new("hunter2")).unwrap()
}

fn tokens(server: &MockServer) -> Tokens {
    Tokens::new(client(server), Duration::from_secs(20)).unwrap()
}

fn hidden(client: OAuth2) -> Hidden {
    let config = ClientConfig::new("http://h").unwrap();
    Hidden::of(&config.auth(crate::Auth::OAuth2(client)).unwrap())
}

/// A token that is to be renewed, and ends after `left`.
fn aged(left: Duration) -> Token {
    let now = Instant::now();
    Token {
        header: HeaderValue::from_static("Bearer old"),
        renewed_at: Some(now),
        ends_at: Some(now + left),
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_token_is_renewed_before_its_end_and_used_until_then() {
    let well = server(
        200,
        r#"{"access_token":"new","token_type":"bearer","expires_in":600}"#,
    )
    .await;
    let tokens = tokens(&well);
    let hidden = hidden(client(&well));
    tokens.state.lock().await.token = Some(aged(HOUR));
    assert_eq!(tokens.header(&hidden).await.unwrap(), "Bearer new");
    // A minute before its end, and not before that.
    let state = tokens.state.lock().await;
    let token = state.token.clone().unwrap();
    drop(state);
    assert_eq!(token.ends_at.unwrap() - token.renewed_at.unwrap(), MARGIN);
    assert_eq!(tokens.header(&hidden).await.unwrap(), "Bearer new");
    assert_eq!(well.received_requests().await.unwrap().len(), 1);
    // What was learned is hidden from then on.
    assert_eq!(hidden.text("it is new".to_owned()), "it is <secret>");
}

#[tokio::test]
async fn while_it_cannot_be_renewed_a_token_serves_to_its_end() {
    let ill = server(503, "").await;
    let tokens = tokens(&ill);
    let hidden = hidden(client(&ill));
    tokens.state.lock().await.token = Some(aged(HOUR));
    for _ in 0..3 {
        assert_eq!(tokens.header(&hidden).await.unwrap(), "Bearer old");
    }
    // It is not tried with every request.
    assert_eq!(ill.received_requests().await.unwrap().len(), 1);
    tokens.state.lock().await.token = Some(aged(Duration::ZERO));
    let error = tokens.header(&hidden).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn those_who_wait_share_what_comes() {
    for (status, answer) in [
        (200, r#"{"access_token":"a","token_type":"Bearer"}"#),
        (503, ""),
    ] {
        let server = server(status, answer).await;
        let tokens = Arc::new(tokens(&server));
        let hidden = Arc::new(hidden(client(&server)));
        let waiting = (0..50).map(|_| {
            let (tokens, hidden) = (Arc::clone(&tokens), Arc::clone(&hidden));
            async move { tokens.header(&hidden).await.is_ok() }
        });
        let all = futures_util::future::join_all(waiting).await;
        assert!(all.iter().all(|ok| *ok == (status == 200)));
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
        // Who asks after a failure asks anew; a token without an end is kept.
        assert_eq!(tokens.header(&hidden).await.is_ok(), status == 200);
        let asked = server.received_requests().await.unwrap().len();
        assert_eq!(asked, if status == 200 { 1 } else { 2 });
    }
}

#[tokio::test]
async fn what_is_no_token_is_an_error_that_shows_nothing() {
    let denied = r#"{"error":"invalid_client","error_description":"hunter2 is wrong\nfor Ym9uZ3N1Omh1bnRlcjI="}"#;
    for (status, answer, kind, says) in [
        (200, "<html>", ErrorKind::Decode, "no JSON with"),
        (
            200,
            r#"{"access_token":"sekret","token_type":"mac"}"#,
            ErrorKind::Decode,
            "token_type",
        ),
        (
            200,
            r#"{"access_token":"sek\nret","token_type":"Bearer"}"#,
            ErrorKind::Decode,
            "characters",
        ),
        (
            400,
            denied,
            ErrorKind::Denied,
            "invalid_client: <secret> is wrong",
        ),
        (401, "", ErrorKind::Denied, "401"),
        (302, "", ErrorKind::Status, "302"),
        (404, "", ErrorKind::NotFound, "404"),
        (429, "", ErrorKind::RateLimited, "429"),
    ] {
        let server = server(status, answer).await;
        let error = tokens(&server)
            .header(&hidden(client(&server)))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let text = error.to_string();
        assert!(text.contains(says) && text.contains("no token"), "{text}");
        for secret in ["hunter2", "sek", "Ym9uZ3N1"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let away = OAuth2::new("http://127.0.0.1:1/token", "a", Secret::new("hunter2")).unwrap();
    let tokens = Tokens::new(away.clone(), Duration::from_secs(20)).unwrap();
    let error = tokens.header(&hidden(away)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.is_transient());
}

#[test]
fn what_is_outside_its_domain_is_refused_and_not_shown() {
    let secret = || Secret::new("hunter2");
    for url in [
        "",
        "login",
        "ftp://h/",
        "http://ann:hunter2@h/",
        "http://h/#hunter2",
    ] {
        let error = OAuth2::new(url, "a", secret()).unwrap_err().to_string();
        assert!(
            error.contains("token_url") && !error.contains("hunter2"),
            "{error}"
        );
    }
    assert!(OAuth2::new("http://h", "", secret()).is_err());
    assert!(OAuth2::new("http://h", "a", Secret::new("")).is_err());
    let client = || OAuth2::new("http://h", "a", secret()).unwrap();
    for scope in ["", "a b", "a\"", "ä"] {
        assert!(client().scope(scope).is_err(), "{scope}");
    }
    for own in ["", "scope", "grant_type", "client_secret"] {
        assert!(client().param(own, "x".to_owned()).is_err(), "{own}");
    }
    let twice = client().param("audience", "x".to_owned()).unwrap();
    assert!(twice.clone().param("audience", "y".to_owned()).is_err());
    assert!(!format!("{twice:?}").contains("hunter2"));
}
