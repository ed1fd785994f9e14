//! Events of reserved and provisioned concurrency, and scaling, applied.

use crate::model::concurrency::ProvisionedStatus;
use crate::model::concurrency::event::ConcurrencyEvent;
use crate::model::functions::Function;
use crate::model::state::State;

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
