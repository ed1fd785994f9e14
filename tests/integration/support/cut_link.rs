//! A link that can be cut: a proxy in front of the server's socket, where environments dial.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::net::{UnixListener, UnixStream};
use tokio::task::{AbortHandle, JoinHandle};

use super::Server;

/// Connections between environments and the server that pass through the test.
#[derive(Debug)]
pub struct CutLink {
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    accepting: JoinHandle<()>,
}

impl CutLink {
    /// Puts itself between a server and all environments that dial from now on.
    pub fn before(server: &Server) -> Self {
        let folder = server.data_dir().join("run/link");
        let (socket, real) = (folder.join("link.sock"), folder.join("server.sock"));
        std::fs::rename(&socket, &real).expect("the server's socket is there");
        let listener = UnixListener::bind(&socket).expect("bound");
        open_to_all(&socket);
        let connections = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            while let Ok((mut environment, _)) = listener.accept().await {
                let real = real.clone();
                let passing = tokio::spawn(async move {
                    if let Ok(mut server) = UnixStream::connect(real).await {
                        let _ = tokio::io::copy_bidirectional(&mut environment, &mut server).await;
                    }
                });
                known.lock().expect("no holder panics").push(passing.abort_handle());
            }
        });
        Self { connections, accepting }
    }

    /// Cuts one of the connections, which `choose` picks among so many; tells whether there was one.
    pub fn cut(&self, choose: impl FnOnce(usize) -> usize) -> bool {
        let mut connections = self.connections.lock().expect("no holder panics");
        connections.retain(|connection| !connection.is_finished());
        if connections.is_empty() {
            return false;
        }
        let index = choose(connections.len());
        connections.swap_remove(index).abort();
        true
    }
}

impl Drop for CutLink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// As the server's own socket where the init has a user of its own.
fn open_to_all(socket: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666)).expect("set");
}
