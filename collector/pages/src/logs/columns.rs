//! The columns that a reader may add to the list.

use headgate_record::{CallerIdentity, RequestRecord};

/// A column that is shown on request.
#[derive(Debug, Clone, Copy)]
pub struct OptionalColumn {
    /// The word in the URL, which is also the name in the search.
    pub word: &'static str,
    pub(super) title: &'static str,
    pub(super) value: fn(&RequestRecord) -> Option<&str>,
}

impl PartialEq for OptionalColumn {
    fn eq(&self, other: &Self) -> bool {
        self.word == other.word
    }
}

impl Eq for OptionalColumn {}

const fn column(word: &'static str, title: &'static str, value: fn(&RequestRecord) -> Option<&str>) -> OptionalColumn {
    OptionalColumn { word, title, value }
}

fn of_caller<'r>(record: &'r RequestRecord, field: fn(&'r CallerIdentity) -> Option<&'r String>) -> Option<&'r str> {
    record.caller.as_ref().and_then(field).map(String::as_str)
}

/// All of them, in the order in which they are shown.
pub const OPTIONAL: [OptionalColumn; 16] = [
    column("team", "Team", |record| of_caller(record, |caller| caller.team.as_ref())),
    column("project", "Project", |record| of_caller(record, |caller| caller.project.as_ref())),
    column("app", "Application", |record| of_caller(record, |caller| caller.application.as_ref())),
    column("env", "Environment", |record| Some(&record.environment)),
    column("cost_center", "Cost center", |record| of_caller(record, |caller| caller.cost_center.as_ref())),
    column("tenant", "Tenant", |record| of_caller(record, |caller| caller.tenant.as_ref())),
    column("use_case", "Use case", |record| of_caller(record, |caller| caller.use_case.as_ref())),
    column("risk", "Risk class", |record| record.caller.as_ref()?.risk_class.map(|class| class.as_str())),
    column("session", "Session", |record| record.client.session_id.as_deref()),
    column("agent", "Agent", |record| record.client.agent_id.as_deref()),
    column("user", "End user", |record| record.client.end_user.as_deref()),
    column("node", "Node", |record| Some(&record.node)),
    column("revision", "Policy revision", |record| Some(&record.config_revision)),
    column("finish", "Finish", |record| record.finish_reason.as_deref()),
    column("ended", "Ended by", |record| Some(record.ended_by.as_str())),
    column("client", "Client", |record| record.client.user_agent.as_deref()),
];

/// Returns the columns of a list of words, in the order of [`OPTIONAL`]; unknown words are left out.
#[must_use]
pub fn columns_of(words: &str) -> Vec<OptionalColumn> {
    OPTIONAL.into_iter().filter(|column| words.split('.').any(|word| word == column.word)).collect()
}

/// Returns the words of columns, as the URL and the cookie have them. None is a word too, so that a choice of none is remembered.
#[must_use]
pub fn words_of(columns: &[OptionalColumn]) -> String {
    match columns {
        [] => "none".to_owned(),
        some => some.iter().map(|column| column.word).collect::<Vec<_>>().join("."),
    }
}

#[cfg(test)]
mod tests {
    use super::{OPTIONAL, columns_of, words_of};
    use crate::search::FIELDS;

    #[test]
    fn each_column_can_be_searched() {
        assert!(OPTIONAL.iter().all(|column| FIELDS.iter().any(|field| field.name == column.word)));
    }

    #[test]
    fn words_name_columns_in_order() {
        assert_eq!(words_of(&columns_of("node.team.nope")), "team.node");
        assert_eq!(words_of(&columns_of("none")), "none");
    }
}
