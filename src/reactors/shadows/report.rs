//! How shadows fare, for those who ask for the server's health.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::model::names::AccountId;
use crate::upstream::Endpoint;

/// How it stands with the shadows of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was to be done yet.
    Idle,
    /// They are kept.
    Kept,
    /// The endpoint does not answer now.
    Away(String),
    /// It has no Lambda, or none that makes functions.
    NoLambda(String),
    /// Its Lambda runs no functions, or they do not reach Larder.
    CannotRun(String),
}

/// The shadows of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// How it stands.
    pub standing: Standing,
    /// How many there are.
    pub shadows: usize,
    /// Functions of somebody's own in their places, which are left alone.
    pub left_alone: usize,
    /// What went wrong last with one of them.
    pub last_failure: Option<String>,
    /// Accounts whose callers are of another one there.
    pub others: BTreeMap<AccountId, String>,
}

/// The shadows of all endpoints: a handful, so that a list does.
#[derive(Debug, Default)]
pub struct Reports(Mutex<Vec<Report>>);

impl Reports {
    /// All of them.
    pub fn all(&self) -> Vec<Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what is so of an endpoint; returns how it stood before.
    pub(super) fn put(&self, report: Report) -> Option<Standing> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = all.iter_mut().find(|found| found.endpoint == report.endpoint) else {
            all.push(report);
            return None;
        };
        Some(std::mem::replace(found, report).standing)
    }
}
