//! What every test stands on.

pub mod between;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
pub mod brokers;
pub mod browser;
pub mod cut_link;
pub mod engine;
pub mod executors;
pub mod functions;
pub mod http;
pub mod invoke;
pub mod kinesalite;
pub mod leftovers;
pub mod log_lines;
pub mod private_engine;
pub mod python;
pub mod queues;
pub mod server;
pub mod sources;
pub mod streams;

use std::future::Future;
use std::time::{Duration, Instant};

pub use executors::Executor;
pub use invoke::Invoked;
pub use server::{Options, Server};

/// How long anything may take that usually takes a moment: machines are slow and shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
///
/// # Panics
/// There is none within [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "not within {} s: {what}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
