//! The ways to find an event source mapping, and what keeps them in step.

use std::ops::Bound;
use std::sync::Arc;

use crate::model::event_sources::index::MappingIndex;
use crate::model::event_sources::{EventSourceMapping, MappingId, MappingKey, Target};
use crate::model::names::Scope;
use crate::model::state::State;

impl State {
    /// The mapping at `key`.
    pub fn event_source_mapping(&self, key: &MappingKey) -> Option<&EventSourceMapping> {
        self.event_source_mappings.get(key).map(|mapping| &**mapping)
    }

    /// The mappings of `scope` after `after`, in the order of their ids.
    pub fn mappings_after(
        &self,
        scope: &Scope,
        after: Option<MappingId>,
    ) -> impl Iterator<Item = &EventSourceMapping> + use<'_> {
        let first = |id| MappingKey { scope: scope.clone(), id };
        let start = match after {
            Some(id) => Bound::Excluded(first(id)),
            None => Bound::Included(first(MappingId(uuid::Uuid::nil()))),
        };
        let scope = scope.clone();
        self.event_source_mappings
            .range((start, Bound::Unbounded))
            .take_while(move |(key, _)| key.scope == scope)
            .map(|(_, mapping)| &**mapping)
    }

    /// The mappings that stand in `index`, after `after`, in the order of their ids.
    pub fn mappings_indexed(
        &self,
        scope: &Scope,
        index: &MappingIndex,
        after: Option<MappingId>,
    ) -> impl Iterator<Item = &EventSourceMapping> + use<'_> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.mapping_index.get(index).map(|ids| ids.range((start, Bound::Unbounded)));
        let scope = scope.clone();
        ids.into_iter()
            .flatten()
            .filter_map(move |id| self.event_source_mapping(&MappingKey { scope: scope.clone(), id: *id }))
    }

    /// The mappings that join a source and a function.
    pub fn mappings_joining(
        &self,
        scope: &Scope,
        source: &str,
        target: &Target,
    ) -> impl Iterator<Item = &EventSourceMapping> + use<'_> {
        let pair = MappingIndex::Pair(scope.clone(), source.to_owned(), target.arn());
        self.mappings_indexed(scope, &pair, None)
    }

    /// Changes the mapping at `key`, if it is there.
    pub(in crate::model) fn change_mapping(&mut self, key: &MappingKey, change: impl FnOnce(&mut EventSourceMapping)) {
        let Some(mut mapping) = self.event_source_mapping(key).cloned() else { return };
        change(&mut mapping);
        self.replace_mapping(key, Some(mapping));
    }

    /// Puts a mapping in the place of the one at `key` and keeps what is derived in step.
    pub(in crate::model) fn replace_mapping(&mut self, key: &MappingKey, after: Option<EventSourceMapping>) {
        if let Some(before) = self.event_source_mappings.remove(key) {
            self.unsettled_mappings.remove(key);
            for index in MappingIndex::all(&before) {
                self.unindex(&index, key.id);
            }
        }

        let Some(mapping) = after else { return };
        if mapping.state.is_transition() {
            self.unsettled_mappings.insert(key.clone(), mapping.revision);
        }
        for index in MappingIndex::all(&mapping) {
            self.mapping_index.entry(index).or_default().insert(key.id);
        }
        self.event_source_mappings.insert(key.clone(), Arc::new(mapping));
    }

    fn unindex(&mut self, index: &MappingIndex, id: MappingId) {
        let Some(ids) = self.mapping_index.get_mut(index) else { return };
        ids.remove(&id);
        if ids.is_empty() {
            self.mapping_index.remove(index);
        }
    }

    /// Makes anew what is derived from mappings.
    pub(in crate::model) fn rederive_mappings(&mut self) {
        self.unsettled_mappings = imbl::OrdMap::new();
        self.mapping_index = imbl::OrdMap::new();
        for (key, mapping) in std::mem::take(&mut self.event_source_mappings) {
            self.replace_mapping(&key, Some(Arc::unwrap_or_clone(mapping)));
        }
    }
}
