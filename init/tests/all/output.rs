//! Output of the function: complete, in order, bounded.

use std::time::{Duration, Instant};

use larder_init::link::{FromInit, Outcome};

use crate::harness::Environment;

#[test]
fn what_was_written_before_the_response_comes_before_it() {
    let script = r#"
def handler(event):
    for line in range(50):
        os.write(1 + line % 2, f"{event.decode()} {line}\n".encode())
    return b""
loop(handler)
"#;
    let (_environment, mut server) = Environment::with(script);
    server.ready();
    for round in 0..50 {
        server.logs.clear();
        server.run(&format!("r{round}"), round.to_string().as_bytes());
        let lines: Vec<_> = (0..50).map(|line| format!("{round} {line}\n")).collect();
        assert_eq!(String::from_utf8_lossy(&server.logs), lines.concat());
    }
}

#[test]
fn output_comes_while_the_function_runs() {
    let script = "loop(lambda event: (print('now'), time.sleep(5), b'')[2])";
    let (_environment, mut server) = Environment::with(script);
    server.ready();
    server.invoke("r1", b"");
    let begin = Instant::now();
    server.logged("now\n");
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[test]
fn ten_megabytes_of_output_are_complete() {
    let script = "loop(lambda event: (os.write(1, b'x' * 1000) and sys.stdout.write('y' * 10_000_000), b'')[1])";
    let (_environment, mut server) = Environment::with(script);
    server.ready();
    let finished = server.run("r1", b"");
    assert!(matches!(finished.outcome, Outcome::Response(_)));
    assert_eq!(server.logs.len(), 10_001_000);
    // A tenth of that is usual; a second would be a wait for something that never comes.
    assert!(finished.duration_us < 1_000_000, "{} us", finished.duration_us);
}

#[test]
fn a_server_that_does_not_read_does_not_stop_the_function() {
    let script = r#"
def handler(event):
    sys.stdout.write("y" * 6_000_000)
    open(os.environ["FOLDER"] + "/done", "w").close()
    return b""
loop(handler)
"#;
    let (environment, mut server) = Environment::with(script);
    server.ready();
    server.invoke_within("r1", b"", 60_000);
    let end = Instant::now() + Duration::from_secs(15);
    while !environment.folder.path().join("done").exists() {
        assert!(Instant::now() < end, "the function is stuck");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(matches!(server.finished().outcome, Outcome::Response(_)));
    assert!(server.logs.len() < 6_000_000, "the oldest gave way");
}

#[test]
fn a_background_process_that_writes_without_end_delays_nothing() {
    let script = r#"
child = subprocess.Popen(["/bin/sh", "-c", "while :; do echo background; done"])
loop(lambda event: str(child.pid))
"#;
    let (_environment, mut server) = Environment::with(script);
    for round in 0..5 {
        let begin = Instant::now();
        let finished = server.run(&format!("r{round}"), b"");
        assert!(matches!(finished.outcome, Outcome::Response(_)));
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    }
}

#[test]
fn a_background_process_that_keeps_stdout_open_delays_nothing() {
    let script = r#"
def handler(event):
    if os.fork() == 0:
        time.sleep(1)
        print("late")
        os._exit(0)
    print("early")
    return b""
loop(handler)
"#;
    let (_environment, mut server) = Environment::with(script);
    server.ready();
    let begin = Instant::now();
    server.run("r1", b"");
    assert!(begin.elapsed() < Duration::from_millis(900));
    assert_eq!(server.logs, b"early\n");
    server.logged("late\n");
}

#[test]
fn each_piece_has_its_time() {
    let (_environment, mut server) = Environment::with("os.write(1, b'x\\n')\nloop(lambda event: event)");
    loop {
        match server.receive() {
            FromInit::Platform(_) => {}
            FromInit::Log { time_ms, data } => {
                assert!(time_ms > 1_700_000_000_000);
                assert_eq!(&data[..], b"x\n");
                return;
            }
            other => panic!("not output: {other:?}"),
        }
    }
}
