//! One connection: reads a request, plans the steps, plays them, until one side closes.

use crate::answer;
use crate::asked::{Asked, Surface};
use crate::behaviour::Behaviour;
use crate::control::Shared;
use crate::plan::{self, Origin};
use crate::request::{Connection, Request};
use crate::steps::{Ending, Step, play};
use std::io::ErrorKind;
use tokio::net::TcpStream;

pub(crate) async fn connection(stream: TcpStream, shared: &Shared) {
    let mut connection = Connection::new(stream);
    let mut last = 0;
    loop {
        let request = match connection.request().await {
            Ok(Some(request)) => request,
            Ok(None) => return,
            // A client that closes with an unread answer sends a reset.
            Err(error) => return note_reset(shared, last, error.kind()),
        };
        let closes = request.closes();
        let control = shared.control(&request);
        last = if control.is_some() { 0 } else { shared.number() };
        let anthropic = request.path.contains("/messages");
        let origin = Origin { provider: &shared.name, number: last, anthropic };
        let trace = request.header("traceparent").unwrap_or_default().to_owned();
        if last > 0 {
            shared.ledger.arrived(&trace);
        }
        let steps = match control {
            Some((status, body)) => plan::json(origin, status, &[], body.to_string().as_bytes()),
            None => provider(request, shared, origin),
        };
        let ending = play(&mut connection, steps).await;
        if last > 0 {
            shared.ledger.ended(&trace, ending);
        }
        match ending {
            Ending::Done if !closes => {}
            Ending::ClientLeft => return shared.aborted(last),
            Ending::Done | Ending::Closed => return,
        }
    }
}

fn note_reset(shared: &Shared, last: u64, kind: ErrorKind) {
    if last > 0 && kind == ErrorKind::ConnectionReset {
        shared.aborted(last);
    }
}

fn provider(request: Request, shared: &Shared, origin: Origin<'_>) -> Vec<Step> {
    let steps = match shared.scripted() {
        Some(scripted) => scripted.steps(),
        None => by_model(&request, shared, origin),
    };
    shared.see(origin.number, request);
    steps
}

fn by_model(request: &Request, shared: &Shared, origin: Origin<'_>) -> Vec<Step> {
    match (request.method.as_str(), Surface::of(&request.path)) {
        ("POST", Some(surface)) => match Asked::of(surface, &request.body) {
            Some(asked) => answered(&asked, shared, origin),
            None => plan::error(origin, 400, None),
        },
        ("GET", None) if request.path.ends_with("/models") => plan::json(origin, 200, &[], answer::models().as_bytes()),
        _ => plan::error(origin, 404, None),
    }
}

fn answered(asked: &Asked, shared: &Shared, origin: Origin<'_>) -> Vec<Step> {
    let behaviour = Behaviour::of(&asked.model);
    let failures = match behaviour {
        Behaviour::Flaky { .. } => shared.failures(&asked.model),
        _ => 0,
    };
    plan::plan(behaviour, asked, origin, failures)
}
