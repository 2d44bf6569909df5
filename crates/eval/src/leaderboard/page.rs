//! The leaderboard as one HTML file.

use std::fmt::Write as _;

use super::Leaderboard;
use super::picture::{escaped, ranks, scatter};

const STYLE: &str = "
:root{color-scheme:light dark;--bg:#fff;--text:#1b1f24;--muted:#57606a;--grid:#e4e7eb;--line:#0072b2;--mark:#d55e00;--band:#56b4e9}
@media(prefers-color-scheme:dark){:root{--bg:#14171c;--text:#e9ecf0;--muted:#a3adb8;--grid:#2a3038;--line:#56b4e9;--mark:#ff8533;--band:#3b8fc4}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.5rem;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.7rem;margin:0 0 .3rem}h2{font-size:1.25rem;margin:2.2rem 0 .4rem}
p{max-width:48rem;margin:.3rem 0 .8rem;color:var(--muted)}
.frame{overflow-x:auto}
table{border-collapse:collapse;font-size:.87rem;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--grid);text-align:right}
th:first-child,td:first-child{text-align:left}
.why td{white-space:normal;text-align:left;vertical-align:top}.why th{text-align:left}
svg{width:100%;height:auto;min-width:40rem;max-width:60rem;display:block}
svg text{fill:var(--text);font:12px system-ui,sans-serif}svg .m{fill:var(--muted)}
svg .g{stroke:var(--grid);fill:none}svg .a{stroke:var(--muted);fill:none}
svg .l{stroke:var(--line);stroke-width:2;fill:none}svg .d{fill:var(--line)}svg .r{fill:var(--mark)}svg .rl{stroke:var(--mark);stroke-width:2;fill:none}
svg .b{stroke:var(--band);stroke-width:5;fill:none}
nav a{margin-right:1rem;color:var(--line)}
li{max-width:60rem;color:var(--muted)}";

impl Leaderboard {
    /// One file that needs no network and no JavaScript: what to take and why, then for each set
    /// accuracy against cost, the table, and the ranks with what they do not tell apart.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut out = String::from(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Leaderboard of detectors</title>\n<style>",
        );
        out.push_str(STYLE);
        out.push_str("</style>\n</head>\n<body>\n<header><h1>Leaderboard of detectors</h1>\n");
        let series: usize = self.sets.values().map(|set| set.series).sum();
        let _ = writeln!(
            out,
            "<p>Detectors: {}. Sets: {}, with {series} series. Accuracy is VUS-PR, for tables PR-AUC, without labels stability; higher is better.</p>\n<nav>",
            self.detectors.len(),
            self.sets.len()
        );
        for set in self.sets.keys() {
            let name = escaped(set);
            let _ = writeln!(out, "<a href=\"#set-{name}\">{name}</a>");
        }
        out.push_str("</nav></header>\n<main>\n<section><h2>What to take</h2>\n<div class=\"frame\"><table class=\"why\"><thead><tr><th>Set</th><th>Detector</th><th>Why</th></tr></thead><tbody>\n");
        for one in &self.recommendations {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td><strong>{}</strong></td><td>{}</td></tr>",
                escaped(&one.set),
                escaped(&one.detector),
                escaped(&one.reason)
            );
        }
        out.push_str("</tbody></table></div></section>\n");
        for set in self.sets.keys() {
            self.set_section(set, &mut out);
        }
        out.push_str("<section><h2>Notes</h2>\n<ul>\n");
        for note in &self.notes {
            let _ = writeln!(out, "<li>{}</li>", escaped(note));
        }
        out.push_str("</ul></section>\n</main>\n</body>\n</html>\n");
        out
    }

    fn set_section(&self, set: &str, out: &mut String) {
        let Some(summary) = self.sets.get(set) else {
            return;
        };
        let name = escaped(set);
        let _ = writeln!(
            out,
            "<section id=\"set-{name}\"><h2>{name}</h2>\n<p>{} {}, {}. Left and up is better: each point is a detector, the bar its 95 % interval over the series.</p>",
            summary.series,
            summary.counted(),
            summary.kind
        );
        let recommended = self.recommendations.iter().find(|one| one.set == set);
        let recommended = recommended.map_or("", |one| one.detector.as_str());
        let _ = writeln!(
            out,
            "<div class=\"frame\">{}</div>",
            scatter(&self.of_set(set), recommended)
        );
        out.push_str("<div class=\"frame\"><table><thead><tr>");
        for column in self.columns(set) {
            let _ = write!(out, "<th>{column}</th>");
        }
        out.push_str("</tr></thead><tbody>\n");
        for (detector, score) in self.of_set(set) {
            out.push_str("<tr>");
            for cell in self.cells(set, detector, score) {
                let _ = write!(out, "<td>{}</td>", escaped(cell.trim_matches('`')));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
        if let Some(of) = self.ranks.iter().find(|ranks| ranks.set == set) {
            let _ = writeln!(
                out,
                "<p>Mean ranks over the series. Detectors joined by a bar with the best one are not told apart (Nemenyi, 5 %; Friedman p = {:.1e}).</p>",
                of.comparison.p_value
            );
            let _ = writeln!(out, "<div class=\"frame\">{}</div>", ranks(of));
        }
        out.push_str("</section>\n");
    }
}
