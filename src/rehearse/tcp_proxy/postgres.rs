//! Postgres's protocol (version 3, <https://www.postgresql.org/docs/current/protocol.html>), as far as
//! commits go: what a transaction makes true, whether it wrote, and what becomes of its COMMIT.
//!
//! What it makes true is read where it is written down, in the statements that insert into `audit`.

use std::collections::BTreeSet;

use stormproof_faults::moment::{Act, Side};
use stormproof_faults::{Fault, FaultKind, Target};

use super::super::faults::{is, is_end};
use super::super::link::{Link, ProxyContext};
use super::{Flow, Speaker};

/// One connection's conversation.
#[derive(Default)]
pub(super) struct PostgresTalk {
    client: Vec<u8>,
    server: Vec<u8>,
    phase: Phase,
    /// Prepared statements that insert into `audit`, by their names.
    audits: BTreeSet<Vec<u8>>,
    /// Prepared statements that ask, right before a COMMIT, whether it would be one.
    asks: BTreeSet<Vec<u8>>,
    /// What the open transaction makes true: noun and state.
    facts: Vec<String>,
    /// Whether the open transaction changed a row.
    wrote: bool,
    /// What is to become of the COMMIT that is about to come.
    fate: Option<Fate>,
    commit: Option<Commit>,
}

/// How a connection begins: the client's first message has no type.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Opening,
    /// TLS was asked for; one byte answers.
    Asking,
    Open,
    /// Encrypted: nothing is understood.
    Closed,
}

/// What is to become of a COMMIT.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Done,
    /// Done, and its answer lost.
    Unheard,
    Undone,
}

/// A COMMIT that the server has not answered.
enum Commit {
    /// It commits these facts; its answer may be lost.
    Sent { facts: Vec<String>, lost: bool },
    /// It was made a ROLLBACK, which is to look like another transaction's victory.
    Undone,
}

/// The code of a request for TLS, where a version would stand.
const TLS_ASKED: [u8; 4] = 80_877_103_i32.to_be_bytes();

/// `serialization_failure`, as the server says it of a COMMIT.
const UNDONE: &[u8] = b"SERROR\0VERROR\0C40001\0\
    Mcould not serialize access due to read/write dependencies among transactions\0\0";

impl PostgresTalk {
    pub(super) async fn hear(
        &mut self,
        context: &ProxyContext,
        link: &Link,
        speaker: Speaker,
        bytes: &[u8],
    ) -> Flow {
        if self.phase == Phase::Closed {
            return Flow::Pass(bytes.to_vec());
        }
        match speaker {
            Speaker::Client => self.client.extend(bytes),
            Speaker::Server => self.server.extend(bytes),
        }
        let mut out = Vec::new();
        while let Some(message) = self.next(speaker) {
            let flow = match speaker {
                Speaker::Client => self.asked(context, link, message).await,
                Speaker::Server => self.answered(context, link, message).await,
            };
            match flow {
                Flow::Pass(bytes) => out.extend(bytes),
                Flow::Reset => return Flow::Reset,
            }
        }
        Flow::Pass(out)
    }

    /// The next whole message.
    fn next(&mut self, speaker: Speaker) -> Option<Vec<u8>> {
        let phase = self.phase;
        let buffer = match speaker {
            Speaker::Client => &mut self.client,
            Speaker::Server => &mut self.server,
        };
        if speaker == Speaker::Server && phase == Phase::Asking {
            let answer = *buffer.first()?;
            self.phase = if answer == b'S' { Phase::Closed } else { Phase::Opening };
            return Some(std::mem::take(buffer));
        }
        let typed = usize::from(!(speaker == Speaker::Client && phase == Phase::Opening));
        let length = buffer.get(typed..typed + 4)?;
        let length = i32::from_be_bytes(length.try_into().expect("four bytes"));
        let whole = typed + usize::try_from(length).ok()?;
        (buffer.len() >= whole).then(|| buffer.drain(..whole).collect())
    }

    /// A message of the client.
    async fn asked(&mut self, context: &ProxyContext, link: &Link, message: Vec<u8>) -> Flow {
        if self.phase == Phase::Opening {
            let asks = message.get(4..8) == Some(&TLS_ASKED);
            self.phase = if asks { Phase::Asking } else { Phase::Open };
            return Flow::Pass(message);
        }
        match (message[0], &message[5..]) {
            (b'P', body) => self.prepares(body),
            // The binding asks before it commits: what is lost here is known to be undone.
            (b'B', body) if self.is_ask(body) => {
                self.fate = self.before(context, link).await;
                if self.fate.is_none() {
                    return Flow::Reset;
                }
            }
            (b'B', body) => self.binds(body),
            (b'Q', b"COMMIT\0") => return self.commits(context, link, message).await,
            (b'Q', body) if body.starts_with(b"BEGIN") || body.starts_with(b"ROLLBACK") => {
                self.facts.clear();
                (self.wrote, self.fate) = (false, None);
            }
            _ => {}
        }
        Flow::Pass(message)
    }

    fn prepares(&mut self, body: &[u8]) {
        let Some((name, rest)) = text(body) else { return };
        let Some((statement, _)) = text(rest) else { return };
        let is_audit = statement.starts_with(b"INSERT INTO audit ");
        for (kept, fits) in
            [(&mut self.audits, is_audit), (&mut self.asks, statement == b"SELECT 1")]
        {
            match fits {
                true => kept.insert(name.to_vec()),
                false => kept.remove(name),
            };
        }
    }

