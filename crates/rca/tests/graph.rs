//! Dependency graphs: checked, written, and learned from traffic and labels.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a panic"
)]

mod support;

use bongsu_core::ErrorKind;
use bongsu_rca::{Graph, GraphSpec, Options, Provenance, ServiceSpec, analyse_observations};
use support::{graph, onset, shop};

#[test]
fn graphs_are_checked_and_written() {
    let service = |name: &str, dependencies: &[&str]| ServiceSpec {
        name: name.into(),
        dependencies: dependencies.iter().map(|d| (*d).into()).collect(),
        ..ServiceSpec::default()
    };
    let spec = |services| GraphSpec { services };
    let wrong = spec(vec![service("shop", &["crat"]), service("cart", &[])]);
    let error = Graph::from_spec(&wrong, &[]).unwrap_err().to_string();
    assert!(error.contains("did you mean `cart`?"), "{error}");
    let known = Graph::from_spec(&spec(vec![service("shop", &["cart"])]), &["cart"]).unwrap();
    assert_eq!(known.callers("cart"), ["shop"]);
    assert!(Graph::from_spec(&spec(vec![service("a", &[]), service("a", &[])]), &[]).is_err());
    let circle = spec(vec![
        service("a", &["b"]),
        service("b", &["a"]),
        service("c", &["a"]),
    ]);
    let circle = Graph::from_spec(&circle, &[]).unwrap();
    assert_eq!(circle.cycles(), [["a", "b"]]);
    assert!(
        circle
            .to_dot()
            .contains("\"c\" -> \"a\" [label=\"configured\"]")
    );
    assert!(circle.to_mermaid().contains("n2 -- configured --> n0"));
    let other = analyse_observations(
        &shop([0.0; 4]),
        None,
        Some(onset()),
        &circle,
        &Options::default(),
    );
    assert_eq!(other.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn traffic_and_labels_add_dependencies() {
    use bongsu_core::Labels;
    use bongsu_rca::KubernetesLabels;
    let call =
        |client, server| Labels::from_pairs([("client", client), ("server", server)]).unwrap();
    let (used, unused) = (call("shop", "cart"), call("shop", "mail"));
    let mut graph = graph();
    assert_eq!(
        graph.add_traffic([(&used, 5.0), (&unused, 0.0)], "client", "server"),
        1
    );
    let both = [Provenance::Configured, Provenance::Traffic];
    let edge = graph
        .dependencies()
        .into_iter()
        .find(|d| d.callee == "cart")
        .unwrap();
    assert_eq!(edge.provenance, both);
    assert!(!graph.contains("mail"));
    let pod = [
        ("app.kubernetes.io/name", "mail"),
        ("depends-on.bongsu.dev/store", "true"),
    ];
    let pod = Labels::from_pairs(pod).unwrap();
    assert_eq!(graph.add_workloads([&pod], &KubernetesLabels::default()), 1);
    assert_eq!(graph.callees("mail"), ["store"]);
    // As kube-state-metrics writes them, which has no dashes.
    let exported = |name, needs| {
        Labels::from_pairs([("label_app_kubernetes_io_name", name), (needs, "true")]).unwrap()
    };
    let pods = [
        exported("till", "label_depends_on_bongsu_dev_order_store"),
        exported("order-store", "label_depends_on_bongsu_dev_somewhere_else"),
    ];
    assert_eq!(graph.add_workloads(&pods, &KubernetesLabels::exported()), 2);
    assert_eq!(graph.callees("till"), ["order-store"]);
    assert_eq!(graph.callees("order-store"), ["somewhere_else"]);
}
