//! The commands on tokens. They work on the database itself, so they need no token, only access to it.

use super::{cannot_open, operator, print_line};
use crate::args::{StoreArgs, TokenCommand};
use headgate_collector_db::Db;
use headgate_collector_store::{self as store, Location, Revoked, TokenInfo, TokenRequest};
use headgate_collector_types::{Role, clock};
use jiff::Timestamp;

const DAY_US: i64 = 86_400_000_000;

/// Runs `init`.
pub(super) fn init(location: &Location) -> Result<(), String> {
    let mut db = store::open_writer(location).map_err(|e| cannot_open(location, e))?;
    if store::has_owner(&db).map_err(|e| e.to_string())? {
        return Err("this store has an owner already; `headgate-collector token new --role owner` makes another token"
            .to_owned());
    }
    let request =
        TokenRequest { role: Role::Owner, name: Some("first owner".to_owned()), expires_at: None, sender: None };
    print_line(&format!("owner_token={}", stored(&mut db, &request)?))
}

/// Runs `token …`.
pub(super) fn run(command: TokenCommand) -> Result<(), String> {
    match command {
        TokenCommand::New { place, role, name, expires_in, replaces } => {
            let expires_at = expires_in.map(|days| clock::now_us().saturating_add(i64::from(days) * DAY_US));
            let mut db = existing(&place)?;
            let sender = replaces.map(|id| line(&db, role, &id)).transpose()?;
            print_line(&format!("token={}", stored(&mut db, &TokenRequest { role, name, expires_at, sender })?))
        }
        TokenCommand::List { place } => list(&existing(&place)?),
        TokenCommand::Revoke { place, id } => revoke(&mut existing(&place)?, &id),
    }
}

/// Returns the line of the token that a new one replaces.
fn line(db: &Db, role: Role, replaces: &str) -> Result<String, String> {
    let known = match replaces {
        "environment-ingest" => Some(replaces.to_owned()),
        id => store::line_of(db, id).map_err(|e| e.to_string())?,
    };
    known.filter(|_| role == Role::Ingest).ok_or_else(|| {
        "--replaces takes the id of an ingest token (`headgate-collector token list` shows them), with --role ingest".to_owned()
    })
}

fn existing(place: &StoreArgs) -> Result<Db, String> {
    let location = place.location()?;
    if !location.exists() {
        return Err(format!("there is no database in {location}; check --data, or run `headgate-collector init`"));
    }
    store::open_writer(&location).map_err(|e| cannot_open(&location, e))
}

fn stored(db: &mut Db, request: &TokenRequest) -> Result<String, String> {
    let token = store::new_token().map_err(|e| e.to_string())?;
    store::change(db, |tx| store::add_token(tx, &store::hash_token(&token), request, operator()))
        .map_err(|e| e.to_string())?;
    Ok(token)
}

fn list(db: &Db) -> Result<(), String> {
    for token in store::tokens(db).map_err(|e| e.to_string())? {
        let used = token.last_used.map_or("never used".to_owned(), |at| format!("used {}", day(at)));
        let name = token.name.as_deref().unwrap_or("-").escape_debug().to_string();
        print_line(&format!("{}  {:<8}{:<22}{used:<18}{name}", token.id, token.role, state(&token)))?;
    }
    Ok(())
}

fn state(token: &TokenInfo) -> String {
    let now = clock::now_us();
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", day(at)),
        (None, Some(at)) if at <= now => format!("expired {}", day(at)),
        (None, Some(at)) => format!("valid until {}", day(at)),
        (None, None) => "valid".to_owned(),
    }
}

fn day(us: i64) -> String {
    Timestamp::from_microsecond(us).map_or("?".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

fn revoke(db: &mut Db, id: &str) -> Result<(), String> {
    match store::change(db, |tx| store::revoke_token(tx, id, false, operator())).map_err(|e| e.to_string())? {
        Revoked::Done(token) => print_line(&format!("revoked {}", token.id)),
        Revoked::Unknown => Err("no token has this id; `headgate-collector token list` shows them".to_owned()),
        Revoked::LastOwner => {
            Err("this is the last owner's token; make another one first: `token new --role owner`".to_owned())
        }
    }
}
