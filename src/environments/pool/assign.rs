//! Standby environments made, and given their functions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_init::link::{Hello, Preload};
use tokio::sync::oneshot;

use super::Pool;
use crate::environments::deployment::{Initialization, Target};
use crate::environments::environment::Environment;
use crate::environments::executor::{Base, EnvironmentId, EnvironmentSpec, ExecutorError, StandbySpec};
use crate::environments::{StandbyCount, hot_reload, token, variables};
use crate::memory;

/// How long after a cold start its standby environment is replaced: making one takes a processor for a while, which
/// the function wants now.
pub(super) const REPLACE_AFTER: Duration = Duration::from_millis(300);

/// How long after its end one is replaced that served no function, and after a failure one is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How often the replacement gives way to environments that are being started for functions.
const GIVES_WAY: u32 = 20;

/// Memory in MiB that one without a function counts with: the least that a function can have.
const MEMORY_MIB: u32 = 128;

/// Memory in bytes that this machine has to have left for one that nobody asked for.
const SPARE: u64 = 512 << 20;

impl Pool {
    /// Makes ready what the environments of a runtime or an image share, and has its standby environments made.
    /// `None`: the server stops.
    pub async fn prepare(self: &Arc<Self>, base: &Base) -> Option<Result<(), ExecutorError>> {
        let prepared = self.makers.stop.run_until_cancelled(self.makers.executor.prepare(base)).await?;
        if prepared.is_ok() {
            self.stand_by(base, Duration::ZERO);
        }
        Some(prepared)
    }

    /// How many standby environments a runtime in use has.
    fn standby_count(&self) -> usize {
        match self.makers.settings.standby {
            _ if !self.makers.executor.has_standby() => 0,
            StandbyCount::Auto => usize::from(self.makers.executor.stands_by_unasked()),
            StandbyCount::Exactly(count) => count.into(),
        }
    }

    /// Notes that a runtime is in use, and has its standby environments filled up a little later, when nothing is
    /// started for a function.
    pub(super) fn stand_by(self: &Arc<Self>, base: &Base, after: Duration) {
        // An image is its function's own: its environments are kept warm as such.
        if self.standby_count() == 0 || base.image.is_some() {
            return;
        }
        self.placement().standby.is_used(base, Instant::now());
        let pool = Arc::clone(self);
        let base = base.clone();
        self.tasks.spawn(async move {
            for _ in 0..GIVES_WAY {
                if pool.makers.stop.run_until_cancelled(tokio::time::sleep(after)).await.is_none() {
                    return;
                }
                if pool.placement().starting.is_empty() {
                    break;
                }
            }
            pool.fill(&base).await;
        });
    }

    /// Ends the standby environments of runtimes that were not used lately.
    pub(super) fn end_unused_standby(self: &Arc<Self>) {
        let unused = self.placement().standby.take_unused(Instant::now());
        for id in unused {
            self.end(id);
        }
    }

    async fn fill(self: &Arc<Self>, base: &Base) {
        while let Some(id) = self.next_standby(base) {
            let spec = StandbySpec {
                token: token::of(self.makers.ledger.secret(), self.makers.settings.place, &id),
                id: id.clone(),
                store_id: self.makers.ledger.store_id().to_owned(),
                base: base.clone(),
                grace_s: self.makers.settings.grace.as_secs(),
            };
            if let Err(error) = self.makers.executor.stand_by(&spec).await {
                tracing::warn!(%base, %error, "no standby environment could be made");
                self.placement().standby.starting.remove(&id);
                self.end(id);
                // An engine stumbles under load.
                if error.may_pass() {
                    self.stand_by(base, AGAIN_AFTER);
                }
                return;
            }
        }
    }

    /// The id of one more standby environment, where there are too few, and memory for it.
    fn next_standby(&self, base: &Base) -> Option<EnvironmentId> {
        let count = self.standby_count();
        let is_asked_for = self.makers.settings.standby != StandbyCount::Auto;
        if self.makers.stop.is_cancelled() || !is_asked_for && memory::available().is_some_and(|left| left < SPARE) {
            return None;
        }

        let mut placement = self.placement();
        let is_wanted = placement.standby.was_used(base, Instant::now()) && placement.standby.of(base) < count;
        if !is_wanted || !placement.budget.has_room_aside(MEMORY_MIB) {
            return None;
        }
        let id = EnvironmentId::random();
        placement.standby.starting.insert(id.clone(), base.clone());
        placement.budget.take_aside(&id, MEMORY_MIB);

        Some(id)
    }

