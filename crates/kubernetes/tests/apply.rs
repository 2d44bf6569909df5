//! Objects applied to a server that speaks the API of Kubernetes for these calls.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what went wrong by panicking"
)]

mod server;

use std::collections::BTreeMap;

use bongsu_kubernetes::{
    ApplyOptions, Cluster, Error, Object, Outcome, Settings, Variables, objects,
};
use serde_json::json;
use server::Server;

const TOKEN: &str = "token-of-the-test";
const DRY: ApplyOptions = ApplyOptions {
    dry_run: true,
    force: false,
};
const REAL: ApplyOptions = ApplyOptions {
    dry_run: false,
    force: false,
};

fn settings() -> Settings {
    let mut settings = Settings::new("source: {url: 'http://a'}\nqueries: []\n");
    let values = [(
        "SLACK_WEBHOOK".to_owned(),
        "https://hooks/hidden".to_owned(),
    )];
    settings.variables = Variables::Values(BTreeMap::from(values));
    settings
}

async fn cluster(server: &Server) -> Cluster {
    Cluster::of_kubeconfig(&server.kubeconfig(TOKEN), None)
        .await
        .unwrap()
}

async fn outcomes(cluster: &Cluster, made: &[Object], options: ApplyOptions) -> Vec<Outcome> {
    let mut all = Vec::new();
    for object in made {
        all.push(cluster.apply(object, options).await.unwrap().outcome);
    }
    all
}

#[tokio::test]
async fn objects_are_created_once_and_changed_where_they_differ() {
    let server = Server::start(TOKEN);
    let cluster = cluster(&server).await;
    let made = objects(&settings()).unwrap();
    assert_eq!(made.len(), 5);

    assert_eq!(outcomes(&cluster, &made, REAL).await, [Outcome::Created; 5]);
    assert_eq!(
        outcomes(&cluster, &made, REAL).await,
        [Outcome::Unchanged; 5]
    );

    let mut other = settings();
    other.schedule = "0 * * * *".into();
    let made = objects(&other).unwrap();
    let job = made
        .iter()
        .find(|object| object.kind() == "CronJob")
        .unwrap();
    let seen = cluster.apply(job, DRY).await.unwrap();
    assert_eq!(seen.outcome, Outcome::Changed);
    assert!(
        seen.diff.contains("-  schedule: \"*/10 * * * *\""),
        "{}",
        seen.diff
    );
    assert!(
        seen.diff.contains("+  schedule: 0 * * * *"),
        "{}",
        seen.diff
    );
    // A dry run keeps nothing.
    let stored = server
        .object("/apis/batch/v1/namespaces/bongsu/cronjobs/bongsu")
        .unwrap();
    assert_eq!(stored["spec"]["schedule"], "*/10 * * * *");

    let expected = [
        Outcome::Unchanged,
        Outcome::Unchanged,
        Outcome::Unchanged,
        Outcome::Unchanged,
        Outcome::Changed,
    ];
    assert_eq!(outcomes(&cluster, &made, REAL).await, expected);
    let stored = server
        .object("/apis/batch/v1/namespaces/bongsu/cronjobs/bongsu")
        .unwrap();
    assert_eq!(stored["spec"]["schedule"], "0 * * * *");
}

#[tokio::test]
async fn a_dry_run_of_a_new_namespace_says_what_was_not_checked() {
    let server = Server::start(TOKEN);
    let cluster = cluster(&server).await;
    let made = objects(&settings()).unwrap();
    let mut expected = vec![Outcome::Created];
    expected.extend([Outcome::Unchecked; 4]);
    assert_eq!(outcomes(&cluster, &made, DRY).await, expected);
    assert!(server.object("/api/v1/namespaces/bongsu").is_none());
    for object in &made {
        let diff = cluster.apply(object, DRY).await.unwrap().diff;
        assert!(
            !diff.is_empty() && !diff.contains("hidden") && !diff.contains("aHR0cHM6"),
            "{diff}"
        );
    }
}

