//! The handlers of `/v1/packets` and the paths below it.

use super::order;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, json_response};
use crate::export_stream::{ExportSender, download};
use crate::path_param::PathName;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use headgate_collector_store::{self as store, PacketInfo, PacketState};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::clock;
use serde_json::json;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The media type of a packet.
pub(crate) const ZIP: &str = "application/zip";
/// Maximum size of the body of `POST /v1/packets`, bytes.
const MAX_BODY_BYTES: usize = 64 << 10;
/// The bytes that are read at a time.
const CHUNK: usize = 256 << 10;

/// Returns the file of a packet in a folder.
#[must_use]
pub fn packet_path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.zip"))
}

/// Handles `GET /v1/packets`.
pub(crate) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    let found = listed(&app, &caller).await?;
    let body = json!({"object": "list", "data": found}).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}

/// Returns all packets, and notes that they were listed.
pub(crate) async fn listed(app: &App, caller: &Caller) -> Result<Vec<PacketInfo>, ApiError> {
    app.audit.search(caller, "packets.searched", Resource::new("list", "packets"), None).await?;
    Ok(app.readers.query(store::packets).await?)
}

/// Handles `POST /v1/packets`.
pub(crate) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (_permit, body) = app.bodies.read(request, MAX_BODY_BYTES).await?;
    answer(StatusCode::CREATED, &create_of(&app, &caller, &body).await?)
}

/// Creates the packet that a body describes.
pub(crate) async fn create_of(app: &App, caller: &Caller, body: &[u8]) -> Result<PacketInfo, ApiError> {
    let scope = json!(order::read(body)?);
    if app.packets.0.is_none() {
        return Err(ApiError::invalid(
            StatusCode::CONFLICT,
            "no_packet_folder",
            "This collector has no folder for packets. Set `packets` in its settings, or use `headgate-collector packet`.",
        ));
    }
    let (actor, now) = (caller.actor(), clock::now_us());
    let create = move |tx: &_| store::create_packet(tx, &scope, actor, now);
    let created = crate::write_timeout::commit(&app.writes, "the packet", create).await?;
    created.ok_or_else(|| {
        ApiError::invalid(
            StatusCode::CONFLICT,
            "too_many_packets",
            "There are 32 packets already. Delete one, or wait: a packet goes after 7 days.",
        )
    })
}

/// Handles `GET /v1/packets/{id}`.
pub(crate) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let packet = named(&app, name).await?;
    // A client asks again and again until the packet is ready: its looks are folded like pages of a search.
    let looked_at = format!("id={}", packet.id);
    app.audit.search(&caller, "packet.read", Resource::new("packet", &packet.id), Some(&looked_at)).await?;
    answer(StatusCode::OK, &packet)
}

fn answer(status: StatusCode, packet: &PacketInfo) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(packet).map_err(|_| ApiError::internal())?;
    Ok(json_response(status, body))
}

async fn named(app: &App, name: Option<String>) -> Result<PacketInfo, ApiError> {
    let id = name.ok_or_else(not_found)?;
    app.readers.query(move |db| store::find_packet(db, &id)).await?.ok_or_else(not_found)
}

/// Handles `GET /v1/packets/{id}/packet.zip`.
pub(crate) async fn archive(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let packet = named(&app, name).await?;
    let ready = packet.state == PacketState::Ready;
    let folder = app.packets.0.as_deref().filter(|_| ready).ok_or_else(not_ready)?;
    let file = tokio::fs::File::open(packet_path(folder, &packet.id)).await.map_err(|_| elsewhere())?;
    let (file, bytes) = (file.into_std().await, packet.bytes);
    let (sender, body) = app.exports.open()?;
    app.audit.note(store::packet_download(&packet, caller.actor())).await;
    tokio::spawn(send(file, sender));
    let mut response = download(body, ZIP, &format!("{}.zip", packet.id));
    if let Some(bytes) = bytes {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    }
    Ok(response)
}

/// Sends a file in pieces. If it cannot be read, the answer is cut, so that no client takes a part for the whole.
async fn send(file: File, mut sender: ExportSender) {
    let mut file = Some(file);
    while let Some(mut open) = file.take() {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(CHUNK);
            let read = open.by_ref().take(CHUNK as u64).read_to_end(&mut piece);
            read.map(|_| (open, piece))
        });
        let Ok(Ok((open, piece))) = read.await else { return sender.abort() };
        if piece.is_empty() {
            return;
        }
        if sender.send(piece).await.is_err() {
            return sender.abort();
        }
        file = Some(open);
    }
}

/// Handles `DELETE /v1/packets/{id}`.
pub(crate) async fn delete(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    answer(StatusCode::OK, &delete_named(&app, &caller, name).await?)
}

/// Deletes the packet of this id, with its file.
pub(crate) async fn delete_named(app: &App, caller: &Caller, name: Option<String>) -> Result<PacketInfo, ApiError> {
    let (id, actor) = (name.ok_or_else(not_found)?, caller.actor());
    let delete = move |tx: &_| store::delete_packet(tx, &id, actor);
    let deleted = crate::write_timeout::commit(&app.writes, "the deletion", delete).await?.ok_or_else(not_found)?;
    if let Some(folder) = &app.packets.0 {
        // A file that stays goes with the next sweep of the folder.
        let _ = tokio::fs::remove_file(packet_path(folder, &deleted.id)).await;
    }
    Ok(deleted)
}

pub(crate) fn not_found() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "packet_not_found",
        "No packet has this id. Ids begin with `pkt_`; GET /v1/packets lists them. A packet goes after 7 days.",
    )
    .param("id")
}

fn not_ready() -> ApiError {
    ApiError::invalid(
        StatusCode::CONFLICT,
        "packet_not_ready",
        "The packet is not ready. GET /v1/packets/{id} has its state, and the reason if it failed.",
    )
}

fn elsewhere() -> ApiError {
    ApiError::invalid(
        StatusCode::CONFLICT,
        "packet_file_missing",
        "The file of the packet is not in the folder of this collector. Ask the collector that made it, give all the same folder, or \
         ask for the packet again.",
    )
}
