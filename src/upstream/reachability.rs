//! Whether endpoints answer: told in the log once when one goes and once when it comes back, and to those who ask for
//! the server's health.

use std::sync::Mutex;
use std::time::SystemTime;

use super::Endpoint;

/// How an endpoint was found when it was last asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// Nothing was passed to it yet.
    NotAsked,
    /// It answered.
    Answers,
    /// It did not.
    Away {
        /// When that was seen first.
        since: SystemTime,
        /// What the connection said.
        reason: String,
    },
}

/// An endpoint with how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// How it was found.
    pub contact: Contact,
}

/// What is known of all endpoints: a handful, so that a list does.
#[derive(Debug)]
pub struct Reachability(Mutex<Vec<Reached>>);

impl Reachability {
    /// Of endpoints that nobody has asked yet; one that serves several services is one.
    pub fn of<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Self {
        let mut all: Vec<Reached> = Vec::new();
        for endpoint in endpoints {
            if !all.iter().any(|reached| reached.endpoint == *endpoint) {
                all.push(Reached { endpoint: endpoint.clone(), contact: Contact::NotAsked });
            }
        }
        Self(Mutex::new(all))
    }

    /// All of them.
    pub fn all(&self) -> Vec<Reached> {
        self.lock().clone()
    }

    /// Notes that an endpoint answered.
    pub fn answered(&self, endpoint: &Endpoint) {
        let before = self.change(endpoint, |contact| match contact {
            Contact::Answers => None,
            _ => Some(Contact::Answers),
        });
        if let Some(Contact::Away { since, .. }) = before {
            let away_s = since.elapsed().unwrap_or_default().as_secs();
            tracing::warn!(%endpoint, away_s, "the upstream endpoint answers again");
        }
    }

    /// Notes that an endpoint did not answer.
    pub fn failed(&self, endpoint: &Endpoint, reason: &str) {
        let away = || Contact::Away { since: SystemTime::now(), reason: reason.to_owned() };
        let before = self.change(endpoint, |contact| match contact {
            Contact::Away { .. } => None,
            _ => Some(away()),
        });
        if before.is_some() {
            tracing::warn!(%endpoint, reason, "the upstream endpoint does not answer; this is said once until it does");
        }
    }

    /// Changes what is known of an endpoint; returns what was known, if that changed.
    fn change(&self, endpoint: &Endpoint, to: impl FnOnce(&Contact) -> Option<Contact>) -> Option<Contact> {
        let mut all = self.lock();
        let reached = all.iter_mut().find(|reached| reached.endpoint == *endpoint)?;
        let after = to(&reached.contact)?;
        Some(std::mem::replace(&mut reached.contact, after))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Reached>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_goes_and_comes_once() {
        let [one, other]: [Endpoint; 2] = ["http://a:1", "http://b:2"].map(|text| text.parse().expect("a URL"));
        let known = Reachability::of([&one, &other, &one].into_iter());
        assert_eq!(known.all().len(), 2);
        known.failed(&one, "refused");
        let Contact::Away { since, .. } = known.all()[0].contact.clone() else { panic!("is away") };
        known.failed(&one, "refused again");
        let reason = "refused".to_owned();
        assert_eq!(known.all()[0].contact, Contact::Away { since, reason }, "the first time counts");
        known.answered(&one);
        assert_eq!(known.all()[0].contact, Contact::Answers);

        assert_eq!(known.all()[1].contact, Contact::NotAsked);
    }
}
