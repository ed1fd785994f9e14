//! Filter patterns.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

mod fields;
mod json;
mod terms;
mod value;

/// What is no filter pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid;

/// A filter pattern.
#[derive(Debug)]
pub enum Pattern {
    /// Every line.
    All,
    /// Terms in a text.
    Terms(terms::Terms),
    /// Conditions on members of a JSON object: `{ $.level = "ERROR" }`.
    Json(json::Expression),
    /// Conditions on the words of a line: `[ip, user, status = 4*]`.
    Fields(fields::Fields),
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        match text.chars().next() {
            None => Ok(Self::All),
            Some('{') => json::Expression::parse(text).map(Self::Json),
            Some('[') => fields::Fields::parse(text).map(Self::Fields),
            Some(_) => terms::Terms::parse(text).map(Self::Terms),
        }
    }

    /// Whether a line matches.
    pub fn matches(&self, line: &str) -> bool {
        match self {
            Self::All => true,
            Self::Terms(terms) => terms.matches(line),
            Self::Json(expression) => expression.matches(line),
            Self::Fields(fields) => fields.matches(line),
        }
    }
}

/// The rest of a pattern while it is read.
#[derive(Debug, Clone, Copy)]
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start();
    }

    /// Takes `token`, if it comes next behind spaces.
    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Takes `token` or fails.
    fn expect(&mut self, token: &str) -> Result<(), Invalid> {
        if self.take(token) { Ok(()) } else { Err(Invalid) }
    }

    /// Takes letters as long as they are wanted.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|letter| !wanted(letter)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    /// Takes a text up to a closing mark; a backslash keeps the mark after it from closing.
    fn take_quoted(&mut self, mark: char) -> Result<String, Invalid> {
        let mut text = String::new();
        let mut letters = self.0.char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' if mark == '"' => text.push(letters.next().ok_or(Invalid)?.1),
                letter if letter == mark => {
                    self.0 = &self.0[at + letter.len_utf8()..];
                    return Ok(text);
                }
                letter => text.push(letter),
            }
        }

        Err(Invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, line: &str) -> bool {
        Pattern::parse(pattern).unwrap_or_else(|_| panic!("{pattern} is a pattern")).matches(line)
    }

    #[test]
    fn terms_are_found_anywhere_and_all_of_them() {
        assert!(matches("", "anything"));
        assert!(matches("ERROR", "[ERROR] it failed"));
        assert!(matches("ERROR", "Exiting with ERRORCODE: -1"));
        assert!(!matches("ERROR", "error"));
        assert!(matches("ERROR Exception", "[ERROR] Unhandled Exception"));
        assert!(!matches("ERROR Exception", "[ERROR] nothing"));
    }

    #[test]
    fn phrases_choices_and_exclusions() {
        assert!(matches(r#""hello cruel""#, "say hello cruel world"));
        assert!(!matches(r#""hello cruel""#, "hello, cruel world"));
        assert!(matches(r#""a \"b\"""#, r#"a "b" c"#));
        assert!(matches("?ERROR ?WARN", "a WARN"));
        assert!(!matches("?ERROR ?WARN", "an INFO"));
        assert!(matches(r#"?"not found" ?WARN"#, "it was not found"));
        assert!(matches("ERROR -Exiting", "[ERROR] it failed"));
        assert!(!matches("ERROR -Exiting", "Exiting with ERRORCODE: -1"));
        assert!(matches(r#"-"a b""#, "ab"));
        // Optional terms beside others are ignored.
        assert!(matches("?WARN ERROR", "ERROR"));
    }

    #[test]
    fn regular_expressions_stand_between_percent_signs() {
        assert!(matches("%[Ee]rror|[Ff]ail%", "it Failed"));
        assert!(!matches("%^abc$%", "xabc"));
        assert!(Pattern::parse("%(a)%").is_err());
        assert!(Pattern::parse("%[a%").is_err());
    }

    #[test]
    fn members_of_json_are_compared() {
        let line = r#"{"level":"ERROR","code":404,"user":{"id":1,"names":["Ann","Bob"]},"ok":true,"none":null}"#;
        for pattern in [
            r#"{ $.level = "ERROR" }"#,
            "{$.level=ERROR}",
            r#"{ $.level = "ERR*" }"#,
            "{ $.level = %^ERR% }",
            r#"{ $.level != "INFO" }"#,
            "{ $.code = 404 }",
            "{ $.code > 400.5 && $.code <= 404 }",
            r#"{ ($.level = "INFO") || ($.code >= 404) }"#,
            r#"{ $.user.names[1] = "Bob" }"#,
            r#"{ $.user.names[*] = "Ann" }"#,
            r#"{ $["user"]["id"] = 1 }"#,
            "{ $.ok IS TRUE }",
            "{ $.none IS NULL }",
            "{ $.missing NOT EXISTS }",
            "{ $.level = * }",
            "{ $.code = 4* }",
        ] {
            assert!(matches(pattern, &format!("{line}\n")), "{pattern}");
        }
        for pattern in [
            r#"{ $.level = "error" }"#,
            "{ $.code < 404 }",
            "{ $.missing = * }",
            r#"{ $.missing != "x" }"#,
            "{ $.ok IS FALSE }",
            "{ $.level IS NULL }",
            "{ $.level NOT EXISTS }",
            r#"{ $.level = "ERROR" && $.code = 500 }"#,
        ] {
            assert!(!matches(pattern, line), "{pattern}");
        }
        assert!(!matches(r#"{ $.level = "ERROR" }"#, "ERROR"));
    }

    #[test]
    fn words_of_a_line_are_compared_by_their_place() {
        let line = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;
        assert!(matches("[ip, user, username, timestamp, request, status_code = 4*, bytes]", line));
        assert!(matches("[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes > 1000]", line));
        assert!(matches("[..., status_code = 404 || status_code = 500, bytes]", line));
        assert!(!matches("[..., status_code = 500, bytes]", line));
        assert!(!matches("[ip, user]", line));
        assert!(matches("[ip, ...]", line));
        assert!(!matches("[w1 != 127.*, ...]", line));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in [
            "{ $.a }",
            "{ $.a = }",
            "{ $.a = 1",
            "{ $.a = 1 } x",
            "{ a = 1 }",
            "[a",
            "[a = ]",
            "\"a",
            "{ $.a > x }",
            "-",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