    fn is_ask(&self, body: &[u8]) -> bool {
        let statement = text(body).and_then(|(_, rest)| text(rest));
        statement.is_some_and(|(statement, _)| self.asks.contains(statement))
    }

    /// The values of an audit's row: id, noun, subject, state before, state after.
    fn binds(&mut self, body: &[u8]) {
        let Some((_, rest)) = text(body) else { return };
        let Some((statement, rest)) = text(rest) else { return };
        if !self.audits.contains(statement) {
            return;
        }
        if let Some(values) = values(rest)
            && let [_, noun, _, _, state, ..] = values.as_slice()
        {
            let word = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.facts.push(format!("{} {}", word(noun), word(state)));
        }
    }

    /// A commit is about to be made: what becomes of it; nothing, if the connection ends here.
    async fn before(&mut self, context: &ProxyContext, link: &Link) -> Option<Fate> {
        let mut aimed = None;
        for fact in &self.facts {
            match context.pass(&link.from, Side::Before, Act::Commit, fact).await {
                Some(fault) if fault.is_of_process() => {
                    if is_end(&fault) {
                        return None;
                    }
                    // It goes on where it was, with the commit still to be made.
                    if fault.kind == FaultKind::Pause {
                        tokio::time::sleep(context.story.real(fault.amount)).await;
                    }
                }
                fault => aimed = aimed.or(fault),
            }
        }
        let wrote = self.wrote;
        let fits = |fault: &Fault| matches!(&fault.target, Target::Database(name) if wrote && is(&link.to, name));
        match aimed.or_else(|| context.faults.strike(fits)).map(|fault| fault.kind) {
            Some(FaultKind::ConnectionLostBeforeCommit) => None,
            Some(FaultKind::SerializationFailure) => Some(Fate::Undone),
            Some(FaultKind::ConnectionLostAfterCommit) => Some(Fate::Unheard),
            _ => Some(Fate::Done),
        }
    }

    async fn commits(&mut self, context: &ProxyContext, link: &Link, message: Vec<u8>) -> Flow {
        let fate = match self.fate.take() {
            None => self.before(context, link).await,
            fate => fate,
        };
        let facts = std::mem::take(&mut self.facts);
        self.wrote = false;
        match fate {
            None => Flow::Reset,
            Some(Fate::Undone) => {
                self.commit = Some(Commit::Undone);
                Flow::Pass(framed(b'Q', b"ROLLBACK\0"))
            }
            Some(fate) => {
                self.commit = Some(Commit::Sent { facts, lost: fate == Fate::Unheard });
                Flow::Pass(message)
            }
        }
    }

    /// A message of the server.
    async fn answered(&mut self, context: &ProxyContext, link: &Link, message: Vec<u8>) -> Flow {
        // The answer to a request for TLS is no message.
        if message.len() < 5 || message[0] != b'C' {
            return Flow::Pass(message);
        }
        let tag = message[5..].strip_suffix(b"\0").unwrap_or_default();
        let changes = [&b"INSERT 0 "[..], b"UPDATE ", b"DELETE "]
            .iter()
            .find_map(|verb| tag.strip_prefix(*verb));
        self.wrote |= changes.is_some_and(|count| count != b"0");
        match (tag, self.commit.take()) {
            (b"COMMIT", Some(Commit::Sent { facts, lost })) => {
                self.committed(context, link, facts, lost, message).await
            }
            (b"ROLLBACK", Some(Commit::Undone)) => Flow::Pass(framed(b'E', UNDONE)),
            (_, commit) => {
                self.commit = commit;
                Flow::Pass(message)
            }
        }
    }

    /// A commit is durable, and its author does not know yet.
    async fn committed(
        &mut self,
        context: &ProxyContext,
        link: &Link,
        facts: Vec<String>,
        mut lost: bool,
        message: Vec<u8>,
    ) -> Flow {
        for fact in &facts {
            match context.pass(&link.from, Side::After, Act::Commit, fact).await {
                Some(fault) if fault.is_of_process() => lost |= is_end(&fault),
                fault => {
                    let kind = fault.map(|fault| fault.kind);
                    lost |= kind == Some(FaultKind::ConnectionLostAfterCommit);
                }
            }
        }
        if lost { Flow::Reset } else { Flow::Pass(message) }
    }
}

/// A message of a type.
fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).expect("our own messages are short");
    let mut message = vec![kind];
    message.extend(length.to_be_bytes());
    message.extend(body);
    message
}

/// A text that ends with a zero, and what follows.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The values that a Bind gives: how they are written, then how many, then each with its length.
fn values(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let count = |bytes: &[u8], at: usize| {
        let two = bytes.get(at..at + 2)?;
        Some(usize::from(u16::from_be_bytes(two.try_into().expect("two bytes"))))
    };
    let formats = count(bytes, 0)?;
    let mut at = 2 + 2 * formats;
    let given = count(bytes, at)?;
    at += 2;
    let mut values = Vec::new();
    for _ in 0..given {
        let length = i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().expect("four bytes"));
        at += 4;
        // A negative length is NULL.
        let length = usize::try_from(length).unwrap_or(0);
        values.push(bytes.get(at..at + length)?);
        at += length;
    }
    Some(values)
}
