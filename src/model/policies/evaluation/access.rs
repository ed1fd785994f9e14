//! What policies of all kinds say together.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
//! and <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html>. There
//! are no organizations here, so there are no service and resource control policies.

use super::document::{Document, PolicyKind};
use super::principals::Grant;
use super::request::{Principal, Request};
use super::verdict::{Decider, Verdict, evaluate};

/// The policies that apply to a request.
#[derive(Debug, Clone, Copy)]
pub struct Applicable<'a> {
    /// Those attached to the user and its groups, or to the role.
    pub identity: &'a [&'a Document],
    /// The permissions boundary of the user or role.
    pub boundary: Option<&'a Document>,
    /// The policies that came with the session, of which one that allows is enough; empty where none came.
    pub session: &'a [&'a Document],
    /// The policy of the resource.
    pub resource: Option<&'a Document>,
    /// What kind that is, or would be: a role's trust policy has to allow, also in the same account.
    pub resource_kind: PolicyKind,
    /// The account of the resource.
    pub resource_account: &'a str,
}

/// Whether somebody may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// They may.
    Allowed(Allowance<'a>),
    /// They may not.
    Denied(Denial<'a>),
}

/// Why somebody may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance<'a> {
    /// It is the root user of its own account.
    Root,
    /// A statement of a policy of this kind allows it, and nothing restricts that.
    By(PolicyKind, Decider<'a>),
}

/// Why somebody may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial<'a> {
    /// Which kind of policy denies it, or should allow it. One of several, as in AWS's answers.
    pub kind: PolicyKind,
    /// The statement that denies it; `None` where no policy of the kind allows it.
    pub explicit: Option<Decider<'a>>,
}

/// Decides about a request.
pub fn decide<'a>(applicable: &Applicable<'a>, request: &Request<'_>) -> Access<'a> {
    let identity = evaluate(applicable.identity, request);
    let boundary = applicable.boundary.map(|boundary| evaluate(&[boundary], request));
    let session = (!applicable.session.is_empty()).then(|| evaluate(applicable.session, request));
    let resource = applicable.resource.map_or(Verdict::Silent, |resource| evaluate(&[resource], request));

    let verdicts = [
        (PolicyKind::Identity, Some(identity)),
        (applicable.resource_kind, Some(resource)),
        (PolicyKind::Boundary, boundary),
        (PolicyKind::Session, session),
    ];
    for (kind, verdict) in verdicts {
        if let Some(Verdict::Denied(decider)) = verdict {
            return Access::Denied(Denial { kind, explicit: Some(decider) });
        }
    }

    let granted = granted(applicable, request, resource);
    granted.unwrap_or_else(|grant| restricted(request, grant, identity, boundary, session))
}

/// What the policy of the resource settles alone; else what it grants, which other policies have to grant or restrict.
fn granted<'a>(
    applicable: &Applicable<'a>,
    request: &Request<'_>,
    resource: Verdict<'a>,
) -> Result<Access<'a>, Option<(PolicyKind, Decider<'a>)>> {
    let kind = applicable.resource_kind;
    let is_own = request.principal.account() == Some(applicable.resource_account);
    let is_root = matches!(request.principal, Principal::Root(_));
    let is_needed = !is_own || kind == PolicyKind::RoleTrust;
    match resource {
        // To these nothing but policies of resources says anything.
        Verdict::Allowed(decider) if is_root || !request.principal.is_an_identity() => {
            Ok(Access::Allowed(Allowance::By(kind, decider)))
        }
        Verdict::Allowed(decider) if is_own && decider.grant == Grant::Itself => {
            Ok(Access::Allowed(Allowance::By(kind, decider)))
        }
        // In the same account, what the role or user has been granted needs no identity-based policy.
        Verdict::Allowed(decider) if is_own && decider.grant == Grant::Owner => Err(Some((kind, decider))),
        Verdict::Allowed(_) => Err(None),
        _ if is_needed => Ok(Access::Denied(Denial { kind, explicit: None })),
        _ => Err(None),
    }
}

