//! Dashboards: what is in them, and how they come to Grafana.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod boards;
mod server;

use bongsu_core::Secret;
use bongsu_engine::grafana::{
    Cause, Change, Grafana, Incident, MarkChange, PushOptions, dashboards, read_secret,
};
use serde_json::json;
use server::{FakeGrafana, TOKEN};

fn client(server: &FakeGrafana) -> Grafana {
    Grafana::new(&server.url, Secret::new(TOKEN)).unwrap()
}

fn options(folder: Option<&str>) -> PushOptions {
    PushOptions {
        folder: folder.map(str::to_owned),
        ..PushOptions::default()
    }
}

fn changes(outcome: &[bongsu_engine::grafana::Pushed]) -> Vec<Change> {
    outcome
        .iter()
        .map(|board| board.result.as_ref().unwrap().clone())
        .collect()
}

#[tokio::test]
async fn dashboards_are_created_left_alone_and_updated() {
    let server = FakeGrafana::start();
    let all = dashboards(&boards::config());
    let grafana = client(&server);
    let trial = PushOptions {
        dry_run: true,
        ..options(Some("Alarms & more"))
    };
    let outcome = grafana.push(&all, &trial).await.unwrap();
    assert!(
        changes(&outcome)
            .iter()
            .all(|change| *change == Change::New)
    );
    assert!(
        outcome[0].to_string().contains("would be created"),
        "{}",
        outcome[0]
    );
    assert!(server.held().boards.is_empty() && server.held().folders.is_empty());

    let outcome = grafana
        .push(&all, &options(Some("Alarms & more")))
        .await
        .unwrap();
    assert!(
        changes(&outcome)
            .iter()
            .all(|change| *change == Change::New)
    );
    assert_eq!(server.held().boards.len(), all.len());
    assert!(
        server
            .held()
            .boards
            .values()
            .all(|(_, folder)| folder == "folder0")
    );
    let outcome = grafana
        .push(&all, &options(Some("Alarms & more")))
        .await
        .unwrap();
    assert!(
        changes(&outcome)
            .iter()
            .all(|change| *change == Change::Same)
    );
    assert_eq!(server.held().folders.len(), 1);

    // Somebody edits one by hand; the next push tells what and puts it right, where it is.
    let uid = all[1].uid.clone();
    server.held().boards.get_mut(&uid).unwrap().0["panels"][0]["title"] = json!("mine");
    let trial = PushOptions {
        dry_run: true,
        ..options(None)
    };
    let outcome = grafana.push(&all, &trial).await.unwrap();
    let told = outcome[1].to_string();
    assert!(
        told.contains("would be updated") && told.contains("/panels/0/title: \"mine\" -> "),
        "{told}"
    );
    assert_eq!(told.lines().count(), 2, "{told}");
    let outcome = grafana.push(&all, &options(None)).await.unwrap();
    assert!(matches!(changes(&outcome)[1], Change::Differs { .. }));
    let (board, folder) = server.held().boards[&uid].clone();
    assert_eq!((folder.as_str(), &board["version"]), ("folder0", &json!(2)));
    assert_eq!(board["panels"], all[1].json["panels"]);

    let outcome = grafana
        .push(&all, &options(Some("Elsewhere")))
        .await
        .unwrap();
    assert!(
        changes(&outcome)
            .iter()
            .all(|change| *change == Change::Moves)
    );
    assert!(
        server
            .held()
            .boards
            .values()
            .all(|(_, folder)| folder == "folder1")
    );
}

#[tokio::test]
async fn conflicts_are_told_and_can_be_overruled() {
    let server = FakeGrafana::start();
    let all = dashboards(&boards::config());
    let grafana = client(&server);
    grafana.push(&all, &options(None)).await.unwrap();
    let uid = all[0].uid.clone();
    {
        let mut held = server.held();
        held.boards.get_mut(&uid).unwrap().0["title"] = json!("edited");
        held.meddler = true;
    }
    let outcome = grafana.push(&all, &options(None)).await.unwrap();
    let told = outcome[0].to_string();
    assert!(
        told.contains("saved it meanwhile") && told.contains("--overwrite"),
        "{told}"
    );
    assert!(outcome[1].result.is_ok(), "the others go on");
    let force = PushOptions {
        overwrite: true,
        ..options(None)
    };
    let outcome = grafana.push(&all, &force).await.unwrap();
    assert!(outcome[0].result.is_ok());
    assert_ne!(server.held().boards[&uid].0["title"], "edited");
    server.held().meddler = false;

    // Another dashboard has the title.
    let mut namesake = server.held().boards.remove(&uid).unwrap();
    namesake.0["uid"] = json!("other");
    server.held().boards.insert("other".to_owned(), namesake);
    let outcome = grafana.push(&all, &options(None)).await.unwrap();
    assert!(
        outcome[0]
            .to_string()
            .contains("another dashboard has its title"),
        "{}",
        outcome[0]
    );
    server.held().of_plugin = Some(uid);
    let outcome = grafana.push(&all, &force).await.unwrap();
    assert!(
        outcome[0].to_string().contains("a plugin provides it"),
        "{}",
        outcome[0]
    );
}

