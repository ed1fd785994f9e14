//! Calls of a recorded invocation as answers to those that a replay of it makes: by operation and parameters, in order.

use std::borrow::Cow;
use std::sync::{LazyLock, Mutex, PoisonError};

use fancy_regex::{Captures, Regex};
use serde_json::Value;

use super::shape::Call;

/// Parameters that clients draw anew each time.
const DRAWN: [&str; 5] = ["ClientToken", "ClientRequestToken", "IdempotencyToken", "CallerReference", "TransactionId"];

/// What stands in the place of a secret.
const MASK: &str = "****";

/// Members of requests and answers of AWS's services that hold secrets, in JSON, XML and forms.
const SECRETS: &str = "SecretAccessKey|SessionToken|SecretString|SecretBinary|Plaintext|PrivateKey|Password|\
                       MasterUserPassword|ClientSecret|WebIdentityToken|SAMLAssertion|authorizationToken";

/// A call as its head says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The service, as signatures name it.
    pub service: String,
    /// Method and path with query.
    pub request: String,
    /// The operation, where the head names it.
    pub target: Option<String>,
}

impl Asked {
    /// What was called, for people.
    pub fn name(&self) -> String {
        let what = self.target.as_deref().unwrap_or(&self.request);
        format!("{} ({what})", self.service)
    }
}

/// The calls that have not been answered with yet.
#[derive(Debug)]
pub struct Answers {
    calls: Mutex<Vec<Call>>,
    /// Whether a call with other parameters is answered as the next of its operation.
    lenient: bool,
}

impl Answers {
    /// Those of a record, in their order.
    pub fn new(calls: Vec<Call>, lenient: bool) -> Self {
        Self { calls: Mutex::new(calls), lenient }
    }

    /// The first call left that is this one.
    pub fn take(&self, asked: &Asked, body: &[u8]) -> Option<Call> {
        let mut left = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = parameters(&masked(body));
        let is_of_operation = |(call, recorded): (&Call, &Parameters)| {
            call.service == asked.service
                && call.request == asked.request
                && call.target == asked.target
                && recorded.action() == sent.action()
        };
        let recorded: Vec<_> = left.iter().map(|call| parameters(&call.body.bytes().unwrap_or_default())).collect();
        let find = |is_this: &dyn Fn((&Call, &Parameters)) -> bool| left.iter().zip(&recorded).position(is_this);

        let exact = find(&|(call, recorded)| is_of_operation((call, recorded)) && *recorded == sent);
        let at = exact.or_else(|| if self.lenient { find(&is_of_operation) } else { None })?;
        Some(left.remove(at))
    }

