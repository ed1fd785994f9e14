//! Tells when files of folders change: by inotify, and by looking again and again where that does not reach.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Config, Event, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, oneshot};

use super::Root;

/// How long nobody may have written to a folder until it counts as done. Editors, compilers and checkouts write
/// their files within a few milliseconds of each other.
const QUIET: Duration = Duration::from_millis(120);

/// Between two looks at a folder that is polled.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// The same as [`QUIET`] for a folder that is polled: two looks that found nothing.
const QUIET_WHEN_POLLED: Duration = Duration::from_millis(320);

/// Longest wait for what the kernel tells in less than a millisecond.
const OWN_FILE: Duration = Duration::from_secs(1);

/// Folders of tools, whose files no function reads.
const IGNORED: [&str; 4] = [".git", ".hg", ".svn", "__pycache__"];

/// File systems whose files change elsewhere, unknown to this kernel: NFS, SMB (three numbers), 9P, FUSE (sshfs,
/// shared folders of virtual machines), Ceph, AFS, those of `VirtualBox` and
/// Parallels.
const REMOTE: [u64; 10] = [
    0x6969,
    0x517B,
    0xFE53_4D42,
    0xFF53_4D42,
    0x0102_1997,
    0x6573_5546,
    0x00C3_6400,
    0x5346_414F,
    0x786F_4256,
    0x7C7C_6673,
];

/// Watches folders.
#[derive(Debug)]
pub struct Watcher {
    /// One for all folders, so that what it tells comes in the order in which it happened; `None` where the system
    /// gives none.
    inotify: Option<Mutex<RecommendedWatcher>>,
    polls: Mutex<HashMap<PathBuf, PollWatcher>>,
    /// A watched folder of our own; see [`Watcher::catch_up`].
    own: PathBuf,
    news: Arc<News>,
}

/// What is known of folders.
#[derive(Debug, Default)]
struct News {
    folders: Mutex<HashMap<PathBuf, Watched>>,
    /// Files of our own that were made, by name, and who waits to hear of them.
    own: Mutex<HashMap<OsString, oneshot::Sender<()>>>,
    changed: Notify,
    last_number: AtomicU64,
}

#[derive(Debug)]
struct Watched {
    root: Root,
    polled: bool,
    /// Number of its latest change.
    change: u64,
    /// When that was heard of.
    at: Instant,
}

impl Watcher {
    /// A watcher of nothing yet; the folder `own` is made anew.
    pub fn new(own: &Path) -> io::Result<Self> {
        match std::fs::remove_dir_all(own) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(own)?,
        }

        let own = own.canonicalize()?;
        // Later than every number of a former server: an environment that is adopted knows older ones.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let last_number = AtomicU64::new(u64::try_from(now.as_micros()).unwrap_or_default());
        let news = Arc::new(News { last_number, ..News::default() });
        let inotify = inotify(&news, &own);
        let inotify = inotify.map_err(|error| tracing::warn!(%error, "hot-reload folders are polled: no inotify"));

