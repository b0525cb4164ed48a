//! An assertion's statement, the same way in every engine.

use crate::plan::Answer;
use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, ColumnIndex, Database, Decode, Executor, Row, SqlSafeStr, Type, raw_sql};

/// Reads one value as text.
///
/// The statement is prepared first, which refuses more than one of them, so that none can end the transaction; and then
/// run as text, which every type has.
pub(crate) async fn read_one<DB>(connection: &mut DB::Connection, sql: &str) -> Result<Answer, sqlx::Error>
where
    DB: Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'r> String: Decode<'r, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    // Safe: it is the operator's own SQL, in a transaction that changes nothing.
    connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await?;
    let mut rows = raw_sql(AssertSqlSafe(sql.to_owned())).fetch(&mut *connection);
    let Some(row) = rows.try_next().await? else { return Ok(Answer::NoRow) };
    if row.len() > 1 {
        return Ok(Answer::SeveralColumns);
    }
    if rows.try_next().await?.is_some() {
        return Ok(Answer::SeveralRows);
    }
    let value: Option<String> = row.try_get_unchecked(0)?;
    Ok(value.map_or(Answer::Null, Answer::Value))
}
