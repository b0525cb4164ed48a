//! Addresses of this machine alone: each DB instance has one of its own, on its true port.
//!
//! Linux takes every address of 127.0.0.0/8 as its own, without any set-up. Nothing keeps a list of those that are taken,
//! as other processes take some too: an address is free if it can be bound.

use std::{io, net::Ipv4Addr};

use tokio::net::TcpListener;

/// How many addresses are tried. There are 16 million, so more than one attempt is rare; if all fail, the port is at fault.
const ATTEMPTS: usize = 16;

/// Listens on this port, at the preferred address if that is free, else at any other. If the port cannot be had at any
/// address, it listens on another port, and says so.
pub async fn listen(preferred: Option<Ipv4Addr>, port: u16) -> io::Result<TcpListener> {
    let mut failure = None;
    let mut address = preferred.map_or_else(any, Ok)?;
    for _ in 0..ATTEMPTS {
        match TcpListener::bind((address, port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = Some(error),
        }
        address = any()?;
    }
    let listener = TcpListener::bind((address, 0)).await?;
    let (at, why) = (listener.local_addr()?, failure.map(|it| it.to_string()).unwrap_or_default());
    tracing::warn!("port {port} cannot be had at any address of this machine ({why}): {at} stands for it");
    Ok(listener)
}

/// Any address of 127.0.0.0/9, as load balancers and proxies have the others, but none of 127.0.0.0/16: services of the
/// machine itself are there.
fn any() -> io::Result<Ipv4Addr> {
    let mut random = [0; 3];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let [second, third, fourth] = random;
    Ok(Ipv4Addr::new(127, second % 127 + 1, third, fourth.clamp(1, 254)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_taken_gives_way_to_another_on_the_same_port() {
        let first = listen(None, 0).await.unwrap().local_addr().unwrap();
        let std::net::IpAddr::V4(address) = first.ip() else { panic!("{first}") };
        let port = first.port();
        let first = listen(Some(address), port).await.unwrap();
        assert_eq!(first.local_addr().unwrap(), (address, port).into());
        let second = listen(Some(address), port).await.unwrap().local_addr().unwrap();
        assert!(second.ip() != address && second.ip().is_loopback() && second.port() == port, "{second}");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_everywhere_gives_way_to_another() {
        let everywhere = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = everywhere.local_addr().unwrap().port();
        let instead = listen(None, port).await.unwrap().local_addr().unwrap();
        assert!(instead.port() != port && instead.ip().is_loopback(), "{instead}");
    }
}
