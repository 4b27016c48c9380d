//! What somebody has instead of a port that they have not: it says so whenever it is asked.

use futures::future::{BoxFuture, ready};

use crate::notify::Notify;
use crate::{
    Answer, Call, CallError, Database, DatabaseError, Http, Mail, Mailer, Message, PublishError,
    Queue, QueueLost, Session, Subscription,
};

/// Nobody is there; the words say why.
#[derive(Clone, Copy, Debug)]
pub struct Absent(
    /// Such as `clients have no database`.
    pub &'static str,
);

impl Http for Absent {
    fn call(&self, _: Call) -> BoxFuture<'_, Result<Answer, CallError>> {
        Box::pin(ready(Err(CallError::Unavailable(self.0.into()))))
    }
}

impl Database for Absent {
    fn begin(&self) -> BoxFuture<'_, Result<Box<dyn Session>, DatabaseError>> {
        Box::pin(ready(Err(DatabaseError::Unavailable(self.0.into()))))
    }
}

impl Queue for Absent {
    fn publish(&self, _: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(ready(Err(PublishError::Unknown(self.0.into()))))
    }

    fn subscribe<'a>(
        &'a self,
        _: &'a str,
        _: u16,
        _: Notify,
    ) -> BoxFuture<'a, Result<Box<dyn Subscription>, QueueLost>> {
        Box::pin(ready(Err(QueueLost(self.0.into()))))
    }
}

impl Mailer for Absent {
    fn send(&self, _: Mail) -> BoxFuture<'_, Result<(), CallError>> {
        Box::pin(ready(Err(CallError::Unavailable(self.0.into()))))
    }
}
