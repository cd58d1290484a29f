//! Pages of gaps, the latest noticed first.

use super::records;
use headgate_collector_db::{self as db, Db, Row, StoreError, Value, params_from_iter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most boots with dropped records in one answer, the newest first.
const DROPPED: i64 = 500;

/// Which gaps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapState {
    /// Those of which the records are missing.
    #[default]
    Open,
    /// Those of which the records came late.
    Closed,
    /// Both.
    All,
}

/// A query for one page of gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GapQuery {
    /// Only gaps of this proxy.
    pub node: Option<String>,
    /// Whether missing gaps, closed gaps or both are listed.
    pub state: GapState,
    /// Only gaps that may have occurred from this time on, by the collector's clock, in µs.
    pub from: Option<i64>,
    /// Only gaps that may have occurred before this time, by the collector's clock, in µs.
    pub to: Option<i64>,
    /// The most gaps.
    pub limit: usize,
    /// The place where the last page ended.
    pub after: Option<GapPlace>,
}

/// A place in the order of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapPlace {
    /// The time when the gap was noticed, in µs.
    pub noticed_at: i64,
    /// The number of the gap.
    pub gap: i64,
}

/// A run of numbers of one boot that did not come, or came late. Times are µs since the Unix epoch.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Gap {
    /// The sending proxy.
    pub node: String,
    /// The sending worker's boot.
    pub boot: String,
    /// First number.
    pub first_seq: i64,
    /// Last number.
    pub last_seq: i64,
    /// The number of records.
    pub records: i64,
    /// `started_at` of the record before the gap, by the sender's clock; absent when the gap begins the boot.
    pub after: Option<i64>,
    /// `started_at` of the record behind the gap; of a gap at the end, when the heartbeat was received that told of it.
    pub before: i64,
    /// When the record before the gap was received.
    pub received_after: Option<i64>,
    /// When the gap was noticed. The records were due between `received_after` and this.
    pub noticed_at: i64,
    /// When the last of the records came after all.
    pub closed_at: Option<i64>,
    /// Whether a heartbeat tells of it, and no later record.
    pub at_end: bool,
    /// Whether the worker fell silent after `last_seq` without saying that it ends. How many records it had since is not known:
    /// `records` is 0, `first_seq` is the number that would follow, `before` is when it was heard last.
    pub end_unknown: bool,
    /// Records that waited then, by its last heartbeat; absent but for an unknown end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued: Option<i64>,
    /// Requests that were under way then; absent also if it did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<i64>,
}

/// A boot that dropped records before sending.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Dropped {
    /// The sending proxy.
    pub node: String,
    /// The sending worker's boot.
    pub boot: String,
    /// Records it says it dropped. Those that it numbered are in a gap as well.
    pub dropped: i64,
}

/// A page of gaps, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct GapPage {
    /// The gaps, the latest noticed first.
    pub gaps: Vec<Gap>,
    /// The place where the next page begins, if there is one.
    pub next: Option<GapPlace>,
    /// The newest boots that dropped records.
    pub dropped: Vec<Dropped>,
}

/// Returns the page that follows `query.after`.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn gaps(db: &Db, query: &GapQuery) -> Result<GapPage, StoreError> {
    let (sql, values) = statement(query);
    let mut select = db.prepare_cached(&sql)?;
    let mut found = select.query_map(params_from_iter(values), read)?.collect::<Result<Vec<_>, _>>()?;
    let has_more = found.len() > query.limit;
    found.truncate(query.limit);
    let next = found.last().filter(|_| has_more).map(|(place, _)| *place);
    let gaps = found.into_iter().map(|(_, gap)| gap).collect();
    Ok(GapPage { gaps, next, dropped: dropped(db, query.node.as_deref())? })
}

fn statement(query: &GapQuery) -> (String, Vec<Value>) {
    let mut sql = "SELECT g.noticed_at, g.gap, b.node, b.boot_id, g.first_seq, g.last_seq, g.after_at, g.before_at,
        g.received_after, g.closed_at, g.at_end, g.end_unknown, g.queued, g.open FROM gaps g JOIN boots b ON b.boot = g.boot WHERE "
        .to_owned();
    sql.push_str(match query.state {
        GapState::Open => "g.closed_at IS NULL",
        GapState::Closed => "g.closed_at IS NOT NULL",
        GapState::All => "1 = 1",
    });
    let mut values = Vec::new();
    let mut add = |term: &str, value: Value| {
        values.push(value);
        sql.push_str(&format!(" AND {term} ?{}", values.len()));
    };
    if let Some(node) = &query.node {
        add("b.node =", Value::Text(node.clone()));
    }
    if let Some(from) = query.from {
        add("g.noticed_at >=", Value::Integer(from));
    }
    if let Some(to) = query.to {
        add("COALESCE(g.received_after, g.noticed_at) <", Value::Integer(to));
    }
    if let Some(GapPlace { noticed_at, gap }) = query.after {
        values.extend([Value::Integer(noticed_at), Value::Integer(gap)]);
        let (noticed, gap) = (values.len() - 1, values.len());
        sql.push_str(&format!(" AND (g.noticed_at, g.gap) < (?{noticed}, ?{gap})"));
    }
    // One more than the page's limit shows whether more gaps follow.
    values.push(Value::Integer(i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1)));
    sql.push_str(&format!(" ORDER BY g.noticed_at DESC, g.gap DESC LIMIT ?{}", values.len()));
    (sql, values)
}

fn read(row: &Row<'_>) -> db::Result<(GapPlace, Gap)> {
    let (noticed_at, first_seq, last_seq) = (row.get(0)?, row.get(4)?, row.get(5)?);
    let gap = Gap {
        node: row.get(2)?,
        boot: row.get(3)?,
        first_seq,
        last_seq,
        records: records(first_seq, last_seq),
        after: row.get(6)?,
        before: row.get(7)?,
        received_after: row.get(8)?,
        noticed_at,
        closed_at: row.get(9)?,
        at_end: row.get::<_, i64>(10)? == 1,
        end_unknown: row.get::<_, i64>(11)? == 1,
        queued: row.get(12)?,
        open: row.get(13)?,
    };
    Ok((GapPlace { noticed_at, gap: row.get(1)? }, gap))
}

fn dropped(db: &Db, node: Option<&str>) -> Result<Vec<Dropped>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT node, boot_id, dropped FROM boots WHERE dropped > 0 AND (?1 = '' OR node = ?1)
         ORDER BY boot DESC LIMIT ?2",
    )?;
    let values = [Value::Text(node.unwrap_or_default().to_owned()), Value::Integer(DROPPED)];
    let found = select.query_map(params_from_iter(values), |row| {
        Ok(Dropped { node: row.get(0)?, boot: row.get(1)?, dropped: row.get(2)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_walks_an_index_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let db = crate::open_writer(folder.path()).unwrap();
        let after = Some(GapPlace { noticed_at: 7, gap: 9 });
        for state in [GapState::Open, GapState::Closed, GapState::All] {
            let (sql, values) = statement(&GapQuery { state, after, from: Some(1), ..GapQuery::default() });
            let mut explain = db.prepare_cached(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = explain.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
            let steps = steps.map(Result::unwrap).collect::<Vec<_>>().join("; ");
            assert!(steps.contains("INDEX gaps_") && !steps.contains("TEMP B-TREE"), "{state:?}: {steps}");
        }
    }
}
