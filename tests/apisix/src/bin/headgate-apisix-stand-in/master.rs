//! The master: it holds the address, and keeps workers running.

use crate::Options;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The end of a worker: its process id, and the way it ended.
type End = (u32, String);

/// Workers that run, and the pipes that end them.
struct Workers<'a> {
    options: &'a Options,
    listener: TcpListener,
    running: Vec<(u32, UnixStream)>,
    /// Told to end, and not yet over.
    ending: Vec<u32>,
    ends: UnboundedSender<End>,
}

/// Runs until SIGTERM.
pub(crate) async fn run(options: &Options) {
    let listener = TcpListener::bind(options.listen).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (ends, ended) = unbounded_channel();
    let mut workers = Workers { options, listener, running: Vec::new(), ending: Vec::new(), ends };
    workers.start();
    println!("listening on http://{}", options.listen);
    supervise(&mut workers, ended).await;
}

async fn supervise(workers: &mut Workers<'_>, mut ended: UnboundedReceiver<End>) {
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let mut interrupt = signal(SignalKind::interrupt()).unwrap();
    let mut reload = signal(SignalKind::hangup()).unwrap();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = reload.recv() => {
                workers.end_all();
                workers.start();
            }
            Some(end) = ended.recv() => workers.has_ended(&end),
        }
    }
    workers.end_all();
    let all_over = async {
        while !workers.ending.is_empty() {
            let end = ended.recv().await.unwrap();
            workers.has_ended(&end);
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(8), all_over).await;
}

impl Workers<'_> {
    fn start(&mut self) {
        for _ in 0..self.options.workers {
            self.start_one();
        }
    }

    fn start_one(&mut self) {
        let (ours, its) = UnixStream::pair().unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(std::env::args_os().skip(1))
            .arg("--worker")
            .stdin(OwnedFd::from(self.listener.try_clone().unwrap()))
            .stdout(OwnedFd::from(its))
            .spawn()
            .unwrap();
        println!("worker {} has started", child.id());
        self.running.push((child.id(), ours));
        let ends = self.ends.clone();
        std::thread::spawn(move || wait(child, &ends));
    }

    /// Tells the workers to finish their requests and end.
    fn end_all(&mut self) {
        self.ending.extend(self.running.drain(..).map(|(pid, _)| pid));
    }

    fn has_ended(&mut self, (pid, how): &End) {
        if self.ending.contains(pid) {
            self.ending.retain(|one| one != pid);
            println!("worker {pid} is over: {how}");
            return;
        }
        println!("worker {pid} has died: {how}");
        self.running.retain(|(one, _)| one != pid);
        self.start_one();
    }
}

fn wait(mut child: Child, ends: &UnboundedSender<End>) {
    let how = child.wait().unwrap().to_string();
    // Nobody listens any more when the master ends.
    let _ = ends.send((child.id(), how));
}
