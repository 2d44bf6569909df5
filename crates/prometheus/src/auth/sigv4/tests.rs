use serde::Deserialize;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30 12:36:00 UTC, the moment of Amazon's vectors.
const THEN: Timestamp = Timestamp::from_secs(1_440_938_160);

fn keys() -> SigV4 {
    let keys = SigV4::new("us-east-1", "AKIDEXAMPLE", Secret::new(SECRET)).unwrap();
    keys.service("service").unwrap()
}

const GET: Signed<'_> = Signed {
    method: "GET",
    host: "example.amazonaws.com",
    path: "/",
    query: "",
    content_type: None,
    body: b"",
};

fn authorization(keys: &SigV4, request: &Signed<'_>, at: Timestamp) -> String {
    let headers = keys.sign(request, at);
    let mut found = headers.iter().filter(|(name, _)| *name == "authorization");
    found.next().unwrap().1.clone()
}

/// Amazon's test suite of signature version 4, as far as its requests have no headers that are not
/// sent here.
#[test]
fn signatures_are_those_of_the_published_suite() {
    let form = "application/x-www-form-urlencoded";
    let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let own = format!("{unreserved}={unreserved}");
    let cases = [
        (
            GET,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            Signed {
                method: "POST",
                ..GET
            },
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            Signed {
                query: "Param2=value2&Param1=value1",
                ..GET
            },
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            Signed {
                query: "Param1=value1&Param1=value2",
                ..GET
            },
            "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
        ),
        (
            Signed { query: &own, ..GET },
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        (
            Signed {
                path: "/\u{1234}",
                ..GET
            },
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        (
            Signed {
                query: "\u{1234}=bar",
                ..GET
            },
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            Signed {
                method: "POST",
                content_type: Some(form),
                body: b"Param1=value1",
                ..GET
            },
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ];
    for (request, expected) in cases {
        let value = authorization(&keys(), &request, THEN);
        let (_, signature) = value.split_once("Signature=").unwrap();
        assert_eq!(signature, expected, "{request:?}: {value}");
    }
}

#[derive(Deserialize)]
struct Case {
    method: String,
    path: String,
    query: String,
    content_type: String,
    body: String,
    session_token: String,
    authorization: String,
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[test]
fn whole_headers_are_those_of_botocore() {
    let golden = include_str!("../../../tests/golden/sigv4.json");
    let golden: Golden = serde_json::from_str(golden).unwrap();
    assert_eq!(golden.cases.len(), 7);
    for case in golden.cases {
        let mut keys = SigV4::new("eu-west-1", "AKIDEXAMPLE", Secret::new(SECRET)).unwrap();
        if !case.session_token.is_empty() {
            keys = keys.session_token(Secret::new(case.session_token)).unwrap();
        }
        let body: Vec<u8> = case
            .body
            .chars()
            .map(|c| u8::try_from(c).unwrap())
            .collect();
        let request = Signed {
            method: &case.method,
            host: "aps-workspaces.eu-west-1.amazonaws.com",
            path: &case.path,
            query: &case.query,
            content_type: (!case.content_type.is_empty()).then_some(&case.content_type),
            body: &body,
        };
        // 2026-03-01 09:05:07 UTC.
        let value = authorization(&keys, &request, Timestamp::from_secs(1_772_355_907));
        assert_eq!(value, case.authorization, "{} {}", case.path, case.query);
    }
}

#[test]
fn two_spellings_of_a_query_are_signed_alike() {
    let sign = |query| authorization(&keys(), &Signed { query, ..GET }, THEN);
    assert_eq!(sign("a=*&b=~&c=%"), sign("c=%25&b=%7E&a=%2a"));
    assert_eq!(sign("a"), sign("a="));
    assert_ne!(sign("a=+"), sign("a=%20"));
    assert_eq!(with_spaces_as_percent("a=b+c%2B"), "a=b%20c%2B");
}

/// The cases of RFC 4231 whose keys are shorter and longer than a block.
#[test]
fn keyed_hashes_are_those_of_the_standard() {
    assert_eq!(
        hex(&hmac(b"Jefe", b"what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
    assert_eq!(
        hex(&hmac(&[0xaa; 131], text)),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
}

#[test]
fn what_is_outside_its_domain_is_refused_and_not_shown() {
    let secret = || Secret::new("hunter2");
    for (region, key) in [
        ("", "A"),
        ("EU west", "A"),
        ("eu-west-1", ""),
        ("eu", "hunter2/+"),
    ] {
        let error = SigV4::new(region, key, secret()).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    assert!(SigV4::new("eu", "A", Secret::new("")).is_err());
    assert!(keys().service("Not one").is_err());
    let error = keys().session_token(Secret::new("hunter2\n")).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(!format!("{:?}", keys()).contains(SECRET));
}

/// A server that refuses whatever is not signed by `keys` as it is sent.
async fn checking(keys: SigV4) -> wiremock::MockServer {
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, Request, ResponseTemplate};
    let server = MockServer::start().await;
    let is_signed = move |request: &Request| {
        let header = |name: &str| request.headers.get(name).and_then(|v| v.to_str().ok());
        let moment = header("x-amz-date").unwrap_or_default();
        let at = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", moment).unwrap();
        let at = at
            .to_datetime()
            .unwrap()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .unwrap();
        let signed = Signed {
            method: request.method.as_str(),
            host: header("host").unwrap(),
            path: request.url.path(),
            query: request.url.query().unwrap_or_default(),
            content_type: header("content-type"),
            body: &request.body,
        };
        let at = Timestamp::from_millis(at.timestamp().as_millisecond());
        let expected = keys.sign(&signed, at);
        expected
            .iter()
            .all(|(name, value)| header(name) == Some(value.as_str()))
    };
    Mock::given(any())
        .respond_with(move |request: &Request| {
            if !is_signed(request) {
                return ResponseTemplate::new(403).set_body_string("not signed");
            }
            match (request.method.as_str(), request.url.path()) {
                // Then the parameters go into the address.
                ("POST", "/api/v1/query_range") => ResponseTemplate::new(405),
                _ => ResponseTemplate::new(200).set_body_raw(
                    r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
                    "application/json",
                ),
            }
        })
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn what_is_sent_is_what_was_signed() {
    use crate::{Auth, Client, ClientConfig, ErrorKind, Range};
    let keys = keys().session_token(Secret::new("session/+=")).unwrap();
    let server = checking(keys.clone()).await;
    let client = |keys: SigV4| {
        let config = ClientConfig::new(&server.uri()).unwrap();
        let config = config.auth(Auth::SigV4(keys)).unwrap().retries(0).unwrap();
        Client::new(config.param("dedup", "a+b *~ %41").unwrap()).unwrap()
    };
    let asked = "up{job=~\"a +.*|ü/~\"}";
    let own = client(keys);
    own.query(asked, None).await.unwrap();
    let range = Range {
        start: Timestamp::from_secs(0),
        end: Timestamp::from_secs(60),
        step_ms: 15_000,
    };
    own.query_range(asked, &range).await.unwrap();
    let last = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(last.method.as_str(), "GET");
    let pairs: Vec<_> = last.url.query_pairs().collect();
    assert!(
        pairs
            .iter()
            .any(|(name, value)| name == "query" && value == asked),
        "{pairs:?}"
    );
    assert!(
        pairs
            .iter()
            .any(|(name, value)| name == "dedup" && value == "a+b *~ %41")
    );
    let others = SigV4::new("us-east-1", "AKIDEXAMPLE", Secret::new("hunter2")).unwrap();
    let error = client(others).query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}
