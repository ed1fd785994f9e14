use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::model::policies::evaluation::access::{Access, Applicable, decide};
use crate::model::policies::evaluation::principals::Grant;

const BOB: &str = "arn:aws:iam::444455556666:user/Bob";
const PRINCIPALS: [Principal<'_>; 7] = [
    Principal::Anonymous,
    Principal::Root(ROOT),
    Principal::User(CARLOS),
    Principal::RoleSession { role: ROLE, session: SESSION },
    Principal::FederatedUser { user: Some(CARLOS), session: FEDERATED },
    Principal::Service("s3.amazonaws.com"),
    Principal::User(BOB),
];

/// Some of few values, so that they meet each other.
fn some_of(values: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        select(values).prop_map(Value::from),
        proptest::collection::vec(select(values), 1..3).prop_map(Value::from),
    ]
}

fn principal() -> impl Strategy<Value = Value> {
    let aws = some_of(&["*", ACCOUNT, ROOT, CARLOS, ROLE, SESSION, FEDERATED, BOB]);
    prop_oneof![
        Just(json!("*")),
        aws.prop_map(|names| json!({ "AWS": names })),
        some_of(&["s3.amazonaws.com", "sns.amazonaws.com"]).prop_map(|names| json!({ "Service": names })),
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    let set = select(&["", "", "ForAllValues:", "ForAnyValue:"][..]);
    let name = select(
        &[
            "StringEquals",
            "StringNotLike",
            "NumericLessThan",
            "Bool",
            "ArnLike",
            "NotIpAddress",
            "DateNotEquals",
            "Odd",
        ][..],
    );
    let end = select(&["", "", "IfExists"][..]);
    let values = some_of(&["a", "b", "*", "1", "true", "${k, 'a'}", "${none}"]);
    (set, name, end, select(&["k", "many", "none"][..]), values)
        .prop_map(|(set, name, end, key, values)| json!({ format!("{set}{name}{end}"): { key: values } }))
}

fn statement(effect: &'static [&'static str], with_principal: bool) -> impl Strategy<Value = Value> {
    let action = some_of(&["*", "lambda:*", "lambda:Invoke*", "lambda:InvokeFunction", "s3:GetObject"]);
    let resource = some_of(&["*", FUNCTION, "arn:aws:lambda:*", "arn:aws:s3:::b/${k}", "arn:aws:s3:::b/?"]);
    let negated = (any::<bool>(), any::<bool>(), any::<bool>());
    let parts = (select(effect), action, resource, principal(), proptest::option::of(condition()), negated);
    parts.prop_map(
        move |(effect, action, resource, principal, condition, (not_action, not_resource, not_principal))| {
            let mut statement = json!({ "Effect": effect });
            statement[if not_action { "NotAction" } else { "Action" }] = action;
            statement[if not_resource { "NotResource" } else { "Resource" }] = resource;
            if with_principal {
                statement[if not_principal { "NotPrincipal" } else { "Principal" }] = principal;
            }
            if let Some(condition) = condition {
                statement["Condition"] = condition;
            }
            statement
        },
    )
}

const BOTH: &[&str] = &["Allow", "Allow", "Deny"];

fn statements(with_principal: bool) -> impl Strategy<Value = Vec<Value>> {
    proptest::collection::vec(statement(BOTH, with_principal), 0..4)
}

/// Who asks for what, and what is known.
#[derive(Debug, Clone)]
struct Asked {
    principal: Principal<'static>,
    action: &'static str,
    resource: &'static str,
    context: Context,
}

impl Asked {
    fn request(&self) -> Request<'_> {
        request(self.principal, self.action, self.resource, &self.context)
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let resource = select(&[FUNCTION, "arn:aws:s3:::b/a", "arn:aws:s3:::b/*"][..]);
    let action = select(&["lambda:InvokeFunction", "lambda:GetFunction", "s3:GetObject"][..]);
    let value = select(&["a", "*", "1", "true", "2020-01-01"][..]);
    let many = proptest::option::of(proptest::collection::vec(select(&["a", "b"][..]), 0..3));
    (select(&PRINCIPALS[..]), action, resource, proptest::option::of(value), many).prop_map(
        |(principal, action, resource, value, many)| {
            let context = Context::of(&principal);
            let context = value.into_iter().fold(context, |context, value| context.with("k", value));
            let context = many.into_iter().fold(context, |context, values| context.with_many("many", values));
            Asked { principal, action, resource, context }
        },
    )
}

