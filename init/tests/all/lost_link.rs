//! A server that goes away, and comes back or not.

use std::io::Read;
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use larder_init::link::{self, FromInit, Outcome, Phase, ToInit};

use crate::harness::{Environment, gone};

const SLOW: &str = r#"
def handler(event):
    print("begin")
    time.sleep(float(event))
    print("end")
    return str(os.getpid())
loop(handler)
"#;

#[test]
fn a_running_invocation_outlives_its_server() {
    let (environment, mut server) = Environment::with(SLOW);
    server.invoke("r1", b"2");
    server.ready();
    server.logged("begin\n");
    drop(server);
    let (mut server, hello) = environment.accept();
    assert_eq!(hello.phase, Phase::Busy { request_id: "r1".into() });
    let finished = server.finished();
    assert!(matches!(finished.outcome, Outcome::Response(_)), "{finished:?}");
    assert_eq!(server.logs, b"end\n");
    assert!(matches!(server.run("r2", b"0").outcome, Outcome::Response(_)));
    drop(server);
    // The result above may have been unread for all the init knows: it comes again. The runtime is
    // free meanwhile, and must not be counted as busy.
    let (mut server, hello) = environment.accept();
    assert_eq!(hello.phase, Phase::Idle);
    assert_eq!(server.finished().request_id, "r2");
}

#[test]
fn an_idle_environment_says_so() {
    let (environment, mut server) = Environment::with("loop(lambda event: event)");
    server.ready();
    drop(server);
    let (mut server, hello) = environment.accept();
    assert_eq!(hello.phase, Phase::Idle);
    assert_eq!(server.run("r1", b"x").outcome, Outcome::Response("x".into()));
}

#[test]
fn a_result_of_the_time_without_a_server_is_kept() {
    let (environment, mut server) = Environment::with(SLOW);
    server.invoke("r1", b"0.3");
    server.ready();
    server.logged("begin\n");
    let (mut environment, _) = environment.without_server();
    drop(server);
    std::thread::sleep(Duration::from_millis(800));
    environment.server_again();
    let (mut server, hello) = environment.accept();
    assert_eq!(hello.phase, Phase::Idle);
    assert!(matches!(server.finished().outcome, Outcome::Response(_)));
    assert_eq!(server.logs, b"end\n");
}

#[test]
fn a_socket_that_appears_late_is_found() {
    let (environment, server, _) = Environment::new(30);
    let (mut environment, _) = environment.without_server();
    drop(server);
    std::thread::sleep(Duration::from_millis(100));
    environment.server_again();
    let begin = Instant::now();
    let (_, hello) = environment.accept();
    assert_eq!(hello.phase, Phase::Fresh);
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[test]
fn without_a_server_the_environment_ends_after_its_grace() {
    let (environment, mut server, _) = Environment::new(1);
    server.send(&ToInit::Start(Box::new(environment.start("loop(lambda event: str(os.getpid()))"))));
    let Outcome::Response(pid) = server.run("r1", b"").outcome else { panic!("no response") };
    let (mut environment, _) = environment.without_server();
    let begin = Instant::now();
    drop(server);
    assert_eq!(environment.ended().code(), Some(0));
    assert!((900..5000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
    gone(std::str::from_utf8(&pid).expect("a number"));
}

#[test]
fn a_server_that_hangs_up_at_once_is_none() {
    let (mut environment, server, _) = Environment::new(1);
    drop(server);
    let begin = Instant::now();
    let mut dials = 0;
    while begin.elapsed() < Duration::from_millis(700) {
        drop(environment.accept());
        dials += 1;
    }
    assert!(dials < 80, "{dials} dials are more than one each 10 ms");
    let (environment_alone, _) = environment.without_server();
    environment = environment_alone;
    assert_eq!(environment.ended().code(), Some(0));
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_server_over_tcp_is_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let mut init = Command::new(env!("CARGO_BIN_EXE_larder-init"))
        .env_clear()
        .env(link::LINK_VARIABLE, format!("tcp:{address}"))
        .env(link::ENVIRONMENT_VARIABLE, "0123456789abcdef")
        .env(link::TOKEN_VARIABLE, "s3cret")
        .env(link::GRACE_VARIABLE, "2")
        .spawn()
        .expect("the init starts");
    let (mut stream, _) = listener.accept().expect("it dials");
    let mut chunk = [0; 1024];
    let count = stream.read(&mut chunk).expect("it writes");
    let hello = link::decode(&mut BytesMut::from(&chunk[..count])).expect("a frame");
    assert!(matches!(hello, Some(FromInit::Hello(hello)) if hello.environment == "0123456789abcdef"));
    drop((stream, listener));
    assert!(init.wait().expect("it ends").success());
}
