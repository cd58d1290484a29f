//! Forwarders of several collectors: one delivers, and if it dies, another takes over.

use crate::any_store::webhook::read_head;
use crate::patience::until;
use crate::process::Collector;
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use serde_json::Value;
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The numbers of the records that a webhook has taken, in order.
type Taken = Arc<Mutex<Vec<u64>>>;

/// Starts a webhook that takes everything, and returns its port.
fn webhook(taken: &Taken) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, taken) = (listener.local_addr().unwrap().port(), Arc::clone(taken));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let taken = Arc::clone(&taken);
            thread::spawn(move || take(stream.unwrap(), &taken));
        }
    });
    port
}

fn take(stream: TcpStream, taken: &Taken) {
    let mut stream = BufReader::new(stream);
    loop {
        let (head, length) = read_head(&mut stream);
        if head.is_empty() {
            return;
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        let events: Vec<Value> = serde_json::from_slice(&body).unwrap();
        taken.lock().unwrap().extend(events.iter().filter_map(|event| event["data"]["seq"].as_u64()));
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn one_collector_delivers_and_another_takes_over() {
    let root = tempfile::tempdir().unwrap();
    let taken = Taken::default();
    let settings = root.path().join("collector.toml");
    let table = format!(
        "[[forwarders]]\nid = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}\"\nlogs = [\"requests\"]\nstart = \"oldest\"\n",
        webhook(&taken)
    );
    std::fs::write(&settings, table).unwrap();
    let settings = settings.to_str().unwrap().to_owned();
    let start = |name: &str| {
        let logs = root.path().join(name);
        std::fs::create_dir_all(&logs).unwrap();
        Collector::start_with(root.path(), &logs, &[("HEADGATE_COLLECTOR_CONFIG", &settings)])
    };
    let mut collectors = vec![start("one"), start("two"), start("three")];
    let mut next = 1;
    while let Some(collector) = collectors.pop() {
        for one in collectors.iter().chain([&collector]) {
            for _ in 0..20 {
                one.ingest().post(INGEST_PATH, &batch_of("n", "b", next..=next + 9)).unwrap();
                next += 10;
            }
        }
        until("all are delivered", || taken.lock().unwrap().len() as u64 >= next - 1);
        let numbers = taken.lock().unwrap().clone();
        assert_eq!(numbers, (1..next).collect::<Vec<_>>(), "each once and in order");
        // Nothing is under way when it dies, so nothing is repeated.
        until("the cursor is stored", || {
            let found = collector.owner().get("/v1/forwarders").unwrap().json();
            found["data"][0]["logs"][0]["behind"] == 0
        });
        collector.kill();
    }
}
