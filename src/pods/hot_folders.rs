//! Hot-reload folders in pods: an absolute path of one machine means nothing on another, so that a variable stands
//! in its place, which the loader sets for the server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::event::Event;
use crate::model::functions::event::FunctionEvent;
use crate::model::functions::{Code, Content, Function, FunctionConfig, FunctionVersion};
use crate::model::history::event::HistoryEvent;
use crate::model::hot_folder::HotFolder;
use crate::model::layers::event::LayerEvent;
use crate::model::layers::{LayerArn, LayerVersion};
use crate::model::names::{LayerKey, Scope};
use crate::model::resource::Resource;

/// A variable that a server needs to run what a pod brings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NeededVariable {
    /// Its name.
    pub variable: String,
    /// The folder that it is a part of.
    pub folder: String,
    /// ARN of the function or layer.
    pub resource: String,
}

/// The variables that the folders of resources begin with.
pub fn needed(resources: &[Resource]) -> Vec<NeededVariable> {
    let mut needed = BTreeSet::new();
    for resource in resources {
        let folders: Vec<HotFolder> = match resource {
            Resource::Function(_, function) => {
                function.all_versions().flat_map(|version| folders(&version).cloned().collect::<Vec<_>>()).collect()
            }
            Resource::Layer(_, layer) => layer.versions.values().filter_map(|version| version.folder.clone()).collect(),
            _ => Vec::new(),
        };
        needed.extend(folders.into_iter().filter_map(|folder| {
            let variable = folder.variable()?.to_owned();
            Some(NeededVariable { variable, folder: folder.to_string(), resource: resource.arn() })
        }));
    }

    needed.into_iter().collect()
}

/// Puts variables in the place of absolute paths: the same one for the same path.
#[derive(Debug, Default)]
pub struct PortableFolders {
    variables: BTreeMap<HotFolder, String>,
}

