//! Event source mappings as people look at them: what each reads, how far, and how that went last.

use std::sync::Arc;

use serde::Serialize;

use crate::model::arn;
use crate::model::event_sources::index::MappingIndex;
use crate::model::event_sources::{EventSourceMapping, MappingKey};
use crate::model::names::FunctionKey;
use crate::model::state::State;
use crate::reactors::sources::Results;
use crate::runs::cursors::{Cursor, Position};
use crate::runs::state::Runs;
use crate::upstream::Upstream;

/// Mappings of a list at most.
const MOST: usize = 500;

/// What is known of mappings.
#[derive(Debug)]
pub struct KnownMappings {
    /// What is configured.
    pub state: Arc<State>,
    /// How far they have read.
    pub runs: Arc<Runs>,
    /// Where sources are.
    pub upstream: Arc<Upstream>,
    /// How reading went.
    pub results: Arc<Results>,
}

/// An event source mapping.
#[derive(Debug, Serialize)]
pub struct MappingLine {
    /// Its id.
    pub uuid: String,
    /// What is read: an ARN, or the topics of a cluster that has none.
    pub source: String,
    /// ARN of the function, version or alias that gets it.
    pub function: String,
    /// Its state.
    pub state: &'static str,
    /// How the last reading went; queues have none where it went well.
    pub last_result: Option<String>,
    /// How far its shards or partitions are read; queues have none.
    pub places: Vec<PlaceLine>,
}

/// How far a shard or a partition is read.
#[derive(Debug, Serialize)]
pub struct PlaceLine {
    /// Which.
    pub shard: String,
    /// How far.
    pub position: String,
}

/// A list of mappings.
#[derive(Debug, Serialize)]
pub struct MappingList {
    /// They.
    pub mappings: Vec<MappingLine>,
    /// How many more there are.
    pub more: usize,
}

impl KnownMappings {
    /// All mappings, as many as a list shows.
    pub fn all(&self) -> MappingList {
        let all = &self.state.event_source_mappings;
        let mappings = all.values().take(MOST).map(|mapping| self.line(mapping)).collect();
        MappingList { mappings, more: all.len().saturating_sub(MOST) }
    }

    /// Those to a function, its versions and aliases.
    pub fn of_function(&self, key: &FunctionKey) -> Vec<MappingLine> {
        let function = self.state.functions.get(key).into_iter();
        let qualifiers = function.flat_map(|function| {
            let versions = function.versions.keys().map(ToString::to_string);
            versions.chain(function.aliases.keys().map(ToString::to_string))
        });
        let unqualified = arn::function(key);
        let named = qualifiers.map(|qualifier| format!("{unqualified}:{qualifier}"));
        let named = std::iter::once(unqualified.clone()).chain(named);
        let index = |arn| MappingIndex::Function(key.scope.clone(), arn);
        let found = named.flat_map(|arn| self.state.mappings_indexed(&key.scope, &index(arn), None));
        found.map(|mapping| self.line(mapping)).collect()
    }

    fn line(&self, mapping: &EventSourceMapping) -> MappingLine {
        let topics = || mapping.settings.origin.topics.join(", ");
        MappingLine {
            uuid: mapping.key.id.to_string(),
            source: mapping.source.arn().map_or_else(topics, str::to_owned),
            function: mapping.target.arn(),
            state: mapping.state.into(),
            last_result: self.results.shown(mapping, &self.upstream).or_else(|| mapping.last_result.clone()),
            places: self.places(&mapping.key),
        }
    }

    fn places(&self, mapping: &MappingKey) -> Vec<PlaceLine> {
        let line = |Cursor { shard, position, .. }: &Cursor| PlaceLine {
            shard: shard.clone(),
            position: match position {
                Position::Since(time) => format!("what comes since {time}"),
                Position::After(sequence_number) => format!("after {sequence_number}"),
                Position::End => "read to its end".to_owned(),
            },
        };
        self.runs.cursors.of(mapping).map(line).collect()
    }
}
