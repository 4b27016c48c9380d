//! A shop to ask: five routers over the world's ports, two customers, some stock; and what every
//! answer owes whoever asks.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use stormproof_ports::{Compute, Ports};
use stormproof_system::context::Context;
use stormproof_system::error::{Kind, Problem};
use stormproof_system::id::UserId;
use stormproof_system::service::{SERVICES, Service};
use stormproof_system::settings::{Auth, Settings};
use stormproof_system::token;
use stormproof_system::web::ClientAddress;
use stormproof_world::{ServiceSpec, Spec, World, migrated, run};
use tower::ServiceExt as _;
use tracing::instrument::WithSubscriber as _;

/// The password of every customer, and one that is nobody's.
pub const PASSWORD: &str = "correct horse battery";
pub const WRONG: &str = "wrong horse battery";

/// What no log line and no refusal may hold: passwords, hashes (PHC format), tokens (a JWT begins
/// with an encoded `{"`).
const SECRETS: [&str; 4] = [PASSWORD, WRONG, "$argon2", "eyJ"];

/// An open shop.
pub struct Shop {
    pub world: World,
    /// The Store's.
    pub context: Context,
    routers: BTreeMap<&'static str, Router>,
    hashes: Arc<Counted>,
    log: Log,
}

/// Opens a shop in a world of its own, and tells `story` in it.
pub fn visit<F>(story: impl FnOnce(Shop) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut spec = Spec::new(7);
    let settings = Arc::new(settings());
    let services = SERVICES.iter().map(|service| {
        let settings = settings.clone();
        let router =
            move |ports: &Ports| (service.router)(&Context::new(ports.clone(), settings.clone()));
        ServiceSpec::new(service.name, migrated(service.name, || service.migrator()))
            .serving(router, |_| Vec::new())
    });
    spec.services = services.collect();
    run(spec, |world| async move {
        let shop = Shop::build(&world);
        let log = shop.log.clone();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        let told = async move {
            shop.fill().await;
            story(shop).await;
        };
        let told = world.spawn("store", told.with_subscriber(subscriber)).await;
        told.expect("nobody kills the store");
        log.keeps_secrets();
    });
}

/// Secrets, and hashes that are cheap to make; all else is production's.
pub fn settings() -> Settings {
    let auth = Auth {
        customer_secret: b"customers' secret of these tests".to_vec(),
        service_secret: b"the services' secret of these tests".to_vec(),
        hash_memory_kib: 8,
        hash_passes: 1,
        ..Auth::default()
    };
    Settings { auth, ..Settings::default() }
}

/// Building.
impl Shop {
    fn build(world: &World) -> Shop {
        let hashes = Arc::new(Counted::default());
        let settings = Arc::new(settings());
        let context = |ports| Context::new(ports, settings.clone());
        let store = context(Ports { compute: hashes.clone(), ..world.ports("store") });
        let context_of = |name| match name {
            "store" => store.clone(),
            name => context(world.ports(name)),
        };
        let router = |service: &Service| (service.router)(&context_of(service.name));
        let routers = SERVICES.iter().map(|service| (service.name, router(service))).collect();
        Shop { world: world.clone(), routers, hashes, log: Log::default(), context: store }
    }

    /// A teapot for 10.00 of which there are 3, a mug for 2.50 of which there are 500.
    async fn fill(&self) {
        for (sku, minor, quantity) in [("teapot", 10_00, 3), ("mug", 2_50, 500)] {
            let price = json!({ "minor": minor, "currency": "AUD" });
            let product = json!({ "sku": sku, "name": sku, "price": price });
            let ask = Ask::post("store", "/products", &product).bearer(&self.support());
            assert_eq!(self.tell(ask).await.status, 204);
            let restock =
                json!({ "key": sku, "sku": sku, "warehouse": "perth", "quantity": quantity });
            let token = token::for_service(&self.context, "staff", "warehouse", "restock");
            let ask = Ask::post("warehouse", "/stock", &restock).bearer(&token);
            assert_eq!(self.tell(ask).await.status, 200);
        }
    }

    /// The same Store with another context, and nobody's attempts to log in counted yet.
    pub fn with_store(&self, context: &Context) -> Shop {
        let mut routers = self.routers.clone();
        routers.insert("store", stormproof_system::store::router(context));
        Shop {
            world: self.world.clone(),
            context: context.clone(),
            routers,
            hashes: self.hashes.clone(),
            log: self.log.clone(),
        }
    }
}

/// Visiting.
impl Shop {
    /// Asks, and checks what every answer owes.
    pub async fn tell(&self, ask: Ask) -> Told {
        let router = self.routers[ask.service].clone();
        let words = format!("{} {} {}", ask.service, ask.request.method(), ask.request.uri());
        let response = router.oneshot(ask.request).await.expect("a router always answers");
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("the body is in memory");
        let told = Told { words, status: head.status.as_u16(), headers: head.headers, body };
        if head.status.is_client_error() || head.status.is_server_error() {
            told.kind();
        }
        told
    }

