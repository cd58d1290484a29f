//! The resources of the policy in force, kept between requests.
//!
//! Pages show them at each load, and reading a policy of 100,000 keys takes longer than everything else on the page. So the
//! resources of the revision that was read last are kept: one policy, of 16 MiB of text at most. Its revision is compared with
//! the store at each request, so a new revision is seen at once, whichever collector put it in force.

use super::{App, blocking, lock, with_text};
use crate::error::ApiError;
use crate::kept_policy::Resources;
use crate::revision as policy;
use headgate_collector_pages::frame::PolicyInForce;
use headgate_collector_store::{self as store, PolicyRevision};
use serde_json::Value;
use std::sync::Arc;

/// The settings of a policy are the first of its resources.
const SETTINGS: usize = 1;

/// Returns the revision in force and what `work` makes of its masked resources; `None` if there is no policy.
pub(crate) async fn read_in_force<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&[Value]) -> T + Send + 'static,
) -> Result<Option<(PolicyRevision, T)>, ApiError> {
    let Some((revision, resources)) = in_force(app).await? else { return Ok(None) };
    let made = tokio::task::spawn_blocking(move || work(&resources)).await;
    Ok(Some((revision, made.map_err(|_| ApiError::internal())?)))
}

/// Returns a revision in the words of the frame. Without its text the frame names its number alone.
pub(crate) async fn in_words(app: &App, revision: PolicyRevision) -> PolicyInForce {
    let number = revision.number;
    let environment = |resource: &Value| Some(resource.get("body")?.get("environment")?.as_str()?.to_owned());
    let resources = resources_of(app, revision).await.ok();
    let environment = resources.and_then(|resources| resources.iter().take(SETTINGS).find_map(environment));
    PolicyInForce { revision: number, environment }
}

async fn in_force(app: &App) -> Result<Option<(PolicyRevision, Resources)>, ApiError> {
    let Some(revision) = app.readers.query(store::policy_in_force).await? else { return Ok(None) };
    let resources = resources_of(app, revision.clone()).await?;
    Ok(Some((revision, resources)))
}

/// Returns the resources of a revision, and keeps them.
async fn resources_of(app: &App, revision: PolicyRevision) -> Result<Resources, ApiError> {
    if let Some(resources) = app.kept_policy.of(&revision) {
        return Ok(resources);
    }
    let guard = lock(&app.comparing).await?;
    // Another request may have read it meanwhile.
    if let Some(resources) = app.kept_policy.of(&revision) {
        return Ok(resources);
    }
    let found = app.readers.query(move |db| with_text(db, Some(revision))).await?;
    let (revision, text) = found.ok_or_else(ApiError::internal)?;
    let kept = app.kept_policy.clone();
    let read = move || {
        let resources = Arc::new(policy::masked(&text));
        kept.keep(revision, Arc::clone(&resources));
        resources
    };
    blocking(guard, read).await
}
