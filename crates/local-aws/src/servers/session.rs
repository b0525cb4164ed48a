//! PostgreSQL's protocol as far as RDS Proxy speaks it: to its clients as a server, to the server as a client.
//! Source: PostgreSQL, "Frontend/Backend Protocol", "Message Flow" and "Message Formats".

use std::io;

use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// No message of a login is longer.
const LONGEST: usize = 64 * 1024;
const VERSION: i32 = 196_608;
const CANCEL: i32 = 80_877_102;
const SSL: i32 = 80_877_103;
const GSS_ENCRYPTION: i32 = 80_877_104;

/// What a client says first.
#[derive(Debug, PartialEq, Eq)]
pub enum First {
    /// It asks for TLS.
    Tls,
    /// It asks for encryption by GSSAPI.
    GssEncryption,
    /// It wants to cancel a query of another connection.
    Cancel,
    /// It begins a session.
    Startup(Startup),
}

/// The parameters of a session: `user`, `database`, …
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Startup(Vec<(String, String)>);

/// Why a server did not let us in.
#[derive(Debug)]
pub enum NoLogin {
    /// The server refused the user or the password: its code and message.
    Refused(String, String),
    /// The connection broke, or the server speaks otherwise.
    Broken(io::Error),
}

impl From<io::Error> for NoLogin {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Startup {
    /// A session of this user in this database.
    pub fn new(user: &str, database: &str) -> Self {
        Self([("user", user), ("database", database)].map(|(name, value)| (name.into(), value.into())).into())
    }

    /// The user.
    pub fn user(&self) -> &str {
        self.0.iter().find(|(name, _)| name == "user").map_or("", |(_, value)| value)
    }

    fn message(&self) -> Vec<u8> {
        let mut body = VERSION.to_be_bytes().to_vec();
        for text in self.0.iter().flat_map(|(name, value)| [name, value]) {
            body.extend([text.as_bytes(), b"\0"].concat());
        }
        body.push(0);
        with_length(&body)
    }
}

/// Reads what a client says first.
pub async fn read_first(client: &mut (impl AsyncRead + Unpin)) -> io::Result<First> {
    let body = read_body(client).await?;
    let (code, parameters) = body.split_first_chunk().ok_or_else(invalid)?;
    match i32::from_be_bytes(*code) {
        SSL => Ok(First::Tls),
        GSS_ENCRYPTION => Ok(First::GssEncryption),
        CANCEL => Ok(First::Cancel),
        VERSION => {
            let mut words =
                parameters.split(|byte| *byte == 0).map(|it| String::from_utf8_lossy(it).into_owned());
            let mut pairs = Vec::new();
            while let Some(name) = words.next().filter(|name| !name.is_empty()) {
                pairs.push((name, words.next().unwrap_or_default()));
            }
            Ok(First::Startup(Startup(pairs)))
        }
        _ => Err(invalid()),
    }
}

/// Asks a client for its password, as it is.
pub async fn ask_password(client: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<String> {
    const CLEARTEXT: i32 = 3;
    write(client, b'R', &CLEARTEXT.to_be_bytes()).await?;
    match read(client).await? {
        (b'p', body) => Ok(text(&body)),
        _ => Err(invalid()),
    }
}

/// Tells a client that it is logged in.
pub async fn let_in(client: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    write(client, b'R', &[0; 4]).await
}

/// Tells a client why it is not let in.
pub async fn refuse(client: &mut (impl AsyncWrite + Unpin), code: &str, message: &str) -> io::Result<()> {
    let mut body = Vec::new();
    for (kind, text) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', code), (b'M', message)] {
        body.push(kind);
        body.extend([text.as_bytes(), b"\0"].concat());
    }
    body.push(0);
    write(client, b'E', &body).await?;
    client.shutdown().await
}

/// Logs in to a server. What the server says next is for the client.
pub async fn log_in(
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    startup: &Startup,
    password: &str,
) -> Result<(), NoLogin> {
    server.write_all(&startup.message()).await?;
    let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
    loop {
        let (kind, body) = read(server).await?;
        if kind == b'E' {
            let field = |wanted: u8| {
                let mut fields = body.split(|byte| *byte == 0).filter(|it| it.first() == Some(&wanted));
                fields.next().map(|it| String::from_utf8_lossy(&it[1..]).into_owned()).unwrap_or_default()
            };
            return Err(NoLogin::Refused(field(b'C'), field(b'M')));
        }
        let Some((step, data)) = body.split_first_chunk().filter(|_| kind == b'R') else {
            return Err(NoLogin::Broken(invalid()));
        };
        match i32::from_be_bytes(*step) {
            0 => return Ok(()),
            10 => {
                let first = [SCRAM_SHA_256.as_bytes(), b"\0", &with_size(scram.message())].concat();
                write(server, b'p', &first).await?;
            }
            11 => {
                scram.update(data)?;
                write(server, b'p', scram.message()).await?;
            }
            12 => scram.finish(data)?,
            _ => return Err(NoLogin::Broken(invalid())),
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await?;
    Ok((kind, read_body(stream).await?))
}

/// Reads a length, which counts itself, and so many bytes.
async fn read_body(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = stream.read_i32().await?;
    let length = usize::try_from(length).ok().and_then(|it| it.checked_sub(4)).filter(|it| *it <= LONGEST);
    let mut body = vec![0; length.ok_or_else(invalid)?];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), kind: u8, body: &[u8]) -> io::Result<()> {
    stream.write_all(&[&[kind], with_length(body).as_slice()].concat()).await?;
    stream.flush().await
}

/// The body after its length, which counts itself.
fn with_length(body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap_or(i32::MAX);
    [&length.to_be_bytes(), body].concat()
}

/// The body after its length, which does not count itself.
fn with_size(body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len()).unwrap_or(i32::MAX);
    [&length.to_be_bytes(), body].concat()
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body.strip_suffix(b"\0").unwrap_or(body)).into_owned()
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no message of PostgreSQL's login")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_is_understood_and_asked_for_its_password() {
        let (mut client, mut proxy) = tokio::io::duplex(1024);
        let startup = Startup::new("orders_app", "orders");
        client.write_all(&with_length(&SSL.to_be_bytes())).await.unwrap();
        client.write_all(&startup.message()).await.unwrap();
        assert_eq!(read_first(&mut proxy).await.unwrap(), First::Tls);
        assert_eq!(read_first(&mut proxy).await.unwrap(), First::Startup(startup));
        let answer = async {
            assert_eq!(read(&mut client).await.unwrap(), (b'R', vec![0, 0, 0, 3]));
            write(&mut client, b'p', b"quite-secret\0").await.unwrap();
        };
        let (password, ()) = tokio::join!(ask_password(&mut proxy), answer);
        assert_eq!(password.unwrap(), "quite-secret");
    }

    #[tokio::test]
    async fn what_is_no_login_is_an_error() {
        for said in [&b"\0\0\0\x08\0\0\0\x01"[..], b"GET / HTTP/1.1\r\n", b"\0\0\0\x03", b"\xff\xff\xff\xff"]
        {
            read_first(&mut &said[..]).await.unwrap_err();
        }
    }
}
