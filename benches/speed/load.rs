//! Many connections at once.

use std::time::Instant;

use crate::Outcome;
use crate::http::Connection;
use crate::server::Server;

/// Connections at once, where a target does not say otherwise.
pub const CONNECTIONS: usize = 32;

/// Requests a second, when `connections` share them and each sends its own one after the other.
pub fn per_second(server: &Server, requests: &[Vec<u8>], connections: usize) -> Outcome<f64> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = requests
            .chunks(requests.len().div_ceil(connections))
            .map(|share| scope.spawn(|| send(server, share).map_err(|error| error.to_string())))
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a caller does not panic"))
    })?;
    Ok(f64::from(u32::try_from(requests.len())?) / began.elapsed().as_secs_f64())
}

fn send(server: &Server, requests: &[Vec<u8>]) -> Outcome {
    let mut connection = Connection::to(server.address)?;
    requests.iter().try_for_each(|request| connection.succeed(request).map(drop))
}
