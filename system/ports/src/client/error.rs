//! What a call can end in, said as what the caller may do about it.

use http::StatusCode;

use crate::CallError;

/// Why a call brought nothing that can be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The request is none (a header, a query or a body that cannot be written): it was not sent.
    #[error("no request: {0}")]
    Builder(String),
    /// Nothing happened: try again.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It may have happened: ask again with the same key.
    #[error("no answer: {0}")]
    Unknown(String),
    /// There is an answer of class 4xx or 5xx, and
    /// [`error_for_status`](super::Response::error_for_status) was asked.
    #[error("answered {status}: {body}")]
    Status {
        /// The answer's status.
        status: StatusCode,
        /// Its body as text.
        body: String,
    },
    /// There is an answer, but its body is not what was expected.
    #[error("cannot read the answer ({status}): {why}")]
    Decode {
        /// The answer's status: after 2xx, it happened.
        status: StatusCode,
        /// What was found where, and what was expected.
        why: String,
    },
}

impl ClientError {
    /// Whether nothing can have happened, so that anybody may ask again.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, ClientError::Unavailable(_) | ClientError::Builder(_))
    }

    /// Whether it may have happened or not: there is no answer.
    pub fn is_unknown(&self) -> bool {
        matches!(self, ClientError::Unknown(_))
    }

    /// The status, if there was an answer.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            ClientError::Status { status, .. } | ClientError::Decode { status, .. } => {
                Some(*status)
            }
            _ => None,
        }
    }
}

impl From<CallError> for ClientError {
    fn from(error: CallError) -> ClientError {
        match error {
            CallError::Unavailable(why) => ClientError::Unavailable(why),
            CallError::Unknown(why) => ClientError::Unknown(why),
        }
    }
}
