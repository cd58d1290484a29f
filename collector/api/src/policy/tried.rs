//! A revision for the page on which policies are tried: as it was written for those who may change it, else its masked resources.

use super::{App, blocking, lock, not_found, note, resource, with_text};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::revision as policy;
use headgate_collector_store::{self as store, PolicyName, PolicyRevision};
use headgate_collector_types::audit::Operation;
use serde_json::Value;

/// A revision to try.
pub(crate) struct TryPolicy {
    pub(crate) revision: PolicyRevision,
    pub(crate) in_force: bool,
    /// The file as it was written, else its masked resources.
    pub(crate) text: Result<String, Vec<Value>>,
}

/// Returns a revision, or the one in force, and notes that it was read; `None` if no policy is in force.
pub(crate) async fn to_try(
    app: &App,
    caller: &Caller,
    name: Option<PolicyName>,
    as_written: bool,
) -> Result<Option<TryPolicy>, ApiError> {
    let guard = lock(&app.comparing).await?;
    let is_named = name.is_some();
    let found = app.readers.query(move |db| {
        let current = store::policy_in_force(db)?;
        let wanted = match name {
            Some(name) => store::policy_revision(db, &name)?,
            None => current.clone(),
        };
        Ok((with_text(db, wanted)?, current))
    });
    let (found, current) = found.await?;
    let Some((revision, text)) = found else { return if is_named { Err(not_found()) } else { Ok(None) } };
    let (kind, operation) =
        if as_written { ("policy.exported", Operation::Export) } else { ("policy.read", Operation::Read) };
    note(app, caller, kind, operation, resource(&revision)).await;
    let in_force = current.is_some_and(|current| current.number == revision.number);
    let text = match as_written {
        true => Ok(text),
        false => Err(blocking(guard, move || policy::masked(&text)).await?),
    };
    Ok(Some(TryPolicy { revision, in_force, text }))
}
