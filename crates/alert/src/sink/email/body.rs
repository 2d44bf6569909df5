//! A message as the two bodies of a mail.

use std::fmt::Write as _;

use crate::sink::message::{Item, Message, colour, cut, escape_within};

/// The alerts shown with all that is known; the others have a line each.
const DETAILED: usize = 50;
/// The alerts shown at all.
const SHOWN: usize = 1_000;
/// The longest text, so that no label makes a mail too large to be taken.
const MAX_TEXT: usize = 4_000;

/// The plain body.
pub(in crate::sink) fn text(message: &Message) -> String {
    let mut out = format!("{}\n", message.title);
    for line in &message.lead {
        push(&mut out, format_args!("\n{}\n", cut(line, MAX_TEXT)));
    }
    let (detailed, brief) = parts(message);
    for item in detailed {
        let (state, summary) = (item.state(), cut(&item.summary, MAX_TEXT));
        push(&mut out, format_args!("\n[{state}] {summary}\n"));
        for (name, value) in &item.facts {
            let value = cut(value, MAX_TEXT);
            push(&mut out, format_args!("  {name}: {value}\n"));
        }
        for note in &item.notes {
            push(&mut out, format_args!("  {}\n", cut(note, MAX_TEXT)));
        }
        for (name, address) in &item.links {
            push(&mut out, format_args!("  {name}: {address}\n"));
        }
    }
    if !brief.is_empty() {
        out.push('\n');
    }
    for item in brief {
        let (state, summary) = (item.state(), cut(&item.summary, MAX_TEXT));
        push(&mut out, format_args!("[{state}] {summary}\n"));
    }
    if let Some(more) = message.beyond(SHOWN) {
        push(&mut out, format_args!("\n{more}\n"));
    }
    out
}

/// The HTML body: tables and styles in place, which is what mail programs understand.
pub(super) fn html(message: &Message) -> String {
    let colour = hex(colour(message.open, message.severity));
    let title = escape(&message.title);
    let mut out = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\
         <body style=\"margin:0;padding:16px;background:#f4f4f5;color:#18181b;\
         font:14px/1.5 system-ui,-apple-system,'Segoe UI',Arial,sans-serif\">\
         <div style=\"max-width:680px;margin:0 auto;background:#fff;border:1px solid #e4e4e7;\
         border-top:6px solid {colour};border-radius:6px;padding:8px 24px 20px\">\
         <h1 style=\"font-size:18px;line-height:1.35;margin:12px 0;overflow-wrap:anywhere\">\
         {title}</h1>"
    );
    for line in &message.lead {
        push(&mut out, format_args!("<p>{}</p>", escape(line)));
    }
    let (detailed, brief) = parts(message);
    for item in detailed {
        detail(&mut out, item);
    }
    if !brief.is_empty() {
        out.push_str("<ul style=\"padding-left:18px;overflow-wrap:anywhere\">");
        for item in brief {
            let (state, summary) = (badge(item), escape(&item.summary));
            push(&mut out, format_args!("<li>{state} {summary}</li>"));
        }
        out.push_str("</ul>");
    }
    if let Some(more) = message.beyond(SHOWN) {
        push(&mut out, format_args!("<p>{more}</p>"));
    }
    out.push_str("</div></body></html>\n");
    out
}

fn detail(out: &mut String, item: &Item) {
    let (state, summary) = (badge(item), escape(&item.summary));
    push(
        out,
        format_args!(
            "<div style=\"border-top:1px solid #e4e4e7;padding:12px 0 4px\">\
             <p style=\"margin:0 0 8px;overflow-wrap:anywhere\">{state} {summary}</p>\
             <table role=\"presentation\" style=\"border-collapse:collapse\">"
        ),
    );
    for (name, value) in &item.facts {
        let value = escape(value);
        push(
            out,
            format_args!(
                "<tr><th scope=\"row\" style=\"text-align:left;vertical-align:top;\
                 font-weight:normal;color:#52525b;padding:1px 20px 1px 0;white-space:nowrap\">\
                 {name}</th><td style=\"padding:1px 0;font-variant-numeric:tabular-nums;\
                 overflow-wrap:anywhere\">{value}</td></tr>"
            ),
        );
    }
    out.push_str("</table>");
    if item.plot.is_some() {
        let (id, name) = (plot_id(item), escape(&item.name));
        push(
            out,
            format_args!(
                "<img src=\"cid:{id}\" alt=\"Plot of {name}\" width=\"632\" \
                 style=\"display:block;width:100%;max-width:632px;height:auto;margin:8px 0\">"
            ),
        );
    }
    for note in &item.notes {
        let note = escape(note);
        push(out, format_args!("<p style=\"margin:8px 0\">{note}</p>"));
    }
    if !item.links.is_empty() {
        out.push_str("<p style=\"margin:8px 0\">");
        for (name, address) in &item.links {
            let address = escape_within(address, usize::MAX, entity);
            push(
                out,
                format_args!(
                    "<a href=\"{address}\" style=\"color:#1d4ed8;margin-right:16px\">{name}</a>"
                ),
            );
        }
        out.push_str("</p>");
    }
    out.push_str("</div>");
}

/// The plots with the identifiers by which the HTML refers to them.
pub(super) fn plots(message: &Message) -> impl Iterator<Item = (String, &[u8])> {
    let (detailed, _) = parts(message);
    let drawn = detailed.iter();
    drawn.filter_map(|item| Some((plot_id(item), item.plot.as_deref()?)))
}

fn plot_id(item: &Item) -> String {
    format!("plot-{:016x}@bongsu", item.fingerprint)
}

fn badge(item: &Item) -> String {
    let (state, colour) = (item.state(), hex(colour(!item.resolved, item.severity)));
    format!("<strong style=\"color:{colour}\">{state}</strong>")
}

fn hex(colour: u32) -> String {
    format!("#{colour:06x}")
}

fn parts(message: &Message) -> (&[Item], &[Item]) {
    let shown = message.items.get(..SHOWN).unwrap_or(&message.items);
    shown.split_at_checked(DETAILED).unwrap_or((shown, &[]))
}

fn escape(text: &str) -> String {
    escape_within(text, MAX_TEXT, entity)
}

fn entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        _ => None,
    }
}

/// Writing to a `String` cannot fail.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _infallible = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Links;
    use crate::testing::{alert, labels};

    #[test]
    fn no_label_becomes_markup() {
        let mut one = alert("up", 0);
        one.labels = labels(&[("x", "<script>alert('\"')</script>&")]);
        one.summary = one.labels.selector();
        let links = Links::default().runbook("https://w/'\"><b>").unwrap();
        let html = html(&Message::of_alerts(&[one], &links));
        for bad in ["<script", "'\"", "\"><b>", "</script>&\"", "&}"] {
            assert!(!html.contains(bad), "{bad}: {html}");
        }
        assert!(html.contains("&lt;script&gt;alert(&#39;"));
    }

    #[test]
    fn a_storm_is_cut_and_counted() {
        let alerts: Vec<_> = (0..5_000).map(|i| alert("up", i)).collect();
        let message = Message::of_alerts(&alerts, &Links::default());
        let (text, html) = (text(&message), html(&message));
        assert_eq!(text.matches("\n[warning] ").count(), SHOWN);
        assert_eq!(text.matches("Observed").count(), DETAILED);
        assert!(text.ends_with("\nand 4000 more\n"));
        assert!(html.contains("<p>and 4000 more</p>"));
    }
}