/// Policies of every kind, as statements.
#[derive(Debug, Clone)]
struct Bundle {
    identity: Vec<Value>,
    boundary: Option<Vec<Value>>,
    session: Option<Vec<Value>>,
    resource: Vec<Value>,
    account: &'static str,
}

fn bundle() -> impl Strategy<Value = Bundle> {
    let limit = || proptest::option::of(statements(false));
    (statements(false), limit(), limit(), statements(true), select(&[ACCOUNT, "444455556666"][..])).prop_map(
        |(identity, boundary, session, resource, account)| Bundle { identity, boundary, session, resource, account },
    )
}

impl Bundle {
    fn allows(&self, asked: &Asked) -> bool {
        let read = |kind, statements: &[Value]| policy(kind, &statements.into());
        // Each statement a policy of its own.
        let identity: Vec<Document> =
            self.identity.chunks(1).map(|statements| read(PolicyKind::Identity, statements)).collect();
        let identity: Vec<&Document> = identity.iter().collect();
        let boundary = self.boundary.as_ref().map(|statements| read(PolicyKind::Boundary, statements));
        let session = self.session.as_ref().map(|statements| read(PolicyKind::Session, statements));
        let session: Vec<&Document> = session.iter().collect();
        let applicable = Applicable {
            identity: &identity,
            boundary: boundary.as_ref(),
            session: &session,
            resource: Some(&read(PolicyKind::Resource, &self.resource)),
            resource_kind: PolicyKind::Resource,
            resource_account: self.account,
        };
        matches!(decide(&applicable, &asked.request()), Access::Allowed(_))
    }

    /// The same with one more statement in one of its policies.
    fn with(&self, place: Index, named: &Value, nameless: &Value) -> Self {
        let mut bundle = self.clone();
        let mut lists = vec![(&mut bundle.resource, named), (&mut bundle.identity, nameless)];
        lists.extend([&mut bundle.boundary, &mut bundle.session].into_iter().flatten().map(|list| (list, nameless)));
        let at = place.index(lists.len());
        let (list, statement) = &mut lists[at];
        list.push(statement.clone());
        bundle
    }
}

/// A verdict without the place of its statement.
fn gist(statements: &[Value], asked: &Asked) -> Option<(bool, Option<Grant>)> {
    match evaluate(&[&policy(PolicyKind::Resource, &statements.into())], &asked.request()) {
        Verdict::Allowed(decider) => Some((true, Some(decider.grant))),
        Verdict::Denied(_) => Some((false, None)),
        Verdict::Silent => None,
    }
}

