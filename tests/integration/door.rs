//! The listeners and connections: what stalls, who does not read, and a server that comes back at once.

use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::support::functions::create_some;
use crate::support::http::{Request, get};
use crate::support::{Options, Server};

/// Kilobytes that a process has in memory.
fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Sends a part of a request, and says after how long its connection is closed, with what it was told.
fn stalled(port: u16, beginning: &[u8]) -> (Duration, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
    stream.write_all(beginning).expect("sends");
    stream.set_read_timeout(Some(Duration::from_secs(90))).expect("set");
    let (started, mut answer) = (Instant::now(), Vec::new());
    let _ = stream.read_to_end(&mut answer);
    (started.elapsed(), String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn heads_and_bodies_come_in_time_or_not_at_all() {
    let server = Server::start(Options::any());
    let port = server.port();
    let begin = |text: &'static str| std::thread::spawn(move || stalled(port, text.as_bytes()));
    let head = begin("GET /2015-03-31/functions HTTP/1.1\r\nhost: localhost\r\n");
    let body = begin("POST /2015-03-31/functions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n{");
    let pod = begin(
        "POST /_larder/pods/load HTTP/1.1\r\nhost: localhost\r\nx-larder-request: 1\r\ncontent-length: 9\r\n\r\n(",
    );
    for (what, stalled, answer) in [("head", head, ""), ("body", body, "HTTP/1.1 408"), ("pod", pod, "HTTP/1.1 408")] {
        let (took, said) = stalled.join().expect("ends");
        assert!((25..75).contains(&took.as_secs()), "{what}: {took:?}");
        assert!(said.starts_with(answer) && said.is_empty() == answer.is_empty(), "{what}: {said}");
    }
    assert_eq!(server.sequence(), 0);
}

/// As many as tests may open, of those that a hostile program would.
#[test]
fn thousands_of_idle_connections_keep_nobody_out() {
    let (soft, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).expect("a limit");
    let count = usize::try_from(soft.saturating_sub(200)).unwrap_or(usize::MAX).min(10_000);
    let server = Server::start(Options::any());
    let asked = b"GET /2015-03-31/functions HTTP/1.1\r\nhost: localhost\r\n\r\n";

    // Every other one has asked something before; the rest say nothing.
    let idle: Vec<TcpStream> = (0..count)
        .map(|number| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("connects");
            if number % 2 == 0 {
                let _ = stream.write_all(asked);
            }
            stream
        })
        .collect();
    let started = Instant::now();
    assert_eq!(get(server.port(), "/2015-03-31/functions").status, 200);
    assert!(started.elapsed() < Duration::from_secs(20), "it took {:?}", started.elapsed());

    drop(idle);
}

#[test]
fn stalled_uploads_cost_nobodys_memory() {
    const UPLOADS: usize = 20;
    const SENT: usize = 60 * 1024 * 1024;
    let server = Server::start(Options::any());
    let before = resident_kb(server.pid());
    let head = "POST /2015-03-31/functions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 70000000\r\n\r\n";
    let chunk = vec![b'x'; 1024 * 1024];
    let uploads: Vec<TcpStream> = (0..UPLOADS)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("connects");
            stream.write_all(head.as_bytes()).expect("sends");
            for _ in 0..SENT / chunk.len() {
                stream.write_all(&chunk).expect("sends");
            }
            stream
        })
        .collect();
    let grown = resident_kb(server.pid()).saturating_sub(before) / 1024;
    println!("{UPLOADS} stalled uploads of 60 MB: {grown} MB more");
    assert!(grown < 256, "{grown} MB");
    // Others are served meanwhile, large ones too.
    assert_eq!(get(server.port(), "/2015-03-31/functions").status, 200);
    let large = Request::new("POST", "/2015-03-31/functions").body(vec![b'x'; 10 * 1024 * 1024]).send(server.port());
    assert_eq!(large.status, 400, "no JSON, but read");
    drop(uploads);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_comes_back_on_its_port_at_once() {
    let mut server = Server::start(Options::any());
    create_some(&server.client(), "kept").await;
    for _ in 0..20 {
        server.kill();
        server.restart();
        assert_eq!(get(server.port(), "/_larder/health").status, 200);
    }
}

#[test]
fn localhost_is_both_families_and_several_addresses_go_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let mut command = Options::any().command(&data_dir, "localhost:0,127.0.0.2:0");
    let log = std::fs::File::create(folder.path().join("log")).expect("a log");
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(log).spawn().expect("larder is built");
    let mut banner = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().expect("piped"));
    while !banner.contains("  executor ") {
        assert!(std::io::BufRead::read_line(&mut output, &mut banner).expect("a banner") > 0, "{banner}");
    }
    let address = banner.lines().find_map(|line| line.trim().strip_prefix("address")).expect("an address").trim();
    let port: u16 = address.strip_prefix("http://localhost:").expect(address).parse().expect("a port");
    assert!(banner.contains("also at") && banner.contains("http://127.0.0.2:"), "{banner}");
    let health = get(port, "/_larder/health").json();
    let addresses: Vec<SocketAddr> = serde_json::from_value(health["addresses"].clone()).expect("addresses");
    for address in &addresses {
        assert!(TcpStream::connect(address).is_ok(), "{address}");
    }
    let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    assert_eq!(addresses.contains(&SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port))), has_v6, "{addresses:?}");
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().expect("an id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("signalled");
    assert!(child.wait().expect("ends").success());
}

#[test]
fn a_data_dir_is_its_owners_and_what_a_kill_left_is_gone() {
    let mut server = Server::start(Options::any());
    let folder = server.data_dir();
    let is_closed = || {
        for name in ["", "store", "blobs", "run", "staging", "trees"] {
            let mode = std::fs::metadata(folder.join(name)).expect("is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{name}");
        }
    };
    is_closed();
    server.stop();
    server.restart();
    assert!(!server.log().contains("is its owner's alone from now on"), "it was from the beginning: {}", server.log());
    server.stop();
    for name in ["", "store", "blobs", "run"] {
        std::fs::set_permissions(folder.join(name), Permissions::from_mode(0o755)).expect("set");
    }
    for left in ["staging/.tmpX", "store/checkpoints/.tmpY", "run/probe-1/x"] {
        let path = folder.join(left);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, "left").expect("written");
    }
    server.restart();
    is_closed();
    for left in ["staging/.tmpX", "store/checkpoints/.tmpY", "run/probe-1"] {
        assert!(!folder.join(left).exists(), "{left}");
    }
}
