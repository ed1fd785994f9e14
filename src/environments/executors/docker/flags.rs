//! `LAMBDA_DOCKER_FLAGS`: options of `docker run` for every container, as far as they make sense for an environment.
//!
//! What Larder decides itself (image, entry point, working folder, memory, name, removal) is no option here; clap
//! refuses the flag by its name.

use std::collections::HashMap;
use std::str::FromStr;

use bollard::models::{ContainerCreateBody, DeviceMapping, HostConfig, PortBinding, ResourcesUlimits};
use clap::Parser as _;

use crate::environments::executor::InitUser;

/// Options of `docker run`.
#[derive(Debug, Clone, Default, PartialEq, clap::Parser)]
#[command(name = "LAMBDA_DOCKER_FLAGS", no_binary_name = true, disable_help_flag = true, disable_version_flag = true)]
pub struct ContainerFlags {
    /// A variable for functions; without a value the server's own.
    #[arg(short, long)]
    env: Vec<String>,
    /// A folder or a volume: `SOURCE:TARGET[:ro]`.
    #[arg(short, long, value_parser = volume)]
    volume: Vec<String>,
    /// A port: `[[IP:]PORT:]PORT[/PROTOCOL]`.
    #[arg(short, long)]
    publish: Vec<Publish>,
    /// The network, where `LAMBDA_DOCKER_NETWORK` names none.
    #[arg(long, visible_alias = "net")]
    pub(super) network: Option<String>,
    /// `NAME=VALUE`.
    #[arg(short, long)]
    label: Vec<String>,
    /// `NAME:ADDRESS`.
    #[arg(long, value_parser = host)]
    add_host: Vec<String>,
    #[arg(long)]
    dns: Vec<String>,
    #[arg(long)]
    dns_search: Vec<String>,
    #[arg(long)]
    cap_add: Vec<String>,
    #[arg(long)]
    security_opt: Vec<String>,
    #[arg(long)]
    group_add: Vec<String>,
    /// `NAME=SOFT[:HARD]`, in place of AWS's.
    #[arg(long)]
    ulimit: Vec<Ulimit>,
    /// The functions' user, where `LAMBDA_INIT_USER` names none.
    #[arg(short, long)]
    pub(super) user: Option<InitUser>,
    /// Such as `linux/amd64`, whatever functions ask for.
    #[arg(long)]
    pub(super) platform: Option<String>,
    #[arg(long)]
    privileged: bool,
    /// Bytes, or with a unit: `64m`.
    #[arg(long)]
    shm_size: Option<Size>,
    /// `HOST[:CONTAINER[:PERMISSIONS]]`.
    #[arg(long)]
    device: Vec<Device>,
    #[arg(short, long)]
    hostname: Option<String>,
}

impl ContainerFlags {
    /// Reads the value of `LAMBDA_DOCKER_FLAGS`, split as a shell does.
    ///
    /// # Errors
    /// The flag that is none, or its value, in one line.
    pub fn parse_value(text: &str) -> Result<Self, String> {
        let words = shlex::split(text).ok_or("a quote is not closed")?;
        Self::try_parse_from(words).map_err(|error| {
            let error = error.to_string();
            let said = error.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            format!("{said}. Known are the flags of `docker run` that docs/executors.md lists")
        })
    }

    /// Whether they name resolvers.
    pub fn has_dns(&self) -> bool {
        !self.dns.is_empty()
    }

