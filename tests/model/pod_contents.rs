//! What travels in pods, over random states.

use std::collections::BTreeSet;

use larder::ledger::portable;
use larder::model::limits::Limits;
use larder::model::resource::{Resource, ResourceKind};
use larder::model::resource_pattern::ResourcePattern;
use larder::pods::mapping::{Mapping, map};
use larder::pods::redaction::{Rule, redact};
use larder::pods::selection::select;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::commands::{mappings, steps};
use crate::properties::run;

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn resources_are_mapped_selected_and_redacted(steps in steps()) {
        let (state, _) = run(&steps, &Limits::default());
        let mut resources: Vec<Resource> = state.resources().collect();
        let to = Mapping { account: Some("999999999999".into()), ..Mapping::default() };
        if let Ok(mapped) = map(&resources, &to) {
            prop_assert!(mapped.iter().all(|resource| resource.key().account().as_str() == "999999999999"));
        }
        let to = Mapping { region: Some("ap-south-2".into()), ..Mapping::default() };
        if let Ok(mapped) = map(&resources, &to) {
            prop_assert!(mapped.iter().all(|it| it.key().region().is_none_or(|region| region.as_str() == "ap-south-2")));
        }
        for resource in &resources {
            let pattern = ResourcePattern::parse(&resource.key().arn()).expect("an ARN is one");
            let selection = select(&state, &[pattern]).expect("it is there");
            prop_assert!(selection.resources.contains(resource));
        }
        let rules = [Rule::parse("env:*").expect("is a rule")];
        redact(&mut resources, &rules);
        prop_assert!(redact(&mut resources, &rules).variables.is_empty());
    }
}

fn moved(account: Option<&str>, region: Option<&str>, renames: &[(&str, &str)]) -> Mapping {
    Mapping {
        account: account.map(Into::into),
        region: region.map(Into::into),
        renames: renames.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect(),
    }
}

/// All texts but the user's own.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => {
            for (_, value) in members.iter().filter(|(name, _)| !["environment", "tags"].contains(&name.as_str())) {
                texts(value, found);
            }
        }
        _ => {}
    }
}

/// Whether a text names the old account, region or function. The pinned runtimes are AWS's.
fn is_old(text: &str) -> bool {
    let function = text.contains(":function:a:") || text.ends_with(":function:a");
    let account = text == "000000000000" || [":000000000000:", "\"000000000000\""].iter().any(|it| text.contains(it));
    (account || text.contains("us-east-1") || function) && !text.contains("::runtime:")
}

/// Over resources of every kind: nothing of the old place is left, and the way back leads to what there was.
#[test]
fn every_kind_moves_whole_and_comes_back() {
    let mut runner = TestRunner::deterministic();
    let strategy = prop_oneof![4 => steps(), 1 => mappings()];
    let mut kinds = BTreeSet::new();
    for _ in 0..200 {
        let steps = strategy.new_tree(&mut runner).expect("a value").current();
        let (state, _) = run(&steps, &Limits::default());
        let is_here = |it: &Resource| {
            let (key, here) = (it.key(), "us-east-1");
            key.account().as_str() == "000000000000" && key.region().is_none_or(|region| region.as_str() == here)
        };
        let resources: Vec<Resource> = state.resources().filter(is_here).collect();
        let has_function =
            resources.iter().any(|it| it.key().kind() == ResourceKind::Function && it.key().name() == "a");
        let (there, back): (&[_], &[_]) = if has_function { (&[("a", "z")], &[("z", "a")]) } else { (&[], &[]) };
        let away = map(&resources, &moved(Some("999999999999"), Some("ap-south-2"), there)).expect("there is room");
        for resource in &away {
            let (key, mut found) = (resource.key(), Vec::new());
            texts(&portable::to_json(resource).expect("is JSON"), &mut found);
            let left = found.iter().find(|text| is_old(text));
            assert_eq!(left, None, "in {}", key.arn());
            assert!(key.region().is_none_or(|region| region.as_str() == "ap-south-2"), "{}", key.arn());
            kinds.insert(key.kind().name());
        }
        let home = map(&away, &moved(Some("000000000000"), Some("us-east-1"), back)).expect("there is room");
        assert!(home == resources, "the way back leads elsewhere");
    }
    assert_eq!(kinds, ResourceKind::ALL.iter().map(|kind| kind.name()).collect::<BTreeSet<_>>());
}

/// What a user may write into a policy, a role or an alias, which is no place although it may look like one.
#[test]
fn texts_that_hold_places_are_rewritten_and_others_are_not() {
    let document = |account: &str, region: &str, name: &str| {
        json!({ "Statement": [{
            "Resource": [
                format!("arn:aws:lambda:{region}:{account}:function:{name}:live"),
                format!("arn:aws:lambda:{region}:{account}:function:{name}-other"),
                format!("arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{name}:*"),
                format!("arn:aws:apigateway:us-east-1:lambda:path/x/functions/arn:aws:lambda:{region}:{account}:function:{name}/invocations"),
                "arn:aws:lambda:us-east-1:123456789012:function:orders",
            ],
            "Condition": { "StringEquals": { "aws:SourceAccount": account } },
        }] })
        .to_string()
    };
    let role = |account: &str, inline: Value| {
        portable::from_json(json!({ "role": {
            "at": { "account": account, "name": "r" },
            "is": {
                "key": { "account": account, "name": "r" }, "name": "r", "path": "/", "id": "AROA", "created": 0,
                "description": "for orders, us-east-1", "trust_policy": "{}", "max_session_duration_s": 3600,
                "boundary": null, "tags": {}, "inline": inline, "attached": [],
            },
        } }))
        .expect("is a role")
    };
    let before = role(
        "000000000000",
        json!({
            "account": document("000000000000", "us-east-1", "orders"), "region": "us-east-1", "tags": "000000000000",
        }),
    );
    let expected = role(
        "999999999999",
        json!({
            "account": document("999999999999", "ap-south-2", "orders"), "region": "us-east-1", "tags": "000000000000",
        }),
    );
    let found = map(&[before], &moved(Some("999999999999"), Some("ap-south-2"), &[])).expect("is mapped");
    assert_eq!(found, [expected]);
}
