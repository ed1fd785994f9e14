//! Tags, and the resources that have them.

pub mod command;
pub mod decide;
pub mod event;

use std::collections::BTreeMap;

use super::arn::{self, Arn, partition};
use super::capacity_providers::CapacityProviderKey;
use super::code_signing::CodeSigningKey;
use super::error::{ApiError, ErrorCode};
use super::event_sources::{MappingId, MappingKey};
use super::names::{FunctionKey, Scope};
use super::state::State;

/// Tags of one resource.
pub type Tags = BTreeMap<String, String>;

/// Tags a resource may have.
const MAX_TAGS: usize = 50;

/// A resource that can be tagged, by its ARN. A new kind is an arm in [`TaggedResource::parse`],
/// [`TaggedResource::arn`], [`TaggedResource::tags`], and in `state::tags`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaggedResource {
    /// A function as a whole.
    Function(FunctionKey),
    /// A code-signing configuration.
    CodeSigningConfig(CodeSigningKey),
    /// An event source mapping, by its UUID.
    EventSourceMapping(Scope, String),
    /// A capacity provider, by its name.
    CapacityProvider(Scope, String),
}

impl TaggedResource {
    /// Reads an ARN that has passed the pattern of the model, whole.
    ///
    /// # Errors
    /// A version or an alias (`test_tag_versions`), or a kind that has no tags.
    pub fn parse(arn: &str) -> Result<Self, ApiError> {
        let unsupported = || ApiError::invalid_parameter("Unsupported resource type for tagging");
        let arn = Arn::parse(arn).ok_or_else(unsupported)?;
        let scope = arn.scope();
        let (kind, name) = arn.resource.split_once(':').unwrap_or_default();
        match kind {
            "function" if name.contains(':') => Err(ApiError::invalid_parameter(
                "Tags on function aliases and versions are not supported. Please specify a function ARN.",
            )),
            "function" => Ok(Self::Function(FunctionKey { scope, name: name.into() })),
            "code-signing-config" => Ok(Self::CodeSigningConfig(CodeSigningKey { scope, id: name.into() })),
            "event-source-mapping" => Ok(Self::EventSourceMapping(scope, name.to_owned())),
            "capacity-provider" => Ok(Self::CapacityProvider(scope, name.to_owned())),
            // The recorded pattern lets layers pass, which have no tags.
            _ => Err(unsupported()),
        }
    }

    /// The ARN.
    pub fn arn(&self) -> String {
        match self {
            Self::Function(key) => arn::function(key),
            Self::CodeSigningConfig(key) => key.arn(),
            Self::EventSourceMapping(scope, uuid) => of_kind(scope, "event-source-mapping", uuid),
            Self::CapacityProvider(scope, name) => of_kind(scope, "capacity-provider", name),
        }
    }

    /// Account and region.
    pub fn scope(&self) -> &Scope {
        match self {
            Self::Function(key) => &key.scope,
            Self::CodeSigningConfig(key) => &key.scope,
            Self::EventSourceMapping(scope, _) | Self::CapacityProvider(scope, _) => scope,
        }
    }

    /// Its name inside the account and region.
    pub fn name(&self) -> &str {
        match self {
            Self::Function(key) => key.name.as_str(),
            Self::CodeSigningConfig(key) => key.id.as_str(),
            Self::EventSourceMapping(_, name) | Self::CapacityProvider(_, name) => name,
        }
    }

    /// Its tags; `None` if it is not there.
    pub fn tags<'a>(&self, state: &'a State) -> Option<&'a Tags> {
        match self {
            Self::Function(key) => state.function(key).map(|function| &function.tags),
            Self::CodeSigningConfig(key) => state.code_signing_configs.get(key).map(|config| &config.tags),
            Self::EventSourceMapping(scope, uuid) => {
                let mapping = mapping_key(scope, uuid).and_then(|key| state.event_source_mapping(&key));
                mapping.map(|mapping| &mapping.tags)
            }
            Self::CapacityProvider(scope, name) => {
                state.capacity_provider(&provider_key(scope, name)).map(|provider| &provider.tags)
            }
        }
    }

    /// The error when it is not there. Of functions and capacity providers recorded in
    /// `test_tag_exceptions`, of code-signing configurations in `test_code_signing_not_found_excs` (for
    /// other operations).
    pub fn not_found(&self) -> ApiError {
        let arn = self.arn();
        let not_found = |message: String| ApiError::new(ErrorCode::ResourceNotFound, message);
        match self {
            Self::Function(_) => ApiError::function_not_found(&arn),
            Self::CodeSigningConfig(_) => super::code_signing::code_signing_config_not_found(&arn),
            Self::EventSourceMapping(..) => not_found(format!("Event source mapping not found: {arn}")),
            Self::CapacityProvider(..) => not_found(format!("Capacity provider not found: {arn}")),
        }
    }
}

/// The mapping of an id; `None` for what is no id.
pub fn mapping_key(scope: &Scope, uuid: &str) -> Option<MappingKey> {
    MappingId::parse(uuid).map(|id| MappingKey { scope: scope.clone(), id })
}

/// The capacity provider of a name.
pub fn provider_key(scope: &Scope, name: &str) -> CapacityProviderKey {
    CapacityProviderKey { scope: scope.clone(), name: name.into() }
}

fn of_kind(scope: &Scope, kind: &str, name: &str) -> String {
    let Scope { account, region } = scope;
    format!("arn:{}:lambda:{region}:{account}:{kind}:{name}", partition(region))
}

/// Checks tags that a caller gives and all that the resource has then.
///
/// # Errors
/// Too many (`test_tag_limits`), or a name that is AWS's own.
pub fn check<'a>(given: impl IntoIterator<Item = &'a String>, count: usize) -> Result<(), ApiError> {
    // The rule is documented, the sentence is the one of other services:
    // <https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html>.
    if given.into_iter().any(|name| name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))) {
        return Err(ApiError::invalid_parameter("aws: prefixed tag key names are not allowed for external use."));
    }
    if count > MAX_TAGS {
        return Err(ApiError::invalid_parameter("Number of tags exceeds resource tag limit."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_reads_back() {
        for end in ["function:f", "code-signing-config:csc-0", "event-source-mapping:u", "capacity-provider:p"] {
            let arn = format!("arn:aws:lambda:us-east-1:000000000000:{end}");
            assert_eq!(TaggedResource::parse(&arn).map(|resource| resource.arn()).as_ref(), Ok(&arn));
        }
    }

    #[test]
    fn qualified_functions_and_layers_have_no_tags() {
        for end in ["function:f:1", "function:f:$LATEST", "layer:l"] {
            assert!(TaggedResource::parse(&format!("arn:aws:lambda:us-east-1:000000000000:{end}")).is_err(), "{end}");
        }
    }
}
