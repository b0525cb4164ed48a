//! How to look around in what `--keep` leaves running.

use ::tests::{Account, REGION, SOURCE_INSTANCE, SecretSays, Tools, World};
use anyhow::Result;
use console::style;
use executions::Screen;

/// Says what can be typed into another terminal.
pub async fn print(screen: &Screen, tools: &Tools, world: &World) {
    let psql = psql(tools);
    let line = async |login: &SecretSays| {
        // The name leads nowhere for a terminal's own resolver.
        let address = login.address().await.map(|it| it.to_string()).unwrap_or_default();
        let SecretSays { engine, host, port, username, password, dbname, .. } = login;
        let (username, password, dbname) = (quote(username), quote(password), quote(dbname));
        match engine.as_str() {
            "mariadb" => {
                format!("MYSQL_PWD={password} mariadb -h {address} -P {port} -u {username} {dbname}")
            }
            _ => format!(
                "PGHOSTADDR={address} PGPASSWORD={password} {psql} -h {host} -p {port} -U {username} -d {dbname}"
            ),
        }
    };
    let say = |what: &str, lines: &[String]| {
        screen.say("");
        screen.say(&style(what).bold().to_string());
        lines.iter().for_each(|line| screen.say(&format!("  {line}")));
    };

    screen.say("");
    screen.say("Everything keeps running. In another terminal:");
    if let Ok(login) = world.login(SOURCE_INSTANCE).await {
        say(&format!("The source, {SOURCE_INSTANCE}"), &[line(&login).await]);
    }
    match live_copy(world).await {
        Ok(copy) => {
            let what = format!("What the application's secret leads to, {}", copy.db_instance_identifier);
            say(&what, &[line(&copy).await]);
        }
        Err(_) => say("The application's secret leads to no copy yet", &[]),
    }
    say(
        "Both accounts, with the AWS CLI; the access key says which",
        &[format!(
            "export AWS_ENDPOINT_URL={} AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION} AWS_SECRET_ACCESS_KEY=local AWS_PAGER=",
            world.local_aws.endpoint
        )],
    );
    let machine = world.source_outputs.get("SourceAccountStateMachineArn").unwrap_or_default();
    say("The source account", &commands(&world.source, machine));
    let machine = world.target_outputs.get("TargetAccountStateMachineArn").unwrap_or_default();
    let secret = world.target_outputs.get("ApplicationSecretArn").unwrap_or_default();
    let mut target = commands(&world.target, machine);
    target.push(aws(&world.target, &format!("secretsmanager get-secret-value --secret-id {secret}")));
    say("The target account", &target);
    let folder = world.local_aws.folder();
    say(
        "Logs and data, until the end",
        &[folder.canonicalize().unwrap_or(folder.to_owned()).display().to_string()],
    );
    screen.say("");
    screen.say("Ctrl-C ends everything and removes it.");
}

/// As its own secret leads to it: past a load balancer.
async fn live_copy(world: &World) -> Result<SecretSays> {
    let live = world.application_secret().await?.db_instance_identifier;
    world.secret_of(&live).await
}

fn commands(account: &Account, machine: &str) -> Vec<String> {
    // The AWS CLI of version 1 follows the environment for every service but RDS in us-east-1.
    let rds = "--endpoint-url \"$AWS_ENDPOINT_URL\" rds";
    vec![
        aws(account, &format!("{rds} describe-db-instances --output table")),
        aws(account, &format!("{rds} describe-db-snapshots --snapshot-type manual --output table")),
        aws(account, &format!("stepfunctions list-executions --state-machine-arn {machine} --output table")),
    ]
}

fn aws(account: &Account, words: &str) -> String {
    format!("AWS_ACCESS_KEY_ID={} aws {words}", account.id)
}

/// The person's own psql, or else ours.
fn psql(tools: &Tools) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::split_paths(&path).any(|folder| folder.join("psql").is_file());
    if own { "psql".to_owned() } else { quote(&tools.postgres_bin.join("psql").to_string_lossy()) }
}

/// A word as a shell reads it.
fn quote(word: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || "-_./:+%@=".contains(it);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in ["plain", "", "two words", r"production+only%word\'1", "$HOME `x` \"y\""] {
            let echo = format!("printf %s {}", quote(word));
            let output = std::process::Command::new("sh").args(["-c", &echo]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
