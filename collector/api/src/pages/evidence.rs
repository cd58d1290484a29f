//! `/evidence` and the paths below it: evidence packets as a page. It goes through the functions of `/v1/packets`.

use super::answer::see_other;
use super::retention::{refused, time_of};
use super::visit::Visit;
use crate::error::ApiError;
use crate::log;
use crate::packets;
use crate::path_param::PathName;
use crate::session::Form;
use crate::values::invalid;
use axum::extract::Extension;
use axum::response::Response;
use headgate_collector_db::StoreError;
use headgate_collector_packet::Scope;
use headgate_collector_pages::evidence::{
    DeletePacketPage, EvidencePage, OutsideRow, PacketDraft, PacketRow, SECTIONS,
};
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::text::{Zone, rfc3339};
use headgate_collector_store::{
    self as store, AnchorKind, AnchorReport, PacketInfo, ReadBackState, SigningStop, WitnessReport, WitnessState,
};
use headgate_collector_types::{Log, clock};
use serde_json::{Map, Value, json};

/// Sentences about a change that was made, by the word in the URL.
const DONE: [(&str, &str); 2] =
    [("created", "The packet is being made. It stays for 7 days."), ("deleted", "The packet was deleted.")];
const HOUR_US: i64 = 3_600_000_000;
/// The period that the form proposes, in hours.
const PROPOSED_HOURS: i64 = 30 * 24;
/// Seconds after which the page is loaded again while a packet is being made.
const REFRESH: u32 = 5;

/// Handles `GET /evidence`.
pub(super) async fn show(visit: Visit) -> Response {
    let result = async {
        let done = visit.only("done")?;
        let done = done.and_then(|word| DONE.into_iter().find(|(known, _)| *known == word));
        let view = EvidencePage { done: done.map(|(_, sentence)| sentence), ..view(&visit).await? };
        let refresh = view.is_working().then_some(REFRESH);
        visit.page_every(refresh, Page::Evidence, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Evidence, result).await
}

async fn view(visit: &Visit) -> Result<EvidencePage, ApiError> {
    let found = packets::listed(&visit.app, &visit.caller).await?;
    let key = visit.app.readers.query(store::log_key).await?;
    let now = clock::now_us().div_euclid(HOUR_US).saturating_mul(HOUR_US);
    let draft = PacketDraft {
        from: visit.zone.input(now.saturating_sub(PROPOSED_HOURS.saturating_mul(HOUR_US))),
        to: visit.zone.input(now),
        sections: SECTIONS.map(|(name, _)| name.to_owned()).into(),
        ..PacketDraft::default()
    };
    Ok(EvidencePage {
        packets: found.into_iter().map(|packet| row(packet, &visit.zone)).collect(),
        draft,
        done: None,
        key,
        statement: log::statement(&visit.app).await?,
        stopped: Log::ALL
            .into_iter()
            .filter_map(|log| Some((log.as_str(), stop_words(visit.app.metrics.signing.stop(log)?))))
            .collect(),
        outside: outside(visit).await?,
        zone: visit.zone.clone(),
    })
}

fn stop_words(stop: SigningStop) -> &'static str {
    match stop {
        SigningStop::OtherKey => "the logs were begun with another key; set that key again",
        SigningStop::SignerFailed => "the program that holds the key fails; the journal says why",
        SigningStop::Forked => "it contradicts its newest checkpoint: the database was changed or is an older one",
        SigningStop::RolledBack => {
            "a witness has seen more of it than the database has, so the database is an older one; only `headgate-collector log restart` goes on"
        }
        SigningStop::Unprovable => "hashes are lost that would show that it continues the newest checkpoint",
    }
}

/// Returns the outside parties, witnesses first.
async fn outside(visit: &Visit) -> Result<Vec<OutsideRow>, ApiError> {
    let mut rows: Vec<_> = visit.app.metrics.witnesses.reports().into_iter().map(witness_row).collect();
    let places = visit.app.metrics.anchors.reports();
    let held = visit.app.readers.query(move |db| {
        let newest = |place: AnchorReport| {
            let held = store::newest_anchored(db, place.log, &place.name)?;
            Ok::<_, StoreError>((place, held.map(|held| (held.size, held.at))))
        };
        places.into_iter().map(newest).collect::<Result<Vec<_>, _>>()
    });
    rows.extend(held.await?.into_iter().map(|(place, held)| place_row(place, held)));
    Ok(rows)
}

/// Returns a place that holds checkpoints as the page shows it.
fn place_row(report: AnchorReport, held: Option<(u64, i64)>) -> OutsideRow {
    let AnchorReport { name, kind, log, failing_since, message, read_back, altered, .. } = report;
    let (state, is_well) = match (altered > 0, failing_since.is_some(), held.is_some()) {
        (true, ..) => ("altered", Some(false)),
        (false, true, _) => ("fails", Some(false)),
        (false, false, true) => ("ok", Some(true)),
        (false, false, false) => ("not asked yet", None),
    };
    let is_unreadable = read_back.is_some_and(|read| read.state == ReadBackState::Unreadable);
    let sentence = match (altered, is_unreadable) {
        (1.., _) => Some(format!("{altered} objects were missing or different when they were read back")),
        (_, true) => Some("objects cannot be read back".to_owned()),
        _ => None,
    };
    OutsideRow {
        name,
        kind: match kind {
            AnchorKind::ObjectLock => "bucket with object lock",
            AnchorKind::Rfc3161 => "time-stamping authority",
        },
        log: log.as_str(),
        state,
        is_well,
        holds: (held.map_or(0, |(size, _)| size), held.map(|(_, at)| at)),
        read_back: sentence,
        failing: failing_since.map(|since| (since, message.unwrap_or_default())),
    }
}

