//! What functions reach over the network, and what reaches them: their own loopback and credentials, Lambda's API as
//! themselves, and neither Larder's own endpoints nor the Runtime API of others. What docs/security.md promises.

use crate::skipped::skipped;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use aws_sdk_lambda::Client;
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::support::functions::create_python;
use crate::support::invoke::invoke;
use crate::support::{Executor, Options, Server, eventually, http};

/// Does what the event says: a deed and what it needs.
const INTRUDER: &str = r"
import errno, os, socket, time, urllib.request, urllib.error

def http(method, url, body=None, headers={}):
    body = body.encode() if body is not None else None
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
    except OSError as error:
        return [0, repr(error)]

def signed(service):
    credential = '/'.join([os.environ['AWS_ACCESS_KEY_ID'], '20260101', os.environ['AWS_REGION'], service, 'aws4_request'])
    return {
        'authorization': f'AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00',
        'x-amz-security-token': os.environ['AWS_SESSION_TOKEN'],
    }

def connect(host, port):
    try:
        socket.create_connection((host, port), timeout=5).close()
        return 'connected'
    except OSError as error:
        return errno.errorcode.get(error.errno, repr(error))

def handler(event, context):
    deed, *details = event
    url = os.environ['AWS_ENDPOINT_URL']
    if deed == 'http':
        return http(*details)
    if deed == 'own server':
        return http(details[0], url + details[1], '{}', {'content-type': 'application/json', 'x-larder-request': '1'})
    if deed == 'hang up':
        host, port = url.removeprefix('http://').split(':')
        with socket.create_connection((host, int(port))) as stream:
            stream.sendall(details[0].encode())
        return None
    if deed == 'functions':
        return http('GET', url + '/2015-03-31/functions', None, signed('lambda'))
    if deed == 'who':
        form = {'content-type': 'application/x-www-form-urlencoded'}
        return http('POST', url, 'Action=GetCallerIdentity&Version=2011-06-15', {**signed('sts'), **form})
    if deed == 'connect':
        return connect(*details)
    if deed == 'own address':
        return socket.gethostbyname(socket.gethostname())
    if deed == 'gateway':
        routes = [line.split() for line in open('/proc/net/route')][1:]
        return [socket.inet_ntoa(bytes.fromhex(route[2])[::-1]) for route in routes if route[1] == '00000000'][0]
    if deed == 'sleep':
        time.sleep(details[0])
        return 'slept'
    if deed == 'read':
        return open(details[0]).read()
    return dict(os.environ)
";

async fn ask(client: &Client, name: &str, event: Value) -> Value {
    invoke(client, name, event).await.response()
}

/// The networks that a sandbox can have here.
const NETWORKS: [&str; 3] = ["auto", "none", "host"];

/// A server with the sandbox in this network, and two functions.
async fn stage(options: Options) -> (Server, Client) {
    let server = Server::start(options);
    let client = server.client();
    for name in ["intruder", "victim"] {
        create_python(&client, name, INTRUDER).await;
    }
    (server, client)
}

fn sandbox(network: &str) -> Options {
    Options::new(Executor::Sandbox).with("LARDER_SANDBOX_NETWORK", network)
}

/// Larder's own endpoints are shut, Lambda's and STS serve the function as itself.
async fn calls_are_those_of_a_function(client: &Client) {
    for (method, path) in [
        ("GET", "/_larder/health"),
        ("GET", "/_larder/state?show_secrets=true"),
        ("POST", "/_larder/rewind"),
        ("POST", "/_larder/pods/load"),
        ("POST", "/_larder/marks"),
        ("GET", "/_larder"),
        ("GET", "//_larder/health"),
        ("GET", "/%5flarder/health"),
    ] {
        let answer = ask(client, "intruder", json!(["own server", method, path])).await;
        let is_shut = answer[0] == 403 || answer[0] == 404;
        assert!(is_shut && !answer[1].to_string().contains("\\\"status\\\""), "{method} {path}: {answer}");
    }
    let told = ask(client, "intruder", json!(["own server", "GET", "/_larder/health"])).await;
    assert!(told[1].as_str().is_some_and(|text| text.contains("--functions-may-use-console")), "{told}");
    let functions = ask(client, "intruder", json!(["functions"])).await;
    assert_eq!(functions[0], 200, "{functions}");
    assert!(functions[1].as_str().is_some_and(|text| text.contains("victim")), "{functions}");
    let who = ask(client, "intruder", json!(["who"])).await;
    let arn = "<Arn>arn:aws:sts::000000000000:assumed-role/lambda/intruder</Arn>";
    assert!(who[1].as_str().is_some_and(|text| text.contains(arn)), "{who}");
}

