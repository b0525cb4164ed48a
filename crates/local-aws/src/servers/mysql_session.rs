//! MySQL's protocol as far as RDS Proxy speaks it: to its clients as a server, to the server as a client. Passwords are
//! proven as `mysql_native_password` does, which MariaDB's servers and all clients have.
//! Source: MySQL, "Client/Server Protocol", "Connection Phase"; MariaDB, "Connecting".

use std::io;

use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::random_hex;

/// No packet of a login is longer.
const LONGEST: usize = 64 * 1024;
const NATIVE: &str = "mysql_native_password";
/// A request for TLS is the beginning of a login, up to the user.
const SSL_REQUEST_LENGTH: usize = 32;

const FOUND_ROWS: u32 = 1 << 1;
const CONNECT_WITH_DB: u32 = 1 << 3;
const PROTOCOL_41: u32 = 1 << 9;
const SSL: u32 = 1 << 11;
const TRANSACTIONS: u32 = 1 << 13;
const SECURE_CONNECTION: u32 = 1 << 15;
const MULTI_STATEMENTS: u32 = 1 << 16;
const MULTI_RESULTS: u32 = 1 << 17;
const PS_MULTI_RESULTS: u32 = 1 << 18;
const PLUGIN_AUTH: u32 = 1 << 19;
const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
const DEPRECATE_EOF: u32 = 1 << 24;
/// What a session may have: every server that we stand before has it.
const OFFERED: u32 = FOUND_ROWS
    | CONNECT_WITH_DB
    | PROTOCOL_41
    | TRANSACTIONS
    | SECURE_CONNECTION
    | MULTI_STATEMENTS
    | MULTI_RESULTS
    | PS_MULTI_RESULTS
    | PLUGIN_AUTH
    | PLUGIN_AUTH_LENENC
    | DEPRECATE_EOF;

/// What a password is proven by: random, and without a byte 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge([u8; 20]);

/// What a client says first.
#[derive(Debug, PartialEq, Eq)]
pub enum First {
    /// It goes on by TLS.
    Tls,
    /// It logs in.
    Login(Login),
}

/// A client's login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The session that it asks for.
    pub wish: Wish,
    proof: Vec<u8>,
    sequence: u8,
}

/// What a session is like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    database: Option<String>,
    capabilities: u32,
    character_set: u8,
}

/// An error of MySQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MySqlError {
    /// Its number.
    pub number: u16,
    /// Its SQLSTATE.
    pub state: String,
    /// What it says.
    pub message: String,
}

/// Why a server did not let us in.
#[derive(Debug)]
pub enum NoLogin {
    /// The server refused.
    Refused(MySqlError),
    /// The connection broke, or the server speaks otherwise.
    Broken(io::Error),
}

impl From<io::Error> for NoLogin {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Challenge {
    fn new() -> io::Result<Self> {
        let digits = random_hex(10)?;
        Ok(Self(digits.as_bytes().try_into().map_err(|_| invalid())?))
    }

