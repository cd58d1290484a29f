//! The guard of pages, as `auth::require` is that of the API's routes.

use super::form::Form;
use super::origin::{Origin, origin};
use super::site::Site;
use super::{cookie, csrf, return_to};
use crate::access::Access;
use crate::app::App;
use crate::auth::{caller, route};
use crate::caller::Caller;
use crate::connections::ConnectionSlot;
use crate::error::ApiError;
use crate::justification;
use crate::pages::{PageError, frame, html, see_other};
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use headgate_collector_pages::frame::{Page, Person};
use headgate_collector_pages::notice::Notice;
use headgate_collector_types::Role;
use headgate_collector_types::audit::ActorKind;
use std::sync::Arc;

/// The session of a request to a page, by its id.
#[derive(Debug, Clone)]
pub(crate) struct SessionId(pub(crate) String);

/// Layer of a page: admits persons whose session has a role with this access. Adds [`Caller`], [`Person`], [`SessionId`] and,
/// if something may be changed, [`Form`] to the request.
pub(crate) async fn require(
    State((app, access)): State<(App, Access)>,
    Extension(place): Extension<Arc<ConnectionSlot>>,
    request: Request,
    next: Next,
) -> Result<Response, PageError> {
    let secret = cookie::secret(&app.auth.site, request.headers()).map(str::to_owned);
    let Some(secret) = secret else { return Ok(sign_in_first(&request)) };
    let Some((session, holder)) = app.auth.session(&secret).await? else { return Ok(sign_in_first(&request)) };
    place.mark_trusted();
    let person = Person {
        name: holder.name.clone().unwrap_or_else(|| holder.id.clone()),
        role: holder.role,
        csrf: csrf::of(&secret),
    };
    let mut caller = caller(holder, &place, request.headers());
    if !access.roles().contains(&person.role) {
        app.audit.denied(&caller, &route(&request)).await;
        let page = Page::of_path(request.uri().path());
        return Ok(not_allowed(&app, page, person, caller.kind, access.roles()).await);
    }
    let mut request = if is_safe(&request) { request } else { with_form(&app, request, &person).await? };
    let extensions = request.extensions_mut();
    if let Some(form) = extensions.get::<Form>() {
        caller.justification = justification::of_fields(|field| form.one(field))?;
    }
    extensions.insert::<Caller>(caller);
    extensions.insert(person);
    extensions.insert(SessionId(session));
    Ok(next.run(request).await)
}

