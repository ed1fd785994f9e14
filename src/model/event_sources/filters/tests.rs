use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

fn passes(kind: SourceKind, pattern: &Value, record: Value) -> bool {
    Filters::of(kind, &[pattern.to_string()]).expect("a pattern").pass(record)
}

/// Whether a message with this body is delivered.
fn delivered(pattern: &Value, body: &str) -> bool {
    passes(SourceKind::Sqs, &json!({ "body": pattern }), json!({ "messageId": "m", "body": body }))
}

/// Recorded on AWS, on queues (`test_sqs_event_filter`): the first body is delivered, the second is not.
#[test]
fn what_was_recorded_of_queues() {
    let item = |value: Value| json!({ "item": value });
    let cases = [
        (item(json!(["my-value"])), r#"{"item": "my-value"}"#, r#"{"item": "my-other-value"}"#),
        (item(json!(["my-value-one", "my-value-two"])), r#"{"item": "my-value-two"}"#, r#"{"item": "my-value"}"#),
        (json!({"item": ["a"], "other": ["b"]}), r#"{"item": "a", "other": "b"}"#, r#"{"item": "a", "other": "c"}"#),
        (item(json!([{"exists": true}])), r#"{"item": "x"}"#, r#"{"other": "x"}"#),
        (item(json!([{"numeric": [">", 100]}])), r#"{"item": 101}"#, r#"{"item": 100}"#),
        (item(json!([{"numeric": ["<", 100]}])), r#"{"item": 99}"#, r#"{"item": 100}"#),
        (item(json!([{"numeric": [">=", 100, "<", 200]}])), r#"{"item": 100}"#, r#"{"item": 200}"#),
        (item(json!([{"prefix": "yes"}])), r#"{"item": "yes-i-am"}"#, r#"{"item": "no-i-am"}"#),
        (item(json!(["my-value"])), r#"{"item": "my-value"}"#, "my-value"),
    ];
    for (pattern, delivers, drops) in cases {
        assert!(delivered(&pattern, delivers), "{pattern} {delivers}");
        assert!(!delivered(&pattern, drops), "{pattern} {drops}");
    }
}

/// The table of the developer guide: a text and JSON never meet.
#[test]
fn a_text_is_no_json() {
    assert!(delivered(&json!(["plain"]), "plain"));
    assert!(!delivered(&json!([{"prefix": "{"}]), r#"{"item": 1}"#));
    assert!(!delivered(&json!({"item": [{"exists": false}]}), "plain"));
    assert!(delivered(&json!(["7"]), "7"), "a number alone is a text");
    let nothing = Filters::of(SourceKind::Sqs, &[]).expect("no pattern");
    assert!(nothing.pass(json!({ "body": "anything" })));
}

/// Recorded on AWS, on streams of tables (`test_dynamodb_event_filter`): how many of two records are delivered.
#[test]
fn what_was_recorded_of_tables() {
    let image = |image: Value| json!({ "eventName": "INSERT", "dynamodb": { "NewImage": image } });
    let text = |value: &str| image(json!({ "presentKey": { "S": value }, "id": { "S": "1" } }));
    let number = |value: &str| image(json!({ "presentKey": { "N": value } }));
    let of = |pattern: Value| json!({ "dynamodb": { "NewImage": { "presentKey": pattern } } });
    let without = || image(json!({ "absentKey": { "S": "x" } }));
    let cases = [
        (of(json!({"S": ["presentValue"]})), text("presentValue"), without(), 1),
        (of(json!(["presentValue"])), text("presentValue"), without(), 0),
        (of(json!({"S": [{"exists": true}]})), text("presentValue"), without(), 1),
        (of(json!([{"exists": false}])), text("presentValue"), without(), 2),
        (of(json!({"N": [{"numeric": [">", 100]}, {"anything-but": "101"}]})), number("42"), number("101"), 1),
        (of(json!({"S": [{"prefix": "us-1"}]})), text("us-1-other-suffix"), text("other"), 1),
        (json!({"eventName": ["INSERT", "MODIFY"]}), text("a"), json!({"eventName": "MODIFY"}), 2),
        (json!({"eventName": ["INSERT"]}), text("a"), json!({"eventName": "MODIFY"}), 1),
    ];
    for (pattern, one, other, count) in cases {
        let passed = [one, other].into_iter().filter(|record| passes(SourceKind::DynamoDb, &pattern, record.clone()));
        assert_eq!(passed.count(), count, "{pattern}");
    }
    let time = json!({"dynamodb": {"ApproximateCreationDateTime": [{"numeric": [">", 0]}]}});
    assert!(passes(SourceKind::DynamoDb, &time, json!({"dynamodb": {"ApproximateCreationDateTime": 1_764_088_500.0}})));
}

/// Recorded on AWS (`test_kinesis_event_filter`): data is decoded first.
#[test]
fn what_was_recorded_of_kinesis() {
    let record = |data: &str| json!({ "kinesis": { "partitionKey": "p", "data": STANDARD.encode(data) } });
    let pattern = json!({"data": {"event_type": ["function_1"]}});
    assert!(passes(SourceKind::Kinesis, &pattern, record(r#"{"event_type": "function_1"}"#)));
    assert!(!passes(SourceKind::Kinesis, &pattern, record(r#"{"event_type": "function_2"}"#)));
    assert!(!passes(SourceKind::Kinesis, &pattern, record("function_1")));
    assert!(passes(SourceKind::Kinesis, &json!({"partitionKey": ["p"]}), record("no JSON")));
}

/// Operators as `EventBridge` documents them.
#[test]
fn each_operator_has_its_meaning() {
    let yes_and_no = [
        (json!([null]), json!(null), json!("")),
        (json!([""]), json!(""), json!(null)),
        (json!([true]), json!(true), json!("true")),
        (json!([300]), json!(300), json!(300.0)),
        (json!([{"suffix": ".png"}]), json!("a.png"), json!("a.PNG")),
        (json!([{"suffix": {"equals-ignore-case": ".png"}}]), json!("a.PNG"), json!("a.jpg")),
        (json!([{"prefix": {"equals-ignore-case": "EU-"}}]), json!("eu-west-1"), json!("us-east-1")),
        (json!([{"equals-ignore-case": "Alice"}]), json!("aLICE"), json!("alic")),
        (json!([{"anything-but": "a"}]), json!("b"), json!("a")),
        (json!([{"anything-but": [1, 2]}]), json!(3), json!(2)),
        (json!([{"anything-but": ["a", "b"]}]), json!(1), json!("b")),
        (json!([{"anything-but": {"prefix": ["a", "b"]}}]), json!("cab"), json!("bac")),
        (json!([{"anything-but": {"suffix": "z"}}]), json!("zy"), json!("yz")),
        (json!([{"anything-but": {"equals-ignore-case": ["A"]}}]), json!("b"), json!("a")),
        (json!([{"numeric": ["=", 300]}]), json!(300.0), json!(301)),
        (json!([{"numeric": [">", 0, "<=", 5]}]), json!(5), json!(0)),
        (json!([{"numeric": [">", 0]}]), json!(1), json!("1")),
        (json!(["a"]), json!(["b", "a"]), json!(["b", ["c"]])),
        (json!([{"exists": true}]), json!(null), json!([])),
        (json!([{"exists": false}]), json!({"b": 1}), json!(1)),
    ];
    for (tests, yes, no) in yes_and_no {
        let pattern = json!({ "a": tests });
        assert!(passes(SourceKind::DynamoDb, &pattern, json!({ "a": yes })), "{pattern} {yes}");
        assert!(!passes(SourceKind::DynamoDb, &pattern, json!({ "a": no })), "{pattern} {no}");
    }
    let either = json!({"k": [1], "$or": [{"a": [1]}, {"b": [{"exists": false}]}]});
    for (event, wanted) in [
        (json!({"k": 1, "a": 1, "b": 2}), true),
        (json!({"k": 1, "a": 2}), true),
        (json!({"k": 1, "a": 2, "b": 2}), false),
        (json!({"a": 1}), false),
    ] {
        assert_eq!(passes(SourceKind::DynamoDb, &either, event.clone()), wanted, "{event}");
    }
    // What is asked of one object of a list is not met by two.
    let both = json!({"l": {"a": [1], "b": [2]}});
    assert!(passes(SourceKind::DynamoDb, &both, json!({"l": [{"a": 2}, {"a": 1, "b": 2}]})));
    assert!(!passes(SourceKind::DynamoDb, &both, json!({"l": [{"a": 1}, {"b": 2}]})));
}

/// What would be slow for a matcher that looks again: many values, and depth.
#[test]
fn hostile_patterns_are_quick() {
    let many: Vec<String> = (0..1500).map(|number| format!("v{number}")).collect();
    let items: Vec<String> = (0..100_000).map(|number| format!("w{number}")).collect();
    assert!(!passes(SourceKind::DynamoDb, &json!({ "a": many }), json!({ "a": items })));

    let deep = |depth: usize| format!("{}[1]{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(is_pattern(&deep(100)) && !is_pattern(&deep(100_000)));
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()).prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ]
}

fn event() -> impl Strategy<Value = Value> {
    let any = leaf().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-e]{1,2}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-e]{1,2}", any, 1..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// Paths through objects to leaves, and the leaves.
fn leaves(event: &Value, path: &[String], found: &mut Vec<(Vec<String>, Value)>) {
    match event {
        Value::Object(members) => {
            for (name, value) in members {
                leaves(value, &[path, std::slice::from_ref(name)].concat(), found);
            }
        }
        Value::Array(_) => {}
        leaf => found.push((path.to_vec(), leaf.clone())),
    }
}

fn add(pattern: &mut Value, path: &[String], tests: Value) {
    let [name, rest @ ..] = path else {
        *pattern = tests;
        return;
    };
    let members = pattern.as_object_mut().expect("an object");
    add(members.entry(name.clone()).or_insert_with(|| Value::Object(Map::new())), rest, tests);
}

fn remove(event: &mut Value, path: &[String]) {
    let (last, parents) = path.split_last().expect("a path");
    let mut inner = event;
    for name in parents {
        inner = &mut inner[name];
    }
    inner.as_object_mut().expect("an object").remove(last);
}

/// Anything that may stand where a pattern does, operators among it.
fn like_a_pattern() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        "[a-e]{1,2}",
        prop::sample::select(vec!["$or", "prefix", "suffix", "anything-but", "numeric", "exists", "wildcard"])
            .prop_map(str::to_owned),
        Just("equals-ignore-case".to_owned()),
    ];
    let leaf = prop_oneof![leaf(), prop::sample::select(vec!["<", ">", "=", "*a*"]).prop_map(Value::from)];
    leaf.prop_recursive(5, 48, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_pattern_of_an_events_own_leaves_matches_it(event in event()) {
        let mut found = Vec::new();
        leaves(&event, &[], &mut found);
        let mut whole = json!({});
        for (path, leaf) in &found {
            add(&mut whole, path, json!([leaf]));
            let mut one = json!({});
            add(&mut one, path, json!([leaf]));
            prop_assert!(passes(SourceKind::DynamoDb, &one, event.clone()), "{one}");
            let mut without = event.clone();
            remove(&mut without, path);
            prop_assert!(!passes(SourceKind::DynamoDb, &one, without), "{one}");
        }
        prop_assert!(passes(SourceKind::DynamoDb, &whole, event), "{whole}");
    }

    #[test]
    fn nothing_makes_it_panic(pattern in like_a_pattern(), text in ".{0,64}", event in event(), body in ".{0,16}") {
        let _ = is_pattern(&text);
        for kind in [SourceKind::Sqs, SourceKind::Kinesis, SourceKind::DynamoDb] {
            if let Some(filters) = Filters::of(kind, &[pattern.to_string()]) {
                filters.pass(event.clone());
                filters.pass(json!({ "body": body, "kinesis": event.clone(), "data": body }));
            }
        }
    }
}

#[test]
fn data_of_kafka_and_of_brokers_is_what_its_base64_says() {
    let passes = |kind: SourceKind, pattern: &str, record: Value| {
        Filters::of(kind, &[pattern.to_owned()]).expect("a pattern").pass(record)
    };
    let record = |value: &str| json!({ "topic": "t", "key": STANDARD.encode("k"), "value": STANDARD.encode(value) });
    for kind in [SourceKind::Msk, SourceKind::SelfManagedKafka] {
        let passes = |pattern: &str, value: &str| passes(kind, pattern, record(value));
        assert!(passes(r#"{"value":{"n":[1]}}"#, r#"{"n":1}"#) && !passes(r#"{"value":{"n":[1]}}"#, r#"{"n":2}"#));
        assert!(passes(r#"{"value":["plain"]}"#, "plain") && !passes(r#"{"value":{"n":[1]}}"#, "plain"));
        assert!(passes(r#"{"key":["k"],"topic":["t"]}"#, "anything"));
    }
    let message = |data: &str| json!({ "redelivered": false, "data": STANDARD.encode(data) });
    assert!(passes(SourceKind::Mq, r#"{"data":{"n":[1]}}"#, message(r#"{"n":1}"#)));
    assert!(passes(SourceKind::Mq, r#"{"data":[{"prefix":"pl"}],"redelivered":[false]}"#, message("plain")));
    assert!(!passes(SourceKind::Mq, r#"{"data":[{"prefix":"pl"}]}"#, message("other")));
}