    /// SHA1(password) XOR SHA1(challenge, SHA1(SHA1(password))); nothing for no password.
    fn answered_by(&self, password: &str) -> Vec<u8> {
        if password.is_empty() {
            return Vec::new();
        }
        let once = Sha1::digest(password.as_bytes());
        let twice = Sha1::digest(once);
        let salted = Sha1::new().chain_update(self.0).chain_update(twice).finalize();
        once.iter().zip(salted.iter()).map(|(a, b)| a ^ b).collect()
    }
}

/// Greets a client, as a server does, which then says something first.
pub async fn greet(client: &mut (impl AsyncWrite + Unpin)) -> io::Result<Challenge> {
    let challenge = Challenge::new()?;
    let capabilities = (OFFERED | SSL).to_le_bytes();
    let (first, second) = challenge.0.split_at(8);
    let mut body = vec![10];
    body.extend(b"8.0.36-rds-proxy\0");
    body.extend(1_u32.to_le_bytes());
    body.extend([first, b"\0", &capabilities[..2]].concat());
    // utf8mb4_general_ci, and autocommit.
    body.extend([45, 2, 0]);
    body.extend(&capabilities[2..]);
    body.push(21);
    body.extend([0; 10]);
    body.extend([second, b"\0", NATIVE.as_bytes(), b"\0"].concat());
    write(client, 0, &body).await?;
    Ok(challenge)
}

/// Reads what a client says first.
pub async fn read_first(client: &mut (impl AsyncRead + Unpin)) -> io::Result<First> {
    let (sequence, body) = read(client).await?;
    let mut rest = Rest(&body);
    let capabilities = rest.u32()?;
    if body.len() == SSL_REQUEST_LENGTH && capabilities & SSL != 0 {
        return Ok(First::Tls);
    }
    rest.take(4)?;
    let character_set = rest.take(1)?[0];
    rest.take(23)?;
    let user = rest.text()?;
    let length = usize::from(rest.take(1)?[0]);
    let proof = rest.take(length)?.to_vec();
    let database = if capabilities & CONNECT_WITH_DB == 0 { None } else { Some(rest.text()?) };
    let wish = Wish { database: database.filter(|it| !it.is_empty()), capabilities, character_set };
    // A client that has another plugin is asked once more.
    let is_native = capabilities & PLUGIN_AUTH == 0 || rest.text()? == NATIVE;
    Ok(First::Login(Login { user, wish, proof: if is_native { proof } else { Vec::new() }, sequence }))
}

/// Whether a client knows the password. A client that proved nothing is asked to do so.
pub async fn proves(
    client: &mut (impl AsyncRead + AsyncWrite + Unpin),
    login: &mut Login,
    challenge: &Challenge,
    password: &str,
) -> io::Result<bool> {
    if login.proof.is_empty() && login.wish.capabilities & PLUGIN_AUTH != 0 {
        let ask = [b"\xfe", NATIVE.as_bytes(), b"\0", challenge.0.as_slice(), b"\0"].concat();
        write(client, login.sequence.wrapping_add(1), &ask).await?;
        (login.sequence, login.proof) = read(client).await?;
    }
    Ok(login.proof == challenge.answered_by(password))
}

/// Tells a client that it is logged in.
pub async fn let_in(client: &mut (impl AsyncWrite + Unpin), login: &Login) -> io::Result<()> {
    // No rows, no identifier, autocommit, no warnings.
    write(client, login.sequence.wrapping_add(1), &[0, 0, 0, 2, 0, 0, 0]).await
}

/// Tells a client why it is not let in.
pub async fn refuse(
    client: &mut (impl AsyncWrite + Unpin),
    login: &Login,
    MySqlError { number, state, message }: &MySqlError,
) -> io::Result<()> {
    let number = number.to_le_bytes();
    let body = [b"\xff", number.as_slice(), b"#", state.as_bytes(), message.as_bytes()].concat();
    write(client, login.sequence.wrapping_add(1), &body).await?;
    client.shutdown().await
}

/// Logs in to a server. What the server says next is for the client.
pub async fn log_in(
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    user: &str,
    password: &str,
    wish: &Wish,
) -> Result<(), NoLogin> {
    let (sequence, body) = read(server).await?;
    refused(&body)?;
    let (challenge, capabilities) = greeting(&body)?;
    let with_database = if wish.database.is_some() { CONNECT_WITH_DB } else { 0 };
    let needed = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | with_database;
    let chosen = (wish.capabilities & OFFERED & capabilities & !CONNECT_WITH_DB) | needed;
    let mut login = chosen.to_le_bytes().to_vec();
    login.extend((1_u32 << 24).to_le_bytes());
    login.push(wish.character_set);
    login.extend([0; 23]);
    login.extend([user.as_bytes(), b"\0"].concat());
    let proof = challenge.answered_by(password);
    login.push(u8::try_from(proof.len()).unwrap_or_default());
    login.extend(proof);
    if let Some(database) = &wish.database {
        login.extend([database.as_bytes(), b"\0"].concat());
    }
    login.extend([NATIVE.as_bytes(), b"\0"].concat());
    write(server, sequence.wrapping_add(1), &login).await?;
    loop {
        let (sequence, body) = read(server).await?;
        refused(&body)?;
        match body.split_first() {
            Some((0, _)) => return Ok(()),
            Some((0xfe, asked)) => {
                let mut rest = Rest(asked);
                if rest.text()? != NATIVE {
                    return Err(NoLogin::Broken(invalid()));
                }
                let challenge = Challenge(rest.take(20)?.try_into().map_err(|_| invalid())?);
                write(server, sequence.wrapping_add(1), &challenge.answered_by(password)).await?;
            }
            _ => return Err(NoLogin::Broken(invalid())),
        }
    }
}

/// What a server's greeting says of its challenge and its capabilities.
fn greeting(body: &[u8]) -> io::Result<(Challenge, u32)> {
    let mut rest = Rest(body);
    rest.take(1)?;
    rest.text()?;
    rest.take(4)?;
    let mut challenge = rest.take(8)?.to_vec();
    rest.take(1)?;
    let low = rest.take(2)?.to_vec();
    rest.take(3)?;
    let capabilities = [&low, rest.take(2)?].concat();
    rest.take(11)?;
    challenge.extend(rest.take(12)?);
    let capabilities = Rest(&capabilities).u32()?;
    Ok((Challenge(challenge.try_into().map_err(|_| invalid())?), capabilities))
}

fn refused(body: &[u8]) -> Result<(), NoLogin> {
    let Some((0xff, rest)) = body.split_first() else { return Ok(()) };
    let mut rest = Rest(rest);
    let number = rest.take(2)?;
    let number = u16::from_le_bytes([number[0], number[1]]);
    let (state, message) = match rest.0.strip_prefix(b"#") {
        Some(rest) if rest.len() >= 5 => rest.split_at(5),
        _ => (&b"08004"[..], rest.0),
    };
    let [state, message] = [state, message].map(|it| String::from_utf8_lossy(it).into_owned());
    Err(NoLogin::Refused(MySqlError { number, state, message }))
}

/// What is left of a packet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(invalid)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> io::Result<u32> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| invalid())?))
    }

    /// A text that ends at a byte 0, or with the packet.
    fn text(&mut self) -> io::Result<String> {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.0 = self.0.get(1..).unwrap_or_default();
        Ok(text)
    }
}

