// SPDX-License-Identifier: MIT OR Apache-2.0
//! As much of HTTP/1.1 as a keep-alive download needs: a GET, and knowing when its answer is
//! complete. Bodies are counted, never kept. Chunked answers are refused: a static file has a
//! length.

use std::net::SocketAddrV4;

/// Longest head accepted; nginx sends some 250 bytes.
const HEAD_BYTES_MAX: usize = 4096;

/// Why an answer is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HttpError {
    /// Not 200.
    #[error("the server answered '{0}'")]
    Status(String),
    /// No usable length.
    #[error("the answer has no Content-Length")]
    NoLength,
    /// A head that does not end.
    #[error("the head of the answer is longer than {HEAD_BYTES_MAX} bytes")]
    LongHead,
    /// More than the announced body.
    #[error("{0} bytes follow the answer that nobody asked for")]
    Surplus(u64),
}

/// A GET of `path` that keeps the connection.
pub(super) fn request(server: SocketAddrV4, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", server.ip()).into_bytes()
}

/// One answer in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    head: Vec<u8>,
    /// Bytes of the body still to come, once the head is complete.
    missing: Option<u64>,
    length: u64,
}

impl Answer {
    /// Takes the next bytes; the length of the body once it is complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Option<u64>, HttpError> {
        let mut body = bytes.len() as u64;
        if self.missing.is_none() {
            self.head.extend_from_slice(bytes);
            let Some(end) = self.head.windows(4).position(|w| w == b"\r\n\r\n") else {
                return match self.head.len() {
                    0..HEAD_BYTES_MAX => Ok(None),
                    _ => Err(HttpError::LongHead),
                };
            };
            body = (self.head.len() - end - 4) as u64;
            self.length = length_of_body(&self.head[..end])?;
            self.missing = Some(self.length);
        }
        let missing = self.missing.unwrap_or(0);
        if body > missing {
            return Err(HttpError::Surplus(body - missing));
        }
        self.missing = Some(missing - body);
        Ok((body == missing).then_some(self.length))
    }
}

fn length_of_body(head: &[u8]) -> Result<u64, HttpError> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(HttpError::Status(status.chars().take(80).collect()));
    }
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or(HttpError::NoLength)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx\r\ncontent-length: 5\r\n\r\nhello";

    #[test]
    fn errors_name_what_the_server_said() {
        let feed = |text: &str| Answer::default().feed(text.as_bytes());
        let missing = feed("HTTP/1.1 404 Not Found\r\n\r\n");
        assert_eq!(missing, Err(HttpError::Status("HTTP/1.1 404 Not Found".into())));
        let chunked = feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(chunked, Err(HttpError::NoLength));
        let long = feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab");
        assert_eq!(long, Err(HttpError::Surplus(1)));
        assert_eq!(feed(&"x".repeat(5000)), Err(HttpError::LongHead));
        assert_eq!(feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), Ok(Some(0)));
    }

    #[test]
    fn a_request_is_one_that_nginx_answers() {
        let server = "10.99.1.10:80".parse().unwrap();
        let text = String::from_utf8(request(server, "/f")).unwrap();
        assert_eq!(text, "GET /f HTTP/1.1\r\nHost: 10.99.1.10\r\n\r\n");
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_make_the_same_answer(cuts in proptest::collection::vec(1usize..20, 1..60)) {
            let mut answer = Answer::default();
            let mut rest = ANSWER;
            let mut cuts = cuts.into_iter().cycle();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                rest = after;
                let complete = answer.feed(piece).unwrap();
                prop_assert_eq!(complete, rest.is_empty().then_some(5));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Answer::default().feed(&bytes);
        }
    }
}
