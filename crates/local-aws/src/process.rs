//! Child processes: a free port to give them, a standstill, an orderly end, and a sudden one.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use tokio::{net::TcpStream, process::Child};

/// A port on 127.0.0.1 that nothing listened on a moment ago. Another process may take it before our child does,
/// so callers try again on another one.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// The folders of libraries of Debian packages that are unpacked somewhere else than in `/`: `usr` is theirs.
pub fn libraries(usr: &Path) -> String {
    let folders =
        ["lib", "../lib"].into_iter().flat_map(|lib| fs::read_dir(usr.join(lib)).into_iter().flatten());
    let folders = folders.filter_map(|entry| entry.ok()?.path().to_str().map(str::to_owned));
    folders.filter(|path| path.ends_with("-linux-gnu")).collect::<Vec<_>>().join(":")
}

/// A process all of whose threads stand still until this is dropped: it writes nothing, and what it has written stays as
/// it is, so that a copy of its files is of one moment.
#[derive(Debug)]
pub struct Standstill<'a> {
    pid: Pid,
    /// As long as its handle is there, the process's number belongs to no other one.
    _child: &'a Child,
}

impl<'a> Standstill<'a> {
    /// Stops the child, and waits until every thread has stopped.
    pub async fn of(child: &'a Child) -> anyhow::Result<Self> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let pid = pid.context("the process has ended")?;
        let standstill = Self { pid, _child: child };
        kill_process(pid, Signal::STOP)?;
        let began = Instant::now();
        while !stands_still(pid)? {
            anyhow::ensure!(began.elapsed() < PATIENCE, "process {pid:?} does not stop");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(standstill)
    }
}

impl Drop for Standstill<'_> {
    fn drop(&mut self) {
        if let Err(error) = kill_process(self.pid, Signal::CONT) {
            tracing::warn!("cannot continue process {:?}: {error}", self.pid);
        }
    }
}

/// Has every thread stopped, or ended? Source: Linux, `Documentation/filesystems/proc.rst`, the third field of `stat`.
fn stands_still(pid: Pid) -> std::io::Result<bool> {
    for thread in fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()))? {
        // A thread that ends meanwhile writes nothing.
        let Ok(stat) = fs::read_to_string(thread?.path().join("stat")) else { continue };
        let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
        if !matches!(state, Some("T" | "t" | "Z" | "X")) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Asks the child to end with `signal`, waits, and kills it when it does not.
pub async fn end(child: &mut Child, signal: Signal, patience: Duration) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid
        && kill_process(pid, signal).is_ok()
        && tokio::time::timeout(patience, child.wait()).await.is_ok()
    {
        return;
    }
    if let Err(error) = child.kill().await {
        tracing::warn!("cannot end child process {pid:?}: {error}");
    }
}

/// A TCP connection to us, by both of its ends: several connections may share one end.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// The end of the other process.
    pub theirs: SocketAddr,
    /// Our end.
    pub ours: SocketAddr,
}

impl Connection {
    /// The connection of this stream.
    pub fn of(stream: &TcpStream) -> std::io::Result<Self> {
        Ok(Self { theirs: stream.peer_addr()?, ours: stream.local_addr()? })
    }
}

/// Kills the process at the other end of a connection to us, if it is one of our descendants.
pub fn kill_descendant(connection: Connection) -> Result<(), String> {
    let owner = owner_of(connection).ok_or_else(|| format!("no process of ours holds {connection:?}"))?;
    let pid = Pid::from_raw(owner).ok_or("0 is no process")?;
    kill_process(pid, Signal::KILL).map_err(|error| format!("process {owner}: {error}"))
}

/// Kills one of our descendants that run a program of this name, counting round; false when there is none.
pub fn kill_one_that_runs(program: &str, nth: usize) -> Result<bool, String> {
    let runs = |pid: &i32| {
        let executable = fs::read_link(format!("/proc/{pid}/exe"));
        executable.is_ok_and(|it| it.file_name().is_some_and(|name| name == program)) && is_descendant(*pid)
    };
    let mut running: Vec<i32> = processes().map_err(|error| error.to_string())?.filter(runs).collect();
    running.sort_unstable();
    let Some(pid) = nth.checked_rem(running.len()).and_then(|nth| Pid::from_raw(running[nth])) else {
        return Ok(false);
    };
    match kill_process(pid, Signal::KILL) {
        Ok(()) => Ok(true),
        // It ended by itself meanwhile.
        Err(Errno::SRCH) => Ok(false),
        Err(error) => Err(format!("process {pid:?}: {error}")),
    }
}

/// A process that runs a Lambda function, as its environment says.
pub struct FunctionProcess {
    /// The function's name.
    pub function_name: String,
    /// The function's Region.
    pub region: String,
    /// The access key of the function's role.
    pub access_key_id: String,
}

