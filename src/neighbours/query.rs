//! The query protocol: forms in, XML out. A service is a table of operations, as Lambda's is.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::xml;
use crate::api::shape::{self, Kind, Member};
use crate::api::{Services, sigv4};
use crate::model::credentials::RoleSession;
use crate::model::error::{ApiError, ErrorCode};
use crate::model::event::Origin;
use crate::model::iam::User;
use crate::model::names::{AccountId, Scope};
use crate::model::state::State;

/// What an operation answers.
pub type Answer = Result<Response<Body>, ApiError>;

/// An operation's code: one function.
pub type Handler = for<'a> fn(&'a Services, QueryCall) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// One operation.
#[derive(Debug)]
pub struct QueryOperation {
    /// Its name, the form's `Action`.
    pub name: &'static str,
    /// Its request.
    pub members: &'static [Member],
    /// Its code.
    pub handler: Handler,
}

/// A row of a table.
macro_rules! query_operation {
    ($name:literal $members:expr => $function:path) => {
        $crate::neighbours::query::QueryOperation {
            name: $name,
            members: $members,
            handler: |services, call| Box::pin($function(services, call)),
        }
    };
}
pub(super) use query_operation;

/// A service that speaks the query protocol.
#[derive(Debug)]
pub struct QueryService {
    /// The XML namespace of its answers.
    pub namespace: &'static str,
    /// Whether its validation errors show values. IAM's do not (`LocalStack`'s snapshots of AWS's, 2026).
    pub shows_values: bool,
    /// Whether the upstream is asked for what is not here. Where both have the same things, two halves would
    /// contradict each other.
    pub passes_the_rest: bool,
    /// Its operations.
    pub tables: &'static [&'static [QueryOperation]],
}

impl QueryService {
    /// The operation of this name.
    pub fn operation(&self, action: &str) -> Option<&'static QueryOperation> {
        self.tables.iter().copied().flatten().find(|operation| operation.name == action)
    }

    /// Runs an operation.
    pub async fn run(
        &self,
        operation: &'static QueryOperation,
        services: &Services,
        parts: &Parts,
        form: &Form,
        request_id: &str,
    ) -> Response<Body> {
        let bound = QueryCall::bind(self, operation, parts, form, request_id);
        let answered = match bound {
            Ok(call) => (operation.handler)(services, call).await,
            Err(error) => Err(error),
        };
        answered.unwrap_or_else(|error| {
            tracing::debug!(error = error.code.name(), "refused");
            xml::error(&error, Some(self.namespace), request_id)
        })
    }
}

/// The fields of a form by name; of several of one name the first.
#[derive(Debug, Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// The fields of a body or, without one, of the query.
    pub fn of(parts: &Parts, body: &Bytes) -> Self {
        let text = if body.is_empty() { parts.uri.query().unwrap_or_default().as_bytes() } else { body };
        Self::parse(text)
    }

    fn parse(text: &[u8]) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text).into_owned() {
            fields.entry(name).or_insert(value);
        }
        Self(fields)
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there is a field of this name, or one below it.
    fn has(&self, name: &str) -> bool {
        let below = format!("{name}.");
        self.0.contains_key(name)
            || self.0.range(below.clone()..).next().is_some_and(|(other, _)| other.starts_with(&below))
    }

    /// The members of a structure as JSON.
    fn structure(&self, prefix: &str, members: &[Member]) -> Map<String, Value> {
        let value = |member: &Member| {
            let value = self.value(&format!("{prefix}{}", member.name), &member.kind)?;
            Some((member.name.to_owned(), value))
        };
        members.iter().filter_map(value).collect()
    }

    /// A field, or what is below it, as JSON of a kind; what does not fit stays a text, which the shape
    /// refuses.
    fn value(&self, name: &str, kind: &Kind) -> Option<Value> {
        match kind {
            Kind::Structure(members) => self.has(name).then(|| self.structure(&format!("{name}."), members).into()),
            Kind::List { item, .. } => {
                let items = (1..).map_while(|index| self.value(&format!("{name}.member.{index}"), item));
                // An empty list is sent as a field without a value.
                self.has(name).then(|| items.collect::<Vec<_>>().into())
            }
            Kind::Integer(..) => {
                self.get(name).map(|text| text.parse::<i64>().map_or_else(|_| text.into(), Value::from))
            }
            Kind::Boolean => self.get(name).map(|text| text.parse::<bool>().map_or_else(|_| text.into(), Value::from)),
            _ => self.get(name).map(Value::from),
        }
    }
}

/// A checked call of an operation.
#[derive(Debug)]
pub struct QueryCall {
    /// The operation's name.
    pub operation: &'static str,
    /// The caller's account and region.
    pub scope: Scope,
    /// Whose session the caller's credentials are of.
    pub session: Option<RoleSession>,
    namespace: &'static str,
    request_id: String,
    input: Map<String, Value>,
    origin: Origin,
}

