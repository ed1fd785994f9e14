//! What event source mappings are found by.

use imbl::{OrdMap, OrdSet};

use super::{EventSourceMapping, MappingId, MappingKey};
use crate::model::names::{RevisionId, Scope};

/// What mappings are found by, each in one scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MappingIndex {
    /// The function's ARN as it was named.
    Function(Scope, String),
    /// The event source.
    Source(Scope, String),
    /// Both: source, function.
    Pair(Scope, String, String),
}

impl MappingIndex {
    /// The index for a listing by what is given; `None`: everything in the scope.
    pub fn of(scope: &Scope, source: Option<&str>, function: Option<&str>) -> Option<Self> {
        let scope = scope.clone();
        match (source.map(str::to_owned), function.map(str::to_owned)) {
            (None, None) => None,
            (None, Some(function)) => Some(Self::Function(scope, function)),
            (Some(source), None) => Some(Self::Source(scope, source)),
            (Some(source), Some(function)) => Some(Self::Pair(scope, source, function)),
        }
    }

    /// Every index that a mapping stands in.
    pub fn all(mapping: &EventSourceMapping) -> impl Iterator<Item = Self> + use<'_> {
        let scope = &mapping.key.scope;
        let function = mapping.target.arn();
        let by_function = Self::Function(scope.clone(), function.clone());
        let by_source = mapping.sources().iter().flat_map(move |source| {
            let pair = Self::Pair(scope.clone(), source.clone(), function.clone());
            [Self::Source(scope.clone(), source.clone()), pair]
        });
        std::iter::once(by_function).chain(by_source)
    }
}

/// Transitions that wait to be settled.
pub type UnsettledMappings = OrdMap<MappingKey, RevisionId>;

/// Ids of mappings by what they are found by.
pub type MappingIndices = imbl::OrdMap<MappingIndex, OrdSet<MappingId>>;