/// Returns a witness as the page shows it.
fn witness_row(report: WitnessReport) -> OutsideRow {
    let (state, is_well) = match report.state {
        WitnessState::Waiting => ("not asked yet", None),
        WitnessState::Ok => ("ok", Some(true)),
        WitnessState::Silent => ("silent", Some(false)),
        WitnessState::UnknownLog => ("does not know the log", Some(false)),
        WitnessState::UnknownKey => ("does not accept the key", Some(false)),
        WitnessState::Contradicts => ("has seen another tree", Some(false)),
        WitnessState::Ahead => ("has seen more", Some(false)),
        WitnessState::InvalidAnswer => ("answers wrongly", Some(false)),
    };
    let failing = report.failing_since.map(|since| (since, report.message.unwrap_or_default()));
    OutsideRow {
        name: report.name,
        kind: "witness",
        log: report.log.as_str(),
        state,
        is_well,
        holds: (report.confirmed_size, report.confirmed_at),
        read_back: None,
        failing,
    }
}

/// Returns a packet as the page shows it.
fn row(packet: PacketInfo, zone: &Zone) -> PacketRow {
    let scope: Scope = serde_json::from_value(packet.scope).unwrap_or_default();
    let mut words: Vec<_> = scope
        .filters
        .iter()
        .map(|(name, values)| format!("{} {}", name.replace('_', " "), values.join(" or ")))
        .collect();
    if !scope.redact.is_empty() {
        words.push(format!("without {}", scope.redact.join(", ").replace('_', " ")));
    }
    let by = packet.created_by;
    PacketRow {
        id: packet.id,
        state: packet.state.as_str(),
        message: packet.message,
        period: format!("{} to {}", zone.day_and_clock(scope.from), zone.day_and_clock(scope.to)),
        kind: match (scope.redact.is_empty(), scope.filters.is_empty()) {
            (false, _) => "Redacted",
            (true, false) => "Filtered",
            (true, true) => "Whole",
        },
        scope: words,
        created: (packet.created_at, by.name.unwrap_or(by.id)),
        records: packet.records,
        bytes: packet.bytes,
        sha256: packet.sha256,
    }
}

/// Handles `POST /evidence`.
pub(super) async fn create(visit: Visit, Extension(form): Extension<Form>) -> Response {
    let result = async {
        let created = async {
            let body = body(&form, &visit.zone)?;
            packets::create_of(&visit.app, &visit.caller, body.to_string().as_bytes()).await
        };
        let (status, created) = refused(created.await)?;
        let Err(problem) = created else { return Ok(see_other("/evidence?done=created")) };
        let view = EvidencePage { draft: draft(&form, problem), ..view(&visit).await? };
        visit.page_with(status, Page::Evidence, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Evidence, result).await
}

fn text(form: &Form, name: &str) -> String {
    form.one(name).unwrap_or_default().trim().to_owned()
}

fn all(form: &Form, name: &str) -> Vec<String> {
    form.fields().filter(|(known, _)| known == name).map(|(_, value)| value.into_owned()).collect()
}

fn draft(form: &Form, problem: String) -> PacketDraft {
    PacketDraft {
        from: text(form, "from"),
        to: text(form, "to"),
        filters: text(form, "filters"),
        sample_request: text(form, "sample_request"),
        sections: all(form, "section"),
        redact: all(form, "redact"),
        problem: Some(problem),
    }
}

/// Returns the body of `POST /v1/packets`.
fn body(form: &Form, zone: &Zone) -> Result<Value, ApiError> {
    let time = |name| Ok::<_, ApiError>(time_of(form, name, zone)?.map(rfc3339).unwrap_or_default());
    let mut filters = Map::new();
    for line in text(form, "filters").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let wrong = || invalid("Write a filter as name=value, one a line.".to_owned(), "invalid_parameter");
        let (name, value) = line.split_once('=').ok_or_else(wrong)?;
        let values = filters.entry(name.trim()).or_insert_with(|| json!([]));
        values.as_array_mut().into_iter().for_each(|values| values.push(json!(value.trim())));
    }
    let redact = all(form, "redact");
    let mut sections = all(form, "section");
    if !redact.is_empty() {
        sections.retain(|section| matches!(section.as_str(), "requests" | "usage"));
    }
    let mut body = json!({
        "from": time("from")?, "to": time("to")?, "filters": filters, "sections": sections, "redact": redact,
    });
    let sample = text(form, "sample_request");
    if let (Value::Object(members), false) = (&mut body, sample.is_empty()) {
        members.insert("sample_request".to_owned(), json!(sample));
    }
    Ok(body)
}

/// Handles `GET /evidence/{id}/delete`: asks before a packet is deleted.
pub(super) async fn ask_delete(visit: Visit, PathName(name): PathName) -> Response {
    let result = async {
        let found = packets::listed(&visit.app, &visit.caller).await?;
        let packet =
            found.into_iter().find(|packet| Some(&packet.id) == name.as_ref()).ok_or_else(packets::not_found)?;
        let view = DeletePacketPage { packet: row(packet, &visit.zone) };
        visit.page(Page::Evidence, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Evidence, result).await
}

/// Handles `POST /evidence/{id}/delete`.
pub(super) async fn delete(visit: Visit, PathName(name): PathName) -> Response {
    let result = packets::delete_named(&visit.app, &visit.caller, name).await;
    let result = result.map(|_| see_other("/evidence?done=deleted"));
    visit.shown(Page::Evidence, result).await
}
