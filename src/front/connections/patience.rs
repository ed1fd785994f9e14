//! How long a connection may stand still, by what it is doing.

use std::time::Duration;

/// How long a connection may stand still.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the head of a request, from its first byte, or from the beginning of the connection.
    pub head: Duration,
    /// For the next byte of a body.
    pub body: Duration,
    /// Between requests.
    pub idle: Duration,
    /// For the caller to take the next byte of an answer.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let half = Duration::from_secs(30);
        let ten = Duration::from_secs(600);
        // Whoever looks at a stream in a debugger may stand still for a while.
        Self { head: half, body: half, idle: ten, answer: Duration::from_secs(120) }
    }
}

impl Patience {
    /// With users who may not call: they are told so, and that is all.
    pub fn with_strangers(self) -> Self {
        let short = Duration::from_secs(2);
        Self { head: short.min(self.head), body: short.min(self.body), idle: short.min(self.idle), ..self }
    }
}
