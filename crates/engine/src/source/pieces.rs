//! Answers that are too large to be asked for at once.

use bongsu_prometheus::{Answer, Error as ServerError, ErrorKind, Range};

use crate::Error;

/// What `ask` answers for `range`. Where that is too large for one answer, halves are asked for, and
/// what they answer is joined.
pub(super) async fn fetch<F>(range: &Range, ask: impl Fn(Range) -> F) -> Result<Answer, Error>
where
    F: Future<Output = Result<Answer, ServerError>>,
{
    let mut piece = *range;
    let mut answers = Vec::new();
    loop {
        match ask(piece).await {
            Ok(answer) if answers.is_empty() && piece.end >= range.end => return Ok(answer),
            Ok(answer) => {
                answers.push(answer);
                let steps = steps(&piece);
                piece.start = piece.end.add_millis(range.step_ms);
                if piece.start > range.end {
                    return Ok(Answer::join(answers));
                }
                piece = begin(&piece, steps, range);
            }
            Err(error) if error.kind() == ErrorKind::TooLarge => match steps(&piece) {
                ..1 => return Err(Error::too_large(error)),
                more => piece = begin(&piece, (more - 1) / 2, range),
            },
            Err(error) => return Err(Error::server(error)),
        }
    }
}

/// The steps from the first moment of a piece to its last.
fn steps(piece: &Range) -> i64 {
    piece.end.millis_since(piece.start) / piece.step_ms.max(1)
}

/// The piece of `range` from the start of `piece` on that has so many steps.
fn begin(piece: &Range, steps: i64, range: &Range) -> Range {
    let end = piece.start.add_millis(steps.saturating_mul(range.step_ms));
    Range {
        end: end.min(range.end),
        ..*piece
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bongsu_core::{Labels, Series, Timestamp};
    use bongsu_prometheus::{Client, ClientConfig};

    use super::*;

    /// What is known at the moments of `range`: as many bytes as points.
    fn answer(range: &Range) -> Answer {
        let times = (0..=steps(range)).map(|i| range.start.add_millis(i * range.step_ms));
        let mut series = Series::empty(Labels::empty());
        times.for_each(|at| series.push(at, at.as_millis() as f64).unwrap());
        Answer {
            series: vec![series],
            ..Answer::default()
        }
    }

    /// The error of a server whose answer is too large.
    async fn too_large() -> ServerError {
        let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        std::thread::spawn(move || {
            use std::io::{Read as _, Write as _};
            let mut stream = server.accept().unwrap().0;
            let _ = stream.read(&mut [0; 4_096]);
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
            let _ = write!(stream, "{head}Content-Length: 99\r\n\r\n{{");
        });
        let config = ClientConfig::new(&url).unwrap();
        let client = Client::new(config.max_response_bytes(10).unwrap()).unwrap();
        let range = Range {
            start: Timestamp::from_secs(0),
            end: Timestamp::from_secs(0),
            step_ms: 1_000,
        };
        client.query_range("up", &range).await.unwrap_err()
    }

    #[tokio::test]
    async fn what_is_too_large_is_asked_for_in_pieces() {
        for (moments, most) in [
            (1, 1),
            (1, 5),
            (7, 1),
            (7, 2),
            (100, 13),
            (100, 99),
            (100, 100),
        ] {
            let range = Range {
                start: Timestamp::from_secs(60),
                end: Timestamp::from_secs(60 * moments),
                step_ms: 60_000,
            };
            let asked = Mutex::new(Vec::new());
            let ask = async |piece: Range| {
                asked.lock().unwrap().push(piece);
                if steps(&piece) < most {
                    Ok(answer(&piece))
                } else {
                    Err(too_large().await)
                }
            };
            let whole = fetch(&range, ask).await.unwrap();
            assert_eq!(whole, answer(&range), "{moments} moments, {most} at once");
            if most >= moments {
                assert_eq!(asked.lock().unwrap().as_slice(), [range]);
            }
        }
    }

    #[tokio::test]
    async fn one_moment_that_is_too_large_names_the_setting() {
        let range = Range {
            start: Timestamp::from_secs(60),
            end: Timestamp::from_secs(600),
            step_ms: 60_000,
        };
        let error = fetch(&range, async |_| Err(too_large().await)).await;
        let error = error.unwrap_err();
        assert_eq!(error.reason(), "too_large");
        let error = error.to_string();
        assert!(error.contains("source.max_response_bytes"), "{error}");
    }
}
