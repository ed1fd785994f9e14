//! Keeps the shadows of one endpoint.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bring::{self, BringError, Kept};
use super::report::{Report, Reports, Standing};
use super::wanted::Wanted;
use super::way::{Found, Way};
use crate::ledger::Ledger;
use crate::model::names::{AccountId, FunctionKey, Scope};
use crate::model::state::Functions;
use crate::upstream::LambdaError;

/// Shadows that are brought on at the same time.
const AT_ONCE: usize = 4;

/// Shadows of one turn; between two the state is looked at again.
const TURN: usize = 64;

/// Between two looks whether the endpoint still has them: one that was started again has none.
const CHECK: Duration = Duration::from_secs(5);

/// The first pause after a failure. It doubles with each that follows.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause where the endpoint is away.
const LONGEST_AWAY: Duration = Duration::from_secs(10);

/// The longest where it can have no shadows.
const LONGEST_UNABLE: Duration = Duration::from_secs(600);

/// How long taking them all away may take at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where nothing is to be done.
const LONG: Duration = Duration::from_secs(3600);

/// Changes come by the thousand a second: those of one pause are seen by one look.
const PAUSE: Duration = Duration::from_millis(20);

/// The keeper of an endpoint's shadows.
#[derive(Debug)]
pub struct Keeper {
    ledger: Arc<Ledger>,
    way: Way,
    reports: Arc<Reports>,
    /// Whether the store ends with the server, and its shadows with both.
    is_passing: bool,
    /// The functions at the last look.
    seen: Functions,
    /// Those whose shadows may not be as they are wanted.
    open: BTreeSet<FunctionKey>,
    /// What is at the endpoint.
    kept: HashMap<FunctionKey, Kept>,
    /// What was there when all was listed, until it is looked at.
    listed: HashMap<FunctionKey, Found>,
    /// The accounts and regions whose functions were listed.
    scopes: BTreeSet<Scope>,
    /// Whether one of them ran since.
    is_proven: bool,
    failures: u32,
    rests_until: Instant,
    check_at: Instant,
    last_failure: Option<String>,
    /// Accounts that are others there, as far as that was told.
    others: BTreeMap<AccountId, String>,
}

impl Keeper {
    /// One that has not begun.
    pub fn new(ledger: Arc<Ledger>, way: Way, reports: Arc<Reports>, is_passing: bool) -> Self {
        let keeper = Self {
            ledger,
            way,
            reports,
            is_passing,
            seen: Functions::default(),
            open: BTreeSet::new(),
            kept: HashMap::new(),
            listed: HashMap::new(),
            scopes: BTreeSet::new(),
            is_proven: false,
            failures: 0,
            rests_until: Instant::now(),
            check_at: Instant::now(),
            last_failure: None,
            others: BTreeMap::new(),
        };
        keeper.tell(&Standing::Idle);
        keeper
    }

    /// Keeps them until `stop`. What it is at then is left as it is: the next server looks at all of it. Shadows of a store
    /// that has no next server go.
    pub async fn run(mut self, stop: CancellationToken) {
        self.keep(stop).await;
        if self.is_passing && tokio::time::timeout(FAREWELL, self.take_all_away()).await.is_err() {
            tracing::warn!(endpoint = %self.way.endpoint, "shadows of this server stay at the upstream: it answers too slowly");
        }
    }

    async fn take_all_away(&self) {
        let way = &self.way;
        let is_ours = |kept: &Kept| !matches!(kept, Kept::LeftAlone);
        let keys: Vec<_> = self.kept.iter().filter(|(_, kept)| is_ours(kept)).map(|(key, _)| key.clone()).collect();
        let ended = stream::iter(keys).map(|key| async move { bring::take_away(way, &key).await });
        let ended = ended.buffer_unordered(AT_ONCE);
        ended.for_each(|_| std::future::ready(())).await;
    }

    async fn keep(&mut self, stop: CancellationToken) {
        let mut changes = self.ledger.changes();
        loop {
            changes.mark_unchanged();
            self.see();
            let Some(next) = stop.run_until_cancelled(self.step()).await else { return };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(next) => {}
                change = changes.changed() => if change.is_err() { return },
            }
            if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }

    /// Opens the functions that changed. What both states share is passed over.
    fn see(&mut self) {
        let state = self.ledger.state();
        self.open.extend(self.seen.places_changed(&state.functions).cloned());
        self.seen = state.functions.clone();
    }

    /// Does what can be done now; how long until the next step.
    async fn step(&mut self) -> Duration {
        let rest = self.rests_until.saturating_duration_since(Instant::now());
        if !rest.is_zero() {
            return rest;
        }
        // Nobody is asked for what nobody has.
        if self.seen.is_empty() && self.kept.is_empty() {
            self.open.clear();
            return LONG;
        }

        match self.work().await {
            Ok(()) => {
                self.failures = 0;
                self.tell(&Standing::Kept);
                if self.open.is_empty() {
                    self.check_at.saturating_duration_since(Instant::now())
                } else {
                    Duration::ZERO
                }
            }
            Err(standing) => self.rest(&standing),
        }
    }

