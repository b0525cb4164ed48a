//! The application's secret keeps what it means to applications: other keys, the user and the database.

use super::*;
use test_support::{actions, assert_fails, the};

const CHECKS: [&str; 4] = ["DescribeDBInstances", "GetSecretValue", "DescribeSecret", "GetSecretValue"];

// field 4: `DATABASE_URL` stays stale after the promotion, and the run is green.
#[tokio::test]
async fn a_stale_key_stops_a_run_and_a_rollback_before_anything_but_the_way_back_is_written() {
    let password = form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect::<String>();
    let present = json!({
        "host": "old.example", "username": "orders_master", "password": PASSWORD, "apiKey": "k",
        "DATABASE_URL": format!("postgres://orders_master:{password}@old.example/orders"),
    });
    let mut request = request_to_promote();
    request["vpcSecurityGroupIds"] = json!(["sg-a"]);
    for pin in ["respect", "set", "release"] {
        request["pin"] = json!(pin);
        let unproven = instance(made_by_run(IDENTIFIER));
        let (answer, sent) = look_with(&[unproven], &world(&present), request.clone()).await;
        assert_not_told(&format!("{:?}", answer.as_ref().unwrap_err()));
        assert_fails(answer, "Snapferry.SecretKeysStale", "service: DATABASE_URL. In");
        // Proven, a rollback to the latest copy takes it once the settings are corrected.
        let expected = [
            "DescribeDBInstances",
            "GetSecretValue",
            "DescribeSecret",
            "AddTagsToResource",
            "GetSecretValue",
        ];
        assert_eq!(actions(&sent), expected);
        assert_tagged_with_time(&sent[3], IDENTIFIER, "snapferry:proven");
    }

    let mut request = request_to_promote();
    let url = "postgresql://{username}:{password}@{host}:{port}";
    request["applicationSecret"] = json!({"templates": {"DATABASE_URL": url}});
    let (answer, sent) = look_with(&[copy()], &world(&present), request).await;
    assert_moved(answer);
    let written = value_of(the("PutSecretValue", &sent));
    let url = written["DATABASE_URL"].as_str().unwrap();
    assert!(url.starts_with("postgresql://orders_master:it%27s%20%22%24afe"), "{url}");
    assert!(url.ends_with("@db.example:5432"), "{url}");
    assert_eq!(written["apiKey"], "k");
}

// field 4: an application becomes the master user.
#[tokio::test]
async fn the_applications_own_user_stays_and_rotations_are_led_to_the_copys_master_user() {
    let present = json!({"host": "old.example", "username": "app", "password": "p", "masterarn": "arn:old", "port": "1"});
    let mut own = own();
    own["logins"] = json!({"app": "new"});
    let arn = "arn:aws:secretsmanager:us-east-1:222222222222:secret:snapferry/orders/x-AbCdEf";
    let own = json!({"ARN": arn, "VersionId": "v-own", "SecretString": own.to_string()});
    let mut rules = world(&present);
    rules[2] = secret_answer(SECRET, own);
    let (answer, sent) = look(&[copy()], &rules).await;
    assert_fails(answer, "Snapferry.ApplicationUserUndecided", APPLICATION);
    assert_eq!(actions(&sent), CHECKS);

    let mut request = request_to_promote();
    request["applicationSecret"] = json!({"applicationUser": {"login": "app"}, "database": "shop"});
    let (answer, sent) = look_with(&[copy()], &rules, request).await;
    assert_moved(answer);
    let expected = json!({
        "engine": "postgres", "host": "db.example", "port": "5432", "username": "app", "password": "new",
        "dbname": "shop", "dbInstanceIdentifier": IDENTIFIER, "masterarn": arn,
    });
    assert_eq!(value_of(the("PutSecretValue", &sent)), expected);
}
