//! The fields of AMQP's frames, read and written one after the other; short strings that are no UTF-8 are
//! spelled out on the way.

/// AMQP's limit of a short string, in bytes.
pub(super) const SHORT_MAX: usize = 255;

/// What is written, and which of it was not readable.
#[derive(Default)]
pub(super) struct Text {
    pub(super) bytes: Vec<u8>,
    /// Each with its name.
    pub(super) unreadable: Vec<String>,
}

impl Text {
    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn short(&mut self, what: &str, text: &[u8]) {
        let spelled = match std::str::from_utf8(text) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                let spelled = spelled_out(text);
                self.unreadable.push(format!("{what} {spelled}"));
                spelled
            }
        };
        self.bytes.push(u8::try_from(spelled.len()).expect("no longer than a short string"));
        self.copy(spelled.as_bytes());
    }

    /// The rows of a table whose names are short strings, as those of the tables in it are.
    pub(super) fn table(&mut self, mut rows: Fields<'_>) -> Option<()> {
        while !rows.0.is_empty() {
            self.short("the name of header", rows.short()?);
            self.value(&mut rows)?;
        }
        Some(())
    }

    fn value(&mut self, reader: &mut Fields<'_>) -> Option<()> {
        let kind = reader.bytes(1)?;
        self.copy(kind);
        let size = match kind[0] {
            b't' | b'b' | b'B' => 1,
            b's' | b'U' | b'u' => 2,
            b'I' | b'i' | b'f' => 4,
            b'L' | b'l' | b'd' | b'T' => 8,
            b'D' => 5,
            b'V' => 0,
            b'S' | b'x' => {
                let bytes = reader.long()?;
                self.copy(&u32::try_from(bytes.len()).ok()?.to_be_bytes());
                self.copy(bytes);
                return Some(());
            }
            b'F' | b'A' => {
                let mut inner = Fields(reader.long()?);
                let begin = self.bytes.len();
                self.copy(&[0; 4]);
                if kind == b"F" {
                    self.table(inner)?;
                } else {
                    while !inner.0.is_empty() {
                        self.value(&mut inner)?;
                    }
                }
                let size = u32::try_from(self.bytes.len() - begin - 4).ok()?;
                self.bytes[begin..begin + 4].copy_from_slice(&size.to_be_bytes());
                return Some(());
            }
            _ => return None,
        };
        self.copy(reader.bytes(size)?);
        Some(())
    }

    /// What was not readable, in words.
    pub(super) fn mark(&self) -> Option<String> {
        (!self.unreadable.is_empty()).then(|| self.unreadable.join(", "))
    }
}

/// The text with each byte that is no UTF-8 spelled out, as far as a short string holds it.
fn spelled_out(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text += chunk.valid();
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    while text.len() > SHORT_MAX {
        text.pop();
    }
    text
}

/// What is left to read. Nothing, if it ends too soon.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().expect("two bytes")))
    }

    pub(super) fn short(&mut self) -> Option<&'a [u8]> {
        let size = self.bytes(1)?[0];
        self.bytes(size.into())
    }

    pub(super) fn long(&mut self) -> Option<&'a [u8]> {
        let size = u32::from_be_bytes(self.bytes(4)?.try_into().expect("four bytes"));
        self.bytes(size as usize)
    }
}