    /// Gives up for a while: how long. All is looked at again then.
    fn rest(&mut self, standing: &Standing) -> Duration {
        let longest = if matches!(standing, Standing::Away(_)) { LONGEST_AWAY } else { LONGEST_UNABLE };
        let pause = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(longest);
        self.failures = self.failures.saturating_add(1).min(16);
        self.rests_until = Instant::now() + pause;
        self.forget();
        self.tell(standing);
        pause
    }

    /// Forgets what is at the endpoint, so that all of it is looked at again.
    fn forget(&mut self) {
        self.open.extend(self.kept.drain().map(|(key, _)| key));
        self.open.extend(self.seen.keys().cloned());
        self.listed.clear();
        self.scopes.clear();
        self.is_proven = false;
    }

    async fn work(&mut self) -> Result<(), Standing> {
        self.list().await?;
        if !self.is_proven {
            self.prove().await?;
        }
        self.bring_on().await?;
        if self.check_at <= Instant::now() {
            self.check().await?;
            self.check_at = Instant::now() + CHECK;
        }
        Ok(())
    }

    /// Lists the functions of accounts and regions that were not listed yet. Shadows of functions that are gone go.
    async fn list(&mut self) -> Result<(), Standing> {
        let scopes: BTreeSet<Scope> = self.open.iter().map(|key| key.scope.clone()).collect();
        for scope in scopes.into_iter().filter(|scope| !self.scopes.contains(scope)).collect::<Vec<_>>() {
            let found = self.way.list(&scope).await.map_err(|error| match error {
                LambdaError::Refused { .. } => Standing::NoLambda(error.to_string()),
                _ => Standing::Away(error.to_string()),
            })?;
            for (name, found) in found {
                let key = FunctionKey { scope: scope.clone(), name: name.into() };
                if matches!(found, Found::Shadow(..)) {
                    self.open.insert(key.clone());
                }
                self.listed.insert(key, found);
            }
            self.compare_account(&scope).await;
            self.scopes.insert(scope);
        }
        Ok(())
    }

    /// Says once where callers are of another account there: ARNs of topics, rules and buckets then name functions that are
    /// not here.
    async fn compare_account(&mut self, scope: &Scope) {
        match self.way.other_account(scope).await {
            Ok(Some(there)) if self.others.get(&scope.account) != Some(&there) => {
                let here = scope.account.as_str();
                tracing::warn!(
                    endpoint = %self.way.endpoint,
                    here,
                    there,
                    "callers are of one account here and of another one at the upstream: ARNs that are made there name no \
                     function of theirs. Give the upstream the account that is here (moto: MOTO_ACCOUNT_ID), or use an access key \
                     id of twelve digits where that is the account for it, too"
                );
                self.others.insert(scope.account.clone(), there);
            }
            Ok(Some(_)) => {}
            Ok(None) => {
                self.others.remove(&scope.account);
            }
            // What is asked next says it, if the endpoint is away.
            Err(error) => {
                tracing::debug!(endpoint = %self.way.endpoint, %error, "the upstream does not say whose a caller is");
            }
        }
    }

    /// Makes one shadow and runs it: where that does not work, no others are made, and this one is taken away again.
    async fn prove(&mut self) -> Result<(), Standing> {
        while let Some(key) = self.open.iter().find(|key| self.wanted(key).is_some()).cloned() {
            self.bring([key.clone()].into()).await?;
            match self.kept.get(&key) {
                Some(Kept::Shadow(_)) => return self.probe(&key).await,
                Some(Kept::Failed(_, reason)) => return Err(Standing::NoLambda(reason.clone())),
                // The next one may be ours.
                Some(Kept::LeftAlone) | None => {
                    self.open.remove(&key);
                }
            }
        }
        Ok(())
    }

    async fn probe(&mut self, key: &FunctionKey) -> Result<(), Standing> {
        match self.way.probe(key).await {
            Ok(()) => {
                self.is_proven = true;
                Ok(())
            }
            Err(LambdaError::Upstream(error)) => Err(Standing::Away(error.to_string())),
            Err(error) => {
                if let Err(error) = bring::take_away(&self.way, key).await {
                    tracing::debug!(%error, "a shadow that does not run stays");
                }
                Err(Standing::CannotRun(error.to_string()))
            }
        }
    }

    /// Brings on what is open, one turn of it.
    async fn bring_on(&mut self) -> Result<(), Standing> {
        let mut turn = BTreeSet::new();
        while turn.len() < TURN
            && let Some(key) = self.open.pop_first()
        {
            if !self.is_settled(&key) {
                turn.insert(key);
            }
        }
        self.bring(turn).await?;
        // What was listed is true for as long as it is looked at.
        if self.open.is_empty() {
            self.listed.clear();
        }
        Ok(())
    }

    fn is_settled(&self, key: &FunctionKey) -> bool {
        match (self.wanted(key), self.kept.get(key)) {
            (Some(wanted), Some(Kept::Shadow(kept) | Kept::Failed(kept, _))) => wanted == *kept,
            (None, None) => !matches!(self.listed.get(key), Some(Found::Shadow(..))),
            _ => false,
        }
    }

