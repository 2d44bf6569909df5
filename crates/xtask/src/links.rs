//! Relative links in the Markdown pages: the file exists, and the heading in it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cargo::{self, Result};

/// Checks the pages at the top, in `docs` and in the crates.
pub(crate) fn run() -> Result {
    let root = cargo::root();
    let mut pages = Vec::new();
    for folder in [root.clone(), root.join(".github")] {
        pages_in(&folder, false, &mut pages)?;
    }
    for folder in ["docs", "examples"] {
        pages_in(&root.join(folder), true, &mut pages)?;
    }
    for krate in fs::read_dir(root.join("crates"))? {
        pages_in(&krate?.path(), false, &mut pages)?;
    }
    let mut faults = Vec::new();
    let mut count = 0;
    for page in &pages {
        let text = fs::read_to_string(page)?;
        let shown = page.strip_prefix(&root).unwrap_or(page).display();
        for link in links(&text) {
            count += 1;
            if let Some(fault) = fault(page, &text, &link) {
                faults.push(format!("{shown}: [{link}] {fault}"));
            }
        }
    }
    if faults.is_empty() {
        eprintln!("{count} relative links in {} pages", pages.len());
        Ok(())
    } else {
        Err(faults.join("\n").into())
    }
}

fn pages_in(folder: &Path, deep: bool, pages: &mut Vec<PathBuf>) -> Result {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if deep {
                pages_in(&path, true, pages)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}

/// What is wrong with a relative `link` of `page`.
fn fault(page: &Path, text: &str, link: &str) -> Option<String> {
    let (file, heading) = match link.split_once('#') {
        Some((file, heading)) => (file, Some(heading)),
        None => (link, None),
    };
    let target = match (file, page.parent()) {
        ("", _) | (_, None) => page.to_path_buf(),
        (file, Some(folder)) => folder.join(file),
    };
    if !target.exists() {
        return Some("leads nowhere".into());
    }
    let heading = heading?;
    if target.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let found = if file.is_empty() {
        anchors(text)
    } else {
        anchors(&fs::read_to_string(target).ok()?)
    };
    (!found.iter().any(|anchor| anchor == heading)).then(|| "has no such heading".into())
}

/// The lines of a page that are prose, with inline code blanked out.
fn prose(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut fence: Option<&str> = None;
    text.lines().filter_map(move |line| {
        let start = line.trim_start();
        match fence {
            Some(mark) if start.starts_with(mark) => fence = None,
            Some(_) => {}
            None => match ["```", "~~~"]
                .into_iter()
                .find(|mark| start.starts_with(mark))
            {
                None => return Some(without_code(line)),
                mark => fence = mark,
            },
        }
        None
    })
}

fn without_code(line: &str) -> String {
    // Every other piece between backticks is code; an unpaired last one is prose.
    let pieces: Vec<&str> = line.split('`').collect();
    let paired = pieces.len() - 1 - (pieces.len() - 1) % 2;
    let kept = pieces
        .iter()
        .enumerate()
        .filter(|(i, _)| i % 2 == 0 || *i >= paired);
    kept.map(|(_, piece)| *piece).collect()
}

/// The relative targets of inline links, images and reference definitions.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        for rest in line.split("](").skip(1) {
            links.extend(rest.split([')', ' ']).next().map(str::to_owned));
        }
        if let Some((_, target)) = line.strip_prefix('[').and_then(|l| l.split_once("]: ")) {
            links.push(target.trim().to_owned());
        }
    }
    let foreign = |link: &String| link.contains("://") || link.starts_with("mailto:");
    links.retain(|link| !foreign(link) && !link.is_empty());
    links
}

/// The anchors that a forge makes of the headings.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let title = line.trim_start_matches('#');
        if fenced || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let slug: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
                _ => None,
            })
            .collect();
        let same = |anchor: &&String| **anchor == slug || anchor.starts_with(&format!("{slug}-"));
        match anchors.iter().filter(same).count() {
            0 => anchors.push(slug),
            n => anchors.push(format!("{slug}-{n}")),
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_links_in_prose_count() {
        let page = "See [a](docs/a.md) and ![b](b.svg \"title\"), [web](https://x.y).\n\
            `[code](nowhere.md)` but [c](#part)\n```\n[fenced](nowhere.md)\n```\n[ref]: d.md\n";
        assert_eq!(links(page), ["docs/a.md", "b.svg", "#part", "d.md"]);
    }

    #[test]
    fn headings_become_anchors() {
        let page = "# Why: `NaN`, or a hole?\n## Part\n```\n# not a heading\n```\n## Part\n#tag\n";
        assert_eq!(anchors(page), ["why-nan-or-a-hole", "part", "part-1"]);
    }

    #[test]
    fn broken_files_and_headings_are_told() {
        let page = cargo::root().join("Cargo.toml");
        let text = "# Part\n";
        assert_eq!(fault(&page, text, "crates"), None);
        assert_eq!(fault(&page, text, "no/such.md").unwrap(), "leads nowhere");
        assert_eq!(fault(&page, text, "CHANGELOG.md#unreleased"), None);
        assert!(fault(&page, text, "CHANGELOG.md#never").is_some());
    }
}
