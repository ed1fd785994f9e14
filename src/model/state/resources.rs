//! Resources of all kinds: listed, compared, put and removed.

use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::State;
use crate::model::capacity_providers::event::CapacityProviderEvent;
use crate::model::code_signing::event::CodeSigningEvent;
use crate::model::iam::event::IamEvent;
use crate::model::logs::event::LogsEvent;
use crate::model::queues::event::QueueEvent;
use crate::model::resource::{Changes, Resource, ResourceKey};
use crate::model::{capacity_providers, code_signing, iam, logs, queues};

/// Declares which map holds which kind, in the order of the kinds. Functions, the first, are kept in their own way.
macro_rules! maps {
    ($($map:ident: $kind:ident,)*) => {
        impl State {
            /// The resource at `key`.
            pub fn resource(&self, key: &ResourceKey) -> Option<Resource> {
                match key {
                    ResourceKey::Function(key) => {
                        self.functions.get(key).map(|function| Resource::Function(key.clone(), Arc::clone(function)))
                    }
                    $(ResourceKey::$kind(key) => {
                        self.$map.get(key).map(|value| Resource::$kind(key.clone(), Arc::clone(value)))
                    })*
                }
            }

            /// All resources, in the order of their places.
            pub fn resources(&self) -> impl Iterator<Item = Resource> + '_ {
                let functions = self.functions.iter();
                let functions = functions.map(|(key, function)| Resource::Function(key.clone(), function));
                functions$(.chain(
                    self.$map.iter().map(|(key, value)| Resource::$kind(key.clone(), Arc::clone(value))),
                ))*
            }

            /// What leads from this state to another. Parts that both share are not looked at, so that states
            /// that lie near each other in history are compared in the time of what changed between them.
            pub fn changes_to(&self, to: &Self) -> Changes {
                let mut changes = Changes::default();
                for (key, there) in self.functions.changes_to(&to.functions) {
                    match there {
                        Some(function) => changes.put.push(Resource::Function(key.clone(), function)),
                        None => changes.removed.push(ResourceKey::Function(key.clone())),
                    }
                }
                $(for difference in self.$map.diff(&to.$map) {
                    match difference {
                        DiffItem::Add(key, value) | DiffItem::Update { new: (key, value), .. } => {
                            changes.put.push(Resource::$kind(key.clone(), Arc::clone(value)));
                        }
                        DiffItem::Remove(key, _) => changes.removed.push(ResourceKey::$kind(key.clone())),
                    }
                })*

                changes
            }
        }
    };
}
maps! {
    layers: Layer,
    code_signing_configs: CodeSigningConfig,
    capacity_providers: CapacityProvider,
    event_source_mappings: EventSourceMapping,
    iam_roles: Role,
    iam_policies: Policy,
    iam_profiles: InstanceProfile,
    log_groups: LogGroup,
    log_streams: LogStream,
    iam_users: User,
    iam_groups: Group,
    queues: Queue,
}

impl State {
    /// Folds changes, and keeps what is derived in step.
    pub fn make(&mut self, changes: &Changes) {
        for key in &changes.removed {
            self.remove_resource(key);
        }
        for resource in &changes.put {
            self.put_resource(resource);
        }
    }

    pub(in crate::model) fn put_resource(&mut self, resource: &Resource) {
        match resource {
            Resource::Function(key, function) => {
                let before = self.functions.get(key).cloned();
                self.replace(key, before.as_deref(), Some(Arc::clone(function)));
            }
            Resource::Layer(key, layer) => self.replace_layer(key, Arc::clone(layer)),
            Resource::CodeSigningConfig(key, config) => {
                let key = key.clone();
                let config = (**config).clone();
                code_signing::event::apply(self, &CodeSigningEvent::CodeSigningConfigPut { key, config });
            }
            Resource::CapacityProvider(_, provider) => {
                let provider = Box::new((**provider).clone());
                capacity_providers::event::apply(self, &CapacityProviderEvent::CapacityProviderPut { provider });
            }
            Resource::EventSourceMapping(key, mapping) => self.replace_mapping(key, Some((**mapping).clone())),
            Resource::Role(_, role) => iam::event::apply(self, &IamEvent::RolePut { role: Box::new((**role).clone()) }),
            Resource::Policy(_, policy) => {
                iam::event::apply(self, &IamEvent::PolicyPut { policy: Box::new((**policy).clone()) });
            }
            Resource::InstanceProfile(_, profile) => {
                iam::event::apply(self, &IamEvent::InstanceProfilePut { profile: Box::new((**profile).clone()) });
            }
            Resource::LogGroup(_, group) => {
                logs::event::apply(self, &LogsEvent::LogGroupPut { group: Arc::clone(group) });
            }
            Resource::LogStream(_, stream) => {
                logs::event::apply(self, &LogsEvent::LogStreamCreated { stream: Arc::clone(stream) });
            }
            Resource::User(_, user) => iam::event::apply(self, &IamEvent::UserPut { user: Box::new((**user).clone()) }),
            Resource::Group(_, group) => {
                iam::event::apply(self, &IamEvent::GroupPut { group: Box::new((**group).clone()) });
            }
            Resource::Queue(_, queue) => {
                queues::event::apply(self, &QueueEvent::QueuePut { queue: Arc::clone(queue) });
            }
        }
    }

    fn remove_resource(&mut self, key: &ResourceKey) {
        match key.clone() {
            ResourceKey::Function(key) => {
                let before = self.functions.get(&key).cloned();
                self.replace(&key, before.as_deref(), None);
            }
            ResourceKey::Layer(key) => self.remove_layer(&key),
            ResourceKey::CodeSigningConfig(key) => {
                code_signing::event::apply(self, &CodeSigningEvent::CodeSigningConfigDeleted { key });
            }
            ResourceKey::CapacityProvider(key) => {
                capacity_providers::event::apply(self, &CapacityProviderEvent::CapacityProviderDeleted { key });
            }
            ResourceKey::EventSourceMapping(key) => self.replace_mapping(&key, None),
            ResourceKey::Role(key) => iam::event::apply(self, &IamEvent::RoleDeleted { key }),
            ResourceKey::Policy(key) => iam::event::apply(self, &IamEvent::PolicyDeleted { key }),
            ResourceKey::InstanceProfile(key) => iam::event::apply(self, &IamEvent::InstanceProfileDeleted { key }),
            // Its streams are resources of their own.
            ResourceKey::LogGroup(key) => drop(self.log_groups.remove(&key)),
            ResourceKey::LogStream(key) => logs::event::apply(self, &LogsEvent::LogStreamDeleted { key }),
            ResourceKey::User(key) => iam::event::apply(self, &IamEvent::UserDeleted { key }),
            ResourceKey::Group(key) => iam::event::apply(self, &IamEvent::GroupDeleted { key }),
            ResourceKey::Queue(key) => queues::event::apply(self, &QueueEvent::QueueDeleted { key }),
        }
    }
}
