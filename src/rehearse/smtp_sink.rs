//! A mail server that takes everything (RFC 5321 as far as one client needs it) and keeps it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use stormproof_ports::Mail;
use stormproof_shop::truth::final_state::MailSeen;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Mails that were taken, in order.
#[derive(Clone, Default)]
pub struct SmtpSink(Arc<Mutex<Vec<ReceivedMail>>>);

/// A mail as it travelled.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    /// The last recipient of its envelope.
    pub to: String,
    /// Head and body, lines ended by `\n`.
    pub content: String,
}

impl SmtpSink {
    /// Listens on loopback for as long as the runtime lasts; where.
    ///
    /// # Errors
    /// If there is no port.
    pub async fn open() -> Result<(SmtpSink, SocketAddr), String> {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = bound.map_err(|error| format!("no port for the mail server: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let smtp_sink = SmtpSink::default();
        let serving = smtp_sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().converse(stream));
            }
        });
        Ok((smtp_sink, address))
    }

    /// What it has taken, the oldest first.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn converse(self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut to = String::new();
        write.write_all(b"220 sink\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let answer: &[u8] = match line.get(..4).unwrap_or_default().to_uppercase().as_str() {
                "EHLO" => b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
                "QUIT" => b"221 bye\r\n",
                "RCPT" => {
                    let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                    address.clone_into(&mut to);
                    b"250 fine\r\n"
                }
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await?;
                    let mut content = String::new();
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        content.push_str(&line);
                        content.push('\n');
                    }
                    let taken = ReceivedMail { to: std::mem::take(&mut to), content };
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).push(taken);
                    b"250 taken\r\n"
                }
                _ => b"250 fine\r\n",
            };
            write.write_all(answer).await?;
        }
        Ok(())
    }
}

impl ReceivedMail {
    /// What it is about; nothing can be said of a mail that is not the shop's.
    pub fn seen(&self) -> Option<MailSeen> {
        seen(&self.content, &self.to)
    }
}

/// The template of a mail, without what it is about: the name of its moments.
pub fn template(content: &str) -> String {
    let template = seen(content, "").map(|mail| mail.template).unwrap_or_default();
    template.split(':').next().unwrap_or_default().to_owned()
}

/// By its `Message-ID`, which may stand on the line after its name (RFC 5322 §2.2.3).
fn seen(content: &str, to: &str) -> Option<MailSeen> {
    let head = content.split("\n\n").next()?.replace("\r\n", "\n").replace("\n ", " ");
    let id = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("message-id").then(|| value.trim().to_owned())
    })?;
    let (subject, text, html) = Default::default();
    MailSeen::of(&Mail { message_id: id, to: to.to_owned(), subject, text, html })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_known_by_its_message_id() {
        let content = "From: shop\nMessage-ID:\n <support+refund-parked.o1@mail.example>\n\nhello";
        let mail = seen(content, "ada@mail.example").expect("the shop's");
        assert_eq!((mail.template.as_str(), &*mail.order), ("support:refund parked", "o1"));
        assert_eq!(template(content), "support");
        assert_eq!(seen("Subject: offer\n\nMessage-ID: <lost.o1@mail.example>", ""), None);
    }
}
