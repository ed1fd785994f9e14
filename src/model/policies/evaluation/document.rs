//! A policy document, read into types. Every text is read into something: what is malformed stays in its place as a
//! flaw, so that a Deny nobody can read still denies.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>.

use serde_json::{Map, Value};

use super::answer::Answer;
use super::condition::Condition;
use super::operators::Operator;
use super::pattern::Pattern;
use super::principals::{Grant, Principals, texts};
use super::request::{Context, Principal, Request};
use super::variables;
use crate::model::policies::Policy;

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyKind {
    /// A user, a group of its users, or a role.
    Identity,
    /// The same, as the most that it may have.
    Boundary,
    /// A session, as the most that it may have.
    Session,
    /// A resource.
    Resource,
    /// A role: who may assume it.
    RoleTrust,
}

impl PolicyKind {
    /// Whether its statements say whom they are about; those of the others are about whom they are attached to.
    pub fn names_principals(self) -> bool {
        matches!(self, Self::Resource | Self::RoleTrust)
    }
}

/// A policy document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is attached to.
    pub kind: PolicyKind,
    /// What people call it; may be empty.
    pub name: String,
    statements: Vec<Statement>,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It lets somebody do something.
    Allow,
    /// It keeps somebody from it, whatever others say.
    Deny,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// `Sid`.
    pub sid: Option<String>,
    /// `Effect`. One that is neither is taken for the one that lets nobody in.
    pub effect: Effect,
    principals: Part<Option<Principals>>,
    actions: Part<Choice>,
    /// Without one the statement is about what it is attached to.
    resources: Part<Option<Choice>>,
    conditions: Vec<Part<Condition>>,
    /// What is wrong with the rest.
    flaws: Vec<String>,
    has_variables: bool,
}

/// Part of a statement, or why it cannot be read.
type Part<T> = Result<T, String>;

/// Texts with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    /// `Action`, `Resource`.
    Listed(Vec<String>),
    /// `NotAction`, `NotResource`.
    Except(Vec<String>),
}

/// Members of a document.
pub const DOCUMENT: [&str; 3] = ["Version", "Id", "Statement"];

/// Members of a statement.
pub const STATEMENT: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// A member of an object that it cannot have.
pub fn unknown_member<'a>(object: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    object.keys().map(String::as_str).find(|member| !known.contains(member))
}

impl Document {
    /// Reads a document. One that is none denies everything to everybody, as AWS does where it meets an error.
    pub fn parse(text: &str, kind: PolicyKind) -> Self {
        Self::read(text, kind).unwrap_or_else(|flaw| Self {
            kind,
            name: String::new(),
            statements: vec![Statement::unreadable(flaw)],
        })
    }

    fn read(text: &str, kind: PolicyKind) -> Part<Self> {
        let document: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("it is no JSON object: {error}"))?;
        check_members(&document, &DOCUMENT)?;
        let has_variables = match document.get("Version").map(Value::as_str) {
            None | Some(Some("2008-10-17")) => false,
            Some(Some("2012-10-17")) => true,
            Some(_) => return Err("its Version is unknown".into()),
        };
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => return Err("it has no Statement".into()),
        };
        let statements = statements.iter().map(|statement| Statement::parse(statement, kind, has_variables)).collect();

        Ok(Self { kind, name: String::new(), statements })
    }

    /// The same under a name, for people.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Its statements, in their order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

impl From<&Policy> for Document {
    fn from(policy: &Policy) -> Self {
        Self::parse(&policy.document(), PolicyKind::Resource)
    }
}

impl Statement {
    fn parse(value: &Value, kind: PolicyKind, has_variables: bool) -> Self {
        let Value::Object(statement) = value else { return Self::unreadable("a statement is no object".into()) };
        let mut flaws: Vec<String> = check_members(statement, &STATEMENT).err().into_iter().collect();
        let effect = match statement.get("Effect").and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => {
                flaws.push("its Effect is neither Allow nor Deny".into());
                Effect::Deny
            }
        };
        let sid = statement.get("Sid").and_then(Value::as_str).map(str::to_owned);
        if sid.is_none() && statement.contains_key("Sid") {
            flaws.push("its Sid is no text".into());
        }

        Self {
            sid,
            effect,
            principals: principals(statement, kind),
            actions: choice(statement, "Action", "NotAction")
                .and_then(|actions| actions.ok_or("it has no Action".into())),
            resources: resources(statement, kind),
            conditions: conditions(statement.get("Condition")),
            flaws,
            has_variables,
        }
    }

    /// A statement of which nothing is known: it denies.
    fn unreadable(flaw: String) -> Self {
        Self {
            sid: None,
            effect: Effect::Deny,
            principals: Err(flaw.clone()),
            actions: Err(flaw.clone()),
            resources: Err(flaw),
            conditions: Vec::new(),
            flaws: Vec::new(),
            has_variables: false,
        }
    }

    /// Whether it applies to a request.
    pub fn applies(&self, request: &Request<'_>) -> Answer {
        let flawless = || if self.flaws.is_empty() { Answer::Yes } else { Answer::Unsure };
        let conditions = self
            .conditions
            .iter()
            .map(|condition| answer(condition, |condition| condition.holds(request.context, self.has_variables)));
        let parts = [
            answer(&self.actions, |actions| actions.includes_action(request.action)),
            answer(&self.resources, |resources| self.includes_resource(resources.as_ref(), request)),
            answer(&self.principals, |named| {
                named.as_ref().map_or(Answer::Yes, |named| named.include(&request.principal))
            }),
            flawless(),
        ];
        Answer::all(parts.into_iter().chain(conditions))
    }

    fn includes_resource(&self, resources: Option<&Choice>, request: &Request<'_>) -> Answer {
        let context = self.has_variables.then_some(request.context);
        resources.map_or(Answer::Yes, |resources| resources.includes_resource(request.resource, context))
    }

    /// How closely it names somebody to whom it applies.
    pub fn grant(&self, principal: &Principal<'_>) -> Grant {
        match &self.principals {
            Ok(Some(principals)) => principals.grant(principal),
            _ => Grant::Itself,
        }
    }

    /// The first thing in it that cannot be read.
    pub fn flaw(&self) -> Option<&str> {
        let parts = [self.actions.as_ref().err(), self.resources.as_ref().err(), self.principals.as_ref().err()];
        let conditions = self.conditions.iter().filter_map(|condition| condition.as_ref().err());
        self.flaws.iter().chain(parts.into_iter().flatten()).chain(conditions).next().map(String::as_str)
    }
}

