//! Events of reserved and provisioned concurrency, and scaling, and what they do to the state.

use strum::IntoStaticStr;

use crate::model::concurrency::{ProvisionedConcurrency, ProvisionedStatus, Scaling};
use crate::model::event::Subject;
use crate::model::functions::Function;
use crate::model::names::FunctionKey;
use crate::model::qualifier::Qualifier;
use crate::model::state::State;

/// What happened to reserved and provisioned concurrency, and scaling.
#[derive(Debug, Clone, PartialEq, IntoStaticStr)]
pub enum ConcurrencyEvent {
    /// Concurrent executions were reserved for a function.
    FunctionConcurrencyPut {
        /// The function.
        key: FunctionKey,
        /// How many.
        reserved: u32,
    },
    /// A function's reservation is gone.
    FunctionConcurrencyDeleted {
        /// The function.
        key: FunctionKey,
    },
    /// Provisioned concurrency was asked for, or its allocation began anew: the whole of it.
    ProvisionedConcurrencyPut {
        /// The function.
        key: FunctionKey,
        /// The version or alias.
        qualifier: Qualifier,
        /// The configuration.
        provisioned: ProvisionedConcurrency,
    },
    /// Provisioned concurrency is gone.
    ProvisionedConcurrencyDeleted {
        /// The function.
        key: FunctionKey,
        /// The version or alias.
        qualifier: Qualifier,
    },
    /// An allocation ended.
    ProvisionedConcurrencySettled {
        /// The function.
        key: FunctionKey,
        /// The version or alias.
        qualifier: Qualifier,
        /// Why nothing could be allocated.
        failure: Option<String>,
    },
    /// How a version scales was set.
    FunctionScalingPut {
        /// The function.
        key: FunctionKey,
        /// The version.
        qualifier: Qualifier,
        /// `None`: as AWS decides.
        scaling: Option<Scaling>,
    },
}

impl ConcurrencyEvent {
    /// The function it is about.
    pub fn key(&self) -> &FunctionKey {
        match self {
            Self::FunctionConcurrencyPut { key, .. }
            | Self::FunctionConcurrencyDeleted { key }
            | Self::ProvisionedConcurrencyPut { key, .. }
            | Self::ProvisionedConcurrencyDeleted { key, .. }
            | Self::ProvisionedConcurrencySettled { key, .. }
            | Self::FunctionScalingPut { key, .. } => key,
        }
    }

    /// What it is about, for people.
    pub fn subject(&self) -> Subject {
        Subject::function(self.key())
    }
}

/// Folds one event.
pub fn apply(state: &mut State, event: &ConcurrencyEvent) {
    state.change_function(event.key(), |function| change(function, event));
}

fn change(function: &mut Function, event: &ConcurrencyEvent) {
    match event {
        ConcurrencyEvent::FunctionConcurrencyPut { reserved, .. } => function.reserved_concurrency = Some(*reserved),
        ConcurrencyEvent::FunctionConcurrencyDeleted { .. } => function.reserved_concurrency = None,
        ConcurrencyEvent::ProvisionedConcurrencyPut { qualifier, provisioned, .. } => {
            // Whoever asks for environments vouches for what runs in them.
            function.vouch();
            function.provisioned_concurrency.insert(qualifier.clone(), provisioned.clone());
        }
        ConcurrencyEvent::ProvisionedConcurrencyDeleted { qualifier, .. } => {
            function.provisioned_concurrency.remove(qualifier);
        }
        ConcurrencyEvent::ProvisionedConcurrencySettled { qualifier, failure, .. } => {
            if let Some(provisioned) = function.provisioned_concurrency.get_mut(qualifier) {
                provisioned.allocated = if failure.is_some() { 0 } else { provisioned.requested };
                provisioned.status = failure.clone().map_or(ProvisionedStatus::Ready, ProvisionedStatus::Failed);
            }
        }
        ConcurrencyEvent::FunctionScalingPut { qualifier, scaling, .. } => match scaling {
            Some(scaling) => drop(function.scaling.insert(qualifier.clone(), *scaling)),
            None => drop(function.scaling.remove(qualifier)),
        },
    }
}
