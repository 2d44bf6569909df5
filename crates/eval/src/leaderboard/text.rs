//! The leaderboard as Markdown.

use std::fmt::Write as _;

use super::{DetectorScore, Leaderboard, STABILITY, SetScore};

impl Leaderboard {
    /// Tables in Markdown: the recommendations, then a table a set, then ranks and notes.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut out = String::from(
            "# Leaderboard of detectors\n\n## What to take\n\n| set | detector | why |\n|---|---|---|\n",
        );
        for one in &self.recommendations {
            let _ = writeln!(out, "| {} | `{}` | {} |", one.set, one.detector, one.reason);
        }
        for (set, summary) in &self.sets {
            let _ = writeln!(
                out,
                "\n## {set}\n\n{} {}, {}. Accuracy is {}, with the 95 % interval over the series.\n",
                summary.series,
                summary.counted(),
                summary.kind,
                summary.shown()
            );
            let columns = self.columns(set);
            let _ = writeln!(
                out,
                "| {} |\n|{}",
                columns.join(" | "),
                "---|".repeat(columns.len())
            );
            for (detector, score) in self.of_set(set) {
                let _ = writeln!(out, "| {} |", self.cells(set, detector, score).join(" | "));
            }
        }
        for ranks in &self.ranks {
            let compared = &ranks.comparison;
            let _ = writeln!(
                out,
                "\n## Ranks on {}\n\nFriedman p = {:.2e}; ranks closer than {:.2} are not told apart (Nemenyi, 5 %).\n\n| detector | mean rank |\n|---|---|",
                ranks.set, compared.p_value, compared.critical_difference
            );
            for (name, rank) in ranks.detectors.iter().zip(&compared.ranks) {
                let _ = writeln!(out, "| `{name}` | {rank:.2} |");
            }
        }
        out.push_str("\n## Notes\n\n");
        for note in &self.notes {
            let _ = writeln!(out, "- {note}");
        }
        out
    }

    fn has_nab(&self, set: &str) -> bool {
        let mut scores = self.detectors.iter().filter_map(|one| one.sets.get(set));
        scores.any(|score| score.nab.is_some())
    }

    /// The measures beside the main one: name, heading and digits.
    fn shown_measures(&self, set: &str) -> &'static [(&'static str, &'static str, usize)] {
        let summary = self.sets.get(set);
        if summary.is_some_and(|summary| summary.measure == STABILITY) {
            &[
                ("alarms_per_week", "alarms / week", 1),
                ("band_coverage", "band coverage", 3),
            ]
        } else {
            &[
                ("roc_auc", "ROC-AUC", 3),
                ("best_f1", "best F1", 3),
                ("event_recall", "event recall", 2),
                ("false_alerts_per_week", "false alerts / week", 1),
            ]
        }
    }

    /// The headings of a set's table.
    pub(super) fn columns(&self, set: &str) -> Vec<&'static str> {
        let mut columns = vec!["detector", "accuracy", "interval"];
        columns.extend(self.shown_measures(set).iter().map(|(_, shown, _)| *shown));
        if self.has_nab(set) {
            columns.extend(["NAB standard", "NAB low FP", "NAB low FN"]);
        }
        columns.extend(["us / value", "state", "series", "failed", "left out"]);
        columns
    }

    /// A row of a set's table.
    pub(super) fn cells(
        &self,
        set: &str,
        detector: &DetectorScore,
        score: &SetScore,
    ) -> Vec<String> {
        let measure = |name: &str, digits: usize| {
            let value = score.measures.get(name);
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let mut cells = vec![
            format!("`{}`", detector.name),
            format!("{:.3}", score.accuracy.estimate),
            format!("{:.3} to {:.3}", score.accuracy.lower, score.accuracy.upper),
        ];
        let shown = self.shown_measures(set).iter();
        cells.extend(shown.map(|(name, _, digits)| measure(name, *digits)));
        if self.has_nab(set) {
            match score.nab {
                Some(scores) => cells.extend(scores.map(|score| format!("{score:.1}"))),
                None => cells.extend(["-", "-", "-"].map(str::to_owned)),
            }
        }
        cells.extend([
            format!("{:.2}", score.microseconds_per_value),
            detector.state_bytes.map_or_else(|| "-".to_owned(), bytes),
            score.series.to_string(),
            score.failed.to_string(),
            score.skipped.to_string(),
        ]);
        cells
    }
}

fn bytes(count: u64) -> String {
    if count < 10_000 {
        format!("{count} B")
    } else {
        format!("{:.0} kB", count as f64 / 1e3)
    }
}
