//! What dials: new environments, standby ones, and those of a former server.

use std::sync::Arc;
use std::time::Duration;

use larder_init::link::{Hello, Phase};
use tokio::sync::oneshot;

use super::Pool;
use super::placement::Starting;
use crate::environments::deployment::{Initialization, Target};
use crate::environments::environment::{Environment, LinkWriter};
use crate::environments::executor::EnvironmentId;
use crate::environments::function_log::FunctionLog;
use crate::environments::log_format::LogFormat;
use crate::environments::{token, variables};

/// Who an environment is that dialled.
struct Dialled {
    target: Target,
    initialization: Initialization,
    /// Who waits for it; nobody where a former server started it.
    waiter: Option<oneshot::Sender<Arc<Environment>>>,
}

impl Pool {
    /// Whether `token` proves the id `environment`.
    pub fn knows_token(&self, environment: &str, token: &str) -> bool {
        token::of(self.makers.ledger.secret(), self.makers.settings.place, &EnvironmentId(environment.to_owned()))
            == token
    }

    /// Takes an environment that dialled: a new one, or one of a former server (adopted).
    ///
    /// # Errors
    /// Why it is not wanted, and its link back.
    pub async fn connected(
        self: &Arc<Self>,
        hello: &Hello,
        link: LinkWriter,
    ) -> Result<Arc<Environment>, (&'static str, LinkWriter)> {
        let id = EnvironmentId(hello.environment.clone());
        let Dialled { target, initialization, waiter } = match self.who(&id) {
            Ok(dialled) => dialled,
            Err(reason) => return Err((reason, link)),
        };
        let stream = variables::log_stream(&target, &id);
        let log = FunctionLog::new(Arc::clone(&self.logs), stream, LogFormat::of(&target.version.config.logging));
        let fresh = hello.phase == Phase::Fresh;
        let runs = (target.deployment(), initialization);
        let environment = Arc::new(Environment::new(id.clone(), runs, link, log, !fresh));
        self.tell_of_folders(&environment, &target, fresh).await;
        if fresh && let Err(reason) = self.makers.send_start(&target, &environment).await {
            tracing::warn!(environment = %id, reason, "a new environment could not be started");
        }
        let busy = match &hello.phase {
            Phase::Busy { request_id } => {
                let timeout = Duration::from_secs(u64::from(target.version.config.timeout_s));
                environment.inherit(request_id.clone(), timeout);
                true
            }
            Phase::Fresh | Phase::Idle => false,
        };
        let token = self.makers.credentials(&target, &environment.id).session_token;
        self.placement().callers.insert(token, Arc::clone(&environment));
        self.settle(&environment, target.version.config.memory_mib, waiter, busy);

        Ok(environment)
    }

    /// Who the environment with this id is. One that a caller waits for may be outdated by now, one of a former
    /// server may not.
    fn who(&self, id: &EnvironmentId) -> Result<Dialled, &'static str> {
        let (deployment, initialization) = {
            let mut placement = self.placement();
            if let Some(Starting { target, initialization, waiter }) = placement.starting.remove(id) {
                return Ok(Dialled { target, initialization, waiter: Some(waiter) });
            }
            placement.expected.get(id).cloned().ok_or("the environment is not one of this server's")?
        };
        let Some(target) = self.current(&deployment) else {
            self.forget(id);
            return Err("its function has changed or is gone");
        };
        Ok(Dialled { target, initialization, waiter: None })
    }

    /// Gives a dialled environment to who waits for it, or to the pool.
    fn settle(
        &self,
        environment: &Arc<Environment>,
        memory_mib: u32,
        waiter: Option<oneshot::Sender<Arc<Environment>>>,
        busy: bool,
    ) {
        let mut placement = self.placement();
        placement.live.insert(environment.id.clone(), Arc::clone(environment));
        let adopted = placement.expected.remove(&environment.id).is_some();
        let given = waiter.is_some_and(|waiter| waiter.send(Arc::clone(environment)).is_ok());
        if adopted {
            placement.budget.take(&environment.id, memory_mib);
        }
        if adopted && environment.initialization == Initialization::Provisioned {
            placement.provisioned.add(environment);
        }

        if !given && !busy {
            environment.rest();
            placement.rest(environment);
        }

        drop(placement);
        if adopted {
            tracing::info!(environment = %environment.id, function = %environment.deployment.function.name, busy, "adopted an environment");
            self.provisioned_changed.notify_one();
        }

        self.recent.changed();
        self.freed.notify_waiters();
    }
}
