//! Shadows of functions in the upstream: whether there are to be some, and where they reach this server.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{ServeOptions, ShadowOptions, Shadows as Choice};
use crate::environments::endpoint::Endpoint;
use crate::front::Listeners;
use crate::reactors::shadows::{self, Reports, Shadows};
use crate::services::Services;

/// What is wanted of shadows.
#[derive(Debug)]
pub struct Plan {
    /// Where they reach this server.
    here: String,
    /// Whether its store ends with it.
    are_passing: bool,
}

impl Plan {
    /// What the user wants; `None`: none.
    pub fn of(options: &ServeOptions, listeners: &Listeners) -> Option<Self> {
        let ShadowOptions { shadows, shadow_endpoint } = &options.shadows;
        let given = shadow_endpoint.as_ref().map(|given| given.0.clone());
        let own = || Endpoint::on_this_machine(*listeners.addresses().first()?).url();
        let here = given.or_else(own).filter(|_| *shadows == Choice::Auto)?;
        Some(Self { here, are_passing: options.ephemeral })
    }

    /// Starts what keeps them, until `stop`.
    pub fn start(&self, tasks: &TaskTracker, services: &Services, reports: &Arc<Reports>, stop: &CancellationToken) {
        let shadows = Shadows {
            ledger: Arc::clone(&services.ledger),
            upstream: Arc::clone(&services.upstream),
            here: self.here.clone(),
            reports: Arc::clone(reports),
            are_passing: self.are_passing,
        };
        tasks.spawn(shadows::run(shadows, stop.clone()));
    }
}
