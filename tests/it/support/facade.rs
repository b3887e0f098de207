//! A whole server for a test: the real router over the real store in a temporary folder, with a
//! clock and ids that the test sets.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use frist::deadlines::Rules;
use frist::fhir::{Id, Resource};
use frist::http::cors::Origins;
use frist::http::forwarded::TrustedProxies;
use frist::http::{LazyDownload, Wire, WireOptions, router};
use frist::intake::IntakeOptions;
use frist::interactions::upkeep::{calendar, definitions, reindex};
use frist::interactions::{Context, DuplicatePatients, ReferencePolicy, Server, ServerParts};
use frist::storage::Store;
use frist::storage::embedded::{EmbeddedStore, Engine, StoreOptions};
use frist::upstream::Account;
use frist::validation::Validator;
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// The base of the test server's own addresses.
pub(crate) const BASE: &str = "http://frist.test/fhir";

/// The guide's package, packed once for all servers.
static PACKAGE: LazyLock<Arc<LazyDownload>> =
    LazyLock::new(|| Arc::new(frist::app::packages::download()));

/// A server under test.
pub(crate) struct Facade {
    folder: TempDir,
    server: Arc<Server>,
    router: Router,
    wire: Arc<Wire>,
    now: Arc<Mutex<Timestamp>>,
    next_id: Arc<AtomicU64>,
    runtime: tokio::runtime::Runtime,
}

/// The choices of an operator about content.
#[derive(Default)]
struct Policies {
    references: ReferencePolicy,
    duplicates: DuplicatePatients,
}

impl From<ReferencePolicy> for Policies {
    fn from(references: ReferencePolicy) -> Self {
        Policies {
            references,
            ..Policies::default()
        }
    }
}

impl From<DuplicatePatients> for Policies {
    fn from(duplicates: DuplicatePatients) -> Self {
        Policies {
            duplicates,
            ..Policies::default()
        }
    }
}

/// The answer that came back.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body as text.
    pub(crate) text: String,
}

impl Reply {
    /// Returns the body as JSON; null if there is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Returns a header as text; empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }

    /// Returns the resources of a Bundle's entries.
    pub(crate) fn resources(&self) -> Vec<Value> {
        self.json()["entry"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| entry["resource"].clone())
            .collect()
    }

    /// Returns the issues of an OperationOutcome, each as "severity code expression"; the one that
    /// says that all is well left out.
    pub(crate) fn issues(&self) -> Vec<String> {
        let outcome = self.json();
        let issues = outcome["issue"].as_array().into_iter().flatten();
        let issues = issues.filter(|issue| issue["details"]["text"] != "All OK");
        let line = |issue: &Value| {
            let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
            format!(
                "{} {} {}",
                text(&issue["severity"]),
                text(&issue["code"]),
                text(&issue["expression"][0])
            )
            .trim_end()
            .to_owned()
        };
        issues.map(line).collect()
    }
}

impl Facade {
    /// Makes a server with the shipped rules, whose clock stands at that instant.
    pub(crate) fn at(now: &str) -> Self {
        Facade::with_rules(now, Rules::shipped().clone())
    }

    /// Makes a server that refuses references to what is not stored.
    pub(crate) fn strict(now: &str) -> Self {
        Facade::with_policies(now, ReferencePolicy::Strict)
    }

    /// Makes a server that refuses a Patient with an identifier that another one has.
    pub(crate) fn refusing_duplicates(now: &str) -> Self {
        Facade::with_policies(now, DuplicatePatients::Refuse)
    }

    fn with_policies(now: &str, policies: impl Into<Policies>) -> Self {
        let now = Arc::new(Mutex::new(now.parse().unwrap()));
        Facade::open_with(
            tempfile::tempdir().unwrap(),
            now,
            Arc::new(AtomicU64::new(1)),
            Rules::shipped().clone(),
            policies,
            guide_validator(),
            IntakeOptions::default(),
        )
    }

    /// Makes a server whose validator has packages of its own.
    pub(crate) fn with_validator(now: &str, validator: Validator) -> Self {
        let now = Arc::new(Mutex::new(now.parse().unwrap()));
        Facade::open_with(
            tempfile::tempdir().unwrap(),
            now,
            Arc::new(AtomicU64::new(1)),
            Rules::shipped().clone(),
            ReferencePolicy::default(),
            Arc::new(validator),
            IntakeOptions::default(),
        )
    }

    /// Makes a server whose operator has switched on the formats of drafts.
    pub(crate) fn taking_drafts(now: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Facade::open_with(
            folder,
            Arc::new(Mutex::new(now.parse().unwrap())),
            Arc::new(AtomicU64::new(1)),
            Rules::shipped().clone(),
            ReferencePolicy::default(),
            guide_validator(),
            IntakeOptions {
                takes_referral_draft: true,
            },
        )
    }

    /// Makes a server with these rules.
    pub(crate) fn with_rules(now: &str, rules: Rules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(Mutex::new(now.parse().unwrap()));
        Facade::open(folder, now, Arc::new(AtomicU64::new(1)), rules)
    }

