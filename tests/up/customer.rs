//! A customer of the real shop, who speaks JSON over HTTP as curl does.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// How long customers wait for what they were promised.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often they look.
const LOOK: Duration = Duration::from_millis(50);

/// Somebody who is logged in.
#[derive(Clone)]
pub struct Customer {
    client: Client,
    /// Changes when the shop is opened on another port.
    pub address: String,
    pub user_id: String,
    pub email: String,
    token: String,
}

/// An answer: its status and its JSON, `null` if it is none.
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
    pub replayed: bool,
}

/// A client whose patience is short: it asks again.
pub fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client")
}

/// `Method path` with a JSON body, without a login.
pub async fn ask(
    client: &Client,
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Result<Answer, reqwest::Error> {
    let mut request = client.request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await?;
    let status = response.status();
    let replayed = response.headers().contains_key("idempotent-replayed");
    let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
    Ok(Answer { status, body, replayed })
}

impl Customer {
    /// Registers and logs in.
    pub async fn register(address: &str, name: &str) -> Customer {
        let client = client();
        let email = format!("{name}@customer.example");
        let registration = json!({"username": name, "password": "correct horse", "email": email});
        let url = format!("{address}/register");
        let answer = ask(&client, Method::POST, &url, &[], Some(&registration)).await;
        let answer = answer.expect("the shop is open");
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        Customer::log_in(address, name, "correct horse").await
    }

    pub async fn log_in(address: &str, name: &str, password: &str) -> Customer {
        let client = client();
        let login = json!({"username": name, "password": password});
        let url = format!("{address}/login");
        let answer = ask(&client, Method::POST, &url, &[], Some(&login)).await;
        let answer = answer.expect("the shop is open");
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        Customer {
            client,
            address: address.to_owned(),
            user_id: text(&answer.body["user_id"]),
            email: format!("{name}@customer.example"),
            token: text(&answer.body["token"]),
        }
    }

    /// The same login at another address.
    pub fn at(&self, address: String) -> Customer {
        Customer { address, ..self.clone() }
    }

    /// Asks with the login.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        ask(&self.client, method, &format!("{}{path}", self.address), &headers, body).await
    }

    /// Places an order; what the shop answers.
    pub async fn order(
        &self,
        key: &str,
        sku: &str,
        quantity: i64,
    ) -> Result<Answer, reqwest::Error> {
        let body = json!({"lines": [{"sku": sku, "quantity": quantity}]});
        self.ask(Method::POST, "/orders", Some(key), Some(&body)).await
    }

    /// Places an order that is accepted; its id.
    pub async fn buy(&self, key: &str, sku: &str, quantity: i64) -> String {
        let answer = self.order(key, sku, quantity).await.expect("the shop is open");
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.body);
        text(&answer.body["order_id"])
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.ask(Method::GET, path, None, None).await.expect("the shop is open");
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }

    /// Waits until the order is where it is wanted; all statuses of its timeline by then.
    pub async fn until(&self, order: &str, status: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let view = self.get(&format!("/orders/{order}")).await;
            if view["status"] == status {
                break;
            }
            assert!(Instant::now() < deadline, "{status} is not reached: {view}");
            sleep(LOOK).await;
        }
        let timeline = self.get(&format!("/orders/{order}/timeline")).await;
        let entries = timeline.as_array().expect("a timeline is a list");
        entries.iter().map(|entry| text(&entry["status"])).collect()
    }

    /// Waits until the mailbox page shows this customer a mail that holds `words`; the page.
    pub async fn until_mailed(&self, words: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let url = format!("{}/mailbox?to={}", self.address, self.email);
        loop {
            let page = self.client.get(&url).send().await.expect("the shop is open");
            let page = page.text().await.expect("the page is text");
            if page.contains(words) {
                return page;
            }
            let mails = page.matches("<article>").count();
            assert!(Instant::now() < deadline, "no mail with {words:?} among {mails} at {url}");
            sleep(LOOK).await;
        }
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected a text, not {value}")).to_owned()
}