/// Any JSON, of words that mean something and others.
fn json() -> impl Strategy<Value = Value> {
    let words = select(
        &[
            "Version",
            "2012-10-17",
            "Id",
            "Statement",
            "Sid",
            "Effect",
            "Allow",
            "Deny",
            "Principal",
            "NotPrincipal",
            "AWS",
            "Service",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
            "StringLike",
            "Null",
            "ForAllValues:ArnLike",
            "IpAddress",
            "DateLessThan",
            "::/0",
            "*",
            "${k",
            "${k, '}",
            ROOT,
            FUNCTION,
        ][..],
    )
    .prop_map(str::to_owned);
    let word = prop_oneof![8 => words, 1 => any::<String>()].boxed();
    let leaf = prop_oneof![
        6 => word.clone().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((word.clone(), inner), 0..7).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_deny_of_everything_wins(mut statements in statements(true), at in any::<Index>(), asked in asked()) {
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" });
        statements.insert(at.index(statements.len() + 1), deny);
        prop_assert_eq!(gist(&statements, &asked), Some((false, None)));
    }

    #[test]
    fn order_does_not_matter(
        (statements, shuffled) in
            statements(true).prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle())),
        asked in asked(),
    ) {
        prop_assert_eq!(gist(&statements, &asked), gist(&shuffled, &asked));
    }

    #[test]
    fn statements_say_the_same_in_one_policy_and_in_many(statements in statements(true), asked in asked()) {
        let policies = statements.chunks(1).map(|one| policy(PolicyKind::Resource, &one.into()));
        let policies: Vec<Document> = policies.collect();
        let policies: Vec<&Document> = policies.iter().collect();
        let together = gist(&statements, &asked);
        let apart = evaluate(&policies, &asked.request());
        prop_assert_eq!(together.map(|(allowed, _)| allowed), match apart {
            Verdict::Allowed(_) => Some(true),
            Verdict::Denied(_) => Some(false),
            Verdict::Silent => None,
        });
    }

    #[test]
    fn an_allow_more_takes_nothing_away(
        bundle in bundle(), asked in asked(), at in any::<Index>(),
        named in statement(&["Allow"], true), nameless in statement(&["Allow"], false),
    ) {
        prop_assert!(!bundle.allows(&asked) || bundle.with(at, &named, &nameless).allows(&asked));
    }

    #[test]
    fn a_deny_more_gives_nothing(
        bundle in bundle(), asked in asked(), at in any::<Index>(),
        named in statement(&["Deny"], true), nameless in statement(&["Deny"], false),
    ) {
        prop_assert!(bundle.allows(&asked) || !bundle.with(at, &named, &nameless).allows(&asked));
    }

    #[test]
    fn a_boundary_only_restricts(bundle in bundle(), asked in asked()) {
        let free = Bundle { boundary: None, ..bundle.clone() };
        prop_assert!(free.allows(&asked) || !bundle.allows(&asked));
    }

    #[test]
    fn a_wildcard_is_everything(statement in statement(&["Allow"], true), asked in asked()) {
        let mut open = statement;
        for (member, negated) in [("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")] {
            open.as_object_mut().expect("an object").remove(negated);
            open[member] = json!("*");
        }
        open.as_object_mut().expect("an object").remove("Condition");
        prop_assert_eq!(gist(&[open], &asked).map(|(allowed, _)| allowed), Some(true));
    }

    #[test]
    fn nothing_unreadable_allows(mut statement in statement(&["Allow"], true), asked in asked()) {
        statement["Condition"]["Unknown"] = json!({ "k": "a" });
        prop_assert_eq!(gist(&[statement], &asked), None);
    }

    #[test]
    fn negated_operators_say_the_contrary_of_present_values(
        value in "[ab*1.:/]{0,6}", expected in "[ab*1.:/]{0,6}",
        pair in select(&[
            ("StringEquals", "StringNotEquals"), ("StringLike", "StringNotLike"), ("ArnLike", "ArnNotLike"),
            ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"), ("NumericEquals", "NumericNotEquals"),
            ("IpAddress", "NotIpAddress"), ("DateEquals", "DateNotEquals"),
        ][..]),
    ) {
        let context = Context::default().with("k", value);
        let asked = request(Principal::Anonymous, "a:b", "*", &context);
        let said = |operator: &str, effect: &str| {
            let condition = json!({ operator: { "k": expected } });
            let statement = json!({ "Effect": effect, "Principal": "*", "Action": "*", "Condition": condition });
            says(&policy(PolicyKind::Resource, &statement), &asked)
        };
        // Of an operator and its contrary one allows, or both deny as they cannot compare.
        let allowed = [said(pair.0, "Allow"), said(pair.1, "Allow")];
        let denied = [said(pair.0, "Deny"), said(pair.1, "Deny")];
        let agree = match allowed {
            ['1', '-'] => denied == ['0', '-'],
            ['-', '1'] => denied == ['-', '0'],
            ['-', '-'] => denied == ['0', '0'],
            _ => false,
        };
        prop_assert!(agree, "{allowed:?} {denied:?}");
    }

    #[test]
    fn no_json_is_too_much(value in json(), asked in asked()) {
        for kind in [PolicyKind::Identity, PolicyKind::Resource, PolicyKind::RoleTrust] {
            for text in [value.to_string(), json!({ "Version": "2012-10-17", "Statement": value }).to_string()] {
                let document = Document::parse(&text, kind);
                let verdict = evaluate(&[&document], &asked.request());
                // Whatever the text is, it allows only by a statement of the word.
                prop_assert!(!matches!(verdict, Verdict::Allowed(_)) || text.contains(r#""Effect":"Allow""#));
            }
        }
    }

    #[test]
    fn no_text_is_too_much(text in any::<String>(), asked in asked()) {
        let document = Document::parse(&text, PolicyKind::Resource);
        let verdict = evaluate(&[&document], &asked.request());
        prop_assert!(!matches!(verdict, Verdict::Allowed(_)));
    }
}
