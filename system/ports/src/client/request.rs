//! A request in the making.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Serialize;

use super::{Client, ClientError, Response, default_operation};
use crate::Call;

/// Collects what a request consists of. What is wrong with it is told by
/// [`send`](RequestBuilder::send), so that calls can be chained.
#[must_use = "a request is sent by `send`"]
pub struct RequestBuilder {
    client: Client,
    call: Result<Call, ClientError>,
    /// Set unless the name is made of method and path.
    is_named: bool,
}

impl RequestBuilder {
    pub(super) fn new(
        client: Client,
        method: Method,
        to: Cow<'static, str>,
        path: &str,
    ) -> RequestBuilder {
        let call = Call {
            to,
            operation: Cow::Borrowed(""),
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: client.timeout,
        };
        RequestBuilder { client, call: Ok(call), is_named: false }
    }

    /// The step's name, such as `charge`: faults aim at it, logs and traces show it. Without one it
    /// is the method and the first part of the path, such as `post_charges`.
    pub fn operation(mut self, name: impl Into<Cow<'static, str>>) -> RequestBuilder {
        self.is_named = true;
        self.change(|call| {
            call.operation = name.into();
            Ok(())
        })
    }

    /// Adds a header; one of the same name stays.
    pub fn header<K, V>(self, name: K, value: V) -> RequestBuilder
    where
        K: TryInto<HeaderName, Error: Display>,
        V: TryInto<HeaderValue, Error: Display>,
    {
        self.change(|call| {
            let name = name.try_into().map_err(|error| format!("header name: {error}"))?;
            let value = value.try_into().map_err(|error| format!("header {name}: {error}"))?;
            call.headers.append(name, value);
            Ok(())
        })
    }

    /// Sets `headers`, in place of those of the same names.
    pub fn headers(self, headers: HeaderMap) -> RequestBuilder {
        self.change(|call| {
            for name in headers.keys() {
                call.headers.remove(name);
            }
            for (name, value) in &headers {
                call.headers.append(name, value.clone());
            }
            Ok(())
        })
    }

    /// `Authorization: Bearer token` (RFC 6750 §2.1), kept out of what is printed.
    pub fn bearer_auth(self, token: impl Display) -> RequestBuilder {
        self.change(|call| {
            let value = HeaderValue::try_from(format!("Bearer {token}"));
            let mut value = value.map_err(|_| "the token has bytes that no header may have")?;
            value.set_sensitive(true);
            call.headers.insert(AUTHORIZATION, value);
            Ok(())
        })
    }

    /// Adds to the query: a struct, a map or pairs, as `application/x-www-form-urlencoded`.
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> RequestBuilder {
        self.change(|call| {
            let more =
                serde_urlencoded::to_string(query).map_err(|error| format!("query: {error}"))?;
            if !more.is_empty() {
                call.path.push(if call.path.contains('?') { '&' } else { '?' });
                call.path.push_str(&more);
            }
            Ok(())
        })
    }

    /// The body, and `Content-Type: application/json` unless there is one.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> RequestBuilder {
        self.change(|call| {
            call.body = serde_json::to_vec(body).map_err(|error| format!("body: {error}"))?.into();
            let json = HeaderValue::from_static("application/json");
            call.headers.entry(CONTENT_TYPE).or_insert(json);
            Ok(())
        })
    }

    /// The body, and `Content-Type: application/x-www-form-urlencoded` unless there is one.
    pub fn form<T: Serialize + ?Sized>(self, body: &T) -> RequestBuilder {
        self.change(|call| {
            let body =
                serde_urlencoded::to_string(body).map_err(|error| format!("body: {error}"))?;
            call.body = body.into();
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            call.headers.entry(CONTENT_TYPE).or_insert(form);
            Ok(())
        })
    }

    /// The body as it is.
    pub fn body(self, body: impl Into<Bytes>) -> RequestBuilder {
        self.change(|call| {
            call.body = body.into();
            Ok(())
        })
    }

    /// The longest time that the call may take, its whole answer included.
    pub fn timeout(self, timeout: Duration) -> RequestBuilder {
        self.change(|call| {
            call.timeout = timeout;
            Ok(())
        })
    }

    /// The request as the port takes it, for a caller who wants to look at it or keep it.
    ///
    /// # Errors
    /// [`ClientError::Builder`] if any part of it is none.
    pub fn build(self) -> Result<Call, ClientError> {
        let is_named = self.is_named;
        let mut call = self.call?;
        if !call.path.starts_with('/') {
            return Err(ClientError::Builder(format!("path {:?}: it begins with /", call.path)));
        }
        if let Err(error) = call.path.parse::<Uri>() {
            return Err(ClientError::Builder(format!("path {:?}: {error}", call.path)));
        }
        if !is_named {
            call.operation = default_operation(&call.method, &call.path);
        }
        Ok(call)
    }

    /// Sends the request, once. Every status is an answer.
    ///
    /// # Errors
    /// [`ClientError::Builder`] or [`ClientError::Unavailable`] if nothing can have happened,
    /// [`ClientError::Unknown`] if it may have.
    pub async fn send(self) -> Result<Response, ClientError> {
        let http = self.client.http.clone();
        let answer = http.call(self.build()?).await?;
        Ok(Response::new(answer))
    }

    /// Makes a change, unless something is wrong already.
    fn change(
        mut self,
        change: impl FnOnce(&mut Call) -> Result<(), Box<dyn std::error::Error + Send + Sync>>,
    ) -> RequestBuilder {
        if let Ok(call) = &mut self.call
            && let Err(why) = change(call)
        {
            self.call = Err(ClientError::Builder(why.to_string()));
        }
        self
    }
}
