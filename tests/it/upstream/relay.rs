//! A FHIR server to be read: a real HTTP server on this machine that hands requests to a second
//! server of the test, and answers as the test says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;

use crate::support::facade::{BASE, Facade};

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// The path and query.
    pub(crate) target: String,
    /// The headers, names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// True if the connection ends before the body is whole.
    pub(crate) is_cut: bool,
}

impl Told {
    pub(crate) fn of(status: u16, body: &str) -> Self {
        Told {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
            is_cut: false,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A way to answer; none hands the request on to the second server.
type Manner = Box<dyn FnMut(&Asked) -> Option<Told> + Send>;

/// A change of what the second server answers.
type Change = Box<dyn FnMut(&Asked, &mut Told) + Send>;

/// The server.
pub(crate) struct Relay {
    /// Its base.
    pub(crate) base: String,
    state: Arc<State>,
}

struct State {
    behind: Facade,
    base: String,
    manner: Mutex<Manner>,
    change: Mutex<Change>,
    asked: Mutex<Vec<Asked>>,
}

impl Relay {
    /// Makes a server that hands everything on.
    pub(crate) fn before(behind: Facade) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/fhir", listener.local_addr().unwrap());
        let state = Arc::new(State {
            behind,
            base: base.clone(),
            manner: Mutex::new(Box::new(|_| None)),
            change: Mutex::new(Box::new(|_, _| {})),
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        // It ends with the process: a test that is over asks nothing more.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serving.serve(stream.unwrap()));
            }
        });
        Relay { base, state }
    }

    /// Returns the second server.
    pub(crate) fn behind(&self) -> &Facade {
        &self.state.behind
    }

    /// Answers so from now on, and where that is none as the second server does.
    pub(crate) fn answer(&self, manner: impl FnMut(&Asked) -> Option<Told> + Send + 'static) {
        *self.state.manner.lock().unwrap() = Box::new(manner);
    }

    /// Changes so what the second server answers from now on.
    pub(crate) fn change(&self, change: impl FnMut(&Asked, &mut Told) + Send + 'static) {
        *self.state.change.lock().unwrap() = Box::new(change);
    }

    /// Behaves as it should from now on.
    pub(crate) fn behave(&self) {
        self.answer(|_| None);
        self.change(|_, _| {});
    }

    /// Takes what was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.asked.lock().unwrap())
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) {
        let Some(asked) = read(&mut stream) else {
            return;
        };
        self.asked.lock().unwrap().push(asked.clone());
        let own = self.manner.lock().unwrap()(&asked);
        let mut told = own.unwrap_or_else(|| self.hand_on(&asked));
        self.change.lock().unwrap()(&asked, &mut told);
        let length = told.body.len() + usize::from(told.is_cut);
        let mut head = format!(
            "HTTP/1.1 {} x\r\nContent-Length: {length}\r\nConnection: close\r\n",
            told.status
        );
        for (name, value) in &told.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // Whoever has gone does not hear it.
        let _ = stream.write_all(format!("{head}\r\n{}", told.body).as_bytes());
    }

    fn hand_on(&self, asked: &Asked) -> Told {
        let mut request = Request::builder()
            .method(asked.method.as_str())
            .uri(asked.target.as_str());
        for name in ["accept", "prefer", "content-type"] {
            if let Some(value) = asked.headers.get(name) {
                request = request.header(name, value);
            }
        }
        let reply = self
            .behind
            .send_request(request.body(Body::from(asked.body.clone())).unwrap());
        let kept = ["content-location", "retry-after", "location"];
        let headers = kept.iter().filter_map(|name| {
            let value = reply.headers.get(*name)?.to_str().unwrap();
            Some(((*name).to_owned(), value.replace(BASE, &self.base)))
        });
        Told {
            status: reply.status.as_u16(),
            headers: headers.collect(),
            body: reply.text.replace(BASE, &self.base),
            is_cut: false,
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers
        .get("content-length")
        .map_or(0, |value| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked {
        method,
        target,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}
