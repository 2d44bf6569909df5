//! `bongsu kubernetes`, in builds that have it.
#![cfg(feature = "kubernetes")]

use std::path::Path;
use std::process::{Command, Output};

const CONFIG: &str = "source: {type: prometheus, url: 'http://prometheus:9090'}\nqueries: [{name: up, expr: up, step: 1m}]\nsinks: [{type: slack, url: '${KUBE_TEST_HOOK}'}]\nstate: {directory: /var/lib/elsewhere}\n";
const HOOK: &str = "https://hooks.slack.com/services/hidden";

fn bongsu(folder: &Path, args: &[&str], hook: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu"));
    command.current_dir(folder).arg("kubernetes").args(args);
    // Nothing listens there.
    command.env("KUBECONFIG", folder.join("kubeconfig"));
    match hook {
        Some(hook) => command.env("KUBE_TEST_HOOK", hook),
        None => command.env_remove("KUBE_TEST_HOOK"),
    };
    command.output().unwrap()
}

fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bongsu.yaml"), config).unwrap();
    let kubeconfig = "{apiVersion: v1, kind: Config, current-context: a, clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: a, user: {}}], contexts: [{name: a, context: {cluster: a, user: a}}]}";
    std::fs::write(folder.path().join("kubeconfig"), kubeconfig).unwrap();
    folder
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn rendered_objects_name_secrets_without_their_values() {
    let folder = folder(CONFIG);
    let args = [
        "render",
        "--config",
        "bongsu.yaml",
        "--namespace",
        "monitoring",
        "--schedule",
        "0 * * * *",
    ];
    let output = bongsu(folder.path(), &args, Some(HOOK));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let yaml = text(&output.stdout);
    for part in [
        "kind: Namespace",
        "kind: ConfigMap",
        "kind: PersistentVolumeClaim",
        "kind: CronJob",
        "schedule: 0 * * * *",
        "mountPath: /var/lib/elsewhere",
        "namespace: monitoring",
        "${KUBE_TEST_HOOK}",
        "secretRef",
    ] {
        assert!(yaml.contains(part), "{part}: {yaml}");
    }
    assert!(
        !yaml.contains("kind: Secret") && !yaml.contains("hidden"),
        "{yaml}"
    );

    let with: Vec<&str> = args.into_iter().chain(["--with-secret"]).collect();
    let output = bongsu(folder.path(), &with, Some(HOOK));
    assert!(text(&output.stdout).contains("kind: Secret"));
    // Without the variable the text can be made, the Secret cannot.
    let output = bongsu(folder.path(), &args, None);
    assert!(output.status.success() && text(&output.stderr).contains("KUBE_TEST_HOOK"));
    let output = bongsu(folder.path(), &with, None);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("KUBE_TEST_HOOK"));
}

#[test]
fn mistakes_are_told_before_a_cluster_is_asked() {
    let stateless = CONFIG.replace("state: {directory: /var/lib/elsewhere}\n", "");
    for (config, more, said) in [
        (stateless.as_str(), ["--name", "bongsu"], "state.directory"),
        (
            CONFIG,
            ["--namespace", "Not_A_Label"],
            "`namespace` is \"Not_A_Label\"",
        ),
        (CONFIG, ["--storage", "much"], "`storage` is \"much\""),
        ("queries: [", ["--name", "bongsu"], "cannot be read"),
        (
            &CONFIG.replace("step: 1m", "stepp: 1m"),
            ["--name", "bongsu"],
            "stepp",
        ),
    ] {
        let folder = folder(config);
        let mut args = vec!["apply", "--config", "bongsu.yaml"];
        args.extend(more);
        let output = bongsu(folder.path(), &args, Some(HOOK));
        assert_eq!(output.status.code(), Some(2), "{said}");
        let error = text(&output.stderr);
        assert!(error.contains(said) && !error.contains("hidden"), "{error}");
    }
}

#[test]
fn a_cluster_that_is_not_there_is_told() {
    let folder = folder(CONFIG);
    let output = bongsu(
        folder.path(),
        &["apply", "--config", "bongsu.yaml"],
        Some(HOOK),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("did not answer"),
        "{}",
        text(&output.stderr)
    );
    let args = ["apply", "--config", "bongsu.yaml", "--context", "b"];
    let output = bongsu(folder.path(), &args, Some(HOOK));
    assert!(
        text(&output.stderr).contains("no cluster to talk to"),
        "{}",
        text(&output.stderr)
    );
}
