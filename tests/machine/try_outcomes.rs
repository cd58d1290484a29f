//! Prints requests, and their outcomes as the try-out module has them when it runs here and not in a browser. The tests of the pages
//! compare them with those in Chromium, byte by byte.
//!
//! `headgate-try-outcomes CASES GENERATED` prints one JSON object in each line: for each case file, then for so many generated
//! requests.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a tool of the tests")]

use headgate_simulation::Ask;
use headgate_tests::{Case, Generator, load_all};
use headgate_tryout::Session;
use serde_json::json;
use std::path::Path;

const NOW_S: f64 = 1_790_000_000.0;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (folder, generated) = (arguments.next().unwrap(), arguments.next().unwrap().parse::<usize>().unwrap());
    let folder = Path::new(&folder);
    let yaml = std::fs::read_to_string(folder.join("gateway.yaml")).unwrap();
    let mut session = Session::new(&yaml, None, NOW_S).unwrap();
    let mut show = |name: &str, ask: &Ask| {
        let ask = serde_json::to_string(ask).unwrap();
        session.reset();
        println!("{}", json!({"name": name, "outcome": session.request(&ask), "ask": ask}));
    };
    for (path, case) in load_all(folder) {
        show(&path.display().to_string(), &ask_of(case));
    }
    let document = headgate_config::compile(&yaml, "gateway.yaml", 1_790_000_000).unwrap().document;
    let models = document.models.into_iter().map(|model| model.name).chain(["gone".to_owned()]).collect();
    let mut generator = Generator::new(models, document.providers.into_iter().map(|one| one.name).collect());
    (0..generated).for_each(|number| show(&format!("generated {number}"), &generator.ask()));
}

fn ask_of(case: Case) -> Ask {
    let Case { request, providers, checks, .. } = case;
    Ask { request, providers, in_order: true, checks, chunk_bytes: None, beside: 0, at: None }
}
