//! Decides what the application's secret says once a copy is live; sees only its arguments.

use super::stale::stale_keys;
use crate::Error;
use replication::{ApplicationSecret, ApplicationUser, HeldLane, Run};
use secret::{Connection, LOGINS, SecretValue, Unusable, Version};

/// The application's secret with the copy's connection keys over its present value, and every template filled. `host`
/// and `port` lead to the copy's lane where there is one.
///
/// Refused by name when it would make applications another user than they are, or leave a key that leads to the database
/// that goes out of service.
pub fn promoted_value(
    run: &Run,
    application: &str,
    own: &Version,
    current: &Version,
    wanted: &ApplicationSecret,
    lane: Option<&HeldLane>,
) -> Result<SecretValue, Error> {
    let name = run.secret_name();
    let connection = own.value.connection().filter(|it| it.db_instance_identifier.is_some());
    let problem = "lacks a connection key";
    let connection = connection.ok_or_else(|| Unusable::NotJson { secret: name.clone(), problem })?;
    let (username, password) = credentials(&name, application, &connection, own, current, wanted)?;
    let dbname = wanted.database.clone().or_else(|| own_database(current)).or(connection.dbname);
    let (host, port) = match lane {
        Some(lane) => (lane.host.clone(), lane.port),
        None => (connection.host, connection.port),
    };
    let connection = Connection { host, port, username, password, dbname, ..connection };

    let mut promoted = current.value.with(&connection, &own.arn);
    for (path, template) in &wanted.templates {
        let text = template.fill(|name| value_of(&connection, name)).map_err(|placeholder| {
            Error::TemplateNotFilled { key: path.clone(), placeholder, secret: name.clone() }
        })?;
        let written = promoted.with_text_at(path, text);
        promoted = written
            .ok_or_else(|| Error::TemplateHasNoPlace { key: path.clone(), secret: application.to_owned() })?;
    }
    let accepted = &wanted.accepted_stale_keys;
    let stale = stale_keys(&run.replication, &current.value, &promoted, &connection.engine, accepted);
    if stale.is_empty() {
        return Ok(promoted);
    }
    Err(Error::KeysStale { secret: application.to_owned(), keys: stale.join(", ") })
}

/// Whose credentials applications get. Nobody becomes the master user unawares: without a setting, the secret must name
/// the master user, or no user while no template writes over a text that may hold one.
fn credentials(
    name: &str,
    application: &str,
    connection: &Connection,
    own: &Version,
    current: &Version,
    wanted: &ApplicationSecret,
) -> Result<(String, String), Error> {
    let master = (connection.username.clone(), connection.password.clone());
    let login = match &wanted.application_user {
        Some(ApplicationUser::Master) => return Ok(master),
        Some(ApplicationUser::Login(login)) => login,
        None => {
            let is_master = match current.value.text_of("username") {
                Some(username) => username == connection.username,
                None => wanted.templates.keys().all(|path| current.value.leaf(path).is_none()),
            };
            let undecided = || Error::ApplicationUserUndecided(application.to_owned());
            return if is_master { Ok(master) } else { Err(undecided()) };
        }
    };
    Ok(own.value.credentials_of_login(name, login)?)
}

/// The database that applications use now: that of a secret which they can log in with.
fn own_database(current: &Version) -> Option<String> {
    current.value.text_of("username")?;
    current.value.text_of("dbname").map(str::to_owned)
}

fn value_of(connection: &Connection, placeholder: &str) -> Option<String> {
    match placeholder {
        "engine" => Some(connection.engine.clone()),
        "host" => Some(connection.host.clone()),
        "port" => Some(connection.port.to_string()),
        "username" => Some(connection.username.clone()),
        "password" => Some(connection.password.clone()),
        "dbname" => connection.dbname.clone(),
        "dbInstanceIdentifier" => connection.db_instance_identifier.clone(),
        _ => None,
    }
}

