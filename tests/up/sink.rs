//! A mail server that takes everything (RFC 5321 as far as one client needs it) and keeps it.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Mails that were taken, as they travelled.
#[derive(Clone, Default)]
pub struct Sink {
    mails: Arc<Mutex<Vec<String>>>,
}

impl Sink {
    /// Listens on loopback for as long as the test runs; the URL.
    pub async fn open() -> (Sink, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has room");
        let url = format!("smtp://{}", listener.local_addr().expect("it is bound"));
        let sink = Sink::default();
        let serving = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().converse(stream));
            }
        });
        (sink, url)
    }

    pub fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("nobody panics with it").clone()
    }

    async fn converse(self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 sink\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let answer: &[u8] = match line.get(..4).unwrap_or_default().to_uppercase().as_str() {
                "EHLO" => b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
                "QUIT" => b"221 bye\r\n",
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await?;
                    let mut mail = String::new();
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        mail.push_str(&line);
                        mail.push('\n');
                    }
                    self.mails.lock().expect("nobody panics with it").push(mail);
                    b"250 taken\r\n"
                }
                _ => b"250 fine\r\n",
            };
            write.write_all(answer).await?;
        }
        Ok(())
    }
}
