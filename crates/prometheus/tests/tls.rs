//! The client against servers with certificates of every kind.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bongsu_prometheus::{Client, ClientConfig, ErrorKind, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 65\r\n\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}  ";

/// An authority, and a certificate and key that it signed, as files and as bytes.
struct Authority {
    files: TempDir,
    roots: RootCertStore,
    chain: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &ca).unwrap();
        let files = tempfile::tempdir().unwrap();
        for (name, pem) in [
            ("ca.pem", ca.pem()),
            ("cert.pem", leaf.pem()),
            ("key.pem", key.serialize_pem()),
        ] {
            std::fs::write(files.path().join(name), pem).unwrap();
        }
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        Self {
            files,
            roots,
            chain: leaf.der().clone(),
            key: key.serialize_der().try_into().unwrap(),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// A server with this authority's certificate that, when `mutual`, wants one from clients too.
    async fn serve(&self, mutual: bool) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = ServerConfig::builder();
        let builder = if mutual {
            let roots = Arc::new(self.roots.clone());
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(roots).build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![self.chain.clone()];
        let config = builder
            .with_single_cert(chain, self.key.clone_key())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 4_096]).await;
                    let _ = stream.write_all(ANSWER).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        url
    }
}

fn client(url: &str, tls: Tls) -> Client {
    let pause = Duration::from_millis(1);
    let config = ClientConfig::new(url).unwrap().tls(tls);
    Client::new(config.retry_delay(pause, pause).unwrap()).unwrap()
}

#[tokio::test]
async fn certificates_are_verified() {
    let (authority, other) = (Authority::new(), Authority::new());
    let url = authority.serve(false).await;
    let trusting = client(&url, Tls::default().ca(authority.file("ca.pem")));
    trusting.query("up", None).await.unwrap();
    let blind = client(&url, Tls::default().insecure_skip_verify(true));
    blind.query("up", None).await.unwrap();
    let wrong_name = url.replace("localhost", "127.0.0.1");
    for client in [
        client(&url, Tls::default().ca(other.file("ca.pem"))),
        client(&wrong_name, Tls::default().ca(authority.file("ca.pem"))),
    ] {
        let error = client.query("up", None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
}

#[tokio::test]
async fn clients_show_their_certificate() {
    let (authority, other) = (Authority::new(), Authority::new());
    let url = authority.serve(true).await;
    let tls = || Tls::default().ca(authority.file("ca.pem"));
    let known = tls().client_identity(authority.file("cert.pem"), authority.file("key.pem"));
    client(&url, known).query("up", None).await.unwrap();
    let stranger = tls().client_identity(other.file("cert.pem"), other.file("key.pem"));
    for tls in [tls(), stranger] {
        let error = client(&url, tls).query("up", None).await.unwrap_err();
        let kind = error.kind();
        assert!(
            matches!(kind, ErrorKind::Tls | ErrorKind::Connection),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_is_a_tls_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let client = client(&url, Tls::default().insecure_skip_verify(true));
    let error = client.query("up", None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
}

#[test]
fn wrong_files_are_named_and_keys_never_shown() {
    let authority = Authority::new();
    let config = |tls| Client::new(ClientConfig::new("https://localhost").unwrap().tls(tls));
    let error = config(Tls::default().ca("/no/such.pem")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("/no/such.pem"), "{error}");
    let error = config(Tls::default().ca(authority.file("key.pem"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let swapped = Tls::default().client_identity(authority.file("ca.pem"), "Cargo.toml");
    let error = config(swapped).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("Cargo.toml"), "{error}");
    let alone = Tls {
        client_key: Some(authority.file("key.pem")),
        ..Tls::default()
    };
    assert!(
        config(alone)
            .unwrap_err()
            .to_string()
            .contains("go together")
    );
    // Without TLS the files are not needed, and neither are the system's authorities.
    Client::new(ClientConfig::new("http://localhost").unwrap()).unwrap();
}
