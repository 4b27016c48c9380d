//! JSON in TEXT.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyTypeInfo, AnyValueRef};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Any, Database, Decode, Encode, Type};

/// Whatever serde reads and writes, as JSON in a TEXT column. No index and no operator of the
/// database looks into it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JsonText<T>(
    /// The value.
    pub T,
);

impl<T> Type<Any> for JsonText<T> {
    fn type_info() -> AnyTypeInfo {
        <str as Type<Any>>::type_info()
    }

    fn compatible(column: &AnyTypeInfo) -> bool {
        <str as Type<Any>>::compatible(column)
    }
}

impl<T: Serialize> Encode<'_, Any> for JsonText<T> {
    /// Errors: a value that JSON cannot hold, such as a map whose keys are no strings.
    fn encode_by_ref(
        &self,
        buffer: &mut <Any as Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        Encode::<Any>::encode(serde_json::to_string(&self.0)?, buffer)
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Any> for JsonText<T> {
    /// Errors: a text that is no JSON, or not that of a `T`. The text itself is not repeated.
    fn decode(value: AnyValueRef<'r>) -> Result<JsonText<T>, BoxDynError> {
        let text = <&str as Decode<Any>>::decode(value)?;
        serde_json::from_str(text).map(JsonText).map_err(|error| {
            let expected = std::any::type_name::<T>();
            format!("a TEXT that is not the JSON of a {expected}: {error}").into()
        })
    }
}
