//! SMTP (RFC 5321), as far as the moments of a mail go: before the mail server has its last line, and
//! after it took the mail.

use stormproof_faults::moment::{Act, Side};

use super::super::faults::is_end;
use super::super::link::{Link, ProxyContext};
use super::super::smtp_sink::template;
use super::{Flow, Speaker};

/// One connection's conversation.
#[derive(Default)]
pub(super) struct SmtpTalk {
    line: Vec<u8>,
    /// Between DATA and the line that ends the mail.
    in_mail: bool,
    mail: String,
    /// The template of a mail that the server has whole and has not answered.
    handed: Option<String>,
}

impl SmtpTalk {
    pub(super) async fn hear(
        &mut self,
        context: &ProxyContext,
        link: &Link,
        speaker: Speaker,
        bytes: &[u8],
    ) -> Flow {
        let name = match speaker {
            Speaker::Client => {
                let ended = self.read(bytes);
                self.handed.clone_from(&ended);
                ended.map(|name| (Side::Before, name))
            }
            // The answer to DATA comes before the mail, so this one is the mail's.
            Speaker::Server if bytes.starts_with(b"250") => {
                self.handed.take().map(|name| (Side::After, name))
            }
            Speaker::Server => None,
        };
        if let Some((side, name)) = name
            && let Some(fault) = context.pass(&link.from, side, Act::Mail, &name).await
            && is_end(&fault)
        {
            return Flow::Reset;
        }
        Flow::Pass(bytes.to_vec())
    }

    /// Reads what the client says; the template of a mail that ends in it.
    fn read(&mut self, bytes: &[u8]) -> Option<String> {
        let mut ended = None;
        for byte in bytes {
            self.line.push(*byte);
            if *byte != b'\n' {
                continue;
            }
            let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
            match (self.in_mail, line.trim_end()) {
                (true, ".") => {
                    self.in_mail = false;
                    ended = Some(template(&std::mem::take(&mut self.mail)));
                }
                (true, _) => self.mail.push_str(&line),
                (false, command) => self.in_mail = command.eq_ignore_ascii_case("DATA"),
            }
        }
        ended
    }
}
