//! Writing JSON: the texts that cross the ABI and the headers of cache files.

use std::fmt::{Display, Write};

/// Text as a JSON string; every character comes back as it is.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c < ' ' || c == '\u{7f}' => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A string, or null.
pub fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_string(), quoted)
}

/// An array of numbers or of JSON texts.
pub fn array(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut array = String::from("[");
    for (at, item) in items.into_iter().enumerate() {
        let _ = write!(array, "{}{item}", if at == 0 { "" } else { "," });
    }
    array.push(']');
    array
}

/// An array of strings.
pub fn strings<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    array(items.into_iter().map(quoted))
}

/// An object under way, its members in the order in which they are given.
#[derive(Default)]
pub struct Object(String);

impl Object {
    pub fn new() -> Object {
        Object::default()
    }

    /// A number, a boolean, or a JSON text.
    pub fn value(mut self, name: &str, value: impl Display) -> Object {
        let comma = if self.0.is_empty() { "" } else { "," };
        let _ = write!(self.0, "{comma}{}:{value}", quoted(name));
        self
    }

    pub fn text(self, name: &str, text: &str) -> Object {
        self.value(name, quoted(text))
    }

    pub fn end(self) -> String {
        format!("{{{}}}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_kept() {
        assert_eq!(quoted("caf\u{e9} \u{1f600}"), "\"caf\u{e9} \u{1f600}\"");
        assert_eq!(quoted("a\"b\\c\n\t\0\u{1b}[31m\u{7f}"), r#""a\"b\\c\u000a\u0009\u0000\u001b[31m\u007f""#);
    }

    #[test]
    fn members_keep_their_order() {
        let inner = Object::new().value("n", 1).end();
        let object = Object::new().text("a\"", "\\").value("list", array([&inner, "null"])).value("yes", true);
        assert_eq!(object.end(), r#"{"a\"":"\\","list":[{"n":1},null],"yes":true}"#);
        assert_eq!((Object::new().end(), strings([])), ("{}".to_string(), "[]".to_string()));
        assert_eq!((optional(None), optional(Some("x"))), ("null".to_string(), "\"x\"".to_string()));
    }
}