/// Neither another function nor a process of this machine gets an event or forges an answer.
async fn the_runtime_api_is_shut_to_others(client: &Client, executor: Executor) {
    let api = ask(client, "victim", json!(["variables"])).await["AWS_LAMBDA_RUNTIME_API"].clone();
    let api = api.as_str().expect("an address").to_owned();
    let forger = client.clone();
    let busy = tokio::spawn(async move { invoke(&forger, "victim", json!(["sleep", 2])).await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let paths = ["invocation/next", "invocation/00000000-0000-0000-0000-000000000000/response", "init/error"];
    for path in paths {
        // Inside, the address may be the intruder's own: of that API it gets the answers of a function that is at work.
        let method = if path.ends_with("next") { "GET" } else { "POST" };
        let address: SocketAddr = api.parse().expect("an address");
        if executor == Executor::Sandbox && address.ip().is_loopback() {
            let url = format!("http://{api}/2018-06-01/runtime/{path}");
            let body = (method == "POST").then_some("\"forged\"");
            let answer = ask(client, "intruder", json!(["http", method, url, body])).await;
            assert_eq!(answer[0], 0, "{path}: {answer}");
        }
        if address.ip().is_loopback() {
            let request = format!("{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(raw(address, &request), "", "{path}");
        }
    }
    let slept = busy.await.expect("ran");
    assert_eq!(slept.response(), "slept");
    assert_eq!(ask(client, "victim", json!(["sleep", 0])).await, "slept", "it serves its own");
}

/// What is answered at an address; nothing, if nobody is there or hangs up.
fn raw(address: SocketAddr, request: &str) -> String {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(3))).expect("set");
    let mut answer = Vec::new();
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

on_each_executor! {
    async fn functions_call_lambda_but_not_larder_itself(executor) {
        let (server, client) = stage(Options::new(executor)).await;
        calls_are_those_of_a_function(&client).await;
        the_runtime_api_is_shut_to_others(&client, executor).await;
        assert_eq!(server.health()["status"], "ok", "others may");
        drop(server);
        let allowed = Options::new(executor).with("LARDER_FUNCTIONS_MAY_USE_CONSOLE", 1);
        let (_server, client) = stage(allowed).await;
        let answer = ask(&client, "intruder", json!(["own server", "GET", "/_larder/health"])).await;
        assert_eq!(answer[0], 200, "{answer}");
    }

    async fn credentials_are_each_environments_own_and_mean_the_same_after_a_restart(executor) {
        let (mut server, client) = stage(Options::new(executor)).await;
        create_python(&client, "t", INTRUDER).await;
        let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
        let mut seen = Vec::new();
        for function in ["intruder", "victim", "t"] {
            let variables = ask(&client, function, json!(["variables"])).await;
            let texts = names.map(|name| variables[name].as_str().unwrap_or_default().to_owned());
            assert!(texts[0].starts_with("ASIA") && texts[0].len() == 20, "{}", texts[0]);
            assert_eq!(texts[1].len(), 40);
            assert!(texts[2].len() > 500, "{}", texts[2]);
            seen.extend(texts);
        }
        for (place, text) in seen.iter().enumerate() {
            let others = seen.iter().enumerate().filter(|(other, _)| *other != place);
            assert!(others.into_iter().all(|(_, other)| !other.contains(text.as_str())), "{text} is a part of another");
        }
        let short = "assumed-role/lambda/t@lambda_function<";
        let who = ask(&client, "t", json!(["who"])).await;
        assert!(who[1].as_str().is_some_and(|text| text.contains(short)), "{who}");
        server.kill();
        server.restart();
        let again = invoke(&client, "t", json!(["who"])).await;
        assert!(!again.is_cold(), "it was adopted");
        let identity = |answer: &Value| answer[1].as_str().and_then(|text| text.split("<ResponseMetadata>").next().map(str::to_owned));
        assert_eq!(identity(&again.response()), identity(&who));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sandboxes_are_shut_in_each_network() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    for network in NETWORKS {
        println!("network {network}");
        let (server, client) = stage(sandbox(network)).await;
        calls_are_those_of_a_function(&client).await;
        the_runtime_api_is_shut_to_others(&client, Executor::Sandbox).await;
        // It sends and goes: nobody is there any more who could be looked at.
        let sequence = server.sequence();
        let mark = "POST /_larder/marks/stolen HTTP/1.1\r\nHost: localhost\r\nX-Larder-Request: 1\r\nContent-Type: application/json\r\n\
                    Content-Length: 2\r\nConnection: close\r\n\r\n{}";
        ask(&client, "intruder", json!(["hang up", mark])).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(server.sequence(), sequence, "{network}: nothing was done");
        // What listens on this machine's loopback.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let reached = ask(&client, "intruder", json!(["connect", "127.0.0.1", port])).await;
        let is_shared = server.field("executor").contains("network: this machine's");
        assert_eq!(reached, if is_shared { "connected" } else { "ECONNREFUSED" }, "{network}");
        if network == "none" {
            let out = ask(&client, "intruder", json!(["connect", "192.0.2.1", 9])).await;
            assert_eq!(out, "ENETUNREACH");
            let api = ask(&client, "intruder", json!(["variables"])).await;
            assert_eq!(api["AWS_LAMBDA_RUNTIME_API"], "169.254.100.1:9001", "as on AWS");
            assert_eq!(api["AWS_XRAY_DAEMON_ADDRESS"], "169.254.100.1:2000", "as on AWS");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_reach_neither_each_other_nor_the_machines_loopback() {
    if !Executor::Docker.is_here() {
        return;
    }
    let (server, client) = stage(Options::new(Executor::Docker)).await;
    let victim = ask(&client, "victim", json!(["own address"])).await;
    let gateway = ask(&client, "intruder", json!(["gateway"])).await;
    for (host, port) in [(&victim, 9001), (&victim, 2000), (&gateway, server.port())] {
        let reached = ask(&client, "intruder", json!(["connect", host, port])).await;
        assert_ne!(reached, "connected", "{host}:{port}");
    }
}

/// An address of this machine by which others reach it.
fn outer_address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback())
}

/// Programs that are the way out of environments of this test's servers: children of their spawners.
fn ways_out(server: &Server) -> Vec<u32> {
    let spawners: Vec<u32> = server.processes().into_iter().map(|(pid, _)| pid).collect();
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        let is_known = ["(slirp4netns)", "(pasta", "(passt"].iter().any(|name| stat.contains(name));
        is_known && parent.is_some_and(|parent| spawners.contains(&parent))
    })
    .collect()
}

fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

async fn ended(pids: &[u32]) {
    eventually("the way out ends with its environment", || async { pids.iter().all(|pid| !runs(*pid)).then_some(()) })
        .await;
}

/// A folder for PATH with Python and, where it is here, one program that leads out.
fn path_with(program: Option<&str>) -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().expect("a folder");
    let link = |target: &std::path::Path, name: &str| {
        std::os::unix::fs::symlink(target, folder.path().join(name)).expect("linked");
    };
    let python = crate::support::python::run(
        std::process::Command::new("python3").args(["-c", "import os, sys; print(os.path.realpath(sys.executable))"]),
    );
    link(std::path::Path::new(python.trim()), "python3");
    if let Some(program) = program {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file())?;
        link(&found, program);
    }
    Some(folder)
}

