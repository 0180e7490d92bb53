//! Enums whose values are words of the tables, declared once: the variant, what it means, and the word.

/// Declares such an enum, a variant a line: its meaning as a doc comment, then `Variant = "word",`. A `concat!`
/// line goes to the documentation only; `meaning()` has the literal ones.
///
/// `$none` is a dummy: a repetition in a macro needs a fragment, and `#[default]` has none.
///
/// The word is what tables, JSON and messages show; nothing reads it back.
macro_rules! word_enum {
    ($(#[$attribute:meta])* $vis:vis enum $name:ident {
        $($(#[doc = $about:literal])+ $(#[doc = concat!($($more:tt)*)])? $(#[default] $none:vis)?
            $variant:ident = $word:literal,)+
    }) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name {
            $($(#[doc = $about])+ $(#[doc = concat!($($more)*)])? $(#[default] $none)? $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: [Self; Self::WORDS.len()] = [$(Self::$variant),+];

            /// Their words, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word that tables have for it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($about),+).trim_ascii(),)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}
