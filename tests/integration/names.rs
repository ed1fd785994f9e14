//! AWS's names inside functions: programs that know of no endpoint but AWS's own call here, over TLS that they verify.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};

use aws_sdk_lambda::Client;
use aws_sdk_lambda::types::{Environment, FunctionUrlAuthType, Runtime};
use serde_json::{Value, json};

use crate::on_each_executor;
use crate::skipped::skipped;
use crate::support::functions::{active, bash, create, create_python, creation, python, zip};
use crate::support::invoke::{call, invoke};
use crate::support::python::{run, script, script_with};
use crate::support::{Executor, Options, Server};

/// Lists functions as a program does that has no other endpoint.
const BOTO3: &str = "
import boto3, os
def handler(event, context):
    client = boto3.client('lambda', endpoint_url='https://lambda.us-east-1.amazonaws.com')
    os.environ['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] = 'true'
    other = boto3.client('lambda', region_name='eu-west-1')
    names = [function['FunctionName'] for function in client.list_functions()['Functions']]
    return [names, other.meta.endpoint_url, len(other.list_functions()['Functions'])]
";

/// The same without an SDK.
const NODE: &str = "
const https = require('https');
const get = (url) => new Promise((resolve, reject) => https.get(url, (answer) => {
  let text = '';
  answer.on('data', (part) => { text += part; });
  answer.on('end', () => resolve(text));
}).on('error', reject));
exports.handler = async () => {
  const functions = JSON.parse(await get('https://lambda.us-east-1.amazonaws.com/2015-03-31/functions')).Functions;
  return functions.map((one) => one.FunctionName);
};
";

/// And in a runtime of the function's own.
const CURL: &str = "curl -sS --noproxy '*' https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/bash 2>&1";

/// Does what the event says: a deed and what it needs.
const PROBE: &str = r"
import os, socket, ssl, struct, urllib.error, urllib.request

def http(url, headers={}):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
            return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        return [error.code, error.read().decode()]
    except OSError as error:
        return [0, repr(error)]

def addresses(name):
    try:
        return sorted({found[4][0] for found in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)})
    except OSError as error:
        return repr(error)

def by_tcp(name):
    question = struct.pack('>6H', 7, 0x0100, 1, 0, 0, 0)
    question += b''.join(bytes([len(part)]) + part.encode() for part in name.split('.')) + b'\0\0\1\0\1'
    with socket.create_connection(('127.0.0.100', 53), timeout=10) as stream:
        stream.sendall(struct.pack('>H', len(question)) + question)
        stream.settimeout(10)
        length, = struct.unpack('>H', stream.recv(2))
        return socket.inet_ntoa(stream.recv(length)[-4:])

def nonsense():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stream:
        for datagram in [b'', b'x', b'\0' * 12, b'\xff' * 600, b'\0\7\1\0\0\1\0\0\0\0\0\0' + b'\xc0\x0c' * 3]:
            stream.sendto(datagram, ('127.0.0.100', 53))

def own_server():
    held = [socket.create_server((host, port)) for host, port in [('0.0.0.0', 80), ('0.0.0.0', 443), ('127.0.0.1', 53)]]
    name = socket.gethostbyname('lambda.us-east-1.amazonaws.com')
    client = socket.create_connection((name, 80), timeout=5)
    mine, _ = held[0].accept()
    for one in [client, mine, *held]:
        one.close()
    return [name, http('https://lambda.us-east-1.amazonaws.com/2015-03-31/functions')[0]]

def handler(event, context):
    deed, *details = event
    deeds = {'http': http, 'addresses': addresses, 'by tcp': by_tcp, 'own server': own_server}
    if deed == 'nonsense':
        return nonsense()
    if deed == 'read':
        return open(details[0]).read()
    if deed == 'variables':
        return dict(os.environ)
    return deeds[deed](*details)
";

/// What tells programs whom to trust.
const TRUST: [&str; 5] =
    ["NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"];

/// Where the init answers for names.
const ADDRESS: &str = "127.0.0.100";

async fn ask(client: &Client, event: Value) -> Value {
    invoke(client, "probe", event).await.response()
}

