//! UUIDs in TEXT.

use sqlx::any::AnyValueRef;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Any, Database, Decode, Encode};
use uuid::Uuid;

/// A UUID in a TEXT column, written with hyphens and in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UuidText(
    /// The UUID.
    pub Uuid,
);

super::kept_as!(UuidText as str);

impl Encode<'_, Any> for UuidText {
    fn encode_by_ref(
        &self,
        buffer: &mut <Any as Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        Encode::<Any>::encode(self.0.hyphenated().to_string(), buffer)
    }
}

impl<'r> Decode<'r, Any> for UuidText {
    /// Errors: a text that is no UUID, in any form that the `uuid` crate reads.
    fn decode(value: AnyValueRef<'r>) -> Result<UuidText, BoxDynError> {
        let text = <&str as Decode<Any>>::decode(value)?;
        Uuid::parse_str(text).map(UuidText).map_err(|error| {
            let expected = "expected a UUID such as 67e55044-10b1-426f-9247-bb680e5fe0c8";
            format!("a TEXT that is no UUID: {error}; {expected}").into()
        })
    }
}

impl From<Uuid> for UuidText {
    fn from(uuid: Uuid) -> UuidText {
        UuidText(uuid)
    }
}

impl From<UuidText> for Uuid {
    fn from(text: UuidText) -> Uuid {
        text.0
    }
}
