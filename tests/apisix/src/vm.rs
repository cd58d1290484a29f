//! The VM of one worker: `headgate.wasm` on wasmi, its root context, and the callbacks as the host makes them.

use crate::abi;
use crate::world::{LocalReply, Pending, Phase, World};
use std::collections::BTreeMap;
use std::path::Path;
use wasmi::{CompilationMode, Config, Engine, Instance, Linker, Module, Store, Val};

/// The outcome of the callbacks about a request.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It goes on.
    Continue,
    /// The filter has made a call.
    Call(Pending),
    /// The filter has answered.
    Reply(LocalReply),
    /// The callback has failed: the host answers 503.
    Failed,
}

/// A module that is loaded.
pub struct Loaded {
    engine: Engine,
    module: Module,
}

impl Loaded {
    /// Loads a module.
    ///
    /// # Panics
    /// If there is none, or the host would not load it.
    #[must_use]
    pub fn from(file: &Path) -> Self {
        let wasm = std::fs::read(file).unwrap_or_else(|_| panic!("{} is missing: run `just wasm`", file.display()));
        let mut config = Config::default();
        config.compilation_mode(CompilationMode::Lazy);
        let engine = Engine::new(&config);
        let module = Module::new(&engine, &wasm).unwrap();
        Self { engine, module }
    }

    /// Returns the names of its imports.
    pub fn imports(&self) -> impl Iterator<Item = String> {
        self.module.imports().map(|import| import.name().to_owned())
    }
}

/// See the module's text.
pub struct Vm {
    store: Store<World>,
    instance: Instance,
    /// The id of the root context in force.
    root: u32,
    /// The root of each stream that is under way.
    streams: BTreeMap<u32, u32>,
    /// Roots of earlier configurations. Each is freed with its last stream.
    retired: Vec<u32>,
    /// Ids of streams that are free again.
    free: Vec<u32>,
    last: u32,
    /// Callbacks that have failed. The host never starts a VM anew.
    pub traps: Vec<String>,
}

impl Vm {
    /// Starts a worker.
    ///
    /// # Panics
    /// If the module has an import that the host does not have.
    #[must_use]
    pub fn start(loaded: &Loaded, environment: &[(String, String)]) -> Self {
        let mut linker = Linker::new(&loaded.engine);
        abi::define(&mut linker);
        let mut store = Store::new(&loaded.engine, World::new(environment));
        let instance = linker.instantiate_and_start(&mut store, &loaded.module).unwrap();
        let mut vm = Self {
            store,
            instance,
            root: 0,
            streams: BTreeMap::new(),
            retired: Vec::new(),
            free: Vec::new(),
            last: 0,
            traps: Vec::new(),
        };
        vm.callback("_initialize", &[]).unwrap();
        vm
    }

    /// Returns the state that host calls read and change.
    pub fn world(&mut self) -> &mut World {
        self.store.data_mut()
    }

    /// Makes and configures a root, as the host does at the first request of a configuration. `false` if the module refuses. The root
    /// before it is freed with its last stream.
    ///
    /// # Panics
    /// If the module fails.
    pub fn configure(&mut self, configuration: &str) -> bool {
        self.world().configuration = configuration.as_bytes().to_vec();
        self.world().now.phase = Phase::None;
        let before = std::mem::take(&mut self.root);
        self.last += 1;
        self.root = self.last;
        self.callback("proxy_on_context_create", &[self.root, 0]).unwrap();
        let taken = self.callback("proxy_on_configure", &[self.root, configuration.len() as u32]).unwrap() == 1;
        self.retired.extend([(!taken).then_some(self.root), (before > 0).then_some(before)].into_iter().flatten());
        if !taken {
            self.root = 0;
        }
        self.free_roots();
        taken
    }

    /// Frees the roots that have gone and have no stream.
    fn free_roots(&mut self) {
        let streams = &self.streams;
        let (kept, gone) = self.retired.iter().partition(|root| streams.values().any(|one| one == *root));
        self.retired = kept;
        let gone: Vec<u32> = gone;
        for root in gone {
            self.callback("proxy_on_done", &[root]).unwrap();
            self.callback("proxy_on_delete", &[root]).unwrap();
        }
    }

    /// Calls an export. Ids and sizes are its arguments.
    pub(crate) fn callback(&mut self, name: &'static str, given: &[u32]) -> Result<i32, String> {
        self.world().callback = name;
        let function = self.instance.get_func(&self.store, name).unwrap_or_else(|| panic!("{name} is no export"));
        let given: Vec<Val> = given.iter().map(|number| Val::I32(*number as i32)).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        function.call(&mut self.store, &given, &mut results).map_err(|error| format!("{name}: {error}"))?;
        match results.first() {
            Some(Val::I32(result)) => Ok(*result),
            _ => Ok(0),
        }
    }

    /// Makes the context of a stream. Ids come again.
    pub(crate) fn open(&mut self) -> u32 {
        let id = self.free.pop().unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        self.callback("proxy_on_context_create", &[id, self.root]).unwrap();
        self.streams.insert(id, self.root);
        id
    }

    /// Frees the context of a stream. No request is there any more.
    pub(crate) fn free(&mut self, id: u32) {
        self.world().now.phase = Phase::Freed;
        assert!(self.callback("proxy_on_done", &[id]).unwrap() > 0, "on_done has to be over at once");
        self.callback("proxy_on_delete", &[id]).unwrap();
        self.free.push(id);
        self.streams.remove(&id);
        self.world().now.phase = Phase::None;
        self.free_roots();
    }

    /// Makes a callback about the request, and judges its result.
    pub(crate) fn decide(&mut self, name: &'static str, given: &[u32]) -> Decision {
        let result = self.callback(name, given);
        self.judge(result)
    }

    /// Brings the filter the answer to its call, or its failure, and judges the result.
    pub(crate) fn answered(&mut self, id: u32, call: &Pending) -> Decision {
        let root = self.streams[&id];
        let answer = self.world().now.call_answer.as_ref();
        let (headers, size) = answer.map_or((0, 0), |(head, body)| (head.len() as u32, body.len() as u32));
        let result = self.callback("proxy_on_http_call_response", &[root, call.number, headers, size, 0]);
        self.world().now.call_answer = None;
        self.judge(result)
    }

    /// Notes a callback that has failed.
    pub(crate) fn trapped(&mut self, trap: String) {
        self.world().say(format!("wasm trap: {trap}"));
        self.traps.push(trap);
    }

    /// In the order of the host: a call, a failure, a reply, the result.
    fn judge(&mut self, result: Result<i32, String>) -> Decision {
        if let Some(call) = self.world().now.pending.take() {
            return Decision::Call(call);
        }
        let result = match result {
            Ok(result) if result >= 0 => result,
            failed => {
                self.trapped(format!("{failed:?}"));
                return Decision::Failed;
            }
        };
        if let Some(reply) = self.world().now.reply.take().filter(|reply| reply.status >= 100) {
            return Decision::Reply(reply);
        }
        assert_eq!(result, 0, "the host would have crashed: Pause without a call under way and without a reply");
        Decision::Continue
    }
}