/// What the policies of who asks say to what is granted elsewhere, or by themselves.
fn restricted<'a>(
    request: &Request<'_>,
    grant: Option<(PolicyKind, Decider<'a>)>,
    identity: Verdict<'a>,
    boundary: Option<Verdict<'a>>,
    session: Option<Verdict<'a>>,
) -> Access<'a> {
    if matches!(request.principal, Principal::Root(_)) {
        return Access::Allowed(Allowance::Root);
    }
    let denied = |kind| Access::Denied(Denial { kind, explicit: None });
    let (kind, decider) = match (grant, identity) {
        (Some(grant), _) => grant,
        (None, Verdict::Allowed(decider)) => (PolicyKind::Identity, decider),
        (None, _) => return denied(PolicyKind::Identity),
    };
    if boundary.is_some_and(|verdict| !matches!(verdict, Verdict::Allowed(_))) {
        return denied(PolicyKind::Boundary);
    }

    // A session of a federated user has nothing but what its policies allow; a role's has all that the role has.
    let is_federated = matches!(request.principal, Principal::FederatedUser { .. });
    match session {
        None if is_federated => denied(PolicyKind::Session),
        Some(verdict) if !matches!(verdict, Verdict::Allowed(_)) => denied(PolicyKind::Session),
        _ => Access::Allowed(Allowance::By(kind, decider)),
    }
}

impl Applicable<'_> {
    /// Which statement denied something, or which policies would have to allow it: for people.
    pub fn decided_by(&self, denial: &Denial<'_>) -> String {
        let kind = denial.kind.in_words();
        let documents = self.of_kind(denial.kind);
        let name = |document: &&Document| {
            if document.name.is_empty() { "one without a name" } else { document.name.as_str() }.to_owned()
        };
        let Some(decider) = denial.explicit else {
            let names: Vec<String> = documents.iter().map(name).collect();
            return match names.as_slice() {
                [] => format!("there is no {kind}"),
                names => format!("no statement of the {kind} allows it: {}", names.join(", ")),
            };
        };

        let policy = documents.get(decider.policy).map(name).unwrap_or_default();
        let sid = decider.sid.map(|sid| format!(" ({sid})")).unwrap_or_default();
        let doubt = decider.doubt.map(|doubt| format!("; it cannot be read in full: {doubt}")).unwrap_or_default();
        format!("statement {}{sid} of the {kind} {policy} denies it{doubt}", decider.statement + 1)
    }

    fn of_kind(&self, kind: PolicyKind) -> Vec<&Document> {
        match kind {
            PolicyKind::Identity => self.identity.to_vec(),
            PolicyKind::Session => self.session.to_vec(),
            PolicyKind::Boundary => self.boundary.into_iter().collect(),
            PolicyKind::Resource | PolicyKind::RoleTrust => self.resource.into_iter().collect(),
        }
    }
}

impl Denial<'_> {
    /// The text of AWS's errors.
    ///
    /// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.
    pub fn message(&self, request: &Request<'_>) -> String {
        let Request { principal, action, resource, .. } = request;
        let asked =
            format!("User: {} is not authorized to perform: {action} on resource: {resource}", principal.name());
        match (self.explicit, self.kind) {
            (Some(_), PolicyKind::RoleTrust) => format!("{asked} with an explicit deny in the role trust policy"),
            (Some(_), PolicyKind::Identity) => format!("{asked} with an explicit deny in an identity-based policy"),
            (Some(_), kind) => format!("{asked} with an explicit deny in a {}", kind.in_words()),
            (None, kind) => format!("{asked} because no {} allows the {action} action", kind.in_words()),
        }
    }
}

impl PolicyKind {
    fn in_words(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Resource => "resource-based policy",
            Self::RoleTrust => "role trust policy",
        }
    }
}