    /// Brings shadows on, some at the same time.
    async fn bring(&mut self, turn: BTreeSet<FunctionKey>) -> Result<(), Standing> {
        let tasks = turn.into_iter().map(|key| {
            let wanted = self.wanted(&key);
            (wanted, self.listed.remove(&key), key)
        });
        let tasks: Vec<_> = tasks.collect();
        let way = &self.way;
        let ended = stream::iter(tasks).map(|(wanted, listed, key)| async move {
            let ended = bring_one(way, &key, wanted.as_ref(), listed).await;
            (key, wanted, ended)
        });
        let ended: Vec<_> = ended.buffer_unordered(AT_ONCE).collect().await;

        let mut away = None;
        for (key, wanted, ended) in ended {
            if let Err(error) = self.note(&key, wanted, ended) {
                away = Some(error);
            }
        }
        away.map_or(Ok(()), |error| Err(Standing::Away(error)))
    }

    /// Notes what became of one.
    fn note(
        &mut self,
        key: &FunctionKey,
        wanted: Option<Wanted>,
        ended: Result<Option<Kept>, BringError>,
    ) -> Result<(), String> {
        let before = self.kept.remove(key);
        let kept = match (ended, wanted) {
            (Ok(kept), _) => kept,
            (Err(BringError::Lambda(error @ (LambdaError::Upstream(_) | LambdaError::Late))), _) => {
                return Err(error.to_string());
            }
            (Err(error), wanted) => {
                let (function, reason) = (key.name.as_str(), error.to_string());
                let failure = Some(format!("{function}: {reason}"));
                // What is tried again, and fails again, is said once.
                if self.last_failure != failure {
                    tracing::warn!(function, endpoint = %self.way.endpoint, reason, "a function has no whole shadow");
                }
                self.last_failure = failure;
                wanted.map(|wanted| Kept::Failed(wanted, reason))
            }
        };
        if kept == Some(Kept::LeftAlone) && before != kept {
            let endpoint = &self.way.endpoint;
            tracing::warn!(
                function = key.name.as_str(),
                %endpoint,
                "the upstream has a function of this name that is no shadow of this server's: it is left alone, and what \
                 triggers it does not come here"
            );
        }
        self.open.remove(key);
        if let Some(kept) = kept {
            self.kept.insert(key.clone(), kept);
        }
        Ok(())
    }

    /// Looks whether one of them is still there.
    async fn check(&mut self) -> Result<(), Standing> {
        let is_shadow = |kept: &&FunctionKey| matches!(self.kept.get(*kept), Some(Kept::Shadow(_)));
        let Some(key) = self.kept.keys().find(is_shadow).cloned() else { return Ok(()) };
        match self.way.find(&key).await {
            Ok(Some(Found::Shadow(..))) | Err(LambdaError::Refused { .. }) => Ok(()),
            Ok(_) => {
                tracing::info!(endpoint = %self.way.endpoint, "the upstream lost its shadows; they are made anew");
                self.forget();
                Ok(())
            }
            Err(error) => Err(Standing::Away(error.to_string())),
        }
    }

    fn wanted(&self, key: &FunctionKey) -> Option<Wanted> {
        self.seen.read(key).and_then(|function| Wanted::of(&function))
    }

    /// Tells how it stands; the log says it when that changes for who uses it.
    fn tell(&self, standing: &Standing) {
        let count = |is: fn(&Kept) -> bool| self.kept.values().filter(|kept| is(kept)).count();
        let report = Report {
            endpoint: self.way.endpoint.clone(),
            standing: standing.clone(),
            shadows: count(|kept| matches!(kept, Kept::Shadow(_))),
            left_alone: count(|kept| matches!(kept, Kept::LeftAlone)),
            last_failure: self.last_failure.clone(),
            others: self.others.clone(),
        };
        let before = self.reports.put(report);
        let endpoint = &self.way.endpoint;
        match standing {
            Standing::CannotRun(reason) if !matches!(before, Some(Standing::CannotRun(_))) => tracing::warn!(
                %endpoint,
                reason,
                "triggers of the upstream do not reach functions here: its Lambda cannot run what hands them on. This is \
                 said once; --shadows off has nothing made there, --shadow-endpoint says where it reaches this server"
            ),
            Standing::NoLambda(reason) if !matches!(before, Some(Standing::NoLambda(_))) => {
                tracing::info!(%endpoint, reason, "triggers of the upstream do not reach functions here: it has no Lambda for that");
            }
            _ => {}
        }
    }
}

/// Brings on one shadow, or takes it away.
async fn bring_one(
    way: &Way,
    key: &FunctionKey,
    wanted: Option<&Wanted>,
    listed: Option<Found>,
) -> Result<Option<Kept>, BringError> {
    let Some(wanted) = wanted else {
        bring::take_away(way, key).await?;
        return Ok(None);
    };
    let found = match listed {
        Some(listed) => Some(listed),
        None => way.find(key).await?,
    };
    bring::bring(way, key, wanted, found).await.map(Some)
}