    /// A new customer's token.
    pub async fn customer(&self, name: &str) -> String {
        let told = self.tell(Ask::register(name)).await;
        assert_eq!(told.status, 201, "{told:?}");
        let told = self.tell(Ask::login(name, PASSWORD)).await;
        told.json()["token"].as_str().expect("a token").to_owned()
    }

    /// A token of the support team's.
    pub fn support(&self) -> String {
        let user = UserId::parse("support").expect("well formed");
        token::for_user(&self.context, &user, "support", token::SUPPORT)
    }

    /// How many passwords the Store has hashed.
    pub fn hashes(&self) -> usize {
        self.hashes.0.load(Ordering::Relaxed)
    }

    /// What the Store has logged, of every target and level.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// The number of rows in a table of the Store's.
    pub fn count(&self, sql: &'static str) -> i64 {
        let rows = self.world.database("store-db").peek(sql, &[]).expect("it can be counted");
        rows[0][0].as_i64().expect("a number")
    }
}

/// A request to a service.
pub struct Ask {
    service: &'static str,
    request: Request<Body>,
}

impl Ask {
    pub fn new(service: &'static str, method: &str, path: &str, body: impl Into<Bytes>) -> Ask {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::from(body.into())).expect("a well-formed path");
        Ask { service, request }
    }

    pub fn get(service: &'static str, path: &str) -> Ask {
        Ask::new(service, "GET", path, "")
    }

    pub fn post(service: &'static str, path: &str, body: &impl Serialize) -> Ask {
        let body = serde_json::to_vec(body).expect("bodies have string keys only");
        Ask::new(service, "POST", path, body).with("content-type", "application/json")
    }

    pub fn register(name: &str) -> Ask {
        let email = format!("{name}@shop.example");
        let body = json!({ "username": name, "password": PASSWORD, "email": email });
        Ask::post("store", "/register", &body)
    }

    pub fn login(name: &str, password: &str) -> Ask {
        Ask::post("store", "/login", &json!({ "username": name, "password": password }))
    }

    /// An order of one product.
    pub fn order(bearer: &str, key: &str, sku: &str, quantity: i64) -> Ask {
        let body = json!({ "lines": [{ "sku": sku, "quantity": quantity }] });
        Ask::post("store", "/orders", &body).bearer(bearer).with("idempotency-key", key)
    }

    pub fn with(mut self, header: &'static str, value: &str) -> Ask {
        let value = value.parse().expect("a header's value");
        self.request.headers_mut().insert(header, value);
        self
    }

    pub fn bearer(self, token: &str) -> Ask {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// Comes from a client's address, as the host tells it.
    pub fn from(mut self, address: &str) -> Ask {
        self.request.extensions_mut().insert(ClientAddress(address.to_owned()));
        self
    }
}

/// An answer.
#[derive(Clone, PartialEq)]
pub struct Told {
    /// The question.
    words: String,
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    /// The kind of refusal: the answer is a problem document (RFC 9457 §3), served as one, that
    /// agrees with its status line and gives nothing away.
    pub fn kind(&self) -> Kind {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status, "{self:?}");
        for member in ["type", "title", "detail"] {
            assert_ne!(document[member].as_str().unwrap_or_default(), "", "{member}: {self:?}");
        }
        let problem = Problem::parse(&self.body);
        let kind = problem.unwrap_or_else(|| panic!("no problem of ours: {self:?}")).kind;
        assert_eq!(kind.status().as_u16(), self.status, "{self:?}");
        let challenge = self.header(header::WWW_AUTHENTICATE.as_str());
        let expected = (kind.status() == StatusCode::UNAUTHORIZED).then_some("Bearer");
        assert_eq!(challenge, expected, "RFC 9110 §15.5.2: {self:?}");
        for secret in SECRETS {
            assert!(!self.text().contains(secret), "{secret}: {self:?}");
        }
        kind
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Debug for Told {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Told { words, status, headers, .. } = self;
        write!(formatter, "{words} -> {status} {headers:?} {}", self.text())
    }
}

/// Runs jobs where they are asked for, and counts them.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Compute for Counted {
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> BoxFuture<'_, ()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { job() })
    }
}

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().expect("nobody panics with it");
        String::from_utf8(bytes.clone()).expect("lines are UTF-8")
    }

    fn keeps_secrets(&self) {
        let text = self.text();
        for line in text.lines() {
            for secret in SECRETS {
                assert!(!line.contains(secret), "{secret}: {line}");
            }
        }
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
