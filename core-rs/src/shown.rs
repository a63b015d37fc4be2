//! Names from outside as they may be printed; as `lib/io/shown.ts` has them.

/// Characters that move the cursor or forge lines, and such as turn the direction of writing, as ranges.
const HIDDEN: [(u32, u32); 6] =
    [(0x00, 0x1F), (0x7F, 0x9F), (0x61C, 0x61C), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069)];

/// A text with such characters as `\x1b` or `\u{202e}`; all others stay as they are.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let code = c as u32;
        match HIDDEN.iter().any(|&(first, last)| (first..=last).contains(&code)) {
            true if code < 0x100 => shown.push_str(&format!("\\x{code:02x}")),
            true => shown.push_str(&format!("\\u{{{code:x}}}")),
            false => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped_and_nothing_else() {
        assert_eq!(shown("a\u{1b}[31m\nb\u{202e}c"), "a\\x1b[31m\\x0ab\\u{202e}c");
        for text in ["café", "cafe\u{301}", "犬 \\ \"x\"", "a b", "🐈"] {
            assert_eq!(shown(text), text);
        }
    }
}
