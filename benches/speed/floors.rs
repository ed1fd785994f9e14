//! Floors that several sections need: the same work with nothing of Larder in it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::json;

use crate::Outcome;
use crate::docker::Engine;
use crate::http::{self, Connection};
use crate::package;
use crate::samples::Samples;

/// Bytes of an event and what belongs to it.
const EVENT: usize = 500;

/// Says hello over a socket, then stays until the other side hangs up: an environment that started.
/// The interpreter imports nothing it can do without, as Larder's client does.
const HELLO: &str = "import _socket, sys; s = _socket.socket(_socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)";

/// An append of 500 bytes to a file, and its sync.
pub fn synced_append(folder: &Path) -> Outcome<Samples> {
    let path = folder.join("floor");
    let mut file = File::create(&path)?;
    let samples = Samples::of(500, |_| {
        file.write_all(&[7; EVENT])?;
        Ok(file.sync_data()?)
    })?;
    std::fs::remove_file(path)?;
    Ok(samples)
}

/// A file of its own for a package of 1 KB, as the blob store writes large ones: written, synced,
/// renamed, its folder synced.
pub fn synced_file(folder: &Path) -> Outcome<Samples> {
    let (fresh, named) = (folder.join("floor-new"), folder.join("floor-named"));
    let samples = Samples::of(200, |_| {
        let mut file = File::create(&fresh)?;
        file.write_all(&[7; 1024])?;
        file.sync_all()?;
        std::fs::rename(&fresh, &named)?;
        Ok(File::open(folder)?.sync_all()?)
    })?;
    std::fs::remove_file(named)?;
    Ok(samples)
}

/// `together` inserts of 500 bytes into a sled tree, their flush, and the sync of sled's file, which
/// its flush leaves out (`ledger/log.rs`).
pub fn sled_flush(folder: &Path, together: usize) -> Outcome<Samples> {
    let path = folder.join("floor-sled");
    let db = sled::Config::new().path(&path).cache_capacity(8 << 20).flush_every_ms(None).open()?;
    let file = File::open(path.join("db"))?;
    let samples = Samples::of(500, |number| {
        for one in 0..together {
            db.insert((number * together + one).to_be_bytes(), &[7; EVENT][..])?;
        }
        db.flush()?;
        Ok(file.sync_data()?)
    })?;
    drop(db);
    std::fs::remove_dir_all(path)?;
    Ok(samples)
}

/// A thread that answers `body` to every request over loopback.
pub fn loopback(request: &[u8], body: &[u8], count: usize) -> Outcome<Samples> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut caller = Connection::to(listener.local_addr()?)?;
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let answer = http::answer("200 OK", "Content-Type: application/json\r\n", body);
    let server = std::thread::spawn(move || {
        let mut connection = Connection::new(stream);
        while let Ok(Some(_)) = connection.read() {
            if connection.write(&answer).is_err() {
                break;
            }
        }
    });
    let samples = Samples::of(count, |_| caller.succeed(request).map(drop));
    drop(caller);
    server.join().map_err(|_| "the server of the floor panicked")?;
    samples
}

/// A program's start and end.
pub fn process(program: &str, arguments: &[&str]) -> Outcome<Samples> {
    Samples::of(20, |_| {
        let ended = Command::new(program).args(arguments).stdout(Stdio::null()).status()?;
        if ended.success() { Ok(()) } else { Err(format!("{program}: {ended}").into()) }
    })
}

/// The interpreter itself: `python3` on the PATH may be a script that looks for it each time.
pub fn python() -> Outcome<String> {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A new environment of `executor` without Larder, until a Python in it says hello: `unshare`, or a
/// container of the same image on the engine's default network.
pub fn environment(executor: &str, folder: &Path, count: usize) -> Outcome<Samples> {
    let socket = folder.join("hello.sock");
    let listener = UnixListener::bind(&socket)?;
    let (mut times, python) = (Vec::new(), python()?);
    for _ in 0..count {
        let began = Instant::now();
        let environment = Bare::start(executor, &python, folder, &socket)?;
        let (stream, _) = listener.accept()?;
        times.push(began.elapsed());
        environment.end(stream);
    }
    std::fs::remove_file(socket)?;
    Ok(Samples::new(times))
}

/// A started environment.
enum Bare {
    Namespaces(Child),
    Container(Engine, String),
}

impl Bare {
    fn start(executor: &str, python: &str, folder: &Path, socket: &Path) -> Outcome<Self> {
        if executor != "docker" {
            let mut unshare = Command::new("unshare");
            unshare.args(["--user", "--map-root-user", "--mount", "--uts", "--ipc", "--pid", "--fork", "--mount-proc"]);
            let child = unshare.args([python, "-I", "-S", "-c", HELLO]).arg(socket).stdin(Stdio::null()).spawn()?;
            return Ok(Self::Namespaces(child));
        }
        let version = package::RUNTIME.trim_start_matches("python");
        let mut engine = Engine::connect()?;
        let id = engine.start(&json!({
            "Image": format!("public.ecr.aws/lambda/python:{version}"),
            "Entrypoint": [format!("/var/lang/bin/python{version}"), "-I", "-S", "-c", HELLO, "/speed/hello.sock"],
            "HostConfig": {
                "AutoRemove": true,
                "Binds": [format!("{}:/speed", folder.display())],
                "LogConfig": { "Type": "none" },
            },
        }))?;
        Ok(Self::Container(engine, id))
    }

    /// Hangs up and waits for the end.
    fn end(self, mut stream: UnixStream) {
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read(&mut [0]);
        match self {
            Self::Namespaces(mut child) => drop(child.wait()),
            Self::Container(mut engine, id) => engine.remove(&id),
        }
    }
}
