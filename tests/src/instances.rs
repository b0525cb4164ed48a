//! The DB instances that a test makes: a shop, with its master user and its rows.

use crate::{Account, MASTER_PASSWORD, Orders, SecretSays};
use anyhow::{Context, Result};
use aws_sdk_rds::operation::create_db_instance::builders::CreateDBInstanceFluentBuilder;

/// The database of each.
const DB_NAME: &str = "shop";
/// The master user of each.
const MASTER_USERNAME: &str = "shopkeeper";

impl Account {
    /// Waits for a DB instance that was asked for, and fills it.
    pub async fn fill_instance(&self, identifier: &str) -> Result<Orders> {
        self.instance_in(identifier, "available").await?;
        let login = self.login(identifier).await?;
        let mut orders = login.connect().await?;
        orders.create_tables().await?;
        orders.add(1, 1000).await?;
        Ok(orders)
    }

    /// Asks for a DB instance, as `change` wants it, and does not wait for it.
    pub async fn request_instance(
        &self,
        identifier: &str,
        change: impl FnOnce(CreateDBInstanceFluentBuilder) -> CreateDBInstanceFluentBuilder,
    ) -> Result<()> {
        let create = self.rds.create_db_instance().db_instance_identifier(identifier);
        let create = create.db_instance_class("db.t4g.medium").engine("postgres").allocated_storage(20);
        let create =
            create.db_name(DB_NAME).master_username(MASTER_USERNAME).master_user_password(MASTER_PASSWORD);
        change(create).send().await?;
        Ok(())
    }

    /// The master user's login to a DB instance.
    pub async fn login(&self, identifier: &str) -> Result<SecretSays> {
        let answer = self.rds.describe_db_instances().db_instance_identifier(identifier).send().await?;
        let it = answer.db_instances.unwrap_or_default().into_iter().next();
        let (engine, endpoint) = it
            .and_then(|it| it.engine.zip(it.endpoint))
            .with_context(|| format!("{identifier} has no endpoint"))?;
        let (host, port) = endpoint.address.zip(endpoint.port).context("an endpoint has both")?;
        Ok(SecretSays {
            engine,
            host,
            port: u16::try_from(port)?,
            db_instance_identifier: identifier.to_owned(),
            username: MASTER_USERNAME.to_owned(),
            password: MASTER_PASSWORD.to_owned(),
            dbname: DB_NAME.to_owned(),
            local_aws: self.endpoint.clone(),
            load_balancer: None,
        })
    }
}
