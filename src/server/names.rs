//! Which names lead to this server inside environments, and whether they can.

use std::net::SocketAddr;
use std::path::Path;

use larder_init::names::Names;

use super::ServerError;
use crate::config::{Dns, ServeOptions};
use crate::environments::names::{self, LeadingNames};
use crate::front::guard::hosts;
use crate::front::tls::{Encryption, TlsError};

/// A name of this machine that leads here, beside those of the loopback: that of the field's tools.
const OF_SERVER: &str = "localhost.localstack.cloud";

/// Those that lead to a server at `address`, unless the user wants none.
pub(super) fn leading(options: &ServeOptions, address: SocketAddr) -> Option<LeadingNames> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let names = Names {
        aws: texts(&hosts::AWS),
        of_customers: texts(&hosts::OF_CUSTOMERS),
        of_server: vec![OF_SERVER.to_owned()],
        upstream: options.names.upstream_patterns(),
        servers: options.names.servers(),
        port: address.port(),
        ..Names::default()
    };
    (options.names.choice() != Dns::Off).then(|| LeadingNames::new(names))
}

/// Says that names lead nowhere new, and why.
///
/// # Errors
/// The user wants them to.
pub(super) fn not_led(options: &ServeOptions, executor: &'static str, why: &str) -> Result<(), ServerError> {
    if options.names.choice() == Dns::On {
        return Err(ServerError::Executor { name: executor, reason: format!("--dns on: {why}") });
    }
    tracing::info!("AWS's names do not lead here inside functions: {why}");
    Ok(())
}

/// What takes encrypted connections of functions, which trust the data dir's authority, also where a certificate was
/// given for the port. Environments are told of it, unless names lead nowhere new.
pub(super) fn prepare(
    options: &ServeOptions,
    tls: &Encryption,
    data_dir: &Path,
    link: &Path,
) -> Result<Encryption, ServerError> {
    if let Some(address) = options.names.useless_address() {
        tracing::info!("DNS_ADDRESS={address} has no effect: names are answered inside environments");
    }
    if options.names.choice() == Dns::Off {
        return Ok(tls.clone());
    }
    let of_functions = if tls.authority.is_some() { tls.clone() } else { Encryption::of_authority(data_dir)? };
    let authority = of_functions.authority.as_deref().unwrap_or_default();
    names::furnish(link, authority).map_err(|(path, source)| TlsError::Io { path, source })?;

    Ok(of_functions)
}
