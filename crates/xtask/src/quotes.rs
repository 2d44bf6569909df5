//! Source that the Markdown pages quote is the source that is compiled and run.
//!
//! A page quotes with a comment `<!-- quote: FILE NAME -->` before a fenced block. In the file the
//! lines lie between `// quote: NAME` and `// end of quote`.

use std::fs;
use std::path::Path;

use crate::cargo::{self, Result};

/// The pages that quote.
const PAGES: &[&str] = &["CONTRIBUTING.md", "docs/embedding.md"];

const COMMENT: &str = "<!-- quote: ";
const END: &str = "// end of quote";
const FENCE: &str = "```";

/// Every quotation is what its file says.
pub(crate) fn check() -> Result {
    each(&|page, old, new| {
        if old == new {
            Ok(())
        } else {
            Err(format!("{page}: a quotation is stale; run `cargo xtask docs --write`").into())
        }
    })
}

/// Writes the quotations anew.
pub(crate) fn write() -> Result {
    each(&|page, old, new| {
        if old != new {
            fs::write(cargo::root().join(page), new)?;
            eprintln!("wrote {page}");
        }
        Ok(())
    })
}

fn each(act: &dyn Fn(&str, &str, &str) -> Result) -> Result {
    let root = cargo::root();
    for page in PAGES {
        let old = fs::read_to_string(root.join(page))?;
        let read = |file: &str| Ok(fs::read_to_string(root.join(Path::new(file)))?);
        let new = quoted(&old, &read).map_err(|e| format!("{page}: {e}"))?;
        act(page, &old, &new)?;
    }
    Ok(())
}

/// `page` with what its quotations should say.
fn quoted(page: &str, read: &dyn Fn(&str) -> Result<String>) -> Result<String> {
    let mut out = String::with_capacity(page.len());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        out += line;
        out.push('\n');
        let Some(asked) = line.strip_prefix(COMMENT) else {
            continue;
        };
        let asked = asked.trim_end_matches("-->").trim();
        let (file, name) = asked
            .split_once(' ')
            .ok_or_else(|| format!("`{asked}` is not a file and a name"))?;
        let fence = lines.next().filter(|fence| fence.starts_with(FENCE));
        let fence = fence.ok_or_else(|| format!("no fenced block follows the quote of {asked}"))?;
        let said = passage(&read(file)?, name).ok_or_else(|| format!("{file} has no `{name}`"))?;
        out += &format!("{fence}\n{said}{FENCE}\n");
        if !lines.any(|line| line == FENCE) {
            return Err(format!("the quote of {asked} has no end").into());
        }
    }
    Ok(out)
}

/// The lines of `source` called `name`, with their common indent taken off.
fn passage(source: &str, name: &str) -> Option<String> {
    let begin = format!("// quote: {name}");
    let mut lines = source.lines().skip_while(|line| line.trim() != begin);
    let indent = lines.next()?.find("//")?;
    let mut said = String::new();
    for line in lines {
        if line.trim() == END {
            return Some(said);
        }
        said += line.get(indent..).unwrap_or_default().trim_end();
        said.push('\n');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str =
        "fn a() {}\n    // quote: b\n    fn b() {\n        1\n    }\n\n    // end of quote\n";
    const PAGE: &str = "About.\n\n<!-- quote: x.rs b -->\n```rust\nold\n```\nMore.\n";

    fn read(file: &str) -> Result<String> {
        assert_eq!(file, "x.rs");
        Ok(SOURCE.to_owned())
    }

    #[test]
    fn a_quotation_says_what_its_file_says() {
        let new = quoted(PAGE, &read).unwrap();
        assert!(
            new.contains("```rust\nfn b() {\n    1\n}\n\n```\nMore.\n"),
            "{new}"
        );
        assert_eq!(quoted(&new, &read).unwrap(), new);
    }

    #[test]
    fn the_pages_quote_what_is_compiled() {
        check().unwrap();
    }

    #[test]
    fn a_quotation_of_nothing_is_refused() {
        let other = PAGE.replace("x.rs b", "x.rs c");
        assert!(
            quoted(&other, &read)
                .unwrap_err()
                .to_string()
                .contains("no `c`")
        );
        let open = PAGE.replace("```\nMore", "More");
        assert!(
            quoted(&open, &read)
                .unwrap_err()
                .to_string()
                .contains("no end")
        );
        let bare = PAGE.replace("```rust\n", "");
        assert!(
            quoted(&bare, &read)
                .unwrap_err()
                .to_string()
                .contains("no fenced")
        );
    }
}