#[tokio::test]
async fn what_others_set_stays_theirs_unless_it_is_taken_over() {
    let server = Server::start(TOKEN);
    let cluster = cluster(&server).await;
    let made = objects(&settings()).unwrap();
    outcomes(&cluster, &made, REAL).await;
    // Somebody adds a label of his own, and changes the schedule by hand.
    let path = "/apis/batch/v1/namespaces/bongsu/cronjobs/bongsu";
    server.edit(
        path,
        "kubectl-edit",
        &json!({
            "metadata": {"labels": {"team": "blue"}}, "spec": {"schedule": "5 * * * *"},
        }),
    );
    let job = made
        .iter()
        .find(|object| object.kind() == "CronJob")
        .unwrap();
    let error = cluster.apply(job, REAL).await.unwrap_err();
    let Error::Conflict { object, fields } = &error else {
        panic!("{error}")
    };
    assert_eq!(object, "cronjob/bongsu");
    assert!(
        fields.len() == 1
            && fields[0].contains(".spec.schedule")
            && fields[0].contains("kubectl-edit"),
        "{fields:?}"
    );

    let force = ApplyOptions {
        force: true,
        ..REAL
    };
    assert_eq!(
        cluster.apply(job, force).await.unwrap().outcome,
        Outcome::Changed
    );
    let stored = server.object(path).unwrap();
    assert_eq!(stored["spec"]["schedule"], "*/10 * * * *");
    assert_eq!(stored["metadata"]["labels"]["team"], "blue");
}

#[tokio::test]
async fn what_is_not_asked_for_any_more_is_removed() {
    let server = Server::start(TOKEN);
    let cluster = cluster(&server).await;
    outcomes(&cluster, &objects(&settings()).unwrap(), REAL).await;
    let mut fewer = settings();
    fewer.variables = Variables::Existing("by-hand".into());
    let made = objects(&fewer).unwrap();
    // The Secret is nobody's business now: it stays.
    assert!(made.iter().all(|object| !object.is_secret()));
    let job = made
        .iter()
        .find(|object| object.kind() == "CronJob")
        .unwrap();
    let seen = cluster.apply(job, REAL).await.unwrap();
    assert!(
        seen.diff.contains("+") && seen.diff.contains("by-hand"),
        "{}",
        seen.diff
    );
    let mut other = settings();
    other.variables = Variables::Values([("PAGER_KEY".to_owned(), "k".to_owned())].into());
    let made = objects(&other).unwrap();
    outcomes(&cluster, &made, REAL).await;
    let secret = server
        .object("/api/v1/namespaces/bongsu/secrets/bongsu")
        .unwrap();
    assert_eq!(secret["data"], json!({"PAGER_KEY": "aw=="}));
}

#[tokio::test]
async fn refusals_name_the_object_and_the_reason() {
    let server = Server::start(TOKEN);
    let cluster = cluster(&server).await;
    let mut bad = settings();
    bad.schedule = "61 * * * *".into();
    let made = objects(&bad).unwrap();
    outcomes(&cluster, &made[..1], REAL).await;
    let error = cluster
        .apply(made.last().unwrap(), REAL)
        .await
        .unwrap_err()
        .to_string();
    for part in ["cronjob/bongsu", "422", "Invalid", "spec.schedule"] {
        assert!(error.contains(part), "{error}");
    }

    let stranger = Cluster::of_kubeconfig(&server.kubeconfig("another"), None)
        .await
        .unwrap();
    let error = stranger
        .apply(&made[0], REAL)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("401") && error.contains("Unauthorized"),
        "{error}"
    );
    assert!(!error.contains("another"), "{error}");

    server.forbid("secrets");
    let secret = made.iter().find(|object| object.is_secret()).unwrap();
    let error = cluster.apply(secret, REAL).await.unwrap_err().to_string();
    assert!(
        error.contains("403") && error.contains("Forbidden") && error.contains("secret/bongsu"),
        "{error}"
    );
    assert!(!error.contains("aHR0cHM6"), "{error}");
}

#[tokio::test]
async fn what_is_no_cluster_is_told() {
    let server = Server::start(TOKEN);
    let kubeconfig = server.kubeconfig(TOKEN);
    let error = Cluster::of_kubeconfig(&kubeconfig, Some("elsewhere"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Connection(text) if text.contains("elsewhere")),
        "{error}"
    );
    assert!(matches!(
        Cluster::of_kubeconfig("{", None).await,
        Err(Error::Connection(_))
    ));

    let made = objects(&settings()).unwrap();
    let cluster = cluster(&server).await;
    server.garble();
    let error = cluster.apply(&made[0], REAL).await.unwrap_err();
    assert!(
        matches!(error, Error::Unreachable(_) | Error::Refused { .. }),
        "{error}"
    );
    drop(server);
    let error = cluster.apply(&made[0], REAL).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
}
