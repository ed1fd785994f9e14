//! Which permissions Lambda's operations take.
//!
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>.

use serde_json::Value;

use crate::model::arn::{self, Arn};
use crate::model::event_sources::{MappingId, MappingKey};
use crate::model::names::{LayerKey, Scope};
use crate::model::policies::evaluation::document::Document;
use crate::model::policies::{Policy, Target as PolicyTarget};
use crate::model::reference::FunctionReference;
use crate::model::state::State;
use crate::protocol::call::Call;
use crate::services::access::Need;
use crate::services::access::need::tags;

/// What a call takes. A call that cannot be read takes what it would take for anything; it is refused later.
pub fn of_call(state: &State, call: &Call) -> Vec<Need> {
    let action = format!("lambda:{}", action(call.operation));
    let need = need(state, call, &action);
    let untagged = call.texts("TagKeys").unwrap_or_default();
    let need = need.with_tags(tags(call.input.get("Tags"))).with_many("aws:TagKeys", untagged);

    let mut needs = vec![need];
    needs.extend(role(call).map(pass_role));
    let layers = call.texts("Layers").unwrap_or_default();
    needs.extend(layers.into_iter().filter(|layer| is_own(layer, call)).map(|layer| layer_version(state, layer)));
    needs
}

/// The action of an operation: its name, with these exceptions.
fn action(operation: &'static str) -> &'static str {
    match operation {
        "Invoke" | "InvokeWithResponseStream" => "InvokeFunction",
        "GetLayerVersionByArn" => "GetLayerVersion",
        other => other,
    }
}

/// The permission for what a call names.
fn need(state: &State, call: &Call, action: &str) -> Need {
    let named = |member: &str| call.text(member).map(|arn| Need::new(action, arn));
    match call.operation {
        "CreateEventSourceMapping" => {
            let function = call.function().map(|reference| reference.arn()).ok();
            Need::new(action, "*").with("lambda:FunctionArn", function.as_deref())
        }
        "GetEventSourceMapping" | "UpdateEventSourceMapping" | "DeleteEventSourceMapping" => {
            mapping(state, call, action)
        }
        // They name a function to find others.
        "ListEventSourceMappings" | "ListLayerVersions" => Need::new(action, "*"),
        "PublishLayerVersion" => {
            let key = LayerKey { scope: call.scope.clone(), name: call.text_or_empty("LayerName").into() };
            Need::new(action, arn::layer(&key))
        }
        "GetLayerVersionByArn" => layer_version(state, call.text_or_empty("Arn")),
        "PutResourcePolicy" | "GetResourcePolicy" | "DeleteResourcePolicy" => {
            let reference = FunctionReference::resolve(&call.scope, call.text_or_empty("ResourceArn"), None);
            reference.map_or_else(|_| Need::new(action, "*"), |reference| function(state, call, action, &reference))
        }
        "ListTags" | "TagResource" | "UntagResource" => tagged(state, call, action),
        _ if call.text("LayerName").is_some() => layer_version(state, &layer_of(call)).for_action(action),
        _ if call.text("FunctionName").is_some() => match call.function() {
            Ok(reference) => function(state, call, action, &reference),
            Err(_) => Need::new(action, "*"),
        },
        _ => named("CodeSigningConfigArn")
            .or_else(|| named("DurableExecutionArn"))
            .or_else(|| Some(Need::new(action, capacity_provider(call)?)))
            .unwrap_or_else(|| Need::new(action, "*")),
    }
}

/// The permission for a function, its version or alias, whose own policy counts.
fn function(state: &State, call: &Call, action: &str, reference: &FunctionReference) -> Need {
    let known = state.function(&reference.key);
    let target = PolicyTarget::of(reference.qualifier.as_ref());
    let policy = known.and_then(|function| function.policies.get(&target));
    let vpc = |member: &str| {
        let ids = call.input.get("VpcConfig").and_then(|config| config[member].as_array());
        ids.into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let auth_type = call.text("FunctionUrlAuthType").or_else(|| call.text("AuthType"));

    Need::new(action, reference.arn())
        .with_policy(policy.map(|policy| named(policy, &reference.arn())))
        .on_tagged(known.iter().flat_map(|function| &function.tags))
        .with("lambda:Principal", call.text("Principal"))
        .with("lambda:FunctionUrlAuthType", auth_type)
        .with("lambda:CodeSigningConfigArn", call.text("CodeSigningConfigArn"))
        .with_many("lambda:Layer", call.texts("Layers").unwrap_or_default())
        .with_many("lambda:SubnetIds", vpc("SubnetIds"))
        .with_many("lambda:SecurityGroupIds", vpc("SecurityGroupIds"))
}

fn named(policy: &Policy, arn: &str) -> Document {
    Document::from(policy).named(format!("of {arn}"))
}

fn mapping(state: &State, call: &Call, action: &str) -> Need {
    let Some(id) = call.text("UUID").and_then(MappingId::parse) else { return Need::new(action, "*") };
    let key = MappingKey { scope: call.scope.clone(), id };
    let mapping = state.event_source_mappings.get(&key);
    let function = mapping.map(|mapping| mapping.target.arn());

    Need::new(action, key.arn())
        .with("lambda:FunctionArn", function.as_deref())
        .on_tagged(mapping.iter().flat_map(|mapping| &mapping.tags))
}

/// The permission for what is tagged.
fn tagged(state: &State, call: &Call, action: &str) -> Need {
    let resource = call.text_or_empty("Resource");
    let is_function = Arn::parse(resource).is_some_and(|arn| arn.named("function").is_some());
    match FunctionReference::resolve(&call.scope, resource, None) {
        Ok(reference) if is_function => function(state, call, action, &reference),
        _ => Need::new(action, resource),
    }
}

/// The version of a layer that a call names by the layer's name or ARN, and a number.
fn layer_of(call: &Call) -> String {
    let name = call.text_or_empty("LayerName");
    let number = call.number("VersionNumber").unwrap_or_default();
    if Arn::parse(name).is_some() {
        return format!("{name}:{number}");
    }
    arn::layer_version(&LayerKey { scope: call.scope.clone(), name: name.into() }, number)
}

/// The permission to use a version of a layer, whose own policy counts.
fn layer_version(state: &State, version: &str) -> Need {
    let parsed = Arn::parse(version).and_then(|arn| Some((arn.scope(), arn.named("layer")?.rsplit_once(':')?)));
    let found = parsed.and_then(|(scope, (name, number))| {
        state.layer_version(&LayerKey { scope, name: name.into() }, number.parse().ok()?)
    });
    let policy = found.and_then(|version| version.policy.as_deref());
    Need::new("lambda:GetLayerVersion", version).with_policy(policy.map(|policy| named(policy, version)))
}

/// Whether a layer is of the caller's account: the model judges those of others, in words of its own.
fn is_own(layer: &str, call: &Call) -> bool {
    Arn::parse(layer).is_some_and(|arn| arn.account == call.scope.account.as_str())
}

/// The role that a function is to run with.
fn role(call: &Call) -> Option<&str> {
    let has_role = matches!(call.operation, "CreateFunction" | "UpdateFunctionConfiguration");
    call.text("Role").filter(|_| has_role)
}

/// The permission to hand a role to Lambda.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html>.
fn pass_role(role: &str) -> Need {
    Need::new("iam:PassRole", role).with("iam:PassedToService", Some("lambda.amazonaws.com"))
}

fn capacity_provider(call: &Call) -> Option<String> {
    let Scope { account, region } = &call.scope;
    let name = call.text("CapacityProviderName")?;
    if Arn::parse(name).is_some() {
        return Some(name.to_owned());
    }
    Some(format!("arn:{}:lambda:{region}:{account}:capacity-provider:{name}", arn::partition(region)))
}
