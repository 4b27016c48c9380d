//! The same services on Postgres and RabbitMQ; where there are none, the test says so and is skipped.

use std::io::{Write as _, stderr};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use clinic::{appointment, appointment::Appointment, setting};
use futures::FutureExt as _;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use stormproof_bindings::{database, http::HttpClient, queue::RabbitMq};
use stormproof_ports::client::Client;

static POSTGRES: LazyLock<String> =
    LazyLock::new(|| setting("POSTGRES", "postgres://postgres@127.0.0.1:5432"));
static AMQP: LazyLock<String> =
    LazyLock::new(|| setting("AMQP", "amqp://guest:guest@127.0.0.1:5672/%2f"));

/// What is made here has names of its own, and goes in the end.
#[tokio::test]
async fn appointments_are_made_on_real_servers() {
    let name = format!("clinic_test_{}", std::process::id());
    let broker = RabbitMq::open(&AMQP, &name).expect("an address").under(&format!("{name}."));
    let (database, rabbitmq) = (sql("SELECT 1").await, broker.ping().await);
    if database.is_err() || rabbitmq.is_err() {
        writeln!(stderr(), "SKIPPED: {}: {database:?}, {}: {rabbitmq:?}", *POSTGRES, *AMQP).ok();
        return;
    }
    for service in ["calendar", "reminders"] {
        sql(&format!("CREATE DATABASE {name}_{service} TEMPLATE template0")).await.expect("new");
    }
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("room").port();
    let mails = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    let mut serve = Command::new(env!("CARGO_BIN_EXE_serve"));
    serve.env("NAME", &name).env("PORT", port.to_string()).env("MAILS", &mails);
    let mut serving = serve.spawn().expect("it is built");
    let tested = AssertUnwindSafe(ada_and_eve_come(port, &mails)).catch_unwind().await;
    serving.kill().and_then(|()| serving.wait()).expect("it was running");
    for service in ["calendar", "reminders"] {
        sql(&format!("DROP DATABASE {name}_{service} WITH (FORCE)")).await.expect("there");
    }
    broker.undeclare(&appointment::queues()).await.expect("there");
    std::fs::remove_dir_all(&mails).ok();
    tested.unwrap_or_else(|panic| resume_unwind(panic));
}

/// Ada asks twice for her slot, Eve comes too late.
async fn ada_and_eve_come(port: u16, mails: &Path) {
    let calendar = ("calendar".to_owned(), vec![format!("http://127.0.0.1:{port}")]);
    let client = Client::over(Arc::new(HttpClient::new([calendar].into()).expect("a URL")));
    for (patient, answer) in [("ada", 201), ("ada", 201), ("eve", 409)] {
        let request = format!("of-{patient}");
        let wish = Appointment { request, patient: patient.to_owned(), slot: 9 };
        let answered = soon(async || {
            let asked = client.post("calendar", "/appointments").json(&wish).send().await;
            asked.ok().map(|answer| answer.status().as_u16()).filter(|status| *status != 503)
        });
        assert_eq!(answered.await, answer, "{patient}");
    }
    let mail = mails.join("of-ada@clinic.example.eml");
    soon(async || mail.exists().then_some(())).await;
}

/// What is there within a minute.
async fn soon<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within a minute");
}

async fn sql(sql: &str) -> Result<(), sqlx::Error> {
    database::install();
    let mut connection = AnyConnection::connect(&format!("{}/postgres", *POSTGRES)).await?;
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.map(drop)
}
