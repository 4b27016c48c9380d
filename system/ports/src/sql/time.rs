//! Instants in BIGINT.

use sqlx::any::AnyValueRef;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Any, Database, Decode, Encode};

use crate::time::Time;

super::kept_as!(Time as i64);

impl Encode<'_, Any> for Time {
    fn encode_by_ref(
        &self,
        buffer: &mut <Any as Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        Encode::<Any>::encode(self.0, buffer)
    }
}

impl<'r> Decode<'r, Any> for Time {
    fn decode(value: AnyValueRef<'r>) -> Result<Time, BoxDynError> {
        <i64 as Decode<Any>>::decode(value).map(Time)
    }
}
