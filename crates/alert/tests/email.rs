//! Mails to a real server.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::panic, reason = "it is how a test fails")]

mod common;
mod mail_server;

use std::sync::Arc;
use std::time::Duration;

use bongsu_alert::{
    EmailBuilder, EmailSink, ErrorKind, Lifecycle, Links, Occasion, Page, Plotter, Retry, Sink,
    SmtpSecurity,
};
use bongsu_core::{Alert, Contribution, Explanation, Labels, Secret, Severity, Timestamp};
use common::{fire, labels, resolve};
use mail_server::{MailServer, PASSWORD, USER};

const fn at(second: i64) -> Timestamp {
    Timestamp::from_secs(second)
}

fn firing(labels: &Labels) -> Alert {
    fire(&mut Lifecycle::new(), labels, at(1_700_000_000))
}

fn up() -> Alert {
    firing(&labels(&[("__name__", "up"), ("instance", "a")]))
}

fn builder(server: &MailServer, to: &[&str]) -> EmailBuilder {
    EmailSink::builder("localhost", "Bongsu <bongsu@localhost>", to.iter().copied())
        .port(server.port)
        .ca(&server.certificate)
        .timeout(Duration::from_secs(10))
}

/// The part of a mail with this content type, decoded.
fn part(mail: &str, kind: &str) -> String {
    let (_, rest) = mail.split_once(&format!("Content-Type: {kind}")).unwrap();
    let (head, rest) = rest.split_once("\n\n").unwrap();
    let (body, _) = rest.split_once("\n--").unwrap();
    if !head.contains("quoted-printable") {
        assert!(!head.contains("base64"), "{head}");
        return body.to_owned();
    }
    let body = body.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'=' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            let digits = std::str::from_utf8(&digits).unwrap().to_owned();
            bytes.push(u8::from_str_radix(&digits, 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A page as rich as they come.
fn page() -> Page {
    let mut worst = firing(&labels(&[
        ("__name__", "node:cpu_user:ratio"),
        ("instance", "<b>web-1</b> & \"co\""),
    ]));
    worst.severity = Severity::Critical;
    let share = |feature: &str, share| Contribution {
        feature: feature.to_owned(),
        share,
    };
    worst.verdict.explanation = Some(Explanation {
        summary: "User time is far above what Monday mornings show.".to_owned(),
        contributions: vec![share("cpu_user", 0.62), share("load1", 0.21)],
    });
    worst.cause = Some("a deployment of <api>".to_owned());
    let identity = labels(&[("__name__", "up"), ("instance", "b")]);
    let mut lifecycle = Lifecycle::new();
    fire(&mut lifecycle, &identity, at(1_700_000_000));
    let ended = resolve(&mut lifecycle, &identity, at(1_700_000_600));
    Page {
        receiver: "ops".to_owned(),
        route: "{}".to_owned(),
        group: labels(&[("job", "node")]),
        at: at(1_700_000_600),
        sequence: 2,
        occasion: Occasion::Fired,
        alerts: vec![worst, up(), ended],
        notes: Vec::new(),
        digest: None,
    }
}

#[tokio::test]
async fn a_page_arrives_as_one_mail_over_starttls() {
    let server = MailServer::start();
    let links = Links::default()
        .runbook("https://wiki.example/runbooks/{instance}")
        .unwrap()
        .dashboard("https://grafana.example/d/node?var-instance={instance}&kiosk")
        .unwrap();
    let sink = builder(&server, &["Ops <strict@localhost>", "ann@localhost"])
        .login(USER, Secret::new(PASSWORD))
        .links(links)
        .build()
        .unwrap();
    let page = page();
    sink.page(at(0), &page).await.unwrap();
    let mails = server.mails(1).await;
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    for line in [
        "Subject: CRITICAL: 2 alerts fire, 1 ended in {job=\"node\"}",
        "From: Bongsu <bongsu@localhost>",
        &format!("Message-ID: <{}@localhost>", page.id()),
        &format!("References: <{}@localhost>", page.key()),
    ] {
        assert!(mail.contains(&format!("\n{line}\n")), "{line}: {mail}");
    }
    assert!(
        mail.contains("with esmtpsa"),
        "encrypted, and with a login: {mail}"
    );
    let text = part(mail, "text/plain");
    for line in [
        "  Observed: 40\n",
        "  Expected range: 0 to 10\n",
        "  Contributed most: cpu_user (62 %), load1 (21 %)\n",
        "  Likely cause: a deployment of <api>\n",
        "  User time is far above what Monday mornings show.\n",
        "  Until: 2023-11-14T22:23:20.000Z\n",
        "  Runbook: https://wiki.example/runbooks/b\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let html = part(mail, "text/html");
    assert!(html.contains("&lt;b&gt;web-1&lt;/b&gt; &amp; "), "{html}");
    assert!(!html.contains("<b>"), "{html}");
    assert!(
        html.contains("Likely cause: a deployment of &lt;api&gt;"),
        "{html}"
    );
    assert!(!html.contains("<img"), "{html}");
    if let Some(path) = std::env::var_os("BONGSU_MAIL_HTML") {
        std::fs::write(path, html).unwrap();
    }
}

/// Draws all alerts but one.
#[derive(Debug)]
struct Drawing;

impl Plotter for Drawing {
    fn png(&self, alert: &Alert) -> Option<Vec<u8>> {
        let drawn = alert.labels.get("instance") != Some("b");
        drawn.then(|| b"\x89PNG\r\n\x1a\nplot".to_vec())
    }
}

#[tokio::test]
async fn plots_are_inline() {
    let server = MailServer::start();
    let sink = builder(&server, &["ann@localhost"])
        .plots(Arc::new(Drawing))
        .build()
        .unwrap();
    let page = page();
    sink.page(at(0), &page).await.unwrap();
    let mail = &server.mails(1).await[0];
    let html = part(mail, "text/html");
    assert_eq!(mail.matches("Content-Type: image/png").count(), 2);
    for alert in page.alerts.iter().take(2) {
        let id = format!("plot-{:016x}@bongsu", alert.labels.fingerprint());
        assert!(mail.contains(&format!("Content-ID: <{id}>")), "{mail}");
        assert!(html.contains(&format!("<img src=\"cid:{id}\"")), "{html}");
    }
    assert_eq!(html.matches("<img").count(), 2);
    // The base64 of the drawing.
    assert_eq!(mail.matches("iVBORw0KGgpwbG90").count(), 2);
    assert!(mail.contains("multipart/related"), "{mail}");
    let text = part(mail, "text/plain");
    assert!(text.contains("Likely cause"), "{text}");
}

#[tokio::test]
async fn a_label_cannot_add_headers() {
    let server = MailServer::start();
    let sink = builder(&server, &["ann@localhost"])
        .port(server.tls_port)
        .security(SmtpSecurity::Tls)
        .build()
        .unwrap();
    let evil = "x\r\nBcc: eve@localhost\r\n\r\n.\r\nQUIT ümläut \u{2028}";
    let alert = firing(&labels(&[("__name__", "up"), ("a", evil)]));
    sink.deliver(at(0), &[alert]).await.unwrap();
    let mails = server.mails(1).await;
    let (head, _) = mails[0].split_once("\n\n").unwrap();
    assert!(head.contains("\nSubject: "), "{head}");
    assert!(!head.contains("\nBcc"), "{head}");
    assert!(head.contains("with esmtps"), "{head}");
    assert_eq!(mails.len(), 1);
}

#[tokio::test]
async fn answers_of_the_server_have_their_class() {
    let server = MailServer::start();
    let deliver = async |builder: EmailBuilder| {
        let sink = builder.build().unwrap();
        let error = sink.deliver(at(0), &[up()]).await.unwrap_err();
        let shown = format!("{sink:?} {error} {error:?}");
        assert!(!shown.contains("MARKED"), "{shown}");
        error
    };
    let error = deliver(builder(&server, &["later@localhost"])).await;
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Server, Retry::Backoff)
    );
    assert!(error.to_string().contains("not now"), "{error}");

    let error = deliver(builder(&server, &["nobody@localhost"])).await;
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Rejected, Retry::Never)
    );
    assert!(error.to_string().contains("no such user"), "{error}");

    let error = deliver(builder(&server, &["nobody@localhost", "ann@localhost"])).await;
    assert_eq!(error.kind(), ErrorKind::Partial);
    assert_eq!(server.mails(1).await.len(), 1, "the other one got it");

    let wrong = Secret::new("MARKED-BUT-WRONG");
    let error = deliver(builder(&server, &["ann@localhost"]).login(USER, wrong)).await;
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Misconfigured, Retry::Slow)
    );

    let open = builder(&server, &["ann@localhost"]);
    let stranger = EmailSink::builder("localhost", "a@localhost", ["ann@localhost"])
        .port(server.port)
        .timeout(Duration::from_secs(5));
    let error = deliver(stranger).await;
    assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");
    let error = deliver(open.port(1)).await;
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Network, Retry::Backoff)
    );
}

