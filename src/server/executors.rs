//! Which executor runs functions, and with which of the user's settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::{ServerError, names};
use crate::config::{ExecutorChoice, ServeOptions};
use crate::environments::endpoint::Endpoint;
use crate::environments::executor::{Executor, ExecutorError};
use crate::environments::executors::docker::{ContainerOptions, DockerExecutor, DockerOptions, Engine};
use crate::environments::executors::missing::MissingExecutor;
use crate::environments::executors::sandbox::{SandboxConfig, SandboxExecutor};
use crate::environments::names::LeadingNames;
use crate::environments::{SOCKET, Settings};
use crate::ledger::Ledger;

/// What there is to run functions, as far as it can be known without the store.
pub(super) enum Found {
    Sandbox(Arc<dyn Executor>, String),
    Engine(Result<Engine, ExecutorError>),
}

/// Looks for what the user asked for, or for an engine.
pub(super) async fn find_executor(
    options: &ServeOptions,
    settings: &Settings,
    init: &Path,
    address: SocketAddr,
) -> Result<Found, ServerError> {
    if options.executor != ExecutorChoice::Sandbox {
        return Ok(Found::Engine(Engine::connect(options.containers.engine()).await));
    }
    let options = options.clone();
    let settings = settings.clone();
    let init = init.to_owned();
    let made = tokio::task::spawn_blocking(move || sandbox(&options, &settings, init, address)).await;
    let (sandbox, network) = made.map_err(|error| ServerError::Serve(error.into()))??;

    Ok(Found::Sandbox(sandbox, network))
}

/// The executor, and why it is this one.
pub(super) async fn choose_executor(
    options: &ServeOptions,
    found: Found,
    settings: &Settings,
    ledger: &Ledger,
    init: PathBuf,
    address: SocketAddr,
) -> Result<(Arc<dyn Executor>, String), ServerError> {
    let engine = match found {
        Found::Sandbox(sandbox, network) => return Ok((sandbox, format!("asked for; {network}"))),
        Found::Engine(engine) => engine,
    };
    let docker = DockerOptions {
        host: options.containers.engine().map(str::to_owned),
        images: options.environments.image_mapping.clone(),
        init: init.clone(),
        link_folder: settings.link_dir(),
        advertise: options.containers.link_address.map(|address| address.to_string()),
        standby_folder: settings.run_dir.join("standby"),
        store_id: ledger.store_id().to_owned(),
        containers: ContainerOptions {
            names: names_of_containers(options, address)?,
            ..container_options(options, settings.place, address)
        },
        ignore_architecture: options.containers.ignore_architecture,
    };
    let docker = match engine.and_then(|engine| DockerExecutor::on(engine, docker)) {
        Ok(docker) => docker,
        Err(error) if options.executor == ExecutorChoice::Docker => return Err(unusable("docker", &error)),
        Err(error) => {
            return Ok(match sandbox(options, settings, init, address) {
                Ok((sandbox, network)) => (sandbox, format!("no Docker engine: {error}; {network}")),
                Err(of_sandbox) => missing(&error, &of_sandbox),
            });
        }
    };
    // What the user asks of an engine that is there is not answered by taking another executor.
    docker.check_networks().await.map_err(|error| unusable("docker", &error))?;
    if options.executor == ExecutorChoice::Docker {
        let reason = format!("asked for: {}", docker.engine());
        return Ok((Arc::new(docker), reason));
    }
    let why = match docker.can_run(|| images_of(ledger)).await {
        Ok(()) => "an engine answers".to_owned(),
        Err(reason) => match sandbox(options, settings, init, address) {
            Ok((sandbox, network)) => {
                return Ok((sandbox, format!("the Docker engine is of no use: {reason}; {network}")));
            }
            Err(error) => format!("an engine answers, of no use yet ({reason}); nor is the sandbox ({error})"),
        },
    };
    let reason = format!("{why}: {}", docker.engine());
    Ok((Arc::new(docker), reason))
}

/// The images that functions of the store name.
fn images_of(ledger: &Ledger) -> Vec<String> {
    let state = ledger.state();
    let versions = state.functions.values().flat_map(|function| function.all_versions());
    versions.filter_map(|version| version.code.content.image().map(|image| image.uri.clone())).collect()
}

