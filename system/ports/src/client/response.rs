//! An answer that can be read.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::ClientError;
use crate::Answer;

/// How much of a body an error shows, in characters.
const SHOWN_MAX: usize = 200;

/// A complete answer. Reading never waits; it is `async` so that code written for reqwest moves
/// over as it is.
#[derive(Clone, Debug)]
pub struct Response(Answer);

impl Response {
    pub(super) fn new(answer: Answer) -> Response {
        Response(answer)
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The length of the body, in bytes.
    pub fn content_length(&self) -> Option<u64> {
        u64::try_from(self.0.body.len()).ok()
    }

    /// The answer, unless its status says that it is an error.
    ///
    /// # Errors
    /// [`ClientError::Status`] if the status is 4xx or 5xx.
    pub fn error_for_status(self) -> Result<Response, ClientError> {
        let status = self.0.status;
        match status.is_client_error() || status.is_server_error() {
            true => Err(ClientError::Status { status, body: shown(&self.0.body) }),
            false => Ok(self),
        }
    }

    /// The body, read as JSON whatever its `Content-Type`.
    ///
    /// # Errors
    /// [`ClientError::Decode`] if it is none, or not that of a `T`.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.0.body).map_err(|error| ClientError::Decode {
            status: self.0.status,
            why: format!(
                "expected the JSON of a {}: {error}, in {:?}",
                std::any::type_name::<T>(),
                shown(&self.0.body)
            ),
        })
    }

    /// The body as text.
    ///
    /// # Errors
    /// [`ClientError::Decode`] if it is no UTF-8; other charsets are not read.
    pub async fn text(self) -> Result<String, ClientError> {
        String::from_utf8(self.0.body.into()).map_err(|error| ClientError::Decode {
            status: self.0.status,
            why: format!("expected UTF-8: {}", error.utf8_error()),
        })
    }

    /// The body as it came.
    ///
    /// # Errors
    /// None today: the whole body is here. The type is that of reqwest's.
    pub async fn bytes(self) -> Result<Bytes, ClientError> {
        Ok(self.0.body)
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Answer {
        response.0
    }
}

/// The beginning of a body, in characters.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
