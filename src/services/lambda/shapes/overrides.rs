//! Where requests are other than AWS's model says, and why. The tables of `scripts/aws-model` name these constants.

use serde_json::Value;

use crate::model::runtimes::{self, Lifecycle, texts};
use crate::protocol::shape::{Kind, TEXT, broken_item, pattern};

/// Any text: AWS tells an unknown runtime in words of its own (recorded in `test_update_lambda_exceptions`).
pub const RUNTIME: Kind = TEXT;

/// AWS shows other constraints than the model's for the whole list (recorded in `test_layer_function_exceptions`).
pub const LAYERS: Kind = Kind::Judged {
    kind: &Kind::List { length: None, item: &TEXT },
    judge: |arns| broken_item(&LAYER_VERSION_ARN, arns, "layers"),
};

/// AWS shows it without the model's outer parentheses (recorded in `test_layer_exceptions`).
pub const LAYER_VERSION_ARN: Kind = pattern(
    1,
    2048,
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)",
);

/// AWS allows the runtimes that it supports, not all of the model (recorded in `test_layer_exceptions`).
pub const LISTED_RUNTIME: Kind = Kind::Judged { kind: &TEXT, judge: judge_runtime };

/// Those that AWS ever had, told in AWS's words.
pub const COMPATIBLE_RUNTIMES: Kind =
    Kind::Judged { kind: &Kind::List { length: Some((0, 15)), item: &TEXT }, judge: judge_runtimes };

/// As AWS shows it (recorded in `test_tag_exceptions`); the model's is of another day.
pub const TAGGABLE_RESOURCE: Kind = pattern(
    1,
    10_000,
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)",
);

/// Items of which AWS says, beside the model's constraints, that they must not be null.
pub const HEADERS: Kind = Kind::List { length: Some((0, 100)), item: &Kind::NotNull(&pattern(0, 1024, ".*")) };

/// As [`HEADERS`].
pub const METHODS: Kind = Kind::List { length: Some((0, 6)), item: &Kind::NotNull(&pattern(0, 6, ".*")) };

/// As [`HEADERS`].
pub const ORIGINS: Kind = Kind::List { length: Some((0, 100)), item: &Kind::NotNull(&pattern(1, 253, ".*")) };

fn judge_runtime(value: &Value) -> Option<String> {
    let name = value.as_str()?;
    (!texts::KNOWN.contains(&name) && runtimes::find(name).is_none()).then(|| texts::unknown_compatible_runtime(name))
}

/// Layers are published for every runtime that AWS ever had, also for those that functions can no longer be created
/// with (`LocalStack`'s recordings of AWS, 2026-01); AWS's error names the present ones only.
fn judge_runtimes(value: &Value) -> Option<String> {
    let names: Vec<&str> = value.as_array()?.iter().filter_map(Value::as_str).collect();
    let is_known = |name: &&str| runtimes::find(name).is_some_and(|runtime| runtime.lifecycle != Lifecycle::Internal);
    (!names.iter().all(is_known)).then(|| texts::unknown_compatible_runtimes(&names))
}