fn is_safe(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Sends the browser to the page to sign in on, and from there back to the page.
fn sign_in_first(request: &Request) -> Response {
    let path = request.uri().path_and_query().filter(|_| is_safe(request));
    see_other(&return_to::login(path.map_or("/", |path| path.as_str())))
}

/// Reads the form of a request, and refuses one that no page of this session has sent.
async fn with_form(app: &App, request: Request, person: &Person) -> Result<Request, ApiError> {
    if origin(&app.auth.site, request.headers()) == Origin::Other {
        return Err(foreign(&app.auth.site));
    }
    let (parts, body) = request.into_parts();
    let form = Form::read(&app.bodies, Request::from_parts(parts.clone(), body)).await?;
    if !csrf::is_right(form.one("csrf"), &person.csrf) {
        return Err(foreign(&app.auth.site));
    }
    let mut request = Request::from_parts(parts, Body::empty());
    request.extensions_mut().insert(form);
    Ok(request)
}

fn foreign(site: &Site) -> ApiError {
    let place = site.origin().map(|own| format!(" at {own}")).unwrap_or_default();
    let message = format!(
        "The collector refused this form, because it was not sent by one of its own pages{place} in your session. Load the \
         page again and repeat the step."
    );
    ApiError::invalid(StatusCode::FORBIDDEN, "foreign_form", message)
}

/// Returns the page that says which roles may open a page.
async fn not_allowed(app: &App, page: Page, person: Person, kind: ActorKind, needed: &[Role]) -> Response {
    let needed: Vec<_> = needed.iter().map(|role| role.as_str()).collect();
    let role = person.role.as_str();
    let (with, remedy) = match kind {
        ActorKind::Person => ("with", "the operator gives roles to groups"),
        _ => ("with a token of", "an owner makes tokens"),
    };
    let notice = Notice {
        title: "Your role may not open this page".to_owned(),
        text: format!("You are signed in {with} role {role}. This page is for role {}; {remedy}.", needed.join(" or ")),
    };
    let document = match frame(app, page, person).await {
        Ok(frame) => notice.render(&frame),
        // The frame says whether the logs are complete, which is not known now.
        Err(_) => notice.alone(),
    };
    html(StatusCode::FORBIDDEN, document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::Connections;
    use crate::metrics::Metrics;
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use headgate_collector_db::Db;
    use headgate_collector_store::{self as store, NewSession, SessionHolder, Store, TokenRequest, hash_token};
    use headgate_collector_types::audit::Actor;
    use headgate_collector_types::clock;
    use http_body_util::BodyExt;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    const SECRET: &str = "hgs_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    /// Stores a session of a viewer named Vera.
    fn begin(tx: &Db) -> Result<(), headgate_collector_db::StoreError> {
        let request =
            TokenRequest { role: Role::Viewer, name: Some("Vera".to_owned()), expires_at: None, sender: None };
        let token = hash_token("hgc_vera");
        store::add_token(tx, &token, &request, Actor::command())?;
        let new = NewSession { hash: hash_token(SECRET), holder: SessionHolder::Token(token), replaces: None };
        store::begin_session(tx, &new, clock::now_us(), Actor { id: store::token_id(&token), ..Actor::default() })
    }

    async fn shown(Extension(person): Extension<Person>, Extension(caller): Extension<Caller>) -> String {
        format!("{} is {}", person.name, caller.id)
    }

    async fn taken(Extension(form): Extension<Form>) -> String {
        form.one("note").unwrap_or_default().to_owned()
    }

    fn routes(app: &App) -> Router {
        let guard = |access| from_fn_with_state((app.clone(), access), require);
        Router::new()
            .route("/page", get(shown).post(taken).route_layer(guard(Access::Read)))
            .route("/audit", get(shown).post(taken).route_layer(guard(Access::Audit)))
            .with_state(app.clone())
    }

    /// Sends a request with the session's cookie; returns status and body.
    async fn send(routes: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> (u16, String) {
        let place = Connections::new(1).admit([127, 0, 0, 1].into()).unwrap();
        let routes = routes.clone().layer(Extension(Arc::clone(&place.slot)));
        let mut request =
            Request::builder().method(method).uri(path).header("cookie", format!("__Host-headgate={SECRET}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = TowerToHyperService::new(routes).call(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn started(folder: &std::path::Path) -> (Store, Router) {
        let (metrics, writes) = Metrics::new();
        let store = Store::open(folder, writes, |_| Ok(())).unwrap();
        store.writes.transact(begin).await.unwrap();
        let routes = routes(&App::new(&store, metrics, &[]));
        (store, routes)
    }

    #[tokio::test]
    async fn a_page_says_which_roles_may_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let (store, routes) = started(folder.path()).await;
        let (status, text) = send(&routes, "GET", "/page", &[], String::new()).await;
        assert_eq!((status, text), (200, format!("Vera is {}", store::token_id(&hash_token("hgc_vera")))));
        let (status, text) = send(&routes, "GET", "/audit", &[], String::new()).await;
        assert_eq!(status, 403, "{text}");
        for part in [
            "<!DOCTYPE html>",
            "token of role viewer",
            "for role auditor or admin or owner",
            "Vera · viewer",
            "Sign out",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let denied = |db: &Db| {
            let sql = "SELECT count(*) FROM audit_entries WHERE instr(CAST(bytes AS TEXT), 'GET /audit') > 0";
            Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))?)
        };
        assert_eq!(store.readers.query(denied).await.unwrap(), 1, "it is noted");
    }

    #[tokio::test]
    async fn a_form_reaches_its_page_with_the_right_text_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (_store, routes) = started(folder.path()).await;
        let kind = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let right = csrf::of(SECRET);
        let form = |csrf: &str| format!("csrf={csrf}&note=a%20b");
        let post = async |path, headers: &[(&str, &str)], body| send(&routes, "POST", path, headers, body).await;
        assert_eq!(post("/page", &[kind], form(&right)).await, (200, "a b".to_owned()));
        for (site, csrf) in [("same-origin", "wrong"), ("cross-site", &right)] {
            assert_eq!(post("/page", &[kind, ("sec-fetch-site", site)], form(csrf)).await.0, 403, "{site}");
        }
        assert_eq!(post("/page", &[("content-type", "text/plain")], form(&right)).await.0, 415);
        assert_eq!(post("/audit", &[kind], form(&right)).await.0, 403, "the role is not enough");
    }
}
