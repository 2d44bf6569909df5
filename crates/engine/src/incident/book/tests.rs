use super::*;
use crate::config::parse;

/// A configuration that asks for calls by `rca`.
fn config(rca: &str) -> Config {
    let text = format!(
        "source: {{type: prometheus, url: 'http://127.0.0.1:9'}}
queries: [{{name: load, expr: load}}]
rca: {{{rca}}}"
    );
    parse(&text, None).unwrap()
}

fn calls(pairs: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    pairs.iter().map(own).collect()
}

/// Who is known to call whom.
fn known(book: &Book) -> BTreeSet<(String, String)> {
    let edges = book.graph().dependencies().into_iter();
    edges.map(|edge| (edge.caller, edge.callee)).collect()
}

const BOTH: &str = "service_graph_query: calls, workload_query: workloads";

/// A book that was told of calls by the configuration [`BOTH`], and saved since.
fn told() -> Book {
    let mut book = Book::new(&config(BOTH), Graph::new(), Saved::default());
    assert!(book.unsaved().is_none());
    book.learn_traffic(calls(&[("shop", "store")]));
    book.learn_declared(calls(&[("shop", "mail")]));
    assert!(book.unsaved().is_some());
    book.was_saved();
    book
}

#[test]
fn calls_go_with_the_question_that_told_them_when_the_configuration_is_exchanged() {
    let (traffic, declared) = (("shop", "store"), ("shop", "mail"));
    let cases: [(&str, &[(&str, &str)]); 6] = [
        (BOTH, &[traffic, declared]),
        ("service_graph_query: calls", &[traffic]),
        ("workload_query: workloads", &[declared]),
        (
            "service_graph_query: calls, workload_query: others",
            &[traffic],
        ),
        (
            "service_graph_query: calls, workload_query: workloads, service_graph_labels: {client: a, server: b}",
            &[declared],
        ),
        ("enabled: true", &[]),
    ];
    for (rca, left) in cases {
        let mut book = told();
        book.exchange(&config(rca), Graph::new());
        assert_eq!(known(&book), calls(left), "{rca}");
        let lost = !left.contains(&traffic);
        assert_eq!(book.unsaved().is_some(), lost, "{rca}");
    }
}

#[test]
fn calls_of_an_earlier_configuration_are_not_loaded() {
    let saved = told().saved;
    assert_eq!(saved.traffic, calls(&[("shop", "store")]));
    for (rca, left) in [
        (BOTH, calls(&[("shop", "store")])),
        ("service_graph_query: 'rate(calls[5m])'", calls(&[])),
        ("enabled: true", calls(&[])),
    ] {
        let book = Book::new(&config(rca), Graph::new(), saved.clone());
        assert_eq!(known(&book), left, "{rca}");
        // What is left is what the next start finds.
        let unsaved = book.unsaved().map(|saved| saved.traffic.clone());
        assert_eq!(unsaved, left.is_empty().then_some(left), "{rca}");
    }
}

#[test]
fn calls_of_a_version_that_kept_no_question_stay_while_one_is_asked() {
    let saved = Saved {
        traffic: calls(&[("shop", "store")]),
        ..Saved::default()
    };
    let book = Book::new(&config(BOTH), Graph::new(), saved.clone());
    assert_eq!(known(&book), saved.traffic);
    let book = Book::new(&config("enabled: true"), Graph::new(), saved);
    assert!(known(&book).is_empty() && book.unsaved().is_some());
}