    /// Makes a server over a folder whose `data` another program wrote.
    pub(crate) fn over(folder: TempDir, now: &str) -> Self {
        let now = Arc::new(Mutex::new(now.parse().unwrap()));
        // Its ids begin where those of whoever wrote the folder do not.
        let next_id = Arc::new(AtomicU64::new(1 << 32));
        Facade::open(folder, now, next_id, Rules::shipped().clone())
    }

    /// Makes a server that pages of these origins may use.
    pub(crate) fn shared_with(now: &str, origins: &[&str]) -> Self {
        let origins = Origins::new(origins.iter().map(|origin| (*origin).to_owned()).collect());
        Facade::at(now).wired(|options| options.origins = origins)
    }

    /// Makes a server behind proxies of these networks.
    pub(crate) fn behind(now: &str, proxies: &[&str]) -> Self {
        let proxies = proxies.iter().map(|proxy| proxy.parse().unwrap());
        let proxies = TrustedProxies::new(proxies.collect());
        Facade::at(now).wired(|options| options.trusted_proxies = proxies)
    }

    /// Returns the same server, which takes a CPR number in an address.
    pub(crate) fn taking_cpr_numbers(self) -> Self {
        self.wired(|options| options.takes_cpr_in_addresses = true)
    }

    /// Returns the same server, which shows these servers that are read.
    pub(crate) fn reading(self, upstreams: Vec<Arc<Account>>) -> Self {
        self.wired(|options| options.upstreams = upstreams)
    }

    /// Returns the same server on a wire with other options.
    fn wired(mut self, change: impl FnOnce(&mut WireOptions)) -> Self {
        let (clock, ids) = (Arc::clone(&self.now), Arc::clone(&self.next_id));
        let context = Box::new(move || context(&clock, &ids));
        let mut options = WireOptions::plain(context, Arc::clone(&PACKAGE));
        change(&mut options);
        self.wire = Wire::new(Arc::clone(&self.server), options);
        self.router = router(Arc::clone(&self.wire));
        self
    }

    fn open(
        folder: TempDir,
        now: Arc<Mutex<Timestamp>>,
        next_id: Arc<AtomicU64>,
        rules: Rules,
    ) -> Self {
        Facade::open_with(
            folder,
            now,
            next_id,
            rules,
            ReferencePolicy::default(),
            guide_validator(),
            IntakeOptions::default(),
        )
    }

    fn open_with(
        folder: TempDir,
        now: Arc<Mutex<Timestamp>>,
        next_id: Arc<AtomicU64>,
        rules: Rules,
        policies: impl Into<Policies>,
        validator: Arc<Validator>,
        intake: IntakeOptions,
    ) -> Self {
        let store = EmbeddedStore::open_indexed(
            folder.path().join("data"),
            Engine::Fjall,
            StoreOptions::default(),
            reindex::marks(),
        )
        .unwrap();
        let wake = Box::new(|| {});
        let Policies {
            references,
            duplicates,
        } = policies.into();
        let server = Arc::new(Server::new(ServerParts {
            rules,
            references,
            duplicate_patients: duplicates,
            intake,
            wake_calendar: wake,
            ..ServerParts::shipped(Arc::new(store), validator, BASE.into())
        }));
        let (clock, ids) = (Arc::clone(&now), Arc::clone(&next_id));
        let wire = Wire::new(
            Arc::clone(&server),
            WireOptions::plain(
                Box::new(move || context(&clock, &ids)),
                Arc::clone(&PACKAGE),
            ),
        );
        wire.set_ready(true);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Facade {
            folder,
            server,
            router: router(Arc::clone(&wire)),
            wire,
            now,
            next_id,
            runtime,
        }
    }

    /// Stops the server and starts it again from its folder, its clock standing at `now`: the
    /// calendar makes up for the days missed.
    pub(crate) fn restart(self, now: &str) -> Self {
        let rules = self.server.rules.clone();
        self.restart_with(now, rules)
    }

    /// Restarts as [`Facade::restart`] does, but from now on with these rules; everyone's rights
    /// are as they were until they are derived anew.
    pub(crate) fn restart_with(self, now: &str, rules: Rules) -> Self {
        let Facade {
            folder,
            server,
            router,
            wire,
            now: clock,
            next_id,
            runtime,
        } = self;
        drop((router, wire, runtime));
        assert_eq!(
            Arc::strong_count(&server),
            1,
            "a request still holds the server"
        );
        drop(server);
        *clock.lock().unwrap() = now.parse().unwrap();
        let facade = Facade::open(folder, clock, next_id, rules);
        facade.run_calendar();
        facade
    }

    /// Sets the clock; the calendar is not run.
    pub(crate) fn set_clock(&self, now: &str) {
        *self.now.lock().unwrap() = now.parse().unwrap();
    }

    /// Sets the clock and makes the calendar steps that are due; answers how many versions they
    /// wrote.
    pub(crate) fn advance(&self, now: &str) -> usize {
        self.set_clock(now);
        self.run_calendar()
    }

