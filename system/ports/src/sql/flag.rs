//! Truth values in BIGINT.

use sqlx::any::AnyValueRef;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Any, Database, Decode, Encode};

/// A truth value in a BIGINT column: 1 for true and 0 for false, nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flag(
    /// The truth value.
    pub bool,
);

super::kept_as!(Flag as i64);

impl Encode<'_, Any> for Flag {
    fn encode_by_ref(
        &self,
        buffer: &mut <Any as Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        Encode::<Any>::encode(i64::from(self.0), buffer)
    }
}

impl<'r> Decode<'r, Any> for Flag {
    /// Errors: a number other than 0 and 1.
    fn decode(value: AnyValueRef<'r>) -> Result<Flag, BoxDynError> {
        match <i64 as Decode<Any>>::decode(value)? {
            0 => Ok(Flag(false)),
            1 => Ok(Flag(true)),
            other => {
                Err(format!("a BIGINT that is no truth value: {other}; expected 0 or 1").into())
            }
        }
    }
}

impl From<bool> for Flag {
    fn from(is: bool) -> Flag {
        Flag(is)
    }
}

impl From<Flag> for bool {
    fn from(flag: Flag) -> bool {
        flag.0
    }
}
