//! Mail by SMTP, against a server that follows a script, and mail as files.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stormproof_bindings::mailer::{Maildrop, MailerError, Smtp};
use stormproof_ports::{CallError, Mail, Mailer as _};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::scratch::Scratch;

/// Of every mail.
pub const SENDER: &str = "Shop <shop@stormproof.example>";

/// What the server does at a step of the conversation, instead of its part.
#[derive(Clone, Copy, PartialEq)]
enum Act {
    Says(&'static str),
    HangsUp,
    IsSilent,
}

/// Where in the conversation.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Greeting,
    Sender,
    Recipient,
    Data,
    Content,
}

/// What the server has seen.
#[derive(Default)]
struct Seen {
    connections: usize,
    /// Contents that it took, as they travelled.
    taken: Vec<String>,
    /// Sender and recipient commands.
    envelopes: Vec<String>,
}

type Shared = Arc<Mutex<Seen>>;

/// A mail server that plays its part, but for the nth time that a step comes.
async fn server(script: Option<(Step, usize, Act)>) -> (String, Shared) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let url = format!("smtp://{}", listener.local_addr().expect("it is bound"));
    let seen = Shared::default();
    let shared = seen.clone();
    let script = Arc::new(Mutex::new(script));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            shared.lock().expect("no test panics with it").connections += 1;
            tokio::spawn(converse(BufReader::new(stream), script.clone(), shared.clone()));
        }
    });
    (url, seen)
}

