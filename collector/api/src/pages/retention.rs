//! `/retention` and the paths below it: rules, legal holds and the clock as a page, and the forms that change them. They go
//! through the functions of `/v1/retention` and `/v1/holds`.

mod forms;

pub(super) use forms::time_of;

use super::answer::see_other;
use super::visit::Visit;
use crate::access::Access;
use crate::error::ApiError;
use crate::holds;
use crate::path_param::PathName;
use crate::retention::{self, Clock};
use crate::session::Form;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::retention::{
    ChangePage, Clocks, Due, HoldDraft, HoldRow, Preview, ReleasePage, RetentionPage,
};
use headgate_collector_store::{self as store, Hold};
use headgate_collector_types::Log;
use headgate_collector_types::retention::Rules;

/// Sentences about a change that was made, by the word in the URL.
const DONE: [(&str, &str); 4] = [
    ("rules", "The rules were set."),
    ("placed", "The hold was placed."),
    ("released", "The hold was released."),
    ("clock", "The host's clock was confirmed."),
];

/// Handles `GET /retention`.
pub(super) async fn show(visit: Visit) -> Response {
    let result = async {
        let done = visit.only("done")?;
        let done = done.and_then(|word| DONE.into_iter().find(|(known, _)| *known == word));
        let mut view = view(&visit).await?;
        view.done = done.map(|(_, sentence)| sentence);
        visit.page(Page::Retention, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Retention, result).await
}

async fn view(visit: &Visit) -> Result<RetentionPage, ApiError> {
    retention::note_read(&visit.app, &visit.caller).await;
    holds::note_list(&visit.app, &visit.caller).await?;
    let read =
        |db: &_| Ok((store::retention(db)?, store::trusted_time(db)?, store::oldest_received(db)?, store::holds(db)?));
    let (settings, known, oldest, holds) = visit.app.readers.query(read).await?;
    let clock = Clock::of(known);
    Ok(RetentionPage {
        in_force: settings.in_force(clock.retention),
        takes_effect_at: settings.takes_effect_at(clock.retention),
        revision: settings.revision,
        changed_at: settings.changed_at,
        rules: settings.rules,
        oldest,
        clocks: Clocks { host: clock.host, trusted: clock.retention, leapt: clock.leapt },
        holds: holds.into_iter().map(|hold| forms::row(hold, &visit.zone)).collect(),
        may_change: visit.may(Access::Own),
        draft: HoldDraft::default(),
        done: None,
        clock_problem: None,
        zone: visit.zone.clone(),
    })
}

/// Handles `GET /retention/change`: the effect of other rules, before they are set.
pub(super) async fn preview(visit: Visit) -> Response {
    let result = effect(&visit).await;
    visit.shown(Page::Retention, result).await
}

async fn effect(visit: &Visit) -> Result<Response, ApiError> {
    let asked = forms::AskedRules::of(form_urlencoded::parse(visit.query.as_bytes()));
    let settings = visit.app.readers.query(store::retention).await?;
    let mut rules: Rules = settings.rules;
    let effect = async {
        let body = asked.body()?;
        let (settings, known, preview) = retention::effect(&visit.app, Some(asked.revision()?), &body).await?;
        rules = settings.rules.clone();
        let due = |counted: &retention::Counted| Due {
            entries: counted.entries,
            anyway: counted.past_their_time_already,
            held: counted.kept_by_holds,
        };
        let now = Clock::of(known).retention;
        let logs = [due(&preview.requests), due(&preview.audit)];
        Ok(Preview { logs, takes_effect_at: settings.takes_effect_at(now) })
    };
    let (status, effect) = refused(effect.await)?;
    let view = ChangePage {
        rules,
        revision: settings.revision,
        effect,
        classes: asked.classes.clone(),
        zone: visit.zone.clone(),
    };
    visit.page_with(status, Page::Retention, |frame| view.render(frame)).await
}

/// Returns a refusal as a sentence for the form; a fault of the collector stays an error.
pub(super) fn refused<T>(result: Result<T, ApiError>) -> Result<(StatusCode, Result<T, String>), ApiError> {
    match result {
        Ok(done) => Ok((StatusCode::OK, Ok(done))),
        Err(error) if error.is_server_side() => Err(error),
        Err(error) => {
            let (status, message) = error.into_parts();
            Ok((status, Err(message)))
        }
    }
}

/// Handles `POST /retention`.
pub(super) async fn set(visit: Visit, Extension(form): Extension<Form>) -> Response {
    let result = async {
        let asked = forms::AskedRules::of(form.fields());
        retention::change(&visit.app, &visit.caller, Some(asked.revision()?), &asked.body()?).await?;
        Ok(see_other("/retention?done=rules"))
    };
    let result = result.await;
    visit.shown(Page::Retention, result).await
}

/// Handles `POST /retention/clock`.
pub(super) async fn confirm_clock(visit: Visit, Extension(form): Extension<Form>) -> Response {
    let result = async {
        let confirmed = async {
            let body = forms::stated(&form, &visit.zone)?;
            retention::confirm(&visit.app, &visit.caller, &body).await
        };
        let (status, confirmed) = refused(confirmed.await)?;
        let Err(problem) = confirmed else { return Ok(see_other("/retention?done=clock")) };
        let view = RetentionPage { clock_problem: Some(problem), ..view(&visit).await? };
        visit.page_with(status, Page::Retention, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Retention, result).await
}

/// Handles `POST /retention/holds`.
pub(super) async fn place(visit: Visit, Extension(form): Extension<Form>) -> Response {
    let result = async {
        let placed = async {
            let body = forms::hold(&form, &visit.zone)?;
            holds::place_of(&visit.app, &visit.caller, &body).await
        };
        let (status, placed) = refused(placed.await)?;
        let Err(problem) = placed else { return Ok(see_other("/retention?done=placed")) };
        let fields = HoldDraft::FIELDS.map(|name| (name, form.one(name).unwrap_or_default().to_owned()));
        let draft = HoldDraft { fields: fields.to_vec(), problem: Some(problem) };
        let view = RetentionPage { draft, ..view(&visit).await? };
        visit.page_with(status, Page::Retention, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Retention, result).await
}

/// Handles `GET /retention/holds/{id}/release`: asks before a hold is released.
pub(super) async fn ask_release(visit: Visit, PathName(name): PathName) -> Response {
    let result = async {
        holds::note_list(&visit.app, &visit.caller).await?;
        let all: Vec<Hold> = visit.app.readers.query(store::holds).await?;
        let hold = all.into_iter().find(|hold| Some(&hold.id) == name.as_ref()).ok_or_else(holds::not_found)?;
        let view = ReleasePage { hold: forms::row(hold, &visit.zone), zone: visit.zone.clone() };
        visit.page(Page::Retention, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Retention, result).await
}

/// Handles `POST /retention/holds/{id}/release`.
pub(super) async fn release(visit: Visit, PathName(name): PathName) -> Response {
    let result = holds::release_named(&visit.app, &visit.caller, name).await;
    let result = result.map(|_| see_other("/retention?done=released"));
    visit.shown(Page::Retention, result).await
}
