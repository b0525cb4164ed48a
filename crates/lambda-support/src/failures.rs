//! How a step says in which ways it can fail.

/// Declares a step's `Error`: each variant with its message and the [`step::ErrorName`] that it fails by.
///
/// What every step shares is added: bad input, a deadline that is over, and a call that failed. The block `from` lists
/// errors of other crates that know their own name.
///
/// ```
/// lambda_support::failures! {
///     /// Why the snapshot could not be made.
///     pub enum Error {
///         #[error("DB instance {0} does not exist")]
///         SourceNotFound(String) => SourceNotFound,
///     }
///     from { Settings(replication::UnusableSettings) }
/// }
/// ```
#[macro_export]
macro_rules! failures {
    (
        $(#[$meta:meta])*
        pub enum Error { $($own:tt)* }
        $(from { $($variant:ident($from:ty)),* $(,)? })?
    ) => {
        $crate::failures! { @own
            [$(#[$meta])*] [$($($variant($from),)*)?] [] [] $($own)*
        }
    };
    // One variant after another: its declaration and its name.
    (@own $meta:tt $from:tt [$($declared:tt)*] [$($named:tt)*]
        #[error($($text:tt)*)] $variant:ident $(($($tuple:tt)*))? $({ $($fields:tt)* })? => $name:ident, $($rest:tt)*
    ) => {
        $crate::failures! { @own $meta $from
            [$($declared)* #[error($($text)*)] $variant $(($($tuple)*))? $({ $($fields)* })?,]
            [$($named)* $variant => $name,]
            $($rest)*
        }
    };
    (@own [$($meta:tt)*] [$($other:ident($from:ty),)*] [$($declared:tt)*] [$($variant:ident => $name:ident,)*]) => {
        $($meta)*
        #[derive(Debug, thiserror::Error)]
        #[expect(missing_docs, reason = "each message says it")]
        pub enum Error {
            $($declared)*
            $(
                #[error(transparent)]
                $other(#[from] $from),
            )*
            #[error(transparent)]
            InvalidRequest(#[from] $crate::step::InvalidRequest),
            #[error(transparent)]
            TimedOut(#[from] $crate::step::StageTimedOut),
            #[error(transparent)]
            Call(#[from] $crate::CallFailed),
        }

        impl Error {
            /// The name that the state machine matches on.
            pub fn name(&self) -> $crate::step::ErrorName {
                match self {
                    $(Self::$variant { .. } => $crate::step::ErrorName::$name,)*
                    $(Self::$other(it) => it.name(),)*
                    Self::InvalidRequest(_) => $crate::step::ErrorName::InvalidRequest,
                    Self::TimedOut(_) => $crate::step::ErrorName::StageTimedOut,
                    Self::Call(it) => it.name(),
                }
            }
        }

        impl From<Error> for $crate::lambda_runtime::Diagnostic {
            fn from(error: Error) -> Self {
                $crate::diagnostic(error.name(), &error)
            }
        }
    };
}
