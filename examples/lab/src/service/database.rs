//! SQLite: readers of a pool, one writer.

use super::dependency::{Connections, Held};
use super::faults;
use super::lock;
use super::telemetry::Pool;
use crate::Result;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Products, and sales of them from long ago.
const PRODUCTS: u32 = 2000;
const SALES: u32 = 120_000;
const READERS: u32 = 4;

/// The database of a service.
#[derive(Debug)]
pub(crate) struct Database {
    connections: Connections,
    readers: Arc<Mutex<Vec<Connection>>>,
    writer: Arc<Mutex<Connection>>,
    journal: PathBuf,
}

impl Database {
    /// Opens the database in `dir`, and fills it when it is new.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("lab.sqlite");
        let writer = connect(&path)?;
        writer.execute_batch(
            "CREATE TABLE IF NOT EXISTS product (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER);
             CREATE TABLE IF NOT EXISTS sale (id INTEGER PRIMARY KEY, product INTEGER, price INTEGER);
             CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, kind TEXT, detail TEXT);",
        )?;
        let known: u32 = writer.query_row("SELECT count(*) FROM product", [], |row| row.get(0))?;
        if known == 0 {
            fill(&writer)?;
        }
        writer.execute_batch(INDEX)?;
        let readers = (0..READERS)
            .map(|_| connect(&path))
            .collect::<Result<_>>()?;
        Ok(Self {
            connections: Connections::new(READERS),
            readers: Arc::new(Mutex::new(readers)),
            writer: Arc::new(Mutex::new(writer)),
            journal: dir.join("flushed"),
        })
    }

    pub(crate) fn pool(&self) -> &Pool {
        self.connections.pool()
    }

    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Makes the index of the sales, or drops it.
    pub(crate) fn set_index(&self, wanted: bool) {
        let writer = Arc::clone(&self.writer);
        tokio::task::spawn_blocking(move || {
            let sql = if wanted {
                INDEX
            } else {
                "DROP INDEX IF EXISTS by_product"
            };
            if let Err(error) = lock(&writer).execute_batch(sql) {
                eprintln!("index: {error}");
            }
        });
    }

    /// A connection, or `None` when none gets free in time.
    pub(crate) async fn connection(&self) -> Option<Held> {
        self.connections.get().await
    }

    /// How a product sold, through one of the readers.
    pub(crate) async fn read(&self, product: u32) -> Option<Value> {
        let readers = Arc::clone(&self.readers);
        let done = tokio::task::spawn_blocking(move || {
            let connection = lock(&readers).pop()?;
            let found = sales(&connection, product);
            lock(&readers).push(connection);
            found.map_err(|error| eprintln!("read: {error}")).ok()
        });
        done.await.ok().flatten()
    }

    /// Writes what an order, a payment or a job changes.
    pub(crate) async fn write(&self, product: u32, kind: String, flushed: u64) -> Option<Value> {
        let (writer, journal) = (Arc::clone(&self.writer), self.journal.clone());
        let done = tokio::task::spawn_blocking(move || {
            let mut writer = lock(&writer);
            if flushed > 0 {
                // A disk that is slow to take a write keeps the writer.
                faults::flush(&journal, flushed).ok()?;
            }
            let outcome = change(&mut writer, product, &kind);
            outcome.map_err(|error| eprintln!("write: {error}")).ok()
        });
        done.await.ok().flatten()
    }
}

const INDEX: &str = "CREATE INDEX IF NOT EXISTS by_product ON sale (product, price)";

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    Ok(connection)
}

fn fill(writer: &Connection) -> Result {
    writer.execute_batch("BEGIN")?;
    let mut insert = writer.prepare("INSERT INTO product VALUES (?1, ?2, 100000)")?;
    for id in 0..PRODUCTS {
        insert.execute(params![id, format!("product {id}")])?;
    }
    let mut insert = writer.prepare("INSERT INTO sale (product, price) VALUES (?1, ?2)")?;
    for id in 0..SALES {
        // Any order will do, so long as a product's sales do not lie together.
        insert.execute(params![id.wrapping_mul(2_654_435_761) % PRODUCTS, id % 977])?;
    }
    writer.execute_batch("COMMIT")?;
    Ok(())
}

fn sales(connection: &Connection, product: u32) -> Result<Value> {
    let product = product % PRODUCTS;
    let mut statement = connection
        .prepare_cached("SELECT count(*), avg(price), max(price) FROM sale WHERE product = ?1")?;
    let sold = statement.query_row([product], |row| {
        let (count, mean, most): (i64, f64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(json!({"sold": count, "mean": mean, "most": most}))
    })?;
    let mut statement =
        connection.prepare_cached("SELECT name, amount FROM product WHERE id = ?1")?;
    let (name, amount): (String, i64) =
        statement.query_row([product], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(json!({"product": product, "name": name, "amount": amount, "sales": sold}))
}

fn change(writer: &mut Connection, product: u32, kind: &str) -> Result<Value> {
    let product = product % PRODUCTS;
    let change = writer.transaction()?;
    if kind == "reserve" {
        change.execute(
            "UPDATE product SET amount = amount - 1 WHERE id = ?1",
            [product],
        )?;
    } else {
        let detail = json!({"product": product, "kind": kind}).to_string();
        change.execute(
            "INSERT INTO event (kind, detail) VALUES (?1, ?2)",
            params![kind, detail],
        )?;
        // The journal keeps the latest 20,000 only.
        let last = change.last_insert_rowid();
        change.execute("DELETE FROM event WHERE id < ?1", [last - 20_000])?;
    }
    change.commit()?;
    Ok(json!({"done": kind}))
}

#[cfg(test)]
mod tests {
    use super::{Database, PRODUCTS, SALES};

    #[tokio::test]
    async fn reads_and_writes_what_it_was_filled_with() {
        let dir = std::env::temp_dir().join(format!("bongsu-lab-database-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let database = Database::open(&dir).unwrap();
        let before = database.read(PRODUCTS + 7).await.unwrap();
        assert_eq!(before["product"], 7);
        assert_eq!(before["sales"]["sold"], SALES / PRODUCTS);
        database.write(7, "reserve".to_owned(), 0).await.unwrap();
        database.set_index(false);
        let after = database.read(7).await.unwrap();
        assert_eq!(after["amount"], 99_999);
        assert_eq!(after["sales"], before["sales"]);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