impl PortableFolders {
    /// In resources.
    pub fn change(&mut self, resources: &mut [Resource]) {
        for resource in resources {
            match resource {
                Resource::Function(key, function) if has_folders(function) => {
                    let scope = key.scope.clone();
                    self.function(&scope, Arc::make_mut(function));
                }
                Resource::Layer(key, layer) if layer.versions.values().any(|version| version.folder.is_some()) => {
                    let numbers: Vec<u64> = layer.versions.keys().copied().collect();
                    let layer = Arc::make_mut(layer);
                    for number in numbers {
                        if let Some(version) = layer.versions.get_mut(&number) {
                            self.layer(key, Arc::make_mut(version));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// In an event of a history.
    pub fn change_event(&mut self, event: &mut Event) {
        match event {
            Event::Function(
                FunctionEvent::FunctionCreated { key, latest: version, .. }
                | FunctionEvent::VersionPublished { key, version, .. },
            ) => self.version(&key.scope, key.name.as_str(), version),
            Event::Function(FunctionEvent::FunctionCodeUpdated { key, code, config, .. }) => {
                self.code(key.name.as_str(), code);
                self.config(&key.scope, config);
            }
            Event::Function(FunctionEvent::FunctionConfigurationUpdated { key, config, .. }) => {
                self.config(&key.scope, config);
            }
            Event::Layer(LayerEvent::LayerVersionPublished { key, version }) => self.layer(key, version),
            Event::History(HistoryEvent::StateRestored { changes, .. }) => self.change(&mut changes.put),
            Event::History(HistoryEvent::HistoryCompacted { resources, .. }) => self.change(resources),
            _ => {}
        }
    }

    fn function(&mut self, scope: &Scope, function: &mut Function) {
        let name = function.key.name.to_string();
        self.version(scope, &name, Arc::make_mut(&mut function.latest));
        if let Some(published) = &mut function.latest_published {
            self.version(scope, &name, Arc::make_mut(published));
        }
        let numbers: Vec<u64> = function.versions.keys().copied().collect();

        for number in numbers {
            if let Some(version) = function.versions.get_mut(&number) {
                self.version(scope, &name, Arc::make_mut(version));
            }
        }
    }

    fn version(&mut self, scope: &Scope, name: &str, version: &mut FunctionVersion) {
        self.code(name, &mut version.code);
        self.config(scope, &mut version.config);
    }

    fn code(&mut self, name: &str, code: &mut Code) {
        if let Some(folder) = code.content.folder().and_then(|folder| self.portable(folder, name)) {
            code.content = Content::Folder(folder);
        }
    }

    fn config(&mut self, scope: &Scope, config: &mut Arc<FunctionConfig>) {
        if config.layers.iter().all(|layer| layer.folder.is_none()) {
            return;
        }
        for layer in &mut Arc::make_mut(config).layers {
            let owner = owner(&LayerArn::parse(scope, &layer.arn).key);
            layer.folder = layer.folder.take().map(|folder| self.portable(&folder, &owner).unwrap_or(folder));
        }
    }

    fn layer(&mut self, key: &LayerKey, version: &mut LayerVersion) {
        if let Some(folder) = version.folder.as_ref().and_then(|folder| self.portable(folder, &owner(key))) {
            version.blob = folder.digest();
            version.folder = Some(folder);
        }
    }

    /// What stands in the place of a path, or of a variable that is not for folders; `None` where one that is for
    /// folders is in it already.
    fn portable(&mut self, folder: &HotFolder, owner: &str) -> Option<HotFolder> {
        if folder.is_portable() {
            return None;
        }
        if !self.variables.contains_key(folder) {
            let variable = self.free(HotFolder::portable_variable(owner));
            self.variables.insert(folder.clone(), variable);
        }
        self.variables.get(folder).map(|variable| HotFolder(format!("${variable}")))
    }

    /// The name, with a number behind it where another path has it.
    fn free(&self, name: String) -> String {
        let is_free = |name: &String| !self.variables.values().any(|taken| taken == name);
        let numbered = (2_u64..).map(|number| format!("{name}_{number}"));
        std::iter::once(name.clone()).chain(numbered).find(is_free).unwrap_or(name)
    }
}

fn owner(key: &LayerKey) -> String {
    format!("LAYER_{}", key.name)
}

fn has_folders(function: &Function) -> bool {
    function.all_versions().any(|version| folders(&version).next().is_some())
}

/// Of its code and of its layers.
fn folders(version: &FunctionVersion) -> impl Iterator<Item = &HotFolder> {
    let of_layers = version.config.layers.iter().filter_map(|layer| layer.folder.as_ref());
    version.code.content.folder().into_iter().chain(of_layers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::functions::{LayerReference, sample_config};
    use crate::model::names::FunctionKey;

    const LAYER: &str = "arn:aws:lambda:us-east-1:000000000000:layer:l:1";

    fn updated(folder: &str, layer: &str) -> Event {
        let mut config = sample_config();
        let folder_of_layer = Some(HotFolder(layer.to_owned()));
        config.layers = vec![LayerReference { folder: folder_of_layer, ..LayerReference::unresolved(LAYER) }];
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let key = FunctionKey { scope, name: "f-1".into() };
        let code = Content::Folder(HotFolder(folder.to_owned())).into();
        let revision = crate::model::names::RevisionId(uuid::Uuid::nil());
        let modified = crate::model::time::Timestamp(0);

        FunctionEvent::FunctionCodeUpdated { key, code, config: Arc::new(config), revision, modified }.into()
    }

    fn folders(event: &Event) -> (String, String) {
        let Event::Function(FunctionEvent::FunctionCodeUpdated { code, config, .. }) = event else {
            panic!("{event:?}")
        };
        let folder = code.content.folder().expect("a folder");
        (folder.to_string(), config.layers[0].folder.as_ref().expect("a folder").to_string())
    }

    #[test]
    fn a_path_has_one_variable_everywhere_and_each_its_own() {
        let mut portable = PortableFolders::default();
        for ((folder, layer), expected) in [
            (("/a", "/b"), ("$LARDER_HOT_RELOAD_F_1", "$LARDER_HOT_RELOAD_LAYER_L")),
            (("/c", "$LARDER_HOT_MINE/b"), ("$LARDER_HOT_RELOAD_F_1_2", "$LARDER_HOT_MINE/b")),
            (("/b", "/a"), ("$LARDER_HOT_RELOAD_LAYER_L", "$LARDER_HOT_RELOAD_F_1")),
        ] {
            let mut event = updated(folder, layer);
            portable.change_event(&mut event);
            let (folder, layer) = folders(&event);
            assert_eq!((folder.as_str(), layer.as_str()), expected);
        }
    }
}
