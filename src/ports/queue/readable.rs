//! Makes what the broker sends readable: AMQP's short strings are UTF-8, but brokers pass on whatever
//! bytes a publisher gave them, and a client that stumbles over some gives its connection up, with all
//! that was delivered on it.
//!
//! Frames are looked at as they come. A short string that is no UTF-8 (in a message's properties, in the
//! names of its headers, in its routing key) gets its bad bytes spelled out, `\xff` for one, and the
//! message a header that says where. Everything else passes as it is.

use std::collections::BTreeMap;

use super::fields::{Fields, Text};

/// The header that says which properties were made readable, as words.
pub(super) const MARK: &str = "unreadable";

/// A frame's kind, channel and size before its payload, and the end mark behind it.
const HEAD: usize = 7;
const END: u8 = 0xce;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const KINDS: [u8; 4] = [METHOD, HEADER, 3, 8];

/// Class `basic`, and its methods that bring a message.
const BASIC: u16 = 60;
const DELIVER: u16 = 60;
const GET_OK: u16 = 71;

/// What no frame is made longer than: brokers and clients agree on 128 KiB unless they are told otherwise.
const PAYLOAD_MAX: usize = (128 << 10) - HEAD - 1;

/// The bit of `headers` in a message's property flags, and of there being more flags.
const HEADERS: u16 = 1 << 13;
const MORE: u16 = 1;

/// What there is of properties: in the order of their flags, from the highest bit down.
const PROPERTIES: [(&str, Kind); 14] = [
    ("content_type", Kind::Short),
    ("content_encoding", Kind::Short),
    ("headers", Kind::Table),
    ("delivery_mode", Kind::Fixed(1)),
    ("priority", Kind::Fixed(1)),
    ("correlation_id", Kind::Short),
    ("reply_to", Kind::Short),
    ("expiration", Kind::Short),
    ("message_id", Kind::Short),
    ("timestamp", Kind::Fixed(8)),
    ("type", Kind::Short),
    ("user_id", Kind::Short),
    ("app_id", Kind::Short),
    ("cluster_id", Kind::Short),
];

#[derive(Clone, Copy)]
enum Kind {
    Short,
    Table,
    Fixed(usize),
}

/// The stream from a broker.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Of a frame that has not come whole.
    part: Vec<u8>,
    /// Readable, and not read yet: from `read` on.
    ready: Vec<u8>,
    read: usize,
    /// It is not AMQP 0-9-1, such as the answer to a version that the broker does not speak.
    foreign: bool,
    /// What was unreadable about the message whose properties come next on a channel.
    routes: BTreeMap<u16, String>,
}

impl Incoming {
    /// What has come.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.part.extend_from_slice(bytes);
        let part = std::mem::take(&mut self.part);
        let mut rest = &part[..];
        while let Some(&kind) = rest.first() {
            self.foreign |= !KINDS.contains(&kind);
            if self.foreign {
                self.ready.extend_from_slice(rest);
                rest = &[];
                break;
            }
            let Some(size) = rest.get(3..HEAD) else { break };
            let size = u32::from_be_bytes(size.try_into().expect("four bytes")) as usize;
            let Some(frame) = rest.get(..HEAD + size + 1) else { break };
            self.frame(frame);
            rest = &rest[frame.len()..];
        }
        self.part = rest.to_vec();
    }

    /// Takes what is readable, as much as `buffer` holds.
    pub(super) fn take(&mut self, buffer: &mut [u8]) -> usize {
        let waiting = &self.ready[self.read..];
        let count = waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&waiting[..count]);
        self.read += count;
        if self.read == self.ready.len() {
            self.ready.clear();
            self.read = 0;
        }
        count
    }

    fn frame(&mut self, frame: &[u8]) {
        let channel = u16::from_be_bytes([frame[1], frame[2]]);
        let payload = &frame[HEAD..frame.len() - 1];
        let readable = match frame[0] {
            METHOD => self.method(channel, payload),
            HEADER => {
                let route = self.routes.remove(&channel);
                match header(payload, route.clone(), true) {
                    Some(readable) if readable.len() > PAYLOAD_MAX => header(payload, route, false),
                    readable => readable,
                }
            }
            _ => None,
        };
        let Some(readable) = readable else { return self.ready.extend_from_slice(frame) };
        let size = u32::try_from(readable.len()).expect("a frame is not as long as that");
        self.ready.extend_from_slice(&frame[..3]);
        self.ready.extend_from_slice(&size.to_be_bytes());
        self.ready.extend_from_slice(&readable);
        self.ready.push(END);
    }

    /// A method whose strings were not readable, made so.
    fn method(&mut self, channel: u16, payload: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Fields(payload);
        let (class, method) = (reader.number()?, reader.number()?);
        let mut text = Text::default();
        text.copy(&payload[..4]);
        match (class, method) {
            (BASIC, DELIVER) => {
                text.short("consumer tag", reader.short()?);
                text.copy(reader.bytes(9)?);
            }
            (BASIC, GET_OK) => text.copy(reader.bytes(9)?),
            _ => return None,
        }
        text.short("exchange", reader.short()?);
        text.short("routing key", reader.short()?);
        text.copy(reader.0);
        let mark = text.mark()?;
        self.routes.insert(channel, mark);
        Some(text.bytes)
    }
}