/// The outgoing copy's secret with the credentials that are current; `None` when it has them already.
///
/// The master user's password goes over the one that was saved. Any other user's goes below `logins`, so that the
/// master user stays known.
pub fn outgoing_value(saved: &Version, current: &Version) -> Option<SecretValue> {
    let (username, password) = current.value.credentials()?;
    let renewed = match saved.value.text_of("username") {
        Some(master) if master != username => {
            let mut logins = saved.value.texts_below(LOGINS);
            logins.insert(username.to_owned(), password.to_owned());
            saved.value.with_texts_below(LOGINS, &logins)
        }
        _ => saved.value.with_login(username, password.to_owned()),
    };
    (renewed != saved.value).then_some(renewed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use replication::{HeldIn, PLACEHOLDERS};
    use serde_json::{Value, json};

    fn version(value: &Value) -> Version {
        Version {
            version_id: "v".to_owned(),
            arn: "arn:own".to_owned(),
            value: SecretValue::parse(&value.to_string()).unwrap(),
        }
    }

    fn own() -> Value {
        json!({
            "engine": "postgres", "host": "new.example", "port": 5432, "username": "master", "password": "n/ew",
            "dbname": "orders", "dbInstanceIdentifier": "orders-20261120t160812z-3f9a", "logins": {"app": "a/pp"},
        })
    }

    fn promoted(current: &Value, settings: &Value) -> Result<Value, Error> {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let wanted = serde_json::from_value(settings.clone()).unwrap();
        let promoted =
            promoted_value(&run, "the secret", &version(&own()), &version(current), &wanted, None)?;
        Ok(serde_json::from_str(&promoted.text()).unwrap())
    }

    /// What becomes of the user and the database, or the name of the failure.
    fn check(current: &Value, settings: &Value, expected: &Result<[&str; 3], &str>) {
        let got = promoted(current, settings);
        match (&got, expected) {
            (Ok(got), Ok(expected)) => {
                assert_eq!([&got["username"], &got["password"], &got["dbname"]], *expected, "{current}");
            }
            (Err(error), Err(name)) => assert_eq!(error.name().as_str(), *name, "{current}: {error}"),
            _ => panic!("{current} with {settings}: {got:?}, not {expected:?}"),
        }
    }

    // field 4: an application becomes the master user.
    #[test]
    fn an_application_keeps_its_user_and_database_unless_a_setting_chooses() {
        let none = &json!({});
        let (master, login) =
            (&json!({"applicationUser": "master"}), &json!({"applicationUser": {"login": "app"}}));
        let undecided = &Err("Snapferry.ApplicationUserUndecided");
        let app = &json!({"username": "app", "password": "p", "host": "old.example", "dbname": "shop"});
        check(&json!({}), none, &Ok(["master", "n/ew", "orders"]));
        check(&json!({"host": "old.example", "dbname": "legacy"}), none, &Ok(["master", "n/ew", "orders"]));
        check(&json!({"username": "master", "password": "p"}), none, &Ok(["master", "n/ew", "orders"]));
        check(&json!({"username": "master", "dbname": "shop"}), none, &Ok(["master", "n/ew", "shop"]));
        check(app, none, undecided);
        check(app, master, &Ok(["master", "n/ew", "shop"]));
        check(app, login, &Ok(["app", "a/pp", "shop"]));
        check(&json!({}), login, &Ok(["app", "a/pp", "orders"]));
        check(app, &json!({"applicationUser": {"login": "master"}}), &Ok(["master", "n/ew", "shop"]));
        check(app, &json!({"applicationUser": {"login": "x"}}), &Err("Snapferry.ApplicationUserUnknown"));
        check(
            app,
            &json!({"applicationUser": "master", "database": "other"}),
            &Ok(["master", "n/ew", "other"]),
        );
        // The user may be in the text that the template writes over.
        let template = json!({"templates": {"url": "postgres://{username}:{password}@{host}/{dbname}"}});
        check(&json!({"url": "postgres://app:p@old.example"}), &template, undecided);
        check(&json!({}), &template, &Ok(["master", "n/ew", "orders"]));
    }

    // field 4: `url`, `DATABASE_URL`, `jdbcUrl`, `DB_HOST` and `DB_PASSWORD` stay stale after the promotion.
    #[test]
    fn a_stale_key_is_named_unless_a_template_writes_it_or_a_setting_accepts_it() {
        let current = json!({
            "username": "master", "password": "0ld-password", "host": "old.example", "port": "5432", "apiKey": "k",
            "DATABASE_URL": "postgres://master:0ld-password@old.example:5432/orders", "db": {"HOST": "old.example"},
            "masterarn": "arn:old",
        });
        let error = promoted(&current, &json!({})).unwrap_err();
        assert_eq!(error.name().as_str(), "Snapferry.SecretKeysStale");
        let error = error.to_string();
        assert!(error.contains("DATABASE_URL, db/HOST"), "{error}");
        assert!(!error.contains("0ld-password") && !error.contains("old.example"), "{error}");
        assert!(error.contains("templates") && error.contains("acceptedStaleKeys"), "{error}");

        let url = "postgresql://{username}:{password}@{host}:{port}/{dbname}";
        let settings = json!({"templates": {"DATABASE_URL": url}, "acceptedStaleKeys": ["db/HOST"]});
        let expected = json!({
            "engine": "postgres", "host": "new.example", "port": "5432", "username": "master", "password": "n/ew",
            "dbname": "orders", "dbInstanceIdentifier": "orders-20261120t160812z-3f9a", "masterarn": "arn:own",
            "apiKey": "k", "DATABASE_URL": "postgresql://master:n%2Few@new.example:5432/orders",
            "db": {"HOST": "old.example"},
        });
        assert_eq!(promoted(&current, &settings).unwrap(), expected);
        // A template that leads to the old host cures nothing.
        let settings = json!({"templates": {"DATABASE_URL": "postgres://old.example", "db/HOST": "{host}"}});
        assert!(promoted(&current, &settings).unwrap_err().to_string().contains("DATABASE_URL"));
    }

    #[test]
    fn a_template_that_cannot_be_filled_or_has_no_place_is_told() {
        let nested = json!({"templates": {"apiKey/url": "{host}"}});
        check(&json!({"apiKey": "k"}), &nested, &Err("Snapferry.TemplateUnusable"));
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let mut own = own();
        own.as_object_mut().unwrap().remove("dbname");
        let wanted = serde_json::from_value(json!({"templates": {"url": "{dbname}"}})).unwrap();
        let error =
            promoted_value(&run, "s", &version(&own), &version(&json!({})), &wanted, None).unwrap_err();
        assert_eq!(error.name().as_str(), "Snapferry.TemplateUnusable");
        assert!(error.to_string().contains("applicationSecret.database"), "{error}");
    }

    #[test]
    fn a_lane_gives_host_and_port_also_to_templates() {
        let run = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap();
        let wanted =
            serde_json::from_value(json!({"templates": {"url": "postgres://{host}:{port}"}})).unwrap();
        let lane = HeldLane {
            address: "nlb.example".to_owned(),
            host: "db.shop.example".to_owned(),
            port: 6002,
            held_in: HeldIn::DbProxy { db_proxy_name: "orders-b".to_owned() },
        };
        // The next copy under the same name, at the port of another lane.
        let current = version(&json!({"username": "master", "host": "db.shop.example", "port": 6001}));
        let promoted = promoted_value(&run, "s", &version(&own()), &current, &wanted, Some(&lane)).unwrap();
        assert_eq!(promoted.endpoint(), Some(("db.shop.example", Some(6002))));
        assert_eq!(promoted.text_of("url"), Some("postgres://db.shop.example:6002"));
        assert_eq!(promoted.db_instance_identifier(), Some("orders-20261120t160812z-3f9a"));
    }

    #[test]
    fn every_placeholder_that_a_template_may_have_is_filled() {
        let connection = version(&own()).value.connection().unwrap();
        for placeholder in PLACEHOLDERS {
            assert!(value_of(&connection, placeholder).is_some(), "{placeholder}");
        }
    }

    #[test]
    fn the_way_back_keeps_the_master_user_and_every_login() {
        let check = |current: Value, expected: Option<Value>| {
            let saved = version(&json!({"username": "m", "password": "p", "logins": {"app": "a"}}));
            let value = outgoing_value(&saved, &version(&current));
            assert_eq!(value, expected.map(|it| version(&it).value), "{current}");
        };
        check(json!({}), None);
        check(json!({"username": "m", "password": "p"}), None);
        check(json!({"username": "app", "password": "a"}), None);
        let rotated = json!({"username": "m", "password": "rotated", "logins": {"app": "a"}});
        check(json!({"username": "m", "password": "rotated"}), Some(rotated));
        let rotated = json!({"username": "m", "password": "p", "logins": {"app": "rotated"}});
        check(json!({"username": "app", "password": "rotated"}), Some(rotated));
        let cloned = json!({"username": "m", "password": "p", "logins": {"app": "a", "app_clone": "c"}});
        check(json!({"username": "app_clone", "password": "c"}), Some(cloned));
    }
}