    /// What a standby environment is told that dialled: the runtime that it starts ahead of its function, where that
    /// can be. `None`: it is none.
    pub async fn standby_dials(&self, hello: &Hello) -> Option<Option<Preload>> {
        let id = EnvironmentId(hello.environment.clone());
        let base = self.placement().standby.starting.get(&id).cloned()?;
        let launch = self.makers.executor.preload(&base).await;

        Some(launch.map(|launch| Preload {
            variables: variables::before_function(&base.runtime, &launch),
            argv: launch.argv,
            working_dir: launch.working_dir,
            user: launch.user,
        }))
    }

    /// Takes a standby environment that dialled, and was told. The receiver hears of its function, or of its end;
    /// `None` where it is not wanted any more.
    pub fn standby_waits(&self, hello: &Hello) -> Option<oneshot::Receiver<()>> {
        let id = EnvironmentId(hello.environment.clone());
        let mut placement = self.placement();
        let base = placement.standby.starting.remove(&id)?;
        let (wake, assigned) = oneshot::channel();
        placement.standby.waiting.entry(base).or_default().push((id, wake));
        Some(assigned)
    }

    /// A standby environment has ended. Another one takes its place, not at once: it may have ended for a reason.
    pub fn standby_lost(self: &Arc<Self>, hello: &Hello) {
        let id = EnvironmentId(hello.environment.clone());
        let mut placement = self.placement();
        let base = placement.standby.forget(&id);
        // One that was just assigned: who waits hears of it.
        placement.starting.remove(&id);
        drop(placement);
        self.end(id);

        if let Some(base) = base {
            self.stand_by(&base, AGAIN_AFTER);
        }
    }

    /// What the target's environment is, where one may be a standby one, and one waits.
    async fn standby_spec(&self, target: &Target, base: &Base, id: &EnvironmentId) -> Option<EnvironmentSpec> {
        // A folder is mounted, which takes an environment of its own.
        if target.version.code.content.image().is_some() || !hot_reload::folders_of(&target.version).is_empty() {
            return None;
        }
        if !self.placement().standby.waits(base) {
            return None;
        }
        // What is wrong with it is told by the ordinary way.
        let spec = self.makers.spec(target, id.clone()).await.ok()?;
        self.makers.executor.fits_standby(&spec).await.then_some(spec)
    }

    /// Makes a standby environment the target's, and waits until it has begun. `None` where there is none, or where
    /// it fails: then one is made in the ordinary way. The room of `id` becomes its room.
    pub(super) async fn start_standby(
        self: &Arc<Self>,
        target: &Target,
        initialization: Initialization,
        id: &EnvironmentId,
        by: Instant,
    ) -> Option<Arc<Environment>> {
        let base = Base::of(&target.version);
        let spec = self.standby_spec(target, &base, id).await?;
        let (standby, wake) = self.placement().standby.take(&base)?;

        // A task of its own: a caller that goes away must not leave half an environment.
        let pool = Arc::clone(self);
        let owned = target.clone();
        let spec = self.makers.for_environment(spec, standby.clone());
        let room = id.clone();
        let assigning = self.tasks.spawn(async move { pool.assign(&owned, initialization, spec, &room, wake).await });
        let begun = async {
            let dialled = assigning.await.map_err(|error| error.to_string())??;
            dialled.await.map_err(|_| "it has ended".to_owned())
        };
        let begun = tokio::time::timeout_at(by.into(), begun).await;
        let begun = begun.unwrap_or_else(|_| Err("it does not begin in time".to_owned()));
        self.stand_by(&base, REPLACE_AFTER);

        match begun {
            Ok(environment) => Some(environment),
            Err(reason) => {
                let function = &target.function.name;
                tracing::warn!(environment = %standby, %function, reason, "a standby environment was of no use");
                let mut placement = self.placement();
                placement.starting.remove(&standby);
                placement.standby.assigning.remove(&standby);
                placement.budget.take(id, target.version.config.memory_mib);
                drop(placement);
                self.end(standby);
                None
            }
        }
    }

    /// Gives a standby environment its function, and wakes it; the receiver gets it when it has begun.
    async fn assign(
        &self,
        target: &Target,
        initialization: Initialization,
        spec: EnvironmentSpec,
        room: &EnvironmentId,
        wake: oneshot::Sender<()>,
    ) -> Result<oneshot::Receiver<Arc<Environment>>, String> {
        let standby = &spec.id;
        {
            let mut placement = self.placement();
            placement.budget.give_back(room);
            placement.budget.take(standby, target.version.config.memory_mib);
        }

        self.makers.executor.assign(&spec).await.map_err(|error| error.to_string())?;
        let dialled = self.announce(target, initialization, standby);
        self.placement().standby.assigning.remove(standby);
        wake.send(()).map_err(|()| "it has ended".to_owned())?;

        Ok(dialled)
    }
}