    fn run_calendar(&self) -> usize {
        calendar::run(&self.server, &self.context(), |_, _| {})
            .unwrap()
            .versions
    }

    /// Installs definitions, as the start of the program does.
    pub(crate) fn install(&self, resources: &[Value]) {
        let resources = resources
            .iter()
            .map(|resource| Resource::from_value(resource.clone()).unwrap())
            .collect();
        definitions::install(&self.server, &self.context(), resources).unwrap();
    }

    /// Returns the time and ids of a request made now.
    pub(crate) fn context(&self) -> Context {
        context(&self.now, &self.next_id)
    }

    /// Returns the routes, to be served otherwise than a request at a time.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Returns the wire.
    pub(crate) fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    /// Returns the server behind the wire.
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Returns the store behind the server.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.server.store
    }

    /// Sends a request. `path` is below `/fhir/` unless it begins with `/`; a body is sent as FHIR
    /// JSON unless a header says otherwise.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let uri = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/fhir/{path}")
        };
        let mut request = Request::builder().method(method).uri(uri);
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            request = request.header("content-type", "application/fhir+json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send_request(request.body(body.into()).unwrap())
    }

    /// Sends a request as it stands.
    pub(crate) fn send_request(&self, request: Request<Body>) -> Reply {
        let (status, headers, body) = self.send_for_bytes(request);
        Reply {
            status,
            headers,
            text: String::from_utf8(body).unwrap(),
        }
    }

    /// Sends a request whose answer nobody waits for.
    pub(crate) fn begin(&self, request: Request<Body>) {
        self.runtime.spawn(self.router.clone().oneshot(request));
    }

    /// Sends a request as it stands; the body of the answer as bytes.
    pub(crate) fn send_for_bytes(
        &self,
        request: Request<Body>,
    ) -> (StatusCode, HeaderMap, Vec<u8>) {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            (
                parts.status,
                parts.headers,
                to_bytes(body, usize::MAX).await.unwrap().to_vec(),
            )
        })
    }

    /// Sends a GET.
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], Body::empty())
    }

    /// Sends a PUT under the resource's own type and id.
    pub(crate) fn put(&self, resource: &Value) -> Reply {
        let path = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        self.send("PUT", &path, &[], resource.to_string())
    }

    /// Sends a PUT that must succeed.
    pub(crate) fn put_ok(&self, resource: &Value) -> Reply {
        let reply = self.put(resource);
        assert!(reply.status.is_success(), "{} {}", reply.status, reply.text);
        reply
    }

    /// Sends a POST to the resource's type, or to the base for a Bundle.
    pub(crate) fn post(&self, resource: &Value) -> Reply {
        let resource_type = resource["resourceType"].as_str().unwrap();
        let path = if resource_type == "Bundle" {
            "/fhir"
        } else {
            resource_type
        };
        self.send("POST", path, &[], resource.to_string())
    }

    /// Sends a transaction of PUTs.
    pub(crate) fn transaction(&self, resources: &[&Value]) -> Reply {
        self.post(&transaction_of(resources))
    }

    /// Returns all pages of a search, joined.
    pub(crate) fn search_all(&self, query: &str) -> Vec<Value> {
        let mut found = Vec::new();
        let mut next = Some(query.to_owned());
        while let Some(path) = next {
            let reply = self.get(&path);
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
            found.extend(reply.resources());
            next = link(&reply.json(), "next");
        }
        found
    }
}

fn context(clock: &Mutex<Timestamp>, next_id: &Arc<AtomicU64>) -> Context {
    let ids = Arc::clone(next_id);
    let new_id = move || Id::parse(&format!("id-{}", ids.fetch_add(1, Ordering::SeqCst))).unwrap();
    Context::new(*clock.lock().unwrap(), Arc::new(new_id))
}

/// Returns the path of a Bundle's link, to be asked again.
pub(crate) fn link(bundle: &Value, relation: &str) -> Option<String> {
    let links = bundle["link"].as_array()?;
    let link = links.iter().find(|link| link["relation"] == relation)?;
    Some(
        link["url"]
            .as_str()?
            .strip_prefix(BASE)?
            .trim_start_matches('/')
            .to_owned(),
    )
}

/// Makes a transaction Bundle that PUTs these resources under their own ids.
pub(crate) fn transaction_of(resources: &[&Value]) -> Value {
    let entry = |resource: &&Value| {
        let url = format!(
            "{}/{}",
            resource["resourceType"].as_str().unwrap(),
            resource["id"].as_str().unwrap()
        );
        serde_json::json!({ "resource": resource, "request": { "method": "PUT", "url": url } })
    };
    serde_json::json!({ "resourceType": "Bundle", "type": "transaction", "entry": resources.iter().map(entry).collect::<Vec<_>>() })
}

/// Returns the validator that resources are checked with: read once for all tests.
pub(crate) fn guide_validator() -> Arc<Validator> {
    static VALIDATOR: LazyLock<Arc<Validator>> =
        LazyLock::new(|| Arc::new(frist::app::packages::validator(&[]).unwrap()));
    Arc::clone(&VALIDATOR)
}