/// A message's properties that were not readable, or whose `route` was not, made so; with or without
/// the message's own headers.
fn header(payload: &[u8], route: Option<String>, with_headers: bool) -> Option<Vec<u8>> {
    let mut reader = Fields(payload);
    let mut text = Text { unreadable: route.into_iter().collect(), ..Text::default() };
    text.copy(reader.bytes(12)?);
    let flags = reader.number()?;
    if flags & MORE != 0 {
        return None;
    }
    text.copy(&(flags | HEADERS).to_be_bytes());
    // Where the headers begin, and where they end.
    let mut headers = None;
    for (index, (name, kind)) in PROPERTIES.into_iter().enumerate() {
        let is_there = flags & (1 << (15 - index)) != 0;
        match kind {
            Kind::Table => {
                let begin = text.bytes.len();
                text.copy(&[0; 4]);
                if is_there {
                    let table = reader.long()?;
                    match with_headers {
                        true => text.table(Fields(table))?,
                        false => text.unreadable.push("headers".to_owned()),
                    }
                }
                headers = Some((begin, text.bytes.len()));
            }
            _ if !is_there => {}
            Kind::Short => text.short(name, reader.short()?),
            Kind::Fixed(size) => text.copy(reader.bytes(size)?),
        }
    }
    let mark = text.mark()?;
    let (begin, end) = headers.expect("it is one of the properties");
    let mut marked = vec![u8::try_from(MARK.len()).expect("it is short")];
    marked.extend_from_slice(MARK.as_bytes());
    marked.push(b'S');
    marked.extend_from_slice(&u32::try_from(mark.len()).ok()?.to_be_bytes());
    marked.extend_from_slice(mark.as_bytes());
    let size = u32::try_from(end - begin - 4 + marked.len()).ok()?;
    let mut bytes = text.bytes;
    bytes.splice(end..end, marked);
    bytes[begin..begin + 4].copy_from_slice(&size.to_be_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 0, 7][..], &size, payload, &[END]].concat()
    }

    fn short(bytes: &[u8]) -> Vec<u8> {
        [&[u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
    }

    fn long(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
    }

    fn deliver(key: &[u8]) -> Vec<u8> {
        let head = [0, 60, 0, 60].to_vec();
        frame(METHOD, &[head, short(b"tag"), vec![0; 9], short(b""), short(key)].concat())
    }

    /// A header frame with a message id, and headers if there are some.
    fn properties(headers: Option<&[u8]>, id: &[u8]) -> Vec<u8> {
        let flags: u16 = 1 << 7 | headers.map_or(0, |_| HEADERS);
        let head = [&[0, 60][..], &[0; 10], &flags.to_be_bytes()].concat();
        frame(HEADER, &[head, headers.map_or(Vec::new(), long), short(id)].concat())
    }

    fn read(frames: &[Vec<u8>], at_once: usize) -> Vec<u8> {
        let (mut incoming, mut all) = (Incoming::default(), Vec::new());
        for bytes in frames.concat().chunks(at_once) {
            incoming.push(bytes);
            let mut buffer = [0; 11];
            while let count @ 1.. = incoming.take(&mut buffer) {
                all.extend_from_slice(&buffer[..count]);
            }
        }
        all
    }

    fn marked(words: &str) -> Vec<u8> {
        [short(MARK.as_bytes()), vec![b'S'], long(words.as_bytes())].concat()
    }

    #[test]
    fn what_is_readable_passes_however_it_comes() {
        let headers = [short("naïve".as_bytes()), b"S".to_vec(), long(b"\xff")].concat();
        let body = frame(3, &[0xff; 300]);
        let good = [deliver(b"key"), properties(Some(&headers), b"id"), body, frame(8, &[])];
        for at_once in [1, 2, 7, 64, 4096] {
            assert_eq!(read(&good, at_once), good.concat(), "{at_once}");
        }
        let other = b"AMQP\x00\x00\x09\x01".to_vec();
        assert_eq!(read(std::slice::from_ref(&other), 3), other);
    }

    #[test]
    fn what_is_not_is_spelled_out_and_marked() {
        let inner = [short(b"\xfe"), b"V".to_vec()].concat();
        let headers = [short(b"x"), b"A".to_vec(), long(&[b"F".to_vec(), long(&inner)].concat())];
        let bad = [deliver(b"key.\xff"), properties(Some(&headers.concat()), b"a\xc3(")];
        let words = "routing key key.\\xff, the name of header \\xfe, message_id a\\xc3(";
        let inner = [short(b"\\xfe"), b"V".to_vec()].concat();
        let headers = [short(b"x"), b"A".to_vec(), long(&[b"F".to_vec(), long(&inner)].concat())];
        let headers = [headers.concat(), marked(words)].concat();
        let good = [deliver(b"key.\\xff"), properties(Some(&headers), b"a\\xc3(")];
        assert_eq!(read(&bad, 5), good.concat());
        // What comes next on the channel is another message.
        let next = [deliver(b"key"), properties(None, b"b")];
        assert_eq!(read(&[&bad[..], &next].concat(), 5), [&good[..], &next].concat().concat());
    }

    #[test]
    fn one_without_headers_gets_some_and_none_gets_too_long() {
        let long_id = [b'\xff'; 255];
        let spelled = "\\xff".repeat(63) + "\\xf";
        let mark = marked(&format!("message_id {spelled}"));
        let good = properties(Some(&mark), spelled.as_bytes());
        assert_eq!(read(&[properties(None, &long_id)], 64), good);
        let row = [short(&long_id), b"V".to_vec()].concat();
        let mark = marked("headers");
        let read = read(&[properties(Some(&row.repeat(500)), b"id")], 1024);
        assert_eq!(read, properties(Some(&mark), b"id"));
    }

    #[test]
    fn what_is_no_frame_of_ours_passes() {
        let cut = frame(HEADER, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1]);
        assert_eq!(read(std::slice::from_ref(&cut), 4), cut);
    }
}
