//! Long texts of others, shortened where they are shown.

use std::borrow::Cow;

use crate::text::{TOLD, beginning, escape_into};

/// A text of more characters is shortened.
const SHOWN: usize = 240;

/// The text as safe HTML: a long one as its beginning, with more of it as its title.
pub(super) fn html(text: impl AsRef<str>) -> String {
    let text = text.as_ref();
    let mut out = String::new();
    let shown = match beginning(text, SHOWN) {
        Cow::Borrowed(all) => {
            escape_into(&mut out, all);
            return out;
        }
        Cow::Owned(shown) => shown,
    };
    out.push_str("<span title=\"");
    escape_into(&mut out, &beginning(text, TOLD));
    out.push_str("\">");
    escape_into(&mut out, &shown);
    out.push_str("</span>");
    out
}

/// The text as safe HTML where there is no room for a title.
pub(super) fn short(text: impl AsRef<str>) -> String {
    let mut out = String::new();
    escape_into(&mut out, &beginning(text.as_ref(), SHOWN));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_its_beginning() {
        assert_eq!(html("a<b"), "a&lt;b");
        assert_eq!(html("é".repeat(SHOWN)), "é".repeat(SHOWN));
        let found = html("é".repeat(10_240));
        assert_eq!(found.matches('é').count(), SHOWN + TOLD);
        assert_eq!(found.matches('…').count(), 2);
        assert_eq!(short("\"").as_str(), "&quot;");
        assert_eq!(short("x".repeat(10_240)).chars().count(), SHOWN + 1);
    }
}
