use std::path::PathBuf;

/// Why the cache could not do what it was asked, or cannot be used at all. The broker goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Redis is down, or does not answer in time. What it was asked may have been done.
    #[error("Redis does not answer: credentials are not shared until it is back")]
    Unavailable,
    /// Redis answered that it will not do it.
    #[error("Redis refused: {answer}")]
    Refused {
        /// What it said: `NOPERM …` if the user lacks a right, `OOM …` if its memory is full.
        answer: String,
    },
    /// The configuration asks for Redis and says not where it is.
    #[error("cache.redis.url is missing")]
    NoUrl,
    /// The URL cannot be used.
    #[error("cache.redis.url {why}")]
    Url {
        /// What is wrong with it. The URL holds a password and is not kept.
        why: String,
    },
    /// The CA file cannot be read.
    #[error("cache.redis.ca: {} cannot be read", .path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}
