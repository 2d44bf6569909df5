//! The service's own server with certificates and tokens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_engine::{Engine, Options, Unobserved, config};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Certificate, Client, Identity};

/// Writes an authority, and a certificate for `localhost` with its key that it signed.
fn certify(folder: &Path, name: &str) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = params.signed_by(&key, &ca).unwrap();
    for (kind, pem) in [
        ("ca", ca.pem()),
        ("cert", leaf.pem()),
        ("key", key.serialize_pem()),
    ] {
        std::fs::write(folder.join(format!("{name}-{kind}.pem")), pem).unwrap();
    }
}

/// A client that trusts the authority of `server` and shows the certificate of `own`.
fn client(folder: &Path, server: &str, own: Option<&str>) -> Client {
    // Installs the process' TLS provider, which building a client needs.
    let _ = bongsu_prometheus::Client::new(
        bongsu_prometheus::ClientConfig::new("http://localhost").unwrap(),
    );
    let read =
        |name: &str, kind: &str| std::fs::read(folder.join(format!("{name}-{kind}.pem"))).unwrap();
    let ca = Certificate::from_pem(&read(server, "ca")).unwrap();
    let mut client = Client::builder()
        .tls_certs_only([ca])
        .timeout(Duration::from_secs(20));
    if let Some(own) = own {
        let pem = [read(own, "key"), b"\n".to_vec(), read(own, "cert")].concat();
        client = client.identity(Identity::from_pem(&pem).unwrap());
    }
    client.build().unwrap()
}

fn yaml(folder: &Path, server: &str) -> String {
    let csv: PathBuf = folder.join("load.csv");
    std::fs::write(&csv, "timestamp,load\n0,1\n60,2\n").unwrap();
    format!(
        "source: {{type: csv, path: '{}'}}\nqueries: [{{name: load, expr: load}}]\nserver: {{listen: '127.0.0.1:0', {server}}}",
        csv.display()
    )
}

async fn start(yaml: &str) -> (Engine, String) {
    let config = config::parse(yaml, None).unwrap();
    let engine = Engine::start(config, Options::default(), Box::new(Unobserved))
        .await
        .unwrap();
    let url = engine
        .server_url()
        .unwrap()
        .replace("127.0.0.1", "localhost");
    (engine, url)
}

fn tls(folder: &Path, name: &str, client_ca: Option<&str>) -> String {
    let file = |name: &str, kind: &str| {
        folder
            .join(format!("{name}-{kind}.pem"))
            .display()
            .to_string()
    };
    let ca = client_ca.map_or_else(String::new, |ca| {
        format!(", client_ca: '{}'", file(ca, "ca"))
    });
    format!(
        "tls: {{certificate: '{}', key: '{}'{ca}}}",
        file(name, "cert"),
        file(name, "key")
    )
}

async fn status(client: &Client, url: &str, token: &str) -> Option<u16> {
    let request = client.get(url).header("authorization", token);
    Some(request.send().await.ok()?.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_a_certificate_where_it_is_wanted() {
    let files = tempfile::tempdir().unwrap();
    let folder = files.path();
    certify(folder, "server");
    certify(folder, "friend");
    certify(folder, "stranger");
    let (engine, url) = start(&yaml(folder, &tls(folder, "server", Some("friend")))).await;
    assert!(url.starts_with("https://"), "{url}");
    let page = format!("{url}/api/v1/status");
    let friend = client(folder, "server", Some("friend"));
    // A connection that never says anything holds up no other.
    let mute = tokio::net::TcpStream::connect(url.trim_start_matches("https://"))
        .await
        .unwrap();
    assert_eq!(status(&friend, &page, "").await, Some(200));
    assert_eq!(
        status(&client(folder, "server", Some("stranger")), &page, "").await,
        None
    );
    assert_eq!(
        status(&client(folder, "server", None), &page, "").await,
        None
    );
    assert_eq!(
        status(&client(folder, "stranger", Some("friend")), &page, "").await,
        None
    );
    let plain = Client::builder().tls_certs_only([]).build().unwrap();
    assert_eq!(
        status(&plain, &page.replace("https", "http"), "").await,
        None
    );
    // Without a token the certificate is enough to give orders: 409 or 404, not 403.
    let order = friend
        .post(format!("{url}/api/v1/models/rollback"))
        .body("{}");
    assert_eq!(order.send().await.unwrap().status().as_u16(), 400);
    drop(mute);
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_up_while_it_runs() {
    let files = tempfile::tempdir().unwrap();
    let folder = files.path();
    certify(folder, "server");
    let (engine, url) = start(&yaml(folder, &tls(folder, "server", None))).await;
    let page = format!("{url}/-/healthy");
    let old = client(folder, "server", None);
    assert_eq!(status(&old, &page, "").await, Some(200));
    // Half-written files are refused, and the old certificate stays.
    let key = std::fs::read(folder.join("server-key.pem")).unwrap();
    std::fs::write(folder.join("server-key.pem"), "no key").unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(
        status(&client(folder, "server", None), &page, "").await,
        Some(200)
    );
    drop(key);
    certify(folder, "server");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(
        status(&client(folder, "server", None), &page, "").await,
        Some(200)
    );
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_may_need_a_token() {
    let files = tempfile::tempdir().unwrap();
    let (engine, url) = start(&yaml(files.path(), "read_token: please, token: sesame")).await;
    let url = url.replace("localhost", "127.0.0.1");
    certify(files.path(), "none");
    let client = client(files.path(), "none", None);
    for (path, token, expected) in [
        ("/metrics", "", 401),
        ("/metrics", "Bearer plea", 401),
        ("/metrics", "Basic please", 401),
        ("/metrics", "Bearer please", 200),
        ("/api/v1/status", "Bearer sesame", 200),
        ("/api/v1/openapi.json", "", 401),
        ("/-/healthy", "", 200),
    ] {
        let found = status(&client, &format!("{url}{path}"), token).await;
        assert_eq!(found, Some(expected), "{path} {token}");
    }
    engine.close().await;
}

#[test]
fn what_cannot_work_is_refused() {
    let files = tempfile::tempdir().unwrap();
    let folder = files.path();
    certify(folder, "a");
    certify(folder, "b");
    let wrong = |server: String| {
        let error = config::parse(&yaml(folder, &server), None).unwrap_err();
        error.to_string()
    };
    let good = tls(folder, "a", Some("b"));
    config::parse(&yaml(folder, &good), None).unwrap();
    for (server, word) in [
        ("token: ''".to_owned(), "server.token is empty"),
        ("read_token: ''".to_owned(), "server.read_token is empty"),
        (
            "token: a, read_token: a".to_owned(),
            "server.read_token is the same",
        ),
        (good.replace("a-cert", "c-cert"), "server.tls.certificate"),
        (good.replace("a-key", "a-cert"), "server.tls.key"),
        (good.replace("a-key", "b-key"), "server.tls.certificate"),
        (good.replace("b-ca", "b-key"), "server.tls.client_ca"),
        ("tls: {certificate: x}".to_owned(), "missing field `key`"),
    ] {
        let error = wrong(server.clone());
        assert!(error.contains(word), "{server}: {error}");
        assert!(!error.contains("PRIVATE"), "{error}");
    }
}