/// A server with a function that tries things.
async fn stage(options: Options) -> (Server, Client) {
    let server = Server::start(options);
    let client = server.client();
    create_python(&client, "probe", PROBE).await;
    (server, client)
}

/// A package with AWS's SDK for Python.
fn with_sdk(code: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    std::fs::write(place("handler.py"), code).expect("written");
    script("pack_sdk.py", &[&place("package.zip"), &place("handler.py")]);
    std::fs::read(place("package.zip")).expect("made")
}

on_each_executor! {
    async fn programs_that_know_only_awss_names_call_here(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        create(&client, "boto3", Runtime::Python311, with_sdk(BOTO3)).await;
        create(&client, "node", Runtime::Nodejs20x, zip(&[("handler.js", NODE.as_bytes())])).await;
        // Old Node.js is told of the authority in one way, with options of the function's own in another.
        let own = Environment::builder().variables("NODE_OPTIONS", "--enable-source-maps").build();
        let other = creation(&client, "other", Runtime::Nodejs20x, zip(&[("handler.js", NODE.as_bytes())]));
        other.environment(own).send().await.expect("created");
        active(&client, "other").await;
        create(&client, "bash", Runtime::Providedal2023, bash(CURL)).await;
        let all = json!(["bash", "boto3", "node", "other"]);
        let told = call(&client, "boto3").await.response();
        assert_eq!(told, json!([all, "https://lambda.eu-west-1.amazonaws.com", 0]));
        for node in ["node", "other"] {
            assert_eq!(call(&client, node).await.response(), all);
        }
        assert_eq!(call(&client, "bash").await.response()["Configuration"]["FunctionName"], "bash");
    }

    async fn functions_urls_are_called_by_the_names_that_aws_gives_them(executor) {
        let (_server, client) = stage(Options::new(executor)).await;
        let code = "def handler(event, context):\n    return event['rawPath'] + ' ' + event['headers']['host'] + ' ' + event['headers']['x-forwarded-proto'] + ' ' + event['headers']['x-forwarded-port']\n";
        create_python(&client, "target", code).await;
        let made = client.create_function_url_config().function_name("target").auth_type(FunctionUrlAuthType::None);
        let made = made.send().await.expect("created");
        let add = || client.add_permission().function_name("target").principal("*");
        let url = add().statement_id("url").action("lambda:InvokeFunctionUrl").function_url_auth_type(FunctionUrlAuthType::None);
        url.send().await.expect("granted");
        let invoked = add().statement_id("invoke").action("lambda:InvokeFunction").invoked_via_function_url(true);
        invoked.send().await.expect("granted");
        let id = made.function_url().trim_start_matches("http://").split('.').next().expect("an id").to_owned();
        let host = format!("{id}.lambda-url.us-east-1.on.aws");
        for (scheme, path, port) in [("https", "/a", 443), ("http", "/a", 80), ("https", "/_larder/state", 443)] {
            let answer = ask(&client, json!(["http", format!("{scheme}://{host}{path}")])).await;
            assert_eq!(answer, json!([200, format!("{path} {host} {scheme} {port}")]), "the function's, not Larder's");
        }
    }

    async fn what_comes_by_a_name_is_a_functions_call(executor) {
        let (server, client) = stage(Options::new(executor)).await;
        let port = server.port();
        let urls = [
            "https://lambda.us-east-1.amazonaws.com".to_owned(),
            "http://s3.us-east-1.amazonaws.com".to_owned(),
            "https://localhost.localstack.cloud".to_owned(),
            format!("http://localhost.localstack.cloud:{port}"),
            format!("https://lambda.us-east-1.localhost:{port}"),
        ];
        for url in &urls {
            for host in [None, Some("evil.example"), Some("localhost")] {
                let headers = host.map_or_else(|| json!({}), |host| json!({ "host": host, "x-larder-request": "1" }));
                let answer = ask(&client, json!(["http", format!("{url}/_larder/health"), headers])).await;
                let text = answer[1].as_str().unwrap_or_default();
                assert!(answer[0] == 403 && text.contains("--functions-may-use-console"), "{url} {host:?}: {answer}");
            }
            let answer = ask(&client, json!(["http", format!("{url}/2015-03-31/functions"), { "host": "lambda.us-east-1.amazonaws.com" }])).await;
            assert_eq!(answer[0], 200, "{url}: {answer}");
        }
        let evil = ask(&client, json!(["http", "https://evil.example/"])).await;
        assert_eq!(evil[0], 0, "{evil}");
        ask(&client, json!(["nonsense"])).await;
        assert_eq!(ask(&client, json!(["by tcp", "sqs.eu-west-1.amazonaws.com"])).await, ADDRESS);

        drop(server);
        let (_server, client) = stage(Options::new(executor).with("LARDER_FUNCTIONS_MAY_USE_CONSOLE", 1)).await;
        let answer = ask(&client, json!(["http", "https://lambda.us-east-1.amazonaws.com/_larder/health"])).await;
        assert_eq!(answer[0], 200, "{answer}");
    }

    async fn all_other_names_are_asked_where_the_user_says(executor) {
        let Some(resolver) = Resolver::start() else { return };
        let options = Options::new(executor).with("DNS_SERVER", resolver.address);
        let options = options.with("DNS_NAME_PATTERNS_TO_RESOLVE_UPSTREAM", r"s3\..*,.*ecr");
        let (_server, client) = stage(options).await;
        for (name, address) in [
            ("larder.example", TOLD),
            ("s3.amazonaws.com", TOLD),
            ("api.ecr.us-east-1.amazonaws.com", TOLD),
            ("db.x.us-east-1.rds.amazonaws.com", TOLD),
            ("bucket.s3.amazonaws.com", ADDRESS),
            ("lambda.us-east-1.api.aws", ADDRESS),
            ("abc.lambda-url.us-east-1.on.aws", ADDRESS),
            ("lambda.cn-north-1.amazonaws.com.cn", ADDRESS),
            ("sqs.localhost.localstack.cloud", ADDRESS),
        ] {
            assert_eq!(ask(&client, json!(["addresses", name])).await, json!([address]), "{name}");
        }
        assert_eq!(ask(&client, json!(["addresses", "abc.localhost"])).await, json!(["127.0.0.1"]));
        assert_eq!(ask(&client, json!(["by tcp", "by-tcp.example"])).await, TOLD);
        let asked = resolver.asked();
        assert!(asked.contains(&"larder.example".to_owned()) && asked.contains(&"by-tcp.example".to_owned()), "{asked:?}");
        assert!(!asked.iter().any(|name| name.contains("lambda") || name.contains("localhost")), "{asked:?}");
    }

    async fn names_are_what_they_were_where_nobody_wants_them(executor) {
        let mut switches = vec![("LARDER_DNS", "off"), ("DNS_ADDRESS", "0")];
        if executor == Executor::Docker {
            switches.extend([("LAMBDA_DOCKER_DNS", "192.0.2.1"), ("LAMBDA_DOCKER_FLAGS", "--dns 192.0.2.1")]);
        }
        let mut found = Vec::new();
        for (name, value) in switches {
            let (_server, client) = stage(Options::new(executor).with(name, value)).await;
            let resolvers = ask(&client, json!(["read", "/etc/resolv.conf"])).await;
            let resolvers = resolvers.as_str().expect("text");
            assert!(!resolvers.contains(ADDRESS), "{name}: {resolvers}");
            assert_eq!(resolvers.contains("192.0.2.1"), name.starts_with("LAMBDA"), "{name}: {resolvers}");
            let variables = ask(&client, json!(["variables"])).await;
            assert!(TRUST.iter().all(|name| variables[name].is_null()), "{name}: {variables}");
            found.push(variables);
        }
        let (_server, client) = stage(Options::new(executor)).await;
        let variables = ask(&client, json!(["variables"])).await;
        let names = |variables: &Value| variables.as_object().expect("names").keys().cloned().collect::<BTreeSet<_>>();
        let more: BTreeSet<_> = names(&variables).difference(&names(&found[0])).cloned().collect();
        assert_eq!(more, TRUST.map(str::to_owned).into(), "docs/names.md says which");
    }

    async fn functions_have_the_ports_that_they_ask_for_first(executor) {
        let (_server, client) = stage(Options::new(executor)).await;
        let told = ask(&client, json!(["own server"])).await;
        assert_eq!(told, json!([ADDRESS, 200]), "it had them itself, and then the name led here");
        let again = ask(&client, json!(["http", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions"])).await;
        assert_eq!(again[0], 200, "{again}");
    }

    async fn functions_trust_whom_they_name(executor) {
        let server = Server::start(Options::new(executor));
        let client = server.client();
        let own = Environment::builder().variables("SSL_CERT_FILE", "/none.pem").variables("AWS_CA_BUNDLE", "").build();
        creation(&client, "probe", Runtime::Python311, python(PROBE)).environment(own).send().await.expect("created");
        active(&client, "probe").await;
        let variables = ask(&client, json!(["variables"])).await;
        assert_eq!((&variables["SSL_CERT_FILE"], &variables["AWS_CA_BUNDLE"]), (&json!("/none.pem"), &json!("")));
        assert_eq!(variables["NODE_EXTRA_CA_CERTS"], "/var/larder/ca.pem");
        let answer = ask(&client, json!(["http", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions"])).await;
        assert!(answer[0] == 0 && answer[1].as_str().is_some_and(|text| text.contains("CERTIFICATE_VERIFY_FAILED")), "{answer}");
    }

    async fn a_certificate_of_the_port_is_not_that_of_awss_names(executor) {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().to_str().expect("text");
        script_with("upstream", "make_certificates.py", &[place]);
        let of = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
        let options = Options::new(executor);
        let options = options.with("LARDER_TLS_CERTIFICATE", of("server.pem")).with("LARDER_TLS_KEY", of("server.key"));
        let (_server, client) = stage(options).await;
        let answer = ask(&client, json!(["http", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions"])).await;
        assert_eq!(answer[0], 200, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_trusts_whom_its_image_trusts_and_the_server() {
    if !Executor::Docker.is_here() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let roots = folder.path().join("roots.crt");
    std::fs::write(&roots, "# the image's own").expect("written");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("set");
    let flags = format!("-v {}:/etc/ssl/certs/ca-certificates.crt:ro", roots.display());
    let (server, client) = stage(Options::new(Executor::Docker).with("LAMBDA_DOCKER_FLAGS", flags)).await;
    let bundle = ask(&client, json!(["variables"])).await["SSL_CERT_FILE"].clone();
    assert_eq!(bundle, "/etc/larder/ca-bundle.pem");
    let text = ask(&client, json!(["read", bundle])).await;
    let text = text.as_str().expect("text");
    let authority = std::fs::read_to_string(server.data_dir().join("tls/ca.pem")).expect("there");
    assert_eq!(text, format!("# the image's own\n{authority}"));
    let answer = ask(&client, json!(["http", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions"])).await;
    assert_eq!(answer[0], 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_of_a_network_still_find_each_other() {
    if !Executor::Docker.is_here() {
        return;
    }
    let name = format!("larder-names-{}", std::process::id());
    let docker = |arguments: &[&str]| run(Command::new("docker").args(arguments));
    docker(&["network", "create", &name]);
    let _network = Removed(["network", "rm"], name.clone());
    let image = "public.ecr.aws/lambda/provided:al2023";
    docker(&["run", "-d", "--network", &name, "--name", &name, "--entrypoint", "sleep", image, "600"]);
    let _container = Removed(["rm", "-f"], name.clone());
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = docker(&["inspect", "-f", format, &name]);
    let (_server, client) = stage(Options::new(Executor::Docker).with("LAMBDA_DOCKER_NETWORK", &name)).await;
    assert_eq!(ask(&client, json!(["addresses", name])).await, json!([address.trim()]));
    let answer = ask(&client, json!(["http", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions"])).await;
    assert_eq!(answer[0], 200, "{answer}");
    client.delete_function().function_name("probe").send().await.expect("deleted");
}

/// Something of the engine's that is removed at the end.
struct Removed([&'static str; 2], String);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(self.0).arg(&self.1).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_users_functions_call_here_too() {
    if !Executor::Sandbox.is_here() {
        return;
    }
    for network in ["auto", "none"] {
        let options = Options::new(Executor::Sandbox).with("LARDER_SANDBOX_NETWORK", network);
        let Some(options) = options.by_ordinary_user() else {
            skipped("the tests run as an ordinary user, so all of them show it");
            return;
        };
        let (_server, client) = stage(options).await;
        let answer = ask(&client, json!(["http", "https://lambda.us-east-1.amazonaws.com/2015-03-31/functions"])).await;
        assert_eq!(answer[0], 200, "{network}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_must_have_names_is_told_where_they_cannot_be() {
    if Executor::Sandbox.is_here() {
        let host = |dns| Options::new(Executor::Sandbox).with("LARDER_SANDBOX_NETWORK", "host").with("LARDER_DNS", dns);
        let refused = Server::try_start(host("on")).expect_err("it must not start");
        assert!(refused.contains("--dns on: functions have this machine's network"), "{refused}");
        let (server, client) = stage(host("auto")).await;
        let why = "AWS's names do not lead here inside functions: functions have this machine's network";
        assert!(server.log().contains(why), "{}", server.log());
        let variables = ask(&client, json!(["variables"])).await;
        assert!(TRUST.iter().all(|name| variables[name].is_null()), "{variables}");
    }
    if Executor::Docker.is_here() {
        let docker = Options::new(Executor::Docker).with("LARDER_DNS", "on");
        for (name, value, why) in [
            ("LAMBDA_DOCKER_NETWORK", "host", "containers have the network of others"),
            ("LAMBDA_DOCKER_DNS", "192.0.2.1", "LAMBDA_DOCKER_DNS"),
        ] {
            let refused = Server::try_start(docker.clone().with(name, value)).expect_err("it must not start");
            assert!(refused.contains("--dns on") && refused.contains(why), "{refused}");
        }
    }
}

/// The address that the tests' own resolver tells of every name.
const TOLD: &str = "192.0.2.7";

/// A resolver on an address of this machine that environments reach.
struct Resolver {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Resolver {
    /// Starts one over UDP and TCP, for as long as the tests run; `None`, if this machine has no such address.
    fn start() -> Option<Self> {
        let Some((udp, tcp)) = bind() else {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI's machine has such an address");
            skipped("this machine has no address beside its loopback's");
            return None;
        };
        let address = udp.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let names = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                if let Some(answer) = told(&buffer[..length], &names) {
                    let _ = udp.send_to(&answer, from);
                }
            }
        });
        let names = Arc::clone(&asked);
        std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            for mut stream in tcp.incoming().flatten() {
                let mut length = [0; 2];
                stream.read_exact(&mut length).expect("a length");
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut question).expect("a question");
                let answer = told(&question, &names).expect("an answer");
                let length = u16::try_from(answer.len()).expect("short");
                stream.write_all(&[&length.to_be_bytes()[..], &answer].concat()).expect("sent");
            }
        });

        Some(Self { address, asked })
    }

    /// The names that it was asked for.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

fn bind() -> Option<(UdpSocket, std::net::TcpListener)> {
    let probe = UdpSocket::bind("0.0.0.0:0").ok()?;
    probe.connect("198.51.100.1:9").ok()?;
    let ip: IpAddr = probe.local_addr().ok()?.ip();
    let udp = UdpSocket::bind((ip, 0)).ok().filter(|_| !ip.is_loopback())?;
    let tcp = std::net::TcpListener::bind(udp.local_addr().ok()?).ok()?;
    Some((udp, tcp))
}

/// The answer to a question: the address, for those who want one of version 4.
fn told(question: &[u8], asked: &Mutex<Vec<String>>) -> Option<Vec<u8>> {
    let mut end = 12;
    let mut labels = Vec::new();
    while let Some(length) = question.get(end).filter(|length| **length != 0) {
        let label = question.get(end + 1..end + 1 + usize::from(*length))?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        end += 1 + usize::from(*length);
    }
    asked.lock().expect("not poisoned").push(labels.join("."));
    let is_address = question.get(end + 1..end + 3)? == [0, 1];
    let mut answer = question.get(..end + 5)?.to_vec();
    answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
    if is_address {
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        answer.extend(TOLD.parse::<std::net::Ipv4Addr>().expect("an address").octets());
    }
    Some(answer)
}