#[tokio::test]
async fn refusals_and_faults_are_told_without_the_token() {
    let server = FakeGrafana::start();
    let all = dashboards(&boards::config());
    let stranger = Grafana::new(&server.url, Secret::new("glsa_other7")).unwrap();
    let outcome = stranger.push(&all[..1], &options(None)).await.unwrap();
    let told = outcome[0].to_string();
    assert!(
        told.contains("401") && told.contains("not known") && !told.contains("other7"),
        "{told}"
    );
    assert_eq!(server.held().asked.len(), 1, "a refusal is not asked again");
    let error = stranger
        .push(&all, &options(Some("x")))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("401") && !error.contains("other7"),
        "{error}"
    );

    // What may pass is asked again; what stays is told.
    server.held().faults = vec![503, 502];
    let outcome = client(&server)
        .push(&all[..1], &options(None))
        .await
        .unwrap();
    assert_eq!(changes(&outcome), [Change::New]);
    server.held().faults = vec![500; 4];
    let outcome = client(&server)
        .push(&all[..1], &options(None))
        .await
        .unwrap();
    let told = outcome[0].to_string();
    assert!(told.contains("500") && told.contains("a fault"), "{told}");
    server.held().faults = vec![403];
    let outcome = client(&server)
        .push(&all[..1], &options(None))
        .await
        .unwrap();
    assert!(
        outcome[0].to_string().contains("may not do this"),
        "{}",
        outcome[0]
    );

    for url in [
        "localhost:3000",
        "ftp://h",
        "http://ann:pw@h",
        "http://h/?a=b",
        "",
    ] {
        let error = Grafana::new(url, Secret::new("x")).unwrap_err().to_string();
        assert!(!error.contains("pw"), "{error}");
    }
    assert!(Grafana::new("http://h", Secret::new("a\nb")).is_err());
}

#[tokio::test]
async fn an_incident_is_marked_once_and_renewed() {
    let server = FakeGrafana::start();
    let grafana = client(&server);
    let mut incident = Incident {
        id: "00ff".to_owned(),
        onset: 1_000,
        closed_at: None,
        alerts: 3,
        services: vec!["<script>alert(1)</script>".to_owned(), "db".to_owned()],
        cause: None,
    };
    let trial = grafana
        .annotate(std::slice::from_ref(&incident), true)
        .await
        .unwrap();
    assert_eq!(trial[0].change, MarkChange::New);
    assert!(server.held().annotations.is_empty());
    for expected in [MarkChange::New, MarkChange::Same] {
        let marks = grafana
            .annotate(std::slice::from_ref(&incident), false)
            .await
            .unwrap();
        assert_eq!(marks[0].change, expected);
        assert!(!marks[0].text.contains(['<', '>']), "{}", marks[0].text);
    }
    incident.closed_at = Some(9_000);
    incident.cause = Some(Cause {
        service: "db".to_owned(),
        likelihood: 81.4,
        evidence: "It moved first.".to_owned(),
    });
    let marks = grafana
        .annotate(std::slice::from_ref(&incident), false)
        .await
        .unwrap();
    assert_eq!(marks[0].change, MarkChange::Renewed);
    let held = server.held();
    assert_eq!(held.annotations.len(), 1);
    assert_eq!(held.annotations[0]["timeEnd"], 9_000);
    assert!(
        held.annotations[0]["text"]
            .as_str()
            .unwrap()
            .contains("db (81 %)")
    );
}

#[test]
fn a_token_is_read_from_where_it_is() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "t0p\n").unwrap();
    let path = file.path().display();
    assert_eq!(
        read_secret(&format!("file:{path}")).unwrap().expose(),
        "t0p"
    );
    assert_eq!(
        read_secret("${CARGO_PKG_NAME}").unwrap().expose(),
        "bongsu-engine"
    );
    for wrong in ["t0psecret", "${BONGSU_NOT_SET}", "file:/nowhere"] {
        let error = read_secret(wrong).unwrap_err().to_string();
        assert!(!error.contains("t0psecret"), "{error}");
    }
}