        Ok(Self { inotify: inotify.ok().map(Mutex::new), polls: Mutex::default(), own, news })
    }

    /// Watches a folder, if it is not yet; `root` says which one the path leads to now. Returns the number of its
    /// latest change. Blocking.
    pub fn watch(&self, path: &Path, root: Root) -> u64 {
        let polled = is_remote(path);
        // Held until it is watched, so that nobody takes it for watched before.
        let mut inotify = self.inotify.as_ref().map(lock);
        if let Some(watched) = self.news.folders().get(path).filter(|watched| watched.root == root) {
            return watched.change;
        }
        let heard = !polled && inotify.as_mut().is_some_and(|inotify| listen(inotify, path));
        if !heard {
            self.poll(path);
        }

        // Somebody may be in the middle of writing.
        let change = self.news.next_number();
        let watched = Watched { root, polled: !heard, change, at: Instant::now() };
        self.news.folders().insert(path.to_owned(), watched);
        change
    }

    fn poll(&self, path: &Path) {
        let config = Config::default().with_poll_interval(LOOK_EVERY).with_follow_symlinks(false);
        let news = Arc::clone(&self.news);
        let polling = PollWatcher::new(move |event| news.hear(event, Path::new("")), config);
        match polling.and_then(|mut polling| polling.watch(path, RecursiveMode::Recursive).map(|()| polling)) {
            Ok(polling) => drop(lock(&self.polls).insert(path.to_owned(), polling)),
            Err(error) => tracing::warn!(folder = %path.display(), %error, "a hot-reload folder cannot be watched"),
        }
    }

    /// Returns when everything that happened before is known: the kernel tells of changes in their order, so that
    /// a file of our own, made now, is told of last.
    pub async fn catch_up(&self) {
        if self.inotify.is_none() {
            return;
        }
        let name = OsString::from(self.news.next_number().to_string());
        let (heard, hearing) = oneshot::channel();
        lock(&self.news.own).insert(name.clone(), heard);
        let file = self.own.join(&name);
        let made = std::fs::File::create(&file);
        let known = made.is_ok() && tokio::time::timeout(OWN_FILE, hearing).await.is_ok_and(|heard| heard.is_ok());
        lock(&self.news.own).remove(&name);
        let _ = std::fs::remove_file(&file);

        if !known {
            tracing::warn!(file = %file.display(), "changes of hot-reload folders are not told: all count as changed");
            self.news.all_changed();
        }
    }

    /// Number of a folder's latest change; 0: it is not watched.
    pub fn change(&self, path: &Path) -> u64 {
        self.news.folders().get(path).map_or(0, |watched| watched.change)
    }

    /// Number of the latest change of any of them.
    pub fn latest(&self, paths: &[PathBuf]) -> u64 {
        paths.iter().map(|path| self.change(path)).max().unwrap_or(0)
    }

    /// How long folders have to go on being left alone until they count as done; `None`: they do.
    pub fn busy_for(&self, paths: &[PathBuf]) -> Option<Duration> {
        let folders = self.news.folders();
        let left = paths.iter().filter_map(|path| folders.get(path)).map(|watched| {
            let quiet = if watched.polled { QUIET_WHEN_POLLED } else { QUIET };
            quiet.saturating_sub(watched.at.elapsed())
        });
        left.max().filter(|left| !left.is_zero())
    }

    /// Waits until something changes.
    pub async fn changed(&self) {
        self.news.changed.notified().await;
    }

    /// Watches no others than these. Another time, while a folder is just being added, which may take long.
    pub fn keep(&self, paths: &[PathBuf]) {
        let mut inotify = match self.inotify.as_ref().map(Mutex::try_lock) {
            Some(Err(_)) => return,
            Some(Ok(inotify)) => Some(inotify),
            None => None,
        };
        let mut folders = self.news.folders();
        let gone: Vec<PathBuf> = folders.keys().filter(|path| !paths.contains(path)).cloned().collect();
        for path in &gone {
            folders.remove(path);
        }
        let kept: Vec<PathBuf> = folders.keys().cloned().collect();

        // The watcher's thread may be waiting for it, and is waited for below.
        drop(folders);
        for path in gone {
            lock(&self.polls).remove(&path);
            // One within the other share what is watched.
            let shared = kept.iter().any(|other| other.starts_with(&path) || path.starts_with(other));
            if let Some(inotify) = inotify.as_mut().filter(|_| !shared) {
                // One that is polled, or was removed meanwhile, is not known there.
                let _ = inotify.unwatch(&path);
            }
        }
    }
}

impl News {
    /// Takes an event of a watcher whose own files are in `own`.
    fn hear(&self, event: notify::Result<Event>, own: &Path) {
        match event {
            Ok(event) if event.need_rescan() => self.all_changed(),
            Ok(event) if is_change(event.kind) => {
                let removes = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
                for path in &event.paths {
                    match path.strip_prefix(own).ok().filter(|_| own.is_absolute()) {
                        Some(name) => drop(lock(&self.own).remove(name.as_os_str()).map(|waiting| waiting.send(()))),
                        None => self.note(path, removes),
                    }
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "a part of a hot-reload folder cannot be watched");
                self.all_changed();
            }
        }
    }

    /// A file changed, or is no longer there.
    fn note(&self, path: &Path, removed: bool) {
        let number = self.next_number();
        let mut any = false;
        for (folder, watched) in self.folders().iter_mut() {
            let Ok(inside) = path.strip_prefix(folder) else { continue };
            let is_ignored = inside.iter().any(|part| IGNORED.iter().any(|ignored| part == *ignored));
            if !is_ignored || is_special(path) {
                (watched.change, watched.at, any) = (number, Instant::now(), true);
            }
            // What comes in the folder's own place has to be watched anew.
            if removed && inside.as_os_str().is_empty() {
                watched.root = Root::default();
            }
        }

        if any {
            self.changed.notify_one();
        }
    }

    fn all_changed(&self) {
        for watched in self.folders().values_mut() {
            (watched.change, watched.at) = (self.next_number(), Instant::now());
        }
        self.changed.notify_one();
    }

    fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<PathBuf, Watched>> {
        lock(&self.folders)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

/// An inotify instance that watches our own folder.
fn inotify(news: &Arc<News>, own: &Path) -> notify::Result<RecommendedWatcher> {
    let news = Arc::clone(news);
    let folder = own.to_owned();
    // Links lead to places that functions do not see.
    let config = Config::default().with_follow_symlinks(false);
    let mut inotify = RecommendedWatcher::new(move |event| news.hear(event, &folder), config)?;
    inotify.watch(own, RecursiveMode::NonRecursive)?;
    Ok(inotify)
}

/// Has inotify watch a folder; `false` where it cannot.
fn listen(inotify: &mut RecommendedWatcher, path: &Path) -> bool {
    let watched = inotify.watch(path, RecursiveMode::Recursive);
    if let Err(error) = &watched {
        let folder = path.display();
        tracing::warn!(%folder, %error, "a hot-reload folder is polled: raise fs.inotify.max_user_watches to avoid that");
    }
    watched.is_ok()
}

/// Whether it tells of a change: reading a file is none.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Whether a path is that of a socket, a named pipe or a device: those count wherever they are.
fn is_special(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|about| !about.is_dir() && !about.is_file() && !about.is_symlink())
}

/// Whether others than this kernel may change the files of a folder.
fn is_remote(path: &Path) -> bool {
    let kind = rustix::fs::statfs(path).map(|about| about.f_type);
    // The type's width differs between machines; the numbers have 32 bits.
    kind.is_ok_and(|kind| u64::try_from(kind).is_ok_and(|kind| REMOTE.contains(&(kind & 0xFFFF_FFFF))))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ROOT: Root = (1, 1, 1);

    fn folder() -> (tempfile::TempDir, PathBuf, Watcher) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("is there");
        fs::create_dir_all(root.join("code/pkg")).expect("made");
        let watcher = Watcher::new(&root.join("own")).expect("watches");
        (folder, root.join("code"), watcher)
    }

    #[tokio::test]
    async fn everything_that_happened_is_known_after_catching_up() {
        let (_folder, code, watcher) = folder();
        let mut change = watcher.watch(&code, ROOT);
        for round in 0..50 {
            fs::write(code.join("pkg/file"), round.to_string()).expect("written");
            watcher.catch_up().await;
            assert!(watcher.change(&code) > change, "round {round}");
            assert!(watcher.busy_for(std::slice::from_ref(&code)).is_some());
            change = watcher.change(&code);
        }
        fs::create_dir(code.join("new")).expect("made");
        watcher.catch_up().await;
        let change = watcher.change(&code);
        watcher.catch_up().await;
        fs::write(code.join("new/file"), "in a folder that was made later").expect("written");
        watcher.catch_up().await;
        assert!(watcher.change(&code) > change);
    }

    #[tokio::test]
    async fn reading_is_no_change_nor_is_what_tools_write() {
        let (_folder, code, watcher) = folder();
        fs::create_dir(code.join(".git")).expect("made");
        fs::write(code.join("file"), "x").expect("written");
        let change = watcher.watch(&code, ROOT);
        fs::read(code.join("file")).expect("read");
        fs::write(code.join(".git/index.lock"), "x").expect("written");
        fs::create_dir(code.join("pkg/__pycache__")).expect("made");
        watcher.catch_up().await;

        assert_eq!(watcher.change(&code), change);
    }

    #[tokio::test]
    async fn another_folder_at_the_same_path_is_a_change_and_is_watched() {
        let (_folder, code, watcher) = folder();
        let first = watcher.watch(&code, ROOT);
        assert_eq!(watcher.watch(&code, ROOT), first, "it is watched already");
        fs::rename(&code, code.with_file_name("old")).expect("renamed");
        fs::create_dir(&code).expect("made");
        let second = watcher.watch(&code, (1, 2, 1));
        assert!(second > first);
        fs::write(code.join("file"), "x").expect("written");
        watcher.catch_up().await;
        assert!(watcher.change(&code) > second);
        watcher.keep(&[]);

        assert_eq!(watcher.change(&code), 0, "it is watched no more");
    }

    #[tokio::test]
    async fn a_folder_that_inotify_does_not_reach_is_polled() {
        let (_folder, code, mut watcher) = folder();
        watcher.inotify = None;
        let change = watcher.watch(&code, ROOT);
        // A file's time may have the resolution of a second.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        fs::write(code.join("pkg/file"), "x").expect("written");
        tokio::time::timeout(Duration::from_secs(10), watcher.changed()).await.expect("it is seen");
        assert!(watcher.change(&code) > change);
    }
}
