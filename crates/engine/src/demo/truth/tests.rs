use bongsu_core::{AlertState, METRIC_NAME, Severity, Verdict};

use super::*;

fn incident(fault: bool, from: i64, to: i64) -> Incident {
    Incident {
        kind: "cpu_burn".to_owned(),
        fault,
        place: Place {
            service: "node".to_owned(),
        },
        from: Timestamp::from_secs(from),
        to: Timestamp::from_secs(to),
        symptoms: vec![
            Symptom::try_from("node_load1".to_owned()).unwrap(),
            Symptom::try_from("latency{service=\"gateway\"}".to_owned()).unwrap(),
        ],
        note: String::new(),
    }
}

fn truth(incidents: Vec<Incident>) -> Truth {
    Truth {
        description: String::new(),
        day_seconds: 600,
        scrape_seconds: 5,
        normal_seconds: None,
        start: Timestamp::from_secs(0),
        end: Timestamp::from_secs(10_000),
        incidents,
    }
}

fn alert(metric: &str, service: &str, began: i64) -> Alert {
    let labels = Labels::from_pairs([(METRIC_NAME, metric), ("service", service)]).unwrap();
    Alert {
        labels: labels.clone(),
        state: AlertState::Resolved,
        severity: Severity::Warning,
        starts_at: Timestamp::from_secs(began),
        fired_at: Some(Timestamp::from_secs(began + 5)),
        resolved_at: Some(Timestamp::from_secs(began + 30)),
        summary: String::new(),
        cause: None,
        verdict: Verdict {
            timestamp: Timestamp::from_secs(began),
            labels,
            value: Some(1.0),
            score: Some(2.0),
            expected: Some(0.0),
            lower: Some(-0.5),
            upper: Some(0.5),
            direction: None,
            anomalous: true,
            explanation: None,
        },
    }
}

#[test]
fn an_alert_at_the_place_or_on_a_symptom_finds_a_fault() {
    for (metric, service, found) in [
        ("anything", "node", true),
        ("node_load1", "elsewhere", true),
        ("latency", "gateway", true),
        ("latency", "orders", false),
        ("anything", "gateway", false),
    ] {
        let truth = truth(vec![incident(true, 100, 200)]);
        let outcome = truth.compare(&[alert(metric, service, 110)]);
        assert_eq!(outcome.faults_found(), usize::from(found), "{metric}");
        assert_eq!(outcome.false_alarms.len(), 0, "{metric}");
        assert_eq!(outcome.found[0].delay().is_some(), found, "{metric}");
        assert_eq!(outcome.found[0].in_words() == "MISSED", !found);
    }
}

#[test]
fn the_first_alert_is_the_first_on_the_incident() {
    let truth = truth(vec![incident(true, 100, 200)]);
    let alerts = [
        alert("latency", "gateway", 130),
        alert("errors", "worker", 110),
    ];
    let outcome = truth.compare(&alerts);
    assert_eq!(outcome.found[0].first(), Some(&alerts[0]));
    assert_eq!(outcome.found[0].delay(), Some(35_000));
    assert_eq!(outcome.found[0].in_words(), "2 alerts");
}

#[test]
fn an_alert_elsewhere_is_told_when_the_fault_was_missed() {
    let truth = truth(vec![incident(true, 100, 200)]);
    let outcome = truth.compare(&[alert("errors", "worker", 110)]);
    let text = outcome.to_text(&|alert| alert.verdict.labels.selector());
    assert!(
        text.contains("0 of 1 faults found, 0 false alarms"),
        "{text}"
    );
    assert!(
        text.contains("during cpu burn, elsewhere: errors"),
        "{text}"
    );
}

#[test]
fn an_alert_outside_of_all_incidents_is_false() {
    let truth = truth(vec![incident(true, 100, 200), incident(false, 500, 900)]);
    // The minute after a fault is part of it; a change is over after two minutes.
    for (began, is_false) in [
        (99, true),
        (100, false),
        (260, false),
        (261, true),
        (499, true),
        (620, false),
        (621, true),
    ] {
        let outcome = truth.compare(&[alert("up", "node", began)]);
        assert_eq!(outcome.false_alarms.len(), usize::from(is_false), "{began}");
    }
}

#[test]
fn an_alert_in_two_windows_belongs_to_the_later_incident() {
    let truth = truth(vec![incident(true, 100, 200), incident(true, 230, 300)]);
    let outcome = truth.compare(&[alert("up", "node", 240)]);
    assert!(outcome.found[0].alerts.is_empty());
    assert_eq!(outcome.found[1].alerts.len(), 1);
}

#[test]
fn a_change_may_be_noticed_anywhere() {
    let truth = truth(vec![incident(false, 100, 900)]);
    assert_eq!(truth.compare(&[]).found[0].in_words(), "ignored");
    let outcome = truth.compare(&[alert("errors", "worker", 110)]);
    assert_eq!(outcome.found[0].in_words(), "noticed");
    assert_eq!(outcome.found[0].settled(), Some(40_000));
}

#[test]
fn what_had_not_come_is_left_out() {
    let truth = truth(vec![incident(true, 100, 200), incident(true, 500, 600)]);
    let begun = truth.until(Timestamp::from_secs(300));
    assert_eq!(begun.incidents.len(), 1);
    let mut outcome = begun.compare(&[]);
    outcome.not_come = Some(1);
    let text = outcome.to_text(&|_| String::new());
    assert!(text.starts_with("The run was stopped"), "{text}");
    assert!(text.contains("0 of 1 faults found"), "{text}");
}

#[test]
fn symptoms_are_names_with_or_without_labels() {
    let symptom = Symptom::try_from("up{service=\"a\", job=\"b\"}".to_owned()).unwrap();
    assert_eq!(symptom.metric, "up");
    assert_eq!(symptom.labels.len(), 2);
    for bad in ["", "{a=\"b\"}", "up{service=a}", "up{service=\"a\"", "up{}"] {
        assert!(Symptom::try_from(bad.to_owned()).is_err(), "{bad}");
    }
}