#[tokio::test]
async fn without_encryption_only_when_asked_for() {
    let server = MailServer::start();
    let sink = builder(&server, &["ann@localhost"])
        .security(SmtpSecurity::None)
        .build()
        .unwrap();
    sink.deliver(at(0), &[up()]).await.unwrap();
    let mails = server.mails(1).await;
    assert!(mails[0].contains("with esmtp "), "{}", mails[0]);
    let open = builder(&server, &["ann@localhost"])
        .security(SmtpSecurity::None)
        .login(USER, Secret::new(PASSWORD));
    let error = open.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParameter);
    assert!(!error.to_string().contains("MARKED"), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sink = EmailSink::builder("localhost", "a@localhost", ["b@localhost"])
        .port(port)
        .security(SmtpSecurity::None)
        .timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let error = sink.deliver(at(0), &[up()]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (ErrorKind::Timeout, Retry::Backoff)
    );
}

#[tokio::test]
async fn nobody_gets_a_mail_twice_because_another_recipient_does_not_take_it() {
    let server = MailServer::start();
    let to = ["later@localhost", "ann@localhost", "nobody@localhost"];
    let sink = builder(&server, &to).build().unwrap();
    for round in 1..5 {
        let error = sink.deliver(at(0), &[up()]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Server, "round {round}");
    }
    let error = sink.deliver(at(0), &[up()]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Partial);
    let said = error.to_string();
    let expected = "2 of 3 recipients were refused (later@localhost, nobody@localhost): ";
    assert!(said.starts_with(expected), "{said}");
    // The next mail begins anew, and is the second one that arrives.
    let mut next = up();
    next.summary.push_str(", again");
    let error = sink.deliver(at(0), &[next]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server);
    let mails = server.mails(2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((mails.len(), server.mails(2).await.len()), (2, 2));
}
