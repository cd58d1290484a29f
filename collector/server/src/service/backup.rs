//! `backup` and `restore`. They work on the folder itself, so they need no token, only access rights to it.

use super::{cannot_open, no_database, operator, print_line};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_recovery::copies::{self, Contents};
use headgate_collector_store as store;
use headgate_collector_types::audit::{Change, Entry, Operation, Resource};
use headgate_collector_types::clock;
use serde_json::json;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Attempts to record a backup in the audit log while a busy writer holds the lock.
const TRIES: usize = 20;
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Runs `backup`.
pub(super) fn backup(data: &Path, out: &Path) -> Result<(), String> {
    if out.exists() {
        return Err(format!("{} exists; a backup replaces nothing, choose another name", out.display()));
    }
    let database = store::database(data);
    if !database.is_file() {
        return Err(no_database(data));
    }
    let before = copies::contents(&database).map_err(|e| cannot_open(data.display(), e))?;
    let part = beside(out, ".part");
    if part.is_symlink() || part.exists() {
        return Err(format!(
            "{} exists: another backup writes it, or one broke off; remove it if none is under way",
            part.display()
        ));
    }
    let contents = copied(&database, &part, before).inspect_err(|_| remove(&part))?;
    put_in_place(&part, out).map_err(|e| cannot_write(out, e))?;
    note_backup(data, &contents);
    let bytes = fs::metadata(out).map_or(0, |meta| meta.len());
    print_line(&format!(
        "backup={} requests={} audit={} bytes={bytes}",
        out.display(),
        contents.requests,
        contents.audit
    ))
}

/// Copies the database; returns the contents once the copy is verified to be intact and to hold all entries from before it.
fn copied(database: &Path, part: &Path, before: Contents) -> Result<Contents, String> {
    copies::copy(database, part).map_err(|e| cannot_write(part, e))?;
    let contents =
        copies::check(part).map_err(|e| format!("the copy is not sound: {e}; the database may be damaged"))?;
    if contents.requests < before.requests || contents.audit < before.audit {
        return Err("the copy lacks entries that were there before; try again".to_owned());
    }
    Ok(contents)
}

/// Records the backup in the audit log. A failure is only reported: a backup may be made because the store cannot be written.
fn note_backup(data: &Path, contents: &Contents) {
    let entry = entry("store.backed_up", Operation::Export, contents);
    let noted = || {
        if contents.version != store::schema_version() {
            return Err(StoreError::Other);
        }
        let mut db = store::open_writer(data)?;
        store::change(&mut db, |tx| store::append(tx, &entry))
    };
    for _ in 0..TRIES {
        match noted() {
            Ok(_) => return,
            Err(StoreError::Locked) => std::thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    tracing::info!("the backup is good, but could not be noted in the audit log");
}

/// Runs `restore`.
pub(super) fn restore(from: &Path, data: &Path, replace: bool) -> Result<(), String> {
    let database = store::database(data);
    if !from.is_file() {
        return Err(format!("there is no file {}; check --in", from.display()));
    }
    let contents = copies::check(from).map_err(|e| format!("{} cannot be restored: {e}", from.display()))?;
    if contents.version > store::schema_version() {
        return Err(format!("{} cannot be restored: {}", from.display(), StoreError::Newer));
    }
    may_restore_into(data, &database, replace)?;
    store::create_folder(data).map_err(|e| cannot_open(data.display(), e))?;
    let part = beside(&database, ".part");
    remove(&part);
    let restored = prepared(from, &part, &contents).inspect_err(|_| remove(&part));
    restored.map_err(|e| format!("{} cannot be restored: {e}", from.display()))?;
    let replaced = set_aside(&database).map_err(|e| cannot_write(data, e))?;
    put_in_place(&part, &database).map_err(|e| cannot_write(data, e))?;
    let replaced = replaced.map_or(String::new(), |path| format!(" replaced={}", path.display()));
    print_line(&format!(
        "restored={} requests={} audit={}{replaced}",
        data.display(),
        contents.requests,
        contents.audit
    ))
}

fn may_restore_into(data: &Path, database: &Path, replace: bool) -> Result<(), String> {
    let folder = data.display();
    let empty = fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none());
    if !empty && !replace {
        return Err(format!("{folder} is not empty; choose another --data, or --replace what is there"));
    }
    if database.exists() && copies::in_use(database) {
        return Err(format!("{folder} is in use; stop headgate-collector first"));
    }
    Ok(())
}

/// Prepares a copy of the backup: upgrades it to this version and adds an entry about its origin.
fn prepared(from: &Path, part: &Path, contents: &Contents) -> Result<(), StoreError> {
    copies::copy(from, part)?;
    let mut db: Db = copies::upgraded(part)?;
    store::change(&mut db, |tx| store::append(tx, &entry("store.restored", Operation::Update, contents)))?;
    db.finish()?;
    drop(db);
    File::open(part)?.sync_all()?;
    Ok(())
}

/// Renames the present database. Its write-ahead log goes first, since it would corrupt the new database.
fn set_aside(database: &Path) -> io::Result<Option<PathBuf>> {
    if !database.exists() {
        return Ok(None);
    }
    let replaced = beside(database, &format!(".replaced-{}", clock::now_us() / 1_000_000));
    fs::hard_link(database, &replaced)?;
    for end in ["-wal", "-shm"] {
        match fs::rename(beside(database, end), beside(&replaced, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(Some(replaced))
}

/// Renames a finished file and makes that durable.
fn put_in_place(part: &Path, path: &Path) -> io::Result<()> {
    fs::rename(part, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn entry(kind: &str, operation: Operation, contents: &Contents) -> Entry {
    let now = |path: &str, value: i64| Change { path: path.to_owned(), before: None, after: Some(json!(value)) };
    let changes = vec![now("requests", contents.requests), now("audit", contents.audit)];
    Entry::new(kind, operation, operator(), Resource::new("store", "collector")).with_changes(changes)
}

/// Returns the path with a suffix added to its name.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

/// Removes the rest of an attempt; a file that cannot be removed does no harm.
fn remove(path: &Path) {
    for end in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(beside(path, end));
    }
}

fn cannot_write(path: &Path, error: impl std::fmt::Display) -> String {
    format!("cannot write {}: {error}", path.display())
}
