//! The blobs that events and resources refer to: what must stay as long as they do.

use std::collections::BTreeSet;

use super::event::Event;
use super::functions::event::FunctionEvent;
use super::history::event::HistoryEvent;
use super::layers::event::LayerEvent;
use crate::model::blob::BlobId;
use crate::model::functions::{Code, FunctionConfig};
use crate::model::resource::Resource;

/// Blobs in use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlobUses {
    /// Every blob by itself.
    pub blobs: BTreeSet<BlobId>,
    /// The blobs of each function's layers, in order, where it has several.
    pub layers: BTreeSet<Vec<BlobId>>,
}

impl BlobUses {
    /// Adds what an event refers to.
    pub fn add_event(&mut self, event: &Event) {
        match event {
            Event::Function(
                FunctionEvent::FunctionCreated { latest: version, .. }
                | FunctionEvent::VersionPublished { version, .. },
            ) => self.add_function(&version.code, &version.config),
            Event::Function(FunctionEvent::FunctionCodeUpdated { code, config, .. }) => {
                self.add_function(code, config);
            }
            Event::Function(FunctionEvent::FunctionConfigurationUpdated { config, .. }) => self.add_layers(config),
            Event::Layer(LayerEvent::LayerVersionPublished { version, .. }) => {
                self.blobs.extend(version.content().zip_blob());
            }
            Event::History(HistoryEvent::StateRestored { changes, .. }) => {
                changes.put.iter().for_each(|resource| self.add_resource(resource));
            }
            Event::History(HistoryEvent::HistoryCompacted { resources, .. }) => {
                for resource in resources {
                    self.add_resource(resource);
                }
            }
            _ => {}
        }
    }

    /// Adds what a resource refers to.
    pub fn add_resource(&mut self, resource: &Resource) {
        match resource {
            Resource::Function(_, function) => {
                function.all_versions().for_each(|version| self.add_function(&version.code, &version.config));
            }
            Resource::Layer(..) => self.blobs.extend(resource.blobs()),
            _ => {}
        }
    }

    fn add_function(&mut self, code: &Code, config: &FunctionConfig) {
        self.blobs.extend(code.content.zip_blob());
        self.add_layers(config);
    }

    fn add_layers(&mut self, config: &FunctionConfig) {
        let blobs: Vec<_> = config.layers.iter().filter_map(|layer| layer.blob).collect();
        self.blobs.extend(&blobs);
        if blobs.len() > 1 {
            self.layers.insert(blobs);
        }
    }
}