    /// The functions' variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.env.iter().filter_map(|pair| match pair.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            None => Some((pair.clone(), std::env::var(pair).ok()?)),
        })
    }

    /// Adds all but the variables, the network, the user and the platform to a container.
    pub(super) fn apply(&self, body: &mut ContainerCreateBody) {
        body.hostname = self.hostname.clone().or(body.hostname.take());
        let labels = self.label.iter().map(|label| label.split_once('=').unwrap_or((label, "")));
        // Under Larder's own: by those it knows its containers.
        let ours = body.labels.take().unwrap_or_default();
        let all = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).chain(ours).collect();
        body.labels = Some(all);
        if !self.publish.is_empty() {
            body.exposed_ports = Some(self.publish.iter().map(|publish| publish.port.clone()).collect());
        }

        self.apply_to_host(body.host_config.get_or_insert_default());
    }

    fn apply_to_host(&self, host: &mut HostConfig) {
        add(&mut host.binds, &self.volume);
        add(&mut host.extra_hosts, &self.add_host);
        add(&mut host.dns, &self.dns);
        add(&mut host.dns_search, &self.dns_search);
        add(&mut host.cap_add, &self.cap_add);
        add(&mut host.group_add, &self.group_add);
        add(&mut host.security_opt, &self.security_opt);
        let devices: Vec<_> = self.device.iter().map(|device| device.0.clone()).collect();
        add(&mut host.devices, &devices);
        let own = self.ulimit.iter().map(|limit| limit.0.clone());
        let names: Vec<_> = own.clone().map(|limit| limit.name).collect();
        let kept = host.ulimits.take().unwrap_or_default().into_iter().filter(|limit| !names.contains(&limit.name));
        host.ulimits = Some(kept.chain(own).collect());
        host.privileged = self.privileged.then_some(true);
        if let Some(size) = &self.shm_size {
            (host.shm_size, host.ipc_mode) = (Some(size.0), None);
        }
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();

        for publish in &self.publish {
            let of_port = bindings.entry(publish.port.clone()).or_default();
            of_port.get_or_insert_default().push(publish.binding.clone());
        }

        host.port_bindings = (!bindings.is_empty()).then_some(bindings);
    }
}

fn add<T: Clone>(list: &mut Option<Vec<T>>, more: &[T]) {
    if !more.is_empty() {
        list.get_or_insert_default().extend_from_slice(more);
    }
}

fn volume(text: &str) -> Result<String, String> {
    let target = text.split(':').nth(1).filter(|target| target.starts_with('/'));
    target.map(|_| text.to_owned()).ok_or_else(|| "write SOURCE:TARGET[:ro]".to_owned())
}

fn host(text: &str) -> Result<String, String> {
    text.contains(':').then(|| text.to_owned()).ok_or_else(|| "write NAME:ADDRESS".to_owned())
}

/// A published port.
#[derive(Debug, Clone, PartialEq)]
struct Publish {
    /// `PORT/PROTOCOL` inside.
    port: String,
    binding: PortBinding,
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (outside, inside) = ports.rsplit_once(':').unwrap_or(("", ports));
        let (ip, outside) = outside.rsplit_once(':').unwrap_or(("", outside));
        let is_port = |port: &str| port.parse::<u16>().is_ok();
        if !is_port(inside) || !(outside.is_empty() || is_port(outside)) {
            return Err("write [[IP:]PORT:]PORT[/PROTOCOL]".to_owned());
        }
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let binding = PortBinding { host_ip: some(ip), host_port: some(outside) };

        Ok(Self { port: format!("{inside}/{protocol}"), binding })
    }
}

/// A limit of a resource.
#[derive(Debug, Clone, PartialEq)]
struct Ulimit(ResourcesUlimits);

impl FromStr for Ulimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write NAME=SOFT[:HARD]".to_owned();
        let (name, limits) = text.split_once('=').ok_or_else(form)?;
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        let number = |text: &str| text.parse().map_err(|_| form());
        Ok(Self(ResourcesUlimits { name: Some(name.to_owned()), soft: Some(number(soft)?), hard: Some(number(hard)?) }))
    }
}

