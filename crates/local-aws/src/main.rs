//! Starts MiniStack and the relay in front of it, says where they are, and ends everything it started.

use std::{io::Write, path::PathBuf, pin::pin, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use clap::Parser;
use local_aws::{
    cloudwatch::replica_lag::ReplicaLag,
    iam::roles::Roles,
    kms::keys::Keys,
    load_balancer::{self, load_balancers::LoadBalancers},
    mends::Mends,
    ministack::{self, MiniStack},
    names::Names,
    network::addresses::Addresses,
    rds::{
        api::Api,
        model::clock::Clock,
        operations::{event_delivery, network, proxies::Proxies, rds::Rds},
    },
    relay::{self, calls::Relay, server},
    servers::{mariadb::MariaDb, postgres::Postgres},
    tls_front::Authority,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// One machine's stand-in for two AWS accounts: a relay in front of MiniStack, with RDS over real PostgreSQL and MariaDB.
#[derive(Parser)]
struct Arguments {
    /// The `ministack` executable.
    #[arg(long)]
    ministack: PathBuf,
    /// The folder that holds `initdb`, `postgres` and `pg_basebackup`.
    #[arg(long)]
    postgres_bin: PathBuf,
    /// The folder `usr` that holds `sbin/mariadbd`; without it there is no engine `mariadb`.
    #[arg(long)]
    mariadb: Option<PathBuf>,
    /// `libnss_wrapper.so`. With it DB instances have names that functions resolve; without it clients are told addresses.
    #[arg(long)]
    nss_wrapper: Option<PathBuf>,
    /// Everything is kept below this folder, which no other local-aws may use at the same time.
    #[arg(long)]
    data_dir: PathBuf,
    /// The relay's port on 127.0.0.1; 0 chooses a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many real seconds one second of RDS and of a Step Functions `Wait` lasts.
    #[arg(long, default_value_t = 0.02, value_parser = time_scale)]
    time_scale: f64,
}

fn time_scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if (0.0..=1.0).contains(&scale) => Ok(scale),
        _ => Err("must be a number from 0 to 1".into()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_ansi(false).with_target(false).with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    // Registered first: a signal during start-up must end the children too.
    let mut ended = pin!(told_to_end()?);
    tokio::fs::create_dir_all(&arguments.data_dir).await.context("cannot make the data directory")?;
    let data_dir = arguments.data_dir.canonicalize()?;
    let listener =
        TcpListener::bind(("127.0.0.1", arguments.port)).await.context("cannot bind the relay's port")?;
    let endpoint = format!("http://{}", listener.local_addr()?);

    let authority = Authority::new().context("cannot make a certificate authority")?;
    let authority_file = data_dir.join("rds-authority.pem");
    authority.write(&authority_file).await?;
    let names = Arc::new(Names::open(&data_dir.join("names")).context("cannot keep names")?);
    let postgres = Postgres::open(&arguments.postgres_bin, &data_dir.join("rds"), authority.clone()).await?;
    let mariadb = match &arguments.mariadb {
        Some(usr) => Some(MariaDb::open(usr, authority.clone()).await?),
        None => None,
    };
    let nss_wrapper = arguments.nss_wrapper.map(|it| it.canonicalize()).transpose();
    let nss_wrapper = nss_wrapper.context("libnss_wrapper.so is not there")?;
    let gives_names = nss_wrapper.is_some();
    let settings = ministack::Settings {
        executable: arguments.ministack,
        data_dir,
        relay_endpoint: endpoint.clone(),
        authority_file,
        nss_wrapper,
        time_scale: arguments.time_scale,
    };
    let mut ministack = tokio::select! {
        started = MiniStack::start(&settings) => started?,
        // The half-started MiniStack is killed as its handle is dropped.
        reason = &mut ended => { tracing::info!("ending during start-up: {reason}"); return Ok(()) }
    };

    let client = ministack.client();
    let roles = Arc::new(Roles::new(client.clone()));
    let keys = Arc::new(Keys::new(client.clone(), Arc::clone(&roles)));
    let mends = Mends::new(client.clone(), Arc::clone(&roles));
    let clock = Clock::new(arguments.time_scale);
    let addresses = Arc::new(Addresses::default());
    let rds = Arc::new_cyclic(|rds| {
        let gate = network::gate(rds.clone(), client.clone(), Arc::clone(&addresses));
        Rds::new(postgres, mariadb, gate, Arc::clone(&names), gives_names, clock)
    });
    let (listener_of_events, events) = tokio::sync::mpsc::unbounded_channel();
    rds.state().events.tell(listener_of_events);
    tokio::spawn(event_delivery::deliver(Arc::clone(&rds), client.clone(), events));
    let proxies = Proxies::new(
        Arc::clone(&rds),
        client.clone(),
        Arc::clone(&roles),
        Arc::clone(&names),
        Arc::clone(&addresses),
        authority,
    );
    let load_balancers =
        LoadBalancers::new(client.clone(), Arc::clone(&rds), clock, addresses, Arc::clone(&names));
    let load_balancer_api = load_balancer::api::Api::new(load_balancers, Arc::clone(&roles), client.clone());
    let replica_lag = ReplicaLag::new(Arc::clone(&rds), Arc::clone(&roles));
    let api = Api::new(Arc::clone(&rds), proxies, Arc::clone(&keys), roles, client.clone());
    let announcement = serde_json::json!({ "endpoint": endpoint, "ministack": client.url() });
    let relay = Arc::new(Relay::new(client, keys, mends, api, replica_lag, names, load_balancer_api));
    writeln!(std::io::stdout(), "{announcement}").context("cannot write to the standard output")?;

    let result = tokio::select! {
        result = server::serve(listener, relay::router(relay)) => result.context("the relay stopped"),
        status = ministack.ended() => Err(anyhow::anyhow!("MiniStack ended by itself: {status}")),
        reason = ended => { tracing::info!("ending: {reason}"); Ok(()) }
    };
    tokio::join!(rds.shut_down(), ministack.shut_down());
    // Dropping it would remove the data, which stays for a later look.
    std::mem::forget(rds);
    result
}

/// Completes when we are told to end, or when the process that started us is gone.
fn told_to_end() -> anyhow::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let parent = std::os::unix::process::parent_id();
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
            () = parent_is_gone(parent) => "the parent process is gone",
        }
    })
}

/// It asks again and again: a death signal would already come when the *thread* that started us ends.
async fn parent_is_gone(parent: u32) {
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