/// Until somebody hangs up.
async fn converse(
    mut stream: BufReader<TcpStream>,
    script: Arc<Mutex<Option<(Step, usize, Act)>>>,
    seen: Shared,
) -> Option<()> {
    let act = |step| {
        let mut script = script.lock().expect("no test panics with it");
        match &mut *script {
            Some((at, 1, act)) if *at == step => {
                let act = *act;
                *script = None;
                Some(act)
            }
            Some((at, times, _)) if *at == step => {
                *times -= 1;
                None
            }
            _ => None,
        }
    };
    play(&mut stream, act(Step::Greeting), "220 here").await?;
    loop {
        let line = line(&mut stream).await?;
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match verb.as_str() {
            "EHLO" => play(&mut stream, None, "250 at your service").await?,
            "MAIL" | "RCPT" => {
                seen.lock().expect("no test panics with it").envelopes.push(line);
                let step = if verb == "MAIL" { Step::Sender } else { Step::Recipient };
                play(&mut stream, act(step), "250 fine").await?;
            }
            "DATA" => {
                play(&mut stream, act(Step::Data), "354 go on").await?;
                let mut content = String::new();
                loop {
                    match self::line(&mut stream).await?.as_str() {
                        "." => break,
                        line => content += &format!("{}\n", line.strip_prefix('.').unwrap_or(line)),
                    }
                }
                let act = act(Step::Content);
                if act.is_none() {
                    seen.lock().expect("no test panics with it").taken.push(content);
                }
                play(&mut stream, act, "250 taken").await?;
            }
            "QUIT" => return play(&mut stream, Some(Act::HangsUp), "").await,
            _ => play(&mut stream, None, "500 what?").await?,
        }
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let length = stream.read_line(&mut line).await.ok()?;
    (length > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn play(stream: &mut BufReader<TcpStream>, act: Option<Act>, part: &str) -> Option<()> {
    let words = match act {
        None => part,
        Some(Act::Says(words)) => words,
        Some(Act::HangsUp) => return None,
        Some(Act::IsSilent) => std::future::pending().await,
    };
    stream.write_all(format!("{words}\r\n").as_bytes()).await.ok()
}

fn smtp(url: &str) -> Smtp {
    Smtp::open(url, SENDER).expect("the URL is good")
}

fn mail(id: &str) -> Mail {
    Mail {
        message_id: format!("<{id}@stormproof.example>"),
        to: "alice@example.org".to_owned(),
        subject: "Your refund of 10 € — done".to_owned(),
        text: "Dear Alice,\n.hidden?\n10 € are on their way.\n".to_owned(),
        html: "<p>Dear Alice,</p>".to_owned(),
    }
}

#[tokio::test]
async fn a_mail_travels_whole_and_connections_are_kept() {
    let (url, seen) = server(None).await;
    let smtp = smtp(&url);
    for id in ["one", "two", "three"] {
        smtp.send(mail(id)).await.unwrap_or_else(|error| panic!("{id}: {error}"));
    }
    let seen = seen.lock().expect("the server is idle");
    assert_eq!((seen.connections, seen.taken.len()), (1, 3));
    assert_eq!(
        seen.envelopes[..2],
        ["MAIL FROM:<shop@stormproof.example>", "RCPT TO:<alice@example.org>"]
    );
    let content = &seen.taken[0];
    let (head, body) = content.split_once("\n\n").expect("a head and a body");
    for line in [
        "Message-ID: <one@stormproof.example>",
        "From: Shop <shop@stormproof.example>",
        "To: alice@example.org",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        "Subject: ",
        "Date: ",
    ] {
        assert!(head.lines().any(|found| found.starts_with(line)), "{line}\n{content}");
    }
    let (plain, html) = (body.find("text/plain"), body.find("text/html"));
    assert!(plain.is_some() && plain < html, "{content}");
    let (plain, html) = body.split_at(html.expect("it is there"));
    assert!(plain.contains("on their way") && html.contains("<p>Dear Alice,</p>"), "{content}");
    assert!(content.is_ascii() && body.contains("10 =E2=82=AC are on their way."), "{content}");
    assert!(body.lines().any(|line| line == ".hidden?"), "{content}");
}

/// What the server said, or did not get to say, decides.
#[tokio::test]
async fn refused_is_unavailable_and_silence_after_the_content_is_unknown() {
    let (refuses, defers) = (Act::Says("550 no such mailbox"), Act::Says("451 try later"));
    let unavailable = [
        (Step::Greeting, Act::HangsUp),
        (Step::Greeting, Act::Says("554 no service")),
        (Step::Greeting, Act::IsSilent),
        (Step::Sender, defers),
        (Step::Sender, Act::HangsUp),
        (Step::Recipient, refuses),
        (Step::Recipient, Act::IsSilent),
        (Step::Data, refuses),
        (Step::Data, Act::HangsUp),
        (Step::Content, refuses),
        (Step::Content, defers),
    ];
    for (number, (step, act)) in unavailable.into_iter().enumerate() {
        let (result, taken, _) = after(step, act).await;
        let told = matches!(result, Err(CallError::Unavailable(_)));
        assert!(told && taken == 0, "case {number}: {result:?}, {taken} taken");
    }
    for act in [Act::HangsUp, Act::IsSilent, Act::Says("what?"), Act::Says("354 go on")] {
        let (result, ..) = after(Step::Content, act).await;
        assert!(matches!(result, Err(CallError::Unknown(_))), "{result:?}");
    }
}

/// A mail, while the server acts so; then another one, which must not suffer from the first.
async fn after(step: Step, act: Act) -> (Result<(), CallError>, usize, usize) {
    let (url, seen) = server(Some((step, 1, act))).await;
    let smtp = smtp(&url).within(Duration::from_millis(500));
    let result = smtp.send(mail("first")).await;
    let taken = seen.lock().expect("the server is idle").taken.len();
    smtp.send(mail("second")).await.expect("the script is over");
    let seen = seen.lock().expect("the server is idle");
    assert!(seen.taken.last().is_some_and(|content| content.contains("<second@")));
    (result, taken, seen.connections)
}

/// Nothing was taken yet, so the mail begins anew on a fresh connection, once.
#[tokio::test]
async fn a_kept_connection_that_died_is_replaced() {
    for act in [Act::HangsUp, Act::Says("421 you were idle for too long")] {
        let (url, seen) = server(Some((Step::Sender, 2, act))).await;
        let smtp = smtp(&url);
        for id in ["one", "two"] {
            smtp.send(mail(id)).await.unwrap_or_else(|error| panic!("{id}: {error}"));
        }
        let seen = seen.lock().expect("the server is idle");
        assert_eq!((seen.connections, seen.taken.len()), (2, 2));
    }
}

#[tokio::test]
async fn what_cannot_be_mailed_is_refused() {
    let (url, _) = server(None).await;
    let smtp = smtp(&url);
    for to in ["", "nobody", "a@b\r\nBcc: all@example.org", "a@b, c@d"] {
        let result = smtp.send(Mail { to: to.to_owned(), ..mail("x") }).await;
        assert!(matches!(result, Err(CallError::Unavailable(_))), "{to}: {result:?}");
    }
    let injected = Mail { subject: "a\r\nBcc: all@example.org".to_owned(), ..mail("x") };
    let (url, seen) = server(None).await;
    self::smtp(&url).send(injected).await.ok();
    let seen = seen.lock().expect("the server is idle");
    assert!(!seen.taken.iter().any(|content| content.contains("\nBcc:")), "{:?}", seen.taken);

    for url in ["", "http://127.0.0.1", "smtps://127.0.0.1", "smtp:", "smtp://user:word@host"] {
        let refused = Smtp::open(url, "shop@stormproof.example").err();
        assert!(matches!(refused, Some(MailerError::BadUrl(_))), "{url}: {refused:?}");
    }
    let refused = Smtp::open("smtp://host", "Shop").err();
    assert!(matches!(refused, Some(MailerError::BadSender(..))), "{refused:?}");
}

#[tokio::test]
async fn a_repeat_overwrites_itself() {
    let scratch = Scratch::new("maildrop");
    let folder = scratch.path().join("mails");
    let maildrop = Maildrop::open(&folder, SENDER).expect("the folder is ours");
    for mail in [mail("one"), mail("two"), mail("one"), mail("../one/ é")] {
        maildrop.send(mail).await.expect("the disk has room");
    }
    futures::future::join_all((0..8).map(|_| maildrop.send(mail("two")))).await;
    let mut names: Vec<_> = fs::read_dir(&folder)
        .expect("it is there")
        .map(|entry| entry.expect("it can be listed").file_name().into_string().expect("ASCII"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "=2e.=2fone=2f=20=c3=a9@stormproof.example.eml",
            "one@stormproof.example.eml",
            "two@stormproof.example.eml",
        ]
    );
    let one = fs::read_to_string(maildrop.file("<one@stormproof.example>")).expect("it is there");
    assert!(one.contains("Message-ID: <one@stormproof.example>\r\n"), "{one}");
}

#[tokio::test]
async fn a_mail_that_cannot_be_written_is_not_said_to_be() {
    let scratch = Scratch::new("maildrop-gone");
    let folder = scratch.path().join("mails");
    let maildrop = Maildrop::open(&folder, SENDER).expect("the folder is ours");
    fs::remove_dir_all(&folder).expect("it is ours");
    assert!(maildrop.send(mail("one")).await.is_err());
    let file = scratch.path().join("file");
    fs::write(&file, "").expect("the folder is ours");
    for folder in [file.as_path(), std::path::Path::new("/proc/mails")] {
        let refused = Maildrop::open(folder, SENDER).err();
        assert!(matches!(refused, Some(MailerError::Folder(..))), "{refused:?}");
    }
}