/// A device of the engine's machine.
#[derive(Debug, Clone, PartialEq)]
struct Device(DeviceMapping);

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':').map(str::to_owned);
        let on_host =
            parts.next().filter(|path| path.starts_with('/')).ok_or("write HOST[:CONTAINER[:PERMISSIONS]]")?;
        Ok(Self(DeviceMapping {
            path_in_container: parts.next().or_else(|| Some(on_host.clone())),
            path_on_host: Some(on_host),
            cgroup_permissions: parts.next().or_else(|| Some("rwm".to_owned())),
        }))
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size(i64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let shift = match text[digits.len()..].to_ascii_lowercase().trim_end_matches('b') {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            _ => return Err("the units are b, k, m and g".to_owned()),
        };
        let bytes = digits.parse::<i64>().ok().and_then(|number| number.checked_mul(1 << shift));
        bytes.map(Self).ok_or_else(|| "write a number of bytes, or one with a unit: 64m".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(text: &str) -> (ContainerFlags, ContainerCreateBody) {
        let flags = ContainerFlags::parse_value(text).expect(text);
        let ulimits = [("nofile", 1024), ("memlock", 65_536)];
        let ulimits = ulimits.map(|(name, soft)| ResourcesUlimits {
            name: Some(name.to_owned()),
            soft: Some(soft),
            hard: Some(soft),
        });
        let host_config = Some(HostConfig { ulimits: Some(ulimits.to_vec()), ..HostConfig::default() });
        let labels = Some([("larder.store".to_owned(), "s".to_owned())].into());
        let mut body = ContainerCreateBody { host_config, labels, ..ContainerCreateBody::default() };
        flags.apply(&mut body);

        (flags, body)
    }

    #[test]
    fn flags_reach_the_container() {
        let (flags, body) = applied(
            "-e A=1 --env 'B=two words' -v /data:/mnt/data:ro -p 127.0.0.1:8080:80 -p 53/udp --label larder.store=x \
             -l team=a --add-host db:10.0.0.1 --dns 1.1.1.1 --cap-add SYS_PTRACE --ulimit nofile=2048:4096 \
             --user 1000:100 --privileged --shm-size 64m --device /dev/fuse --network net1",
        );
        let variables: Vec<_> = flags.variables().collect();
        assert_eq!(variables, [("A".into(), "1".into()), ("B".into(), "two words".into())]);
        assert_eq!(flags.network.as_deref(), Some("net1"));
        assert_eq!(flags.user, Some(InitUser::Numbers(1000, 100)));
        let labels = body.labels.expect("labels");
        assert_eq!((labels["larder.store"].as_str(), labels["team"].as_str()), ("s", "a"));
        assert_eq!(body.exposed_ports, Some(vec!["80/tcp".to_owned(), "53/udp".to_owned()]));
        let host = body.host_config.expect("limits");
        assert_eq!(host.binds, Some(vec!["/data:/mnt/data:ro".to_owned()]));
        assert_eq!((host.privileged, host.shm_size), (Some(true), Some(64 << 20)));
        let limits: Vec<_> = host.ulimits.expect("limits").into_iter().map(|limit| (limit.name, limit.hard)).collect();
        assert_eq!(limits, [(Some("memlock".into()), Some(65_536)), (Some("nofile".into()), Some(4096))]);
        let published = host.port_bindings.expect("ports")["80/tcp"].clone().expect("a binding");

        assert_eq!(published[0].host_port.as_deref(), Some("8080"));
    }

    #[test]
    fn what_is_unknown_or_malformed_is_named() {
        for (text, says) in [
            ("--memory 1g", "'--memory'"),
            ("--rm", "'--rm'"),
            ("-e 'A", "a quote is not closed"),
            ("-v /data", "SOURCE:TARGET"),
            ("-p x", "PORT"),
            ("--ulimit nofile", "NAME=SOFT"),
            ("--user nobody", "sbx_user1051"),
            ("image", "'image'"),
        ] {
            let refusal = ContainerFlags::parse_value(text).expect_err(text);
            assert!(refusal.contains(says), "{text}: {refusal}");
        }
    }
}
