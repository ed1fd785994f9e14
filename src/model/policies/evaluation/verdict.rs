//! What policies of one kind say together.

use super::answer::Answer;
use super::document::{Document, Effect};
use super::principals::Grant;
use super::request::Request;

/// What policies say to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// A statement allows it, and none denies it.
    Allowed(Decider<'a>),
    /// A statement denies it.
    Denied(Decider<'a>),
    /// No statement is about it: an implicit deny, unless another policy allows it.
    Silent,
}

/// The statement that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decider<'a> {
    /// Which of the policies it is in, counted from zero.
    pub policy: usize,
    /// Which of the policy's statements it is, counted from zero.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<&'a str>,
    /// How closely it names who asks.
    pub grant: Grant,
    /// Why a statement denies that cannot be read in full. `None` where it simply applies.
    pub doubt: Option<&'a str>,
}

/// Asks policies of one kind, of which one that allows is enough. A Deny goes before every Allow, wherever they stand;
/// among Allows the one decides that names who asks most closely.
pub fn evaluate<'a>(policies: &[&'a Document], request: &Request<'_>) -> Verdict<'a> {
    let mut allowed: Option<Decider<'a>> = None;
    let places = policies.iter().enumerate().flat_map(|(policy, document)| {
        document.statements().iter().enumerate().map(move |(place, statement)| (policy, place, statement))
    });
    for (policy, place, statement) in places {
        let answer = statement.applies(request);
        let doubt = (answer == Answer::Unsure).then(|| statement.flaw().unwrap_or("its values cannot be compared"));
        let grant = statement.grant(&request.principal);
        let decider = Decider { policy, statement: place, sid: statement.sid.as_deref(), grant, doubt };
        match (statement.effect, answer) {
            (Effect::Deny, Answer::Yes | Answer::Unsure) => return Verdict::Denied(decider),
            (Effect::Allow, Answer::Yes) if allowed.is_none_or(|before| before.grant < grant) => {
                allowed = Some(decider);
            }
            _ => {}
        }
    }

    allowed.map_or(Verdict::Silent, Verdict::Allowed)
}
