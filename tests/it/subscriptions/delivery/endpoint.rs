//! A subscriber's endpoint: a real HTTP server on this machine that tells the test what came, and
//! answers as the test says.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::subscriptions::shape;

/// Longer than anything here takes on a busy machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A message that came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    /// The headers, names in small letters.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Returns the type of the notification.
    pub(crate) fn kind(&self) -> String {
        self.parameter("type", "valueCode")
    }

    /// Returns a parameter of the status.
    pub(crate) fn parameter(&self, name: &str, member: &str) -> String {
        let parameters = self.json()["entry"][0]["resource"]["parameter"].clone();
        let found = parameters
            .as_array()
            .unwrap()
            .iter()
            .find(|parameter| parameter["name"] == name)
            .cloned();
        found
            .and_then(|parameter| parameter[member].as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Returns the numbers of the events.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let parameters = self.json()["entry"][0]["resource"]["parameter"].clone();
        let events = parameters
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["name"] == "notification-event");
        let number = |event: &Value| {
            event["part"]
                .as_array()
                .unwrap()
                .iter()
                .find(|part| part["name"] == "event-number")
                .cloned()
        };
        events
            .map(|event| {
                number(event).unwrap()["valueString"]
                    .as_str()
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect()
    }

    /// Returns the id of the message.
    pub(crate) fn id(&self) -> String {
        self.header("webhook-id").to_owned()
    }
}

/// The answer of the endpoint to a message.
#[derive(Clone)]
pub(crate) enum Answer {
    /// With that status.
    Status(u16),
    /// With that status and a header.
    With(u16, String),
    /// It says 200, and ends the connection before the answer is whole.
    Broken,
    /// It ends the connection without an answer.
    Cut,
    /// With 200, once the gate opens.
    Held(Arc<Gate>),
}

/// Something that waits until the test lets it go on.
#[derive(Default)]
pub(crate) struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn pass(&self) {
        drop(
            self.1
                .wait_timeout_while(self.0.lock().unwrap(), PATIENCE, |open| !*open)
                .unwrap(),
        );
    }
}

type Answers = Arc<Mutex<Box<dyn FnMut(&Received) -> Answer + Send>>>;

/// The endpoint.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    received: Receiver<Received>,
    state: Arc<State>,
    /// The thread that takes connections, until the endpoint is down.
    accepting: Mutex<Option<JoinHandle<()>>>,
}

struct State {
    answers: Answers,
    connections: AtomicUsize,
    is_down: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Endpoint {
    /// Makes one that acknowledges everything.
    pub(crate) fn up() -> Self {
        Endpoint::answering(|_| Answer::Status(200))
    }

    /// Makes one that answers so.
    pub(crate) fn answering(answers: impl FnMut(&Received) -> Answer + Send + 'static) -> Self {
        Endpoint::at("127.0.0.1:0".parse().unwrap(), answers)
    }

    /// Makes one that is `ehr.example.dk`, and acknowledges everything; and the certificate (PEM)
    /// by which it proves that.
    pub(crate) fn tls() -> (Self, Vec<u8>) {
        let own = rcgen::generate_simple_self_signed(vec!["ehr.example.dk".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()).into();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let endpoint = Endpoint::listening(
            "127.0.0.1:0".parse().unwrap(),
            Some(Arc::new(config)),
            |_| Answer::Status(200),
        );
        (endpoint, own.cert.pem().into_bytes())
    }

    /// Makes one at that address.
    pub(crate) fn at(
        address: SocketAddr,
        answers: impl FnMut(&Received) -> Answer + Send + 'static,
    ) -> Self {
        Endpoint::listening(address, None, answers)
    }

    fn listening(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        answers: impl FnMut(&Received) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, received) = channel();
        let state = Arc::new(State {
            answers: Arc::new(Mutex::new(Box::new(answers))),
            connections: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
            streams: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.is_down.load(Ordering::SeqCst) {
                    return;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                shared
                    .streams
                    .lock()
                    .unwrap()
                    .push(stream.try_clone().unwrap());
                let (shared, tell, tls) = (Arc::clone(&shared), tell.clone(), tls.clone());
                thread::spawn(move || {
                    let socket = stream.try_clone().unwrap();
                    match tls {
                        Some(tls) => serve(
                            StreamOwned::new(ServerConnection::new(tls).unwrap(), stream),
                            &shared,
                            &tell,
                        ),
                        None => serve(stream, &shared, &tell),
                    }
                    let _ = socket.shutdown(Shutdown::Both);
                });
            }
        });
        Endpoint {
            address,
            received,
            state,
            accepting: Mutex::new(Some(accepting)),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/notified", self.address)
    }

    /// Answers so from now on.
    pub(crate) fn answer(&self, answers: impl FnMut(&Received) -> Answer + Send + 'static) {
        *self.state.answers.lock().unwrap() = Box::new(answers);
    }

    /// Returns the next message, which is as the guide has it.
    pub(crate) fn next(&self) -> Received {
        let received = self
            .received
            .recv_timeout(PATIENCE)
            .expect("a message comes");
        let message = received.json();
        assert_eq!(shape::unfit_notification(&message), [""; 0], "{message:#}");
        received
    }

    /// Returns the next message, which must be of that type.
    pub(crate) fn expect(&self, kind: &str) -> Received {
        let received = self.next();
        assert_eq!(received.kind(), kind);
        received
    }

    /// Returns the numbers of the next messages with events, until that event.
    pub(crate) fn numbers_until(&self, last: u64) -> Vec<u64> {
        let mut numbers = Vec::new();
        while !numbers.contains(&last) {
            numbers.extend(self.expect("event-notification").numbers());
        }
        numbers
    }

    /// Returns the messages that came and were not looked at.
    pub(crate) fn unread(&self) -> Vec<Received> {
        self.received.try_iter().collect()
    }

    /// Returns the number of connections that were made.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Ends all connections, and takes no more.
    pub(crate) fn go_down(&self) {
        self.state.is_down.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        // Only then the port is closed.
        if let Some(accepting) = self.accepting.lock().unwrap().take() {
            accepting.join().unwrap();
        }
        self.state
            .streams
            .lock()
            .unwrap()
            .iter()
            .for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.go_down();
    }
}

fn serve(stream: impl Read + Write, state: &State, tell: &Sender<Received>) {
    let mut reader = BufReader::new(stream);
    while let Some(received) = read(&mut reader) {
        let answer = (state.answers.lock().unwrap())(&received);
        let _ = tell.send(received);
        let text = match answer {
            Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
            Answer::With(status, header) => {
                format!("HTTP/1.1 {status} X\r\n{header}\r\ncontent-length: 0\r\n\r\n")
            }
            Answer::Cut => break,
            Answer::Broken => "HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\nhalf".to_owned(),
            Answer::Held(gate) => {
                gate.pass();
                "HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
        };
        let is_broken = text.ends_with("half");
        let stream = reader.get_mut();
        if stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.flush())
            .is_err()
            || is_broken
        {
            break;
        }
    }
}

fn read(reader: &mut BufReader<impl Read>) -> Option<Received> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Received {
        path,
        headers,
        body,
    })
}
