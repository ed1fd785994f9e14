//! What AWS says about runtimes, word for word from its recorded answers.

/// What AWS answers to a runtime that it no longer lets one create or update functions with
/// (`InvalidParameterValueException`).
///
/// Recorded in the cases `TestRuntimeValidation_test_create_deprecated_function_runtime_…`.
pub fn no_longer_supported(name: &str) -> String {
    format!(
        "The runtime parameter of {name} is no longer supported for creating or updating AWS \
         Lambda functions. We recommend you use a supported runtime while creating or updating \
         functions."
    )
}

/// What AWS answers to an unknown `Runtime` of a function (`InvalidParameterValueException`).
///
/// Recorded in the case `TestLambdaFunction_test_update_lambda_exceptions`.
pub fn unknown_runtime(name: &str) -> String {
    format!(
        "Value {name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value \
         set: {} or be a valid ARN",
        printed(ACCEPTED)
    )
}

/// One item of AWS's validation error on unknown `CompatibleRuntimes` of a layer; all values are
/// quoted, the known ones too.
///
/// Recorded in the case `TestLambdaLayer_test_layer_exceptions`, `PublishLayerVersion`.
pub fn unknown_compatible_runtimes(names: &[&str]) -> String {
    format!(
        "Value '{}' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy \
         enum value set: {}",
        printed(names),
        printed(ACCEPTED)
    )
}

/// One item of AWS's validation error on an unknown `CompatibleRuntime` to list layers by.
///
/// Recorded in the case `TestLambdaLayer_test_layer_exceptions`, `ListLayers`.
pub fn unknown_compatible_runtime(name: &str) -> String {
    format!(
        "Value '{name}' at 'compatibleRuntime' failed to satisfy constraint: Member must satisfy \
         enum value set: {}",
        printed(KNOWN)
    )
}

/// `[a, b]`, as Java prints a list.
fn printed(names: &[&str]) -> String {
    format!("[{}]", names.join(", "))
}

/// The names that AWS prints where it refuses a function's runtime or a layer's compatible ones,
/// in its order.
///
/// Recorded in 2025-11 in the cases `TestLambdaFunction_test_update_lambda_exceptions` and
/// `TestLambdaLayer_test_layer_exceptions`: what came later is in [`super::RUNTIMES`] only.
#[rustfmt::skip]
pub const ACCEPTED: &[&str] = &[
    "nodejs20.x", "python3.14", "provided.al2023", "python3.12", "python3.13", "nodejs24.x",
    "nodejs22.x", "java25", "python3.10", "python3.11", "java21", "ruby3.3", "ruby3.4", "ruby3.2",
    "python3.8", "python3.9", "java17", "nodejs16.x", "dotnet10", "dotnet8", "java11", "dotnet6",
    "nodejs18.x", "provided.al2", "java8.al2",
];

/// The names that AWS prints where it refuses a runtime to list layers by, in its order: all that
/// its model knew.
///
/// Recorded in the case `TestLambdaLayer_test_layer_exceptions`, `ListLayers`.
#[rustfmt::skip]
pub const KNOWN: &[&str] = &[
    "ruby3.5", "ruby2.6", "dotnetcore1.0", "python3.7", "nodejs8.10", "nasa", "ruby2.7",
    "python2.7-greengrass", "dotnetcore2.0", "python3.8", "java21", "dotnet6", "dotnetcore2.1",
    "python3.9", "java11", "nodejs6.10", "provided", "dotnetcore3.1", "dotnet8", "java25",
    "java17", "nodejs", "nodejs4.3", "java8.al2", "go1.x", "dotnet10", "nodejs20.x", "go1.9",
    "byol", "nodejs10.x", "provided.al2023", "nodejs22.x", "python3.10", "java8", "nodejs12.x",
    "python3.11", "nodejs24.x", "nodejs8.x", "python3.12", "nodejs14.x", "nodejs8.9",
    "nodejs26.x", "python3.13", "python3.14", "nodejs16.x", "python3.15", "provided.al2",
    "nodejs4.3-edge", "nodejs18.x", "ruby3.2", "python3.4", "ruby3.3", "ruby3.4", "ruby2.5",
    "python3.6", "python2.7",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::runtimes::{Status, find};

    /// A day after every recording.
    const TODAY: &str = "2026-11-23";

    #[test]
    fn every_name_that_aws_prints_is_in_the_table() {
        for name in ACCEPTED.iter().chain(KNOWN) {
            assert!(find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_aws_accepts_can_be_created_and_has_an_image() {
        for name in ACCEPTED {
            let runtime = find(name).expect("in the table");
            let status = runtime.status(TODAY);
            assert!(matches!(status, Status::Current | Status::Deprecated), "{name}: {status:?}");
            assert!(runtime.image.is_some(), "{name}");
        }
    }

    #[test]
    fn texts_are_those_recorded() {
        assert!(unknown_runtime("PYTHON3.9").starts_with(
            "Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum \
             value set: [nodejs20.x, python3.14, provided.al2023,"
        ));

        assert!(unknown_runtime("x").ends_with("provided.al2, java8.al2] or be a valid ARN"));
        assert!(unknown_compatible_runtimes(&["a", "nodejs20.x"]).starts_with(
            "Value '[a, nodejs20.x]' at 'compatibleRuntimes' failed to satisfy constraint: Member \
             must satisfy enum value set: [nodejs20.x,"
        ));

        let one = unknown_compatible_runtime("runtimedoesnotexist");
        assert!(one.starts_with("Value 'runtimedoesnotexist' at 'compatibleRuntime' failed"));
        assert!(one.ends_with("[ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, python2.7-greengrass, dotnetcore2.0, python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, provided, dotnetcore3.1, dotnet8, java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, dotnet10, nodejs20.x, go1.9, byol, nodejs10.x, provided.al2023, nodejs22.x, python3.10, java8, nodejs12.x, python3.11, nodejs24.x, nodejs8.x, python3.12, nodejs14.x, nodejs8.9, nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, provided.al2, nodejs4.3-edge, nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7]"));
    }
}
