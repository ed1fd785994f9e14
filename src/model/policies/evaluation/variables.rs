//! Policy variables: `${aws:username}`, `${aws:userid, 'anonymous'}`, and `${*}`, `${?}`, `${$}` for the letters.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>.

use super::pattern::Pattern;
use super::request::Context;

/// How a variable begins.
pub const START: &str = "${";

/// Puts values in place of variables; `None` where one has no value, which is like nothing. What is put in has no
/// wildcards: nobody gets more by a name with a star. (AWS does not say; for defaults neither.)
pub fn resolve(text: &str, context: &Context) -> Option<Pattern> {
    let mut pattern = Pattern::default();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(START) {
        // What is never closed is no variable.
        let Some((variable, behind)) = closed(after) else { break };
        pattern.push(before);
        pattern.push_literal(value(variable, context)?);
        rest = behind;
    }

    pattern.push(rest);
    Some(pattern)
}

/// What stands before the closing brace, and behind it. A default in quotes may have braces.
fn closed(text: &str) -> Option<(&str, &str)> {
    let brace = text.find('}')?;
    match text[..brace].find('\'') {
        Some(quote) => {
            let end = quote + 1 + text[quote + 1..].find("'}")?;
            Some((&text[..=end], &text[end + 2..]))
        }
        None => Some((&text[..brace], &text[brace + 1..])),
    }
}

fn value<'a>(variable: &'a str, context: &'a Context) -> Option<&'a str> {
    if matches!(variable, "*" | "?" | "$") {
        return Some(variable);
    }
    let (key, default) = match variable.split_once(',') {
        Some((key, default)) => (key, default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\''))),
        None => (variable, None),
    };
    context.single(key.trim()).or(default)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Option<String> {
        let context = Context::default().with("aws:username", "Zoe").with_many("aws:TagKeys", ["a"]).with("k", "*");
        resolve(text, &context).map(|pattern| pattern.text())
    }

    #[test]
    fn variables_are_replaced() {
        for (text, expected) in [
            ("home/${aws:username}/*", Some("home/Zoe/*")),
            ("${AWS:UserName}${aws:username}", Some("ZoeZoe")),
            ("${aws:userid, 'anonymous'}", Some("anonymous")),
            ("${aws:username, 'anonymous'}!", Some("Zoe!")),
            ("${aws:userid, 'a}b'}c", Some("a}bc")),
            ("${aws:userid, ''}", Some("")),
            ("${*}${?}${$}", Some("*?$")),
            ("${$}{aws:username}", Some("${aws:username}")),
            ("no variable ${aws:username", Some("no variable ${aws:username")),
            ("$ {} }", Some("$ {} }")),
            ("${aws:userid}", None),
            ("${aws:userid, anonymous}", None),
            ("${}", None),
            ("${aws:TagKeys}", None),
        ] {
            assert_eq!(resolved(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn values_have_no_wildcards() {
        let context = Context::default().with("k", "*");
        for text in ["a${k}", "a${*}", "a${none, '*'}"] {
            let pattern = resolve(text, &context).expect("a value");
            assert!(pattern.matches("a*"), "{text}");
            assert!(!pattern.matches("ab"), "{text}");
        }
        let open = resolve("a*${k}", &context).expect("a value");
        assert!(open.matches("abc*"));
    }
}
