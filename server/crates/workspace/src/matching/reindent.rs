//! Fits a replacement to the place where an inexact match was found: its indentation, its end. Must not know how it was found.
//!
//! **Invariant:** only blanks at the start of lines and one line end at the end are changed (and escapes, where the search was escaped).

use super::ladder::{Hit, unescape};

/// What to put in the place of `found` (all with plain line ends).
pub(super) fn fit(old: &str, new: &str, found: &str, hit: &Hit) -> String {
    let unescaped;
    let (old, new) = if hit.unescape {
        unescaped = (unescape(old), unescape(new));
        (unescaped.0.as_str(), unescaped.1.as_str())
    } else {
        (old, new)
    };
    if !hit.lines {
        // The search may have had blanks around it that are not in the text.
        let (lead, trail) = (old.len() - old.trim_start().len(), old.len() - old.trim_end().len());
        if found == old {
            return new.to_owned();
        }
        let new = new.strip_prefix(&old[..lead]).unwrap_or(new);
        return new.strip_suffix(&old[old.len() - trail..]).unwrap_or(new).to_owned();
    }
    // The hit ends before its last line's end: so must the replacement.
    let new = if old.ends_with('\n') { new.strip_suffix('\n').unwrap_or(new) } else { new };
    let pairs: Vec<(&str, &str)> =
        old.lines().zip(found.split('\n')).filter(|(was, is)| !was.trim().is_empty() && was.trim() == is.trim()).collect();
    let Some((was, is)) = pairs.first().map(|(was, is)| (indent(was), indent(is))) else { return new.to_owned() };
    // A line that was remembered with its indentation keeps the text's own.
    let put = |line: &str| {
        if line.trim().is_empty() {
            return line.to_owned();
        }
        let body = line.trim_start();
        let depth = indent(line);
        if let Some((_, found)) = pairs.iter().find(|(old, _)| indent(old) == depth) {
            return format!("{}{body}", indent(found));
        }
        match depth.strip_prefix(was) {
            Some(more) => format!("{is}{more}{body}"),
            // Less indented than the first line: take away as much of the place's.
            None => {
                let less = was.len().saturating_sub(depth.len());
                format!("{}{body}", &is[..is.len().saturating_sub(less)])
            }
        }
    };
    new.split('\n').map(put).collect::<Vec<_>>().join("\n")
}

fn indent(line: &str) -> &str {
    let body = line.trim_start_matches([' ', '\t']);
    &line[..line.len() - body.len()]
}