/// A server whose sandboxes have a way out by this program, and an address of this machine that it leads to.
fn opened_by(program: &str) -> Option<(Server, tempfile::TempDir, std::net::IpAddr)> {
    if !Executor::Sandbox.is_here() {
        return None;
    }
    let started = path_with(Some(program)).ok_or_else(|| format!("{program} is not on the PATH")).and_then(|folder| {
        let options = sandbox("private").with("PATH", folder.path().display()).with("LARDER_DNS", "off");
        // All that there are are counted.
        let options = options.with("LARDER_STANDBY", 0);
        let server = Server::try_start(options)?;
        Ok((server, folder))
    });
    let (server, folder) = match started {
        Ok(started) => started,
        Err(why) => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this must run in CI: {why}");
            skipped(&why);
            return None;
        }
    };
    assert!(server.field("executor").contains(program), "{}", server.field("executor"));
    // With pasta an environment has the outer address itself; the engine's bridge is another one.
    let bridge = std::net::IpAddr::from([172, 17, 0, 1]);
    let target = if program == "pasta" { Some(bridge) } else { outer_address() };
    let Some(target) = target.filter(|address| TcpListener::bind((*address, 0)).is_ok()) else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI's machine has such an address");
        skipped("this machine has no address beside its loopback's");
        return None;
    };
    Some((server, folder, target))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_its_own_has_a_way_out_that_ends_with_it() {
    a_way_out_ends_with_its_environment("slirp4netns").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_has_by_pasta() {
    a_way_out_ends_with_its_environment("pasta").await;
}

async fn a_way_out_ends_with_its_environment(program: &str) {
    let Some((mut server, _path, target)) = opened_by(program) else { return };
    let client = server.client();
    create_python(&client, "intruder", INTRUDER).await;
    let listener = TcpListener::bind((target, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let out = json!(["connect", target.to_string(), port]);
    assert_eq!(ask(&client, "intruder", out.clone()).await, "connected");
    if program == "slirp4netns" {
        // What leads AWS's names here is tests/integration/names.rs.
        let resolvers = ask(&client, "intruder", json!(["read", "/etc/resolv.conf"])).await;
        assert!(resolvers.as_str().is_some_and(|text| text.contains("nameserver 10.0.2.3")), "{resolvers}");
    }
    // The host's loopback is not reached.
    let inner = TcpListener::bind("127.0.0.1:0").expect("a port");
    inner.set_nonblocking(true).expect("set");
    let inner_port = inner.local_addr().expect("an address").port();
    for host in ["127.0.0.1", "10.0.2.2"] {
        let answer = ask(&client, "intruder", json!(["connect", host, inner_port])).await;
        // What the machine's own network makes of an address that nobody has is another matter.
        assert!(host != "127.0.0.1" || answer != "connected", "{host}: {answer}");
        assert!(inner.accept().is_err(), "{host}: it was reached");
    }
    ask(&client, "intruder", json!(["variables"])).await;
    let programs = ways_out(&server);
    assert_eq!(programs.len(), 1, "one for the environment");
    server.kill();
    server.restart();
    let again = invoke(&client, "intruder", out.clone()).await;
    assert!(!again.is_cold(), "it was adopted");
    assert_eq!(again.response(), "connected");
    assert_eq!(ways_out(&server), programs, "it belongs to the environment");
    client.delete_function().function_name("intruder").send().await.expect("deleted");
    ended(&programs).await;
    // However it ends.
    create_python(&client, "intruder", INTRUDER).await;
    ask(&client, "intruder", json!(["variables"])).await;
    let programs = ways_out(&server);
    assert_eq!(programs.len(), 1);
    for (pid, line) in server.processes() {
        if line.contains(" sandbox ") {
            let pid = nix::unistd::Pid::from_raw(pid.try_into().expect("a pid"));
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("killed");
        }
    }
    ended(&programs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_program_for_it_the_network_is_the_machines_and_that_is_said() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    let folder = path_with(None).expect("nothing else is wanted");
    let options = |network| sandbox(network).with("PATH", folder.path().display());
    let (server, client) = stage(options("auto")).await;
    let told = "network: this machine's, as neither slirp4netns nor pasta is on the PATH";
    assert!(server.field("executor").contains(told), "{}", server.field("executor"));
    assert!(server.health()["executor"]["reason"].as_str().is_some_and(|reason| reason.contains(told)));
    assert!(server.log().contains(told), "{}", server.log());
    calls_are_those_of_a_function(&client).await;
    let refused = Server::try_start(options("private")).expect_err("it must not start");
    assert!(refused.contains("--sandbox-network private") && refused.contains("slirp4netns"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_users_sandboxes_are_shut_in_each_network() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    for network in NETWORKS {
        let Some(options) = sandbox(network).by_ordinary_user() else {
            skipped("the tests run as an ordinary user, so all of them show it");
            return;
        };
        println!("network {network}");
        let (server, client) = stage(options).await;
        println!("{}", server.field("executor"));
        calls_are_those_of_a_function(&client).await;
        the_runtime_api_is_shut_to_others(&client, Executor::Sandbox).await;
        let answer = http::get(server.port(), "/_larder/health");
        assert_eq!(answer.status, 200, "people may: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_on_the_machines_network_are_shut_too() {
    if !Executor::Docker.is_here() {
        return;
    }
    let server = Server::start(Options::new(Executor::Docker).with("LAMBDA_DOCKER_NETWORK", "host"));
    let client = server.client();
    create_python(&client, "intruder", INTRUDER).await;
    let variables = ask(&client, "intruder", json!(["variables"])).await;
    let api = variables["AWS_LAMBDA_RUNTIME_API"].as_str().and_then(|api| api.parse().ok()).expect("an address");
    let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(raw(api, next), "", "a process of this machine is hung up on");
    let told = ask(&client, "intruder", json!(["own server", "GET", "/_larder/health"])).await;
    assert_eq!(told[0], 403, "{told}");
    assert_eq!(ask(&client, "intruder", json!(["functions"])).await[0], 200);
    assert_eq!(server.health()["status"], "ok", "people may");
}

/// A mount below a shared one, as a Docker engine's are.
struct SharedMount(tempfile::TempDir);

impl SharedMount {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mount = |arguments: &[&str], at: &std::path::Path| {
            let mounted = std::process::Command::new("mount").args(arguments).arg(at).status();
            assert!(mounted.expect("mount runs").success(), "{arguments:?}");
        };
        mount(&["-t", "tmpfs", "outer"], folder.path());
        mount(&["--make-shared"], folder.path());
        std::fs::create_dir(folder.path().join("below")).expect("a folder");
        mount(&["-t", "tmpfs", "below"], &folder.path().join("below"));
        Self(folder)
    }

    fn is_whole(&self) -> bool {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("reads");
        mounts.contains(&format!(" {} ", self.0.path().join("below").display()))
    }
}

impl Drop for SharedMount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").args(["--lazy", "--recursive"]).arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_way_out_leaves_the_mounts_of_the_machine_alone() {
    if !Executor::Sandbox.is_here() || !nix::unistd::geteuid().is_root() {
        skipped("only root can mount what this looks at");
        return;
    }
    let mount = SharedMount::new();
    let server = Server::start(sandbox("auto"));
    if !server.field("executor").contains("slirp4netns") {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this must run in CI");
        skipped("no slirp4netns is here, which is what could take them down");
        return;
    }
    let client = server.client();
    create_python(&client, "intruder", INTRUDER).await;
    ask(&client, "intruder", json!(["variables"])).await;
    assert!(mount.is_whole(), "while the environment runs");
    drop(server);
    assert!(mount.is_whole(), "and when it has ended");
}
