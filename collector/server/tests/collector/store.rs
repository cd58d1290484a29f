//! The store of the tests: a folder with SQLite's file, or a database of the PostgreSQL that `HEADGATE_TEST_POSTGRES`
//! names, as postgres://USER@HOST:PORT. Each test has its own, named after its folder.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use tokio_postgres::{NoTls, SimpleQueryMessage};

/// Returns the server, if there is one.
pub(crate) fn server() -> Option<String> {
    std::env::var("HEADGATE_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

/// Tells a command the store for `root`, always the same one.
pub(crate) fn place(command: &mut Command, root: &Path) {
    match database(root) {
        Some(url) => command.env("HEADGATE_COLLECTOR_STORE", url),
        None => command.arg("--data").arg(root.join("data")),
    };
}

/// Returns the address of the database for `root`, created on first use; `None` on SQLite.
pub(crate) fn database(root: &Path) -> Option<String> {
    static MADE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let server = server()?;
    let name: String = root.file_name().unwrap().to_str().unwrap().bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut made = MADE.lock().unwrap();
    if !made.contains(&name) {
        query(&format!("{server}/postgres"), &format!("CREATE DATABASE t{name}"));
        made.insert(name.clone());
    }
    Some(format!("{server}/t{name}"))
}

/// Returns the rows of a query as texts.
pub(crate) fn query(url: &str, sql: &str) -> Vec<Vec<String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let found = client.simple_query(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        found.iter().filter_map(texts).collect()
    })
}

/// Returns the number that a query yields, on either store.
pub(crate) fn number(root: &Path, sql: &str) -> i64 {
    match database(root) {
        Some(url) => query(&url, sql)[0][0].parse().unwrap(),
        None => {
            let db = rusqlite::Connection::open(root.join("data/headgate.db")).unwrap();
            db.query_row(sql, [], |row| row.get(0)).unwrap()
        }
    }
}

fn texts(message: &SimpleQueryMessage) -> Option<Vec<String>> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some((0..row.len()).map(|column| row.get(column).unwrap_or_default().to_owned()).collect())
}

/// Returns all data stored for `root`, to be searched for forbidden texts.
pub(crate) fn everything(root: &Path) -> Vec<u8> {
    let Some(url) = database(root) else {
        let files = std::fs::read_dir(root.join("data")).unwrap();
        return files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
    };
    let tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')";
    let tables = query(&url, tables);
    assert!(tables.len() > 10, "{tables:?}");
    let rows = tables
        .iter()
        .flat_map(|table| query(&url, &format!("SET bytea_output = 'escape'; SELECT * FROM {}", table[0])));
    rows.flatten().collect::<String>().into_bytes()
}

/// Fails if `secret` is stored.
pub(crate) fn assert_nowhere(root: &Path, secret: &str) {
    assert!(!everything(root).windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret} is stored");
}