/// What a part answers; one that cannot be read is unsure.
fn answer<T>(part: &Part<T>, answer: impl FnOnce(&T) -> Answer) -> Answer {
    part.as_ref().map_or(Answer::Unsure, answer)
}

impl Choice {
    fn decide(&self, matches: impl Fn(&str) -> Answer) -> Answer {
        match self {
            Self::Listed(texts) => Answer::any(texts.iter().map(|text| matches(text))),
            Self::Except(texts) => !Answer::any(texts.iter().map(|text| matches(text))),
        }
    }

    /// The case of actions does not matter.
    fn includes_action(&self, action: &str) -> Answer {
        let action = action.to_ascii_lowercase();
        self.decide(|text| Pattern::new(&text.to_ascii_lowercase()).matches(&action).into())
    }

    /// With a context, variables are replaced.
    fn includes_resource(&self, resource: &str, context: Option<&Context>) -> Answer {
        self.decide(|text| {
            let pattern = match context {
                None => Some(Pattern::new(text)),
                Some(_) if !is_variable_last(text) => return Answer::Unsure,
                Some(context) => variables::resolve(text, context),
            };
            match (pattern, self) {
                (Some(pattern), _) => pattern.of_resource().matches(resource).into(),
                // A variable without a value is like nothing; whether it excepts anything, nobody can tell.
                (None, Self::Listed(_)) => Answer::No,
                (None, Self::Except(_)) => Answer::Unsure,
            }
        })
    }
}

/// Whether variables stand in the last part of an ARN only: AWS has them nowhere else.
fn is_variable_last(text: &str) -> bool {
    text.split_once(variables::START).is_none_or(|(before, _)| before.matches(':').count() >= 5)
}

fn check_members(object: &Map<String, Value>, known: &[&str]) -> Part<()> {
    unknown_member(object, known).map_or(Ok(()), |member| Err(format!("the member {member} is unknown")))
}

/// Which of two members a statement has, and its value.
fn either<'a>(statement: &'a Map<String, Value>, member: &str, negated: &str) -> Part<Option<(&'a Value, bool)>> {
    match (statement.get(member), statement.get(negated)) {
        (Some(_), Some(_)) => Err(format!("it has both {member} and {negated}")),
        (Some(value), None) => Ok(Some((value, false))),
        (None, Some(value)) => Ok(Some((value, true))),
        (None, None) => Ok(None),
    }
}

fn principals(statement: &Map<String, Value>, kind: PolicyKind) -> Part<Option<Principals>> {
    match either(statement, "Principal", "NotPrincipal")? {
        None if kind.names_principals() => Err("it has no Principal".into()),
        None => Ok(None),
        Some(_) if !kind.names_principals() => Err("it has a Principal".into()),
        Some((value, negated)) => {
            let named = Principals::parse(value).ok_or("its Principal names nobody")?;
            Ok(Some(if negated { Principals::Except(named) } else { Principals::Listed(named) }))
        }
    }
}

fn choice(statement: &Map<String, Value>, member: &str, negated: &str) -> Part<Option<Choice>> {
    let Some((value, is_negated)) = either(statement, member, negated)? else { return Ok(None) };
    let texts = texts(value).ok_or_else(|| format!("its {member} is neither a text nor a list of texts"))?;
    let texts = texts.into_iter().map(str::to_owned).collect();
    Ok(Some(if is_negated { Choice::Except(texts) } else { Choice::Listed(texts) }))
}

/// Policies of resources may leave out what they are about, and those of roles always do.
fn resources(statement: &Map<String, Value>, kind: PolicyKind) -> Part<Option<Choice>> {
    match choice(statement, "Resource", "NotResource")? {
        None if !kind.names_principals() => Err("it has no Resource".into()),
        resources => Ok(resources),
    }
}

fn conditions(value: Option<&Value>) -> Vec<Part<Condition>> {
    let operators = match value {
        None => return Vec::new(),
        Some(Value::Object(operators)) => operators,
        Some(_) => return vec![Err("its Condition is no object".into())],
    };
    operators.iter().flat_map(|(operator, keys)| keys_of(operator, keys)).collect()
}

fn keys_of(name: &str, keys: &Value) -> Vec<Part<Condition>> {
    let Some(operator) = Operator::parse(name) else { return vec![Err(format!("the operator {name} is unknown"))] };
    let Value::Object(keys) = keys else { return vec![Err(format!("its {name} is no object"))] };
    let condition = |(key, value): (&String, &Value)| {
        let values = scalars(value).ok_or_else(|| format!("the value of {key} is none"))?;
        Ok(Condition { operator, key: key.clone(), values })
    };
    keys.iter().map(condition).collect()
}

/// Texts, numbers and booleans: one, or a list of them.
fn scalars(value: &Value) -> Option<Vec<String>> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    let values: Option<Vec<String>> = values.iter().map(scalar).collect();
    values.filter(|values| !values.is_empty())
}