impl QueryCall {
    fn bind(
        service: &QueryService,
        operation: &'static QueryOperation,
        parts: &Parts,
        form: &Form,
        request_id: &str,
    ) -> Result<Self, ApiError> {
        let input = form.structure("", operation.members);
        shape::check(operation.members, &input).map_err(|error| in_query(error, service.shows_values))?;
        let caller = sigv4::caller(&parts.headers);
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self {
            operation: operation.name,
            session: RoleSession::of_token(header("x-amz-security-token")),
            namespace: service.namespace,
            request_id: request_id.to_owned(),
            input,
            origin: Origin {
                request_id: request_id.to_owned(),
                access_key_id: caller.access_key_id,
                user_agent: header("user-agent").to_owned(),
            },
            scope: caller.scope,
        })
    }

    /// The caller's account.
    pub fn account(&self) -> &AccountId {
        &self.scope.account
    }

    /// Who asks, for history.
    pub fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// The user whose access key the call is signed with.
    pub fn user<'a>(&self, state: &'a State) -> Option<&'a Arc<User>> {
        state.user_of_key(&self.origin.access_key_id).filter(|user| user.key.account == *self.account())
    }

    /// A member that is a text; empty if it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.input.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// All members as a typed request.
    pub fn parse<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        serde_json::from_value(Value::Object(std::mem::take(&mut self.input)))
            .map_err(|error| ApiError::new(ErrorCode::ValidationError, error.to_string()))
    }

    /// Answers with a result.
    pub fn answer(&self, result: &impl Serialize) -> Answer {
        xml::answer(self.operation, self.namespace, result, &self.request_id)
    }
}

/// A violated shape in the words of the query protocol.
fn in_query(error: ApiError, shows_values: bool) -> ApiError {
    let message = error.message.unwrap_or_default();
    let message = if shows_values { message } else { without_values(&message) };
    ApiError::new(ErrorCode::ValidationError, message)
}

/// `Value 'x' at 'name' failed …` without the `'x'`.
fn without_values(message: &str) -> String {
    let mut parts = message.split("Value ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        // A value may hold anything, so that what is before the last " at '" belongs to it.
        let place = part.find("' failed to satisfy constraint").and_then(|end| part[..end].rfind(" at '"));
        match place {
            Some(place) => format!("{text}Value{}", not_null_in_lists(&part[place..])),
            // The middle of a value that has this word in it.
            None => text,
        }
    })
}

/// IAM says of every list that its items must not be null (as in `LocalStack`'s snapshots of AWS's IAM); Lambda
/// of those with enums only.
fn not_null_in_lists(violation: &str) -> String {
    const LAST: &str = ", Member must not be null]";
    let (violation, rest) = violation.strip_suffix("; ").map_or((violation, ""), |violation| (violation, "; "));
    match violation.strip_suffix(']').filter(|_| violation.contains("Member must satisfy constraint: [")) {
        Some(open) if !violation.ends_with(LAST) => format!("{open}{LAST}{rest}"),
        _ => format!("{violation}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::shape::{TEXT, length};

    const TAG: Kind = Kind::Structure(&[Member::body("Key", TEXT), Member::body("Value", TEXT)]);

    #[test]
    fn a_form_is_bound_by_its_shape() {
        let members = &[
            Member::body("Name", TEXT),
            Member::body("MaxItems", Kind::Integer(1, 9)),
            Member::body("Tags", Kind::List { length: None, item: &TAG }),
            Member::body("Keys", Kind::List { length: None, item: &TEXT }),
            Member::body("Empty", Kind::List { length: None, item: &TEXT }),
            Member::body("Missing", TEXT),
        ];
        let text =
            "Name=a+b&MaxItems=3&Tags.member.1.Key=k&Tags.member.1.Value=&Tags.member.2.Key=l&Keys.member.1=x&Empty=";
        let form = Form::parse(text.as_bytes());
        assert_eq!(
            Value::Object(form.structure("", members)),
            serde_json::json!({
                "Name": "a b", "MaxItems": 3, "Tags": [{ "Key": "k", "Value": "" }, { "Key": "l" }], "Keys": ["x"],
                "Empty": [],
            })
        );
    }

    #[test]
    fn values_can_be_left_out_of_violations() {
        let members = &[Member::body("Name", length(1, 2)), Member::body("Other", length(1, 2)).required()];
        let input = serde_json::json!({ "Name": "Value 'x' at 'y' failed to" });
        let error = shape::check(members, input.as_object().expect("an object")).expect_err("is refused");
        assert_eq!(
            in_query(error, false).message.as_deref(),
            Some(
                "2 validation errors detected: Value at 'name' failed to satisfy constraint: Member must have length \
                 less than or equal to 2; Value at 'other' failed to satisfy constraint: Member must not be null"
            )
        );
    }
}