/// The sandbox, if this kernel lets this user make one, and which network its functions have.
fn sandbox(
    options: &ServeOptions,
    settings: &Settings,
    init: PathBuf,
    address: SocketAddr,
) -> Result<(Arc<dyn Executor>, String), ServerError> {
    let config = SandboxConfig {
        init_binary: init,
        run_dir: settings.run_dir.clone(),
        link_socket: settings.link_dir().join(SOCKET),
        hidden: settings.run_dir.parent().map(Path::to_owned).into_iter().collect(),
        user: options.environments.init_user.unwrap_or_default(),
        ulimits: options.environments.ulimits,
        network: options.environments.sandbox_network,
        endpoint: endpoint(options, address, Endpoint::on_this_machine(address)),
        own_endpoint: endpoint(options, address, Endpoint::Relayed(address.port())),
        relay_port: address.port(),
        names: names::leading(options, address),
    };
    let sandbox = SandboxExecutor::new(config).map_err(|error| unusable("sandbox", &error))?;
    sandbox.probe().map_err(|reason| ServerError::Executor { name: "sandbox", reason })?;
    if sandbox.shares_network() && names::leading(options, address).is_some() {
        names::not_led(options, "sandbox", "functions have this machine's network")?;
    }
    let network = sandbox.network();
    tracing::info!("functions in sandboxes: {network}");

    Ok((Arc::new(sandbox), network))
}

/// What is there where nothing runs functions: the store can be looked at and changed all the same.
fn missing(docker: &ExecutorError, sandbox: &ServerError) -> (Arc<dyn Executor>, String) {
    let reason = format!("no Docker engine: {docker}; {sandbox}");
    tracing::warn!("nothing here runs functions: {reason}");
    (Arc::new(MissingExecutor::new(reason.clone())), reason)
}

fn unusable(name: &'static str, error: &ExecutorError) -> ServerError {
    ServerError::Executor { name, reason: error.to_string() }
}

/// What every container gets.
fn container_options(options: &ServeOptions, place: Uuid, address: SocketAddr) -> ContainerOptions {
    let environments = &options.environments;
    let containers = &options.containers;
    if containers.prebuild_images {
        tracing::info!("LAMBDA_PREBUILD_IMAGES has no effect: code is mounted into containers, which copies nothing");
    }
    ContainerOptions {
        place: place.to_string(),
        networks: containers.networks(),
        dns: containers.dns(),
        flags: containers.docker_flags.clone(),
        keep_stopped: !containers.remove_containers,
        user: environments.init_user,
        ulimits: environments.ulimits,
        endpoint: endpoint(options, address, from_containers(options, address)),
        names: None,
    }
}

/// The names that lead here inside containers, where those have a loopback of their own and no resolvers that the user
/// gave them.
fn names_of_containers(options: &ServeOptions, address: SocketAddr) -> Result<Option<LeadingNames>, ServerError> {
    let Some(leading) = names::leading(options, address) else { return Ok(None) };
    let why = if options.containers.link_address.is_some() {
        "containers of a remote engine share no folder with this server"
    } else if networks(options).shares_loopback() {
        "containers have the network of others"
    } else if !options.containers.dns().is_empty() {
        "containers have the resolvers of LAMBDA_DOCKER_DNS"
    } else if options.containers.docker_flags.has_dns() {
        "containers have the resolvers of LAMBDA_DOCKER_FLAGS"
    } else {
        return Ok(Some(leading));
    };
    names::not_led(options, "docker", why)?;
    Ok(None)
}

/// What containers are told of networks.
fn networks(options: &ServeOptions) -> ContainerOptions {
    ContainerOptions {
        networks: options.containers.networks(),
        flags: options.containers.docker_flags.clone(),
        ..ContainerOptions::default()
    }
}

/// How functions reach this server: as the user says, or else as `found`.
fn endpoint(options: &ServeOptions, address: SocketAddr, found: Endpoint) -> Endpoint {
    let environments = &options.environments;
    match environments.hostname_from_lambda.trim() {
        _ if environments.disable_aws_endpoint_url => Endpoint::Absent,
        "" => found,
        host => Endpoint::at_host(host, address.port()),
    }
}

/// Containers of an engine on this machine reach the server through the folder that they share. Those of a remote one
/// reach it where their inits do, if it listens there.
fn from_containers(options: &ServeOptions, address: SocketAddr) -> Endpoint {
    let containers = networks(options);
    match options.containers.link_address {
        None if containers.main_network() == Some("host") => Endpoint::on_this_machine(address),
        None if containers.shares_loopback() => {
            tracing::warn!(
                "functions in another container's network get no AWS_ENDPOINT_URL: name the host by which they reach \
                 this server in HOSTNAME_FROM_LAMBDA"
            );
            Endpoint::Absent
        }
        None => Endpoint::Relayed(address.port()),
        Some(_) if address.ip().is_loopback() => {
            tracing::warn!(
                "functions of the remote engine do not reach this server, and get no AWS_ENDPOINT_URL: \
                 let it --listen on an address that they reach"
            );
            Endpoint::Absent
        }
        Some(link) => Endpoint::At(format!("http://{}", SocketAddr::new(link.ip(), address.port()))),
    }
}
