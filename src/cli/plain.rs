//! Text for a terminal: names of files, fields and backends and the last words of outside programs can hold anything, also what
//! a terminal takes for a command. Control characters and those that reverse the direction of writing are shown, not obeyed.

use std::borrow::Cow;

/// Whether a terminal would do something else with it than show it. Line breaks and tabs belong to our own texts.
fn commands(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with every such character as `\u{1b}` or `\r`.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(commands) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| if commands(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(shown).collect())
}

/// The same for a name, which has no line breaks and tabs of ours either.
pub fn plain_line(text: &str) -> Cow<'_, str> {
    match plain(text) {
        text if text.contains(['\n', '\t']) => Cow::Owned(text.replace('\n', "\\n").replace('\t', "\\t")),
        text => text,
    }
}

/// The same, each byte of such a character as `?`: for excerpts of files, in which every other byte must keep its place.
pub fn masked(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut all, c| {
        if commands(c) {
            all.extend(std::iter::repeat_n('?', c.len_utf8()))
        } else {
            all.push(c)
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(plain("é\n\tok"), "é\n\tok");
        assert_eq!(plain("a\u{1b}[2Jb\rc\u{9b}d\u{202e}"), "a\\u{1b}[2Jb\\rc\\u{9b}d\\u{202e}");
        assert_eq!(plain_line("a\nb\u{7}"), "a\\nb\\u{7}");
        assert_eq!(masked("é\u{1b}\u{9b}x\n"), "é???x\n");
    }
}
