//! Reads a password from the file in PGPASSFILE, in the format of PostgreSQL's own clients: a line
//! `host:port:database:user:password` for each server, with `*` for any, and `:` and `\` escaped by `\`.
//!
//! The file is read for each new session, so a change of the password needs no restart of a collector.

use std::path::Path;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Returns the password for a target, if the file has one.
pub(super) fn password(target: &Config) -> Option<String> {
    let file = std::env::var_os("PGPASSFILE")?;
    in_text(&std::fs::read_to_string(Path::new(&file)).ok()?, target)
}

fn in_text(text: &str, target: &Config) -> Option<String> {
    let host = match target.get_hosts().first()? {
        Host::Tcp(name) => name.as_str(),
        Host::Unix(_) => "localhost",
    };
    let port = target.get_ports().first().unwrap_or(&5432).to_string();
    let user = target.get_user()?;
    let known = [host, &port, target.get_dbname().unwrap_or(user), user];
    let fits = |field: &String, own: &str| field == "*" || field == own;
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let [host, port, database, user, password] = fields(line)?;
        let all = [host, port, database, user].iter().zip(known).all(|(field, own)| fits(field, own));
        all.then_some(password)
    })
}

/// Returns the fields of a line. A `:` in the password needs no escape.
fn fields(line: &str) -> Option<[String; 5]> {
    let mut fields = vec![String::new()];
    let mut signs = line.chars();
    while let Some(sign) = signs.next() {
        let sign = match sign {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => signs.next()?,
            other => other,
        };
        fields.last_mut()?.push(sign);
    }
    fields.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::in_text;

    #[test]
    fn the_first_matching_line_has_the_password() {
        let target = "postgres://me@db.example:5433/logs".parse().unwrap();
        let of = |text: &str| in_text(text, &target);
        let text = "# db.example:5433:logs:me:no\n\ndb.example:5432:*:*:no\nother:*:*:*:no\n*:5433:logs:me:y:e\\\\\\:s\n*:*:*:*:no";
        assert_eq!(of(text).as_deref(), Some("y:e\\:s"));
        for none in ["", "db.example:5433:logs:me", "db.example:5433:logs:you:no", "db.example:5433:logs:me:no\\"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