impl FunctionProcess {
    /// Finds the one at the other end of a connection to us; none if it is no function of ours.
    pub fn that_holds(connection: Connection) -> Option<Self> {
        let environment = fs::read(format!("/proc/{}/environ", owner_of(connection)?)).ok()?;
        let environment = String::from_utf8_lossy(&environment);
        let get = |name: &str| {
            let mut variables = environment.split('\0').filter_map(|variable| variable.split_once('='));
            variables.find(|it| it.0 == name).map(|it| it.1.to_owned())
        };
        Some(Self {
            function_name: get("AWS_LAMBDA_FUNCTION_NAME")?,
            region: get("AWS_REGION")?,
            access_key_id: get("AWS_ACCESS_KEY_ID")?,
        })
    }
}

fn processes() -> std::io::Result<impl Iterator<Item = i32>> {
    Ok(fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

fn owner_of(connection: Connection) -> Option<i32> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let inode = their_socket(&table, connection)?;
    let socket = format!("socket:[{inode}]");
    processes().ok()?.find(|pid| {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        open.any(|target| target.to_str() == Some(&socket)) && is_descendant(*pid)
    })
}

/// The inode of the socket at the other end. Source: Linux, `Documentation/networking/proc_net_tcp.rst`.
fn their_socket(table: &str, connection: Connection) -> Option<&str> {
    let (SocketAddr::V4(theirs), SocketAddr::V4(ours)) = (connection.theirs, connection.ours) else {
        return None;
    };
    // The addresses stand there as the machine's words: least significant byte first.
    let [local, remote] =
        [theirs, ours].map(|it| format!("{:08X}:{:04X}", u32::from_ne_bytes(it.ip().octets()), it.port()));
    let is_theirs = |line: &&str| {
        let mut ends = line.split_whitespace().skip(1);
        ends.next() == Some(local.as_str()) && ends.next() == Some(remote.as_str())
    };
    table.lines().find(is_theirs)?.split_whitespace().nth(9)
}

/// Whether we started it, or one that we started did.
fn is_descendant(pid: i32) -> bool {
    let us = i32::try_from(std::process::id()).unwrap_or_default();
    let mut parent = parent_of(pid);
    while let Some(it) = parent {
        if it == us {
            return true;
        }
        parent = parent_of(it).filter(|next| *next > 0);
    }
    false
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `pid (name) state ppid …`, and the name may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{
        io::BufRead,
        net::Ipv4Addr,
        process::{Command, Stdio},
    };

    use super::*;

    /// Between fork and exec a child holds the sockets of every test of this process.
    static FORKING: std::sync::Mutex<()> = std::sync::Mutex::new(());

    #[test]
    fn the_socket_is_found_by_both_ends() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 0100007F:1F90 0100007F:A2B4 01 00000000:00000000 00:00000000 00000000  0  0 4711 1 0 20 4 30 10 -1\n";
        let table = format!(
            "{table}{}",
            table.lines().nth(1).unwrap().replace("A2B4", "A2B5").replace("4711", "4712")
        );
        let socket = |theirs: u16, ours: u16| {
            let [theirs, ours] = [theirs, ours].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
            their_socket(&table, Connection { theirs, ours })
        };
        assert_eq!(socket(8080, 0xA2B4), Some("4711"));
        assert_eq!(socket(8080, 0xA2B5), Some("4712"));
        assert_eq!(socket(8080, 0xA2B6), None);
        assert_eq!(socket(8081, 0xA2B4), None);
    }

    #[test]
    fn only_a_descendant_is_killed() {
        let _alone = crate::lock(&FORKING);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; echo there; read -r _");
        let mut command = Command::new("bash");
        let child = command.args(["-c", &connect]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (_stream, theirs) = listener.accept().unwrap();
        let at_us = listener.local_addr().unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        kill_descendant(Connection { theirs, ours: at_us }).unwrap();
        assert!(!child.wait().unwrap().success());

        let own = std::net::TcpStream::connect(at_us).unwrap();
        kill_descendant(Connection { theirs: own.local_addr().unwrap(), ours: at_us }).unwrap_err();
    }

    // A DB snapshot of MariaDB is right only if nothing is written while it is taken.
    #[tokio::test]
    async fn a_process_that_stands_still_writes_nothing_until_it_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("written");
        let write = "i=0; while :; do echo $((i += 1)) >>written; done";
        let mut command = tokio::process::Command::new("bash");
        let child = command.args(["-c", write]).current_dir(&folder).kill_on_drop(true).spawn().unwrap();
        let size = || fs::metadata(&file).map_or(0, |it| it.len());
        let grows = async |from| {
            while size() <= from {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        grows(0).await;
        let standstill = Standstill::of(&child).await.unwrap();
        let then = size();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(size(), then);
        drop(standstill);
        grows(then).await;
    }

    #[test]
    fn of_our_descendants_one_that_runs_the_program_is_killed() {
        let _alone = crate::lock(&FORKING);
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("a-program-of-our-own");
        fs::copy("/bin/sleep", &program).unwrap();
        assert_eq!(kill_one_that_runs("a-program-of-our-own", 7), Ok(false));
        let mut child = Command::new(&program).arg("600").spawn().unwrap();
        while !kill_one_that_runs("a-program-of-our-own", 7).unwrap() {
            // Between fork and exec it still runs us.
            std::thread::yield_now();
        }
        assert!(!child.wait().unwrap().success());
    }
}
