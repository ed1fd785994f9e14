//! The ways into a server: the port, with who keeps whom out, the socket of the data dir's owner, and the sockets of
//! environments.

use std::path::Path;

use tokio::net::UnixListener;

use super::ServerError;
use crate::config::ServeOptions;
use crate::environments::callers::FunctionUsers;
use crate::environments::{LinkServer, SOCKET, Settings, bind_socket, endpoint};
use crate::front::guard::Guard;
use crate::front::guard::cors::CorsOrigins;
use crate::front::guard::hosts::Hosts;
use crate::front::{Listeners, LocalUsers, Token, control, token};

/// What others come in by.
#[derive(Debug)]
pub(super) struct Doors {
    /// Where environments dial.
    pub link: LinkServer,
    /// Where functions with a network of their own call, through their inits.
    pub api_socket: UnixListener,
    /// Where the command line of the data dir's owner calls.
    pub control: UnixListener,
    /// Who looks at what comes over the port.
    pub guard: Guard,
    /// Who functions are on this machine.
    pub function_users: FunctionUsers,
}

impl Doors {
    /// Binds the sockets, in place of those that a killed server left.
    pub async fn open(
        options: &ServeOptions,
        settings: &Settings,
        data_dir: &Path,
        listeners: &Listeners,
    ) -> Result<Self, ServerError> {
        let function_users = FunctionUsers::of(options.environments.init_user.unwrap_or_default());
        let (control, guard) = front_door(options, data_dir, listeners, &function_users)?;
        let link = bind_link(options, settings).await?;
        Ok(Self { link, api_socket: bind_api_socket(settings)?, control, guard, function_users })
    }
}

/// The command line's way in, and who keeps all others out that are not ours.
fn front_door(
    options: &ServeOptions,
    data_dir: &Path,
    listeners: &Listeners,
    function_users: &FunctionUsers,
) -> Result<(UnixListener, Guard), ServerError> {
    let error = |name: &str| {
        let path = data_dir.join(name);
        move |source| ServerError::Io { path, source }
    };
    let control = control::bind(data_dir).map_err(error(control::SOCKET))?;
    let token = Token::open(data_dir).map_err(error(token::FILE))?;
    let from_lambda = options.environments.hostname_from_lambda.trim();
    let link = options.containers.link_address.map(|address| address.ip().to_string());
    let given = options.hostname.iter().chain(listeners.hosts()).cloned().chain(link);
    let names = given.chain((!from_lambda.is_empty()).then(|| from_lambda.to_owned()));
    let users = LocalUsers::new(&options.local_users, function_users.all());
    let hosts = Hosts::new(listeners.addresses(), names);
    let guard = Guard::new(users, hosts, CorsOrigins::new(&options.cors_origins), token);

    Ok((control, guard))
}

/// Where environments dial.
async fn bind_link(options: &ServeOptions, settings: &Settings) -> Result<LinkServer, ServerError> {
    let socket = settings.link_dir().join(SOCKET);
    let link = LinkServer::bind(&socket).map_err(|source| ServerError::Io { path: socket, source })?;
    match options.containers.link_address {
        Some(address) => link.with_remote(address).await.map_err(|source| ServerError::Link { address, source }),
        None => Ok(link),
    }
}

/// Where functions call what they call at their `AWS_ENDPOINT_URL`.
fn bind_api_socket(settings: &Settings) -> Result<UnixListener, ServerError> {
    let path = settings.link_dir().join(endpoint::SOCKET);
    bind_socket(&path).map_err(|source| ServerError::Io { path, source })
}