/// The number of a packet, and what it holds.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [low, middle, high, sequence] = head;
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if length > LONGEST {
        return Err(invalid());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((sequence, body))
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), sequence: u8, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(|_| invalid())?.to_le_bytes();
    stream.write_all(&[&length[..3], &[sequence], body].concat()).await?;
    stream.flush().await
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no packet of MySQL's login")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A login over the wire: what the server thinks of it, and what the client hears.
    async fn talk(password: &str) -> (bool, Result<(), NoLogin>) {
        let (mut client, mut proxy) = tokio::io::duplex(4096);
        let server = async {
            let challenge = greet(&mut proxy).await.unwrap();
            let First::Login(mut login) = read_first(&mut proxy).await.unwrap() else { panic!("no login") };
            assert_eq!((login.user.as_str(), login.wish.database.as_deref()), ("app", Some("shop")));
            let proven = proves(&mut proxy, &mut login, &challenge, "quite-secret").await.unwrap();
            if proven {
                let_in(&mut proxy, &login).await.unwrap();
            } else {
                let (number, state, message) = (1045, "28000".to_owned(), "no".to_owned());
                refuse(&mut proxy, &login, &MySqlError { number, state, message }).await.unwrap();
            }
            proven
        };
        let wish = Wish { database: Some("shop".to_owned()), capabilities: OFFERED, character_set: 45 };
        tokio::join!(server, log_in(&mut client, "app", password, &wish))
    }

    #[tokio::test]
    async fn a_client_is_let_in_by_its_password_alone() {
        let (proven, heard) = talk("quite-secret").await;
        assert!(proven && heard.is_ok());
        for wrong in ["another-secret", ""] {
            let (proven, heard) = talk(wrong).await;
            let Err(NoLogin::Refused(MySqlError { number, state, message })) = heard else {
                panic!("let in")
            };
            assert_eq!((proven, number, state.as_str(), message.as_str()), (false, 1045, "28000", "no"));
        }
    }

    #[tokio::test]
    async fn tls_is_asked_for_before_a_login() {
        let (mut client, mut proxy) = tokio::io::duplex(1024);
        let mut asked = (PROTOCOL_41 | SSL).to_le_bytes().to_vec();
        asked.resize(SSL_REQUEST_LENGTH, 0);
        write(&mut client, 1, &asked).await.unwrap();
        assert_eq!(read_first(&mut proxy).await.unwrap(), First::Tls);
    }

    #[tokio::test]
    async fn what_is_no_login_is_an_error() {
        for said in [&b"\x01\0\0\0\0"[..], b"GET / HTTP/1.1\r\n", b"\0\0\0\0", b"\xff\xff\xff\xff"] {
            read_first(&mut &said[..]).await.unwrap_err();
        }
    }
}