    /// How many are left.
    pub fn left(&self) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// The parameters of a call, however they are ordered.
#[derive(Debug, PartialEq)]
enum Parameters {
    Json(Value),
    Form(Vec<(String, Value)>),
    Bytes(Vec<u8>),
}

impl Parameters {
    /// The operation, where parameters name it.
    fn action(&self) -> Option<&Value> {
        match self {
            Self::Form(pairs) => pairs.iter().find(|(name, _)| name == "Action").map(|(_, action)| action),
            Self::Json(_) | Self::Bytes(_) => None,
        }
    }
}

fn parameters(body: &[u8]) -> Parameters {
    if let Ok(mut json) = serde_json::from_slice::<Value>(body) {
        if let Some(members) = json.as_object_mut() {
            members.retain(|name, _| !DRAWN.contains(&name.as_str()));
        }
        open_texts(&mut json);
        return Parameters::Json(json);
    }
    if body.starts_with(b"Action=") {
        let pairs = form_urlencoded::parse(body).into_owned();
        let pairs = pairs.filter(|(name, _)| !DRAWN.contains(&name.as_str()));
        let mut pairs: Vec<_> = pairs.map(|(name, value)| (name, opened(&value).unwrap_or(value.into()))).collect();
        pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        return Parameters::Form(pairs);
    }
    Parameters::Bytes(body.to_vec())
}

/// Texts that are JSON, such as bodies of messages, are compared as that: their spaces make no difference.
fn open_texts(json: &mut Value) {
    match json {
        Value::String(text) => {
            if let Some(inside) = opened(text) {
                *json = inside;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(open_texts),
        Value::Object(members) => members.values_mut().for_each(open_texts),
        _ => {}
    }
}

fn opened(text: &str) -> Option<Value> {
    let mut inside = text.starts_with(['{', '[']).then(|| serde_json::from_str::<Value>(text).ok())??;
    open_texts(&mut inside);
    Some(inside)
}

/// The bytes of a request or an answer without what AWS's services hold secret.
pub fn masked(bytes: &[u8]) -> Cow<'_, [u8]> {
    static MEMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let json = format!(r#"("(?i:{SECRETS})"\s*:\s*")(?:[^"\\]|\\.)*""#);
        let xml = format!(r"(<(?i:{SECRETS})>)[^<]*<");
        let form = format!(r"((?:^|&)(?i:{SECRETS})=)[^&]*(&|$)");
        Regex::new(&format!("{json}|{xml}|{form}")).ok()
    });
    let (Ok(text), Some(members)) = (std::str::from_utf8(bytes), &*MEMBERS) else { return Cow::Borrowed(bytes) };
    if !members.is_match(text).unwrap_or(true) {
        return Cow::Borrowed(bytes);
    }
    let hidden = members.replace_all(text, |found: &Captures<'_>| match (found.get(1), found.get(2), found.get(3)) {
        (Some(json), ..) => format!("{}{MASK}\"", json.as_str()),
        (_, Some(xml), _) => format!("{}{MASK}<", xml.as_str()),
        (.., Some(form)) => format!("{}{MASK}{}", form.as_str(), found.get(4).map_or("", |end| end.as_str())),
        _ => MASK.to_owned(),
    });
    Cow::Owned(hidden.into_owned().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoke::record::shape::Payload;

    fn asked() -> Asked {
        let target = Some("DynamoDB_20120810.GetItem".to_owned());
        Asked { service: "dynamodb".into(), request: "POST /".into(), target }
    }

    fn call(body: &str, answer: &str) -> Call {
        let Asked { service, request, target } = asked();
        let (body, answer) = (Payload::of(body.as_bytes()), Payload::of(answer.as_bytes()));
        let (headers, ms, after_ms) = (Vec::new(), 1.0, 0.0);
        Call { service, request, target, body, status: 200, headers, answer, ms, after_ms, cut: false }
    }

    fn taken(answers: &Answers, body: &str) -> Option<Payload> {
        answers.take(&asked(), body.as_bytes()).map(|call| call.answer)
    }

    #[test]
    fn calls_are_answered_by_their_parameters_in_order() {
        let answers = Answers::new(
            vec![call(r#"{"a":1,"b":2}"#, "1"), call(r#"{"a":2}"#, "2"), call(r#"{"b":2,"a":1}"#, "3")],
            false,
        );
        assert_eq!(taken(&answers, r#"{"a":3}"#), None);
        assert_eq!(taken(&answers, r#"{"b":2,"a":1,"ClientToken":"x"}"#), Some(Payload::Text("1".into())));
        assert_eq!(taken(&answers, r#"{"a":1,"b":2}"#), Some(Payload::Text("3".into())));
        assert_eq!(taken(&answers, r#"{"a":1,"b":2}"#), None);
        assert_eq!(answers.left(), 1);

        let other = Asked { target: Some("DynamoDB_20120810.PutItem".into()), ..asked() };
        assert_eq!(answers.take(&other, br#"{"a":2}"#), None);
    }

    #[test]
    fn forms_are_compared_without_their_order() {
        let answers = Answers::new(vec![call("Action=Publish&Message=a%20b&Version=1", "1")], false);
        assert_eq!(taken(&answers, "Action=Publish&Version=1&Message=a+b"), Some(Payload::Text("1".into())));
    }

    #[test]
    fn others_of_the_operation_will_do_where_that_is_wanted() {
        let calls = || vec![call(r#"{"body":"{\"a\": 1}"}"#, "1"), call("Action=B&C=1", "2")];
        let answers = Answers::new(calls(), true);
        assert_eq!(taken(&answers, "Action=A&C=1"), None);
        assert_eq!(taken(&answers, r#"{"body":"{}"}"#), Some(Payload::Text("1".into())));
        assert_eq!(taken(&answers, "Action=B"), Some(Payload::Text("2".into())));
        // Bodies that are JSON are compared as that.
        let strict = Answers::new(calls(), false);
        assert_eq!(taken(&strict, r#"{"body":"{\"a\":1}"}"#), Some(Payload::Text("1".into())));
    }

    #[test]
    fn secrets_are_masked_wherever_they_are() {
        let text = |bytes: &str| String::from_utf8(masked(bytes.as_bytes()).into_owned()).expect("is text");
        assert_eq!(text(r#"{"SecretString": "a\"b", "Name":"n"}"#), r#"{"SecretString": "****", "Name":"n"}"#);
        assert_eq!(text("<SecretAccessKey>abc</SecretAccessKey>"), "<SecretAccessKey>****</SecretAccessKey>");
        assert_eq!(text("Action=A&Password=a%20b&B=c"), "Action=A&Password=****&B=c");
        assert_eq!(text(r#"{"NextToken":"t"}"#), r#"{"NextToken":"t"}"#);
    }
}
