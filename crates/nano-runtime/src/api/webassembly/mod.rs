//! WebAssembly: which modules are refused, and memory that V8 maps itself.

use crate::engine::{OpFn, ops};
use crate::worker::state_of;

pub(super) fn ops() -> Vec<OpFn> {
    ops![wasm_refusal, has_memory_room]
}

/// `has_memory_room(bytes)` -> whether the isolate may have so many more in WebAssembly memories and resizable buffers.
fn has_memory_room(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let bytes = usize::try_from(super::id_arg(&args, 0)).unwrap_or(usize::MAX);
    let Some(memory) = state_of(scope).map(|state| std::sync::Arc::clone(&state.memory)) else {
        return rv.set_bool(true);
    };
    rv.set_bool(memory.has_room(scope, bytes));
}

/// `wasm_refusal(moduleOrBytes)` -> why a valid module is refused nevertheless, or undefined.
fn wasm_refusal(
    scope: &mut v8::PinScope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut rv: v8::ReturnValue<'_, v8::Value>,
) {
    let reason = if let Ok(module) = v8::Local::<v8::WasmModuleObject>::try_from(args.get(0)) {
        refusal(module.get_compiled_module().get_wire_bytes_ref())
    } else {
        let Some(bytes) = super::bytes_arg(scope, &args, 0) else { return };
        refusal(&bytes)
    };
    if let Some(reason) = reason {
        super::return_string(scope, &mut rv, reason);
    }
}

/// Memories of one module, imported ones among them. A function can grow each of them and write to it before V8 looks
/// for a termination.
const MEMORIES_MAX: u32 = 4;

/// Why a module that V8 found valid is refused nevertheless: it has a shared memory, or too many.
pub(crate) fn refusal(module: &[u8]) -> Option<&'static str> {
    let mut memories = Memories::default();
    if read_memories(&mut Reader(module), &mut memories).is_none() {
        Some("a module of this kind is not supported")
    } else if memories.shared {
        Some("shared memories are not available")
    } else if memories.count > MEMORIES_MAX {
        Some("a module may have 4 memories at most")
    } else {
        None
    }
}

/// What a module says of its memories.
#[derive(Default)]
struct Memories {
    count: u32,
    shared: bool,
}

impl Memories {
    fn add(&mut self, flags: u8) {
        self.count = self.count.saturating_add(1);
        self.shared |= flags & SHARED != 0;
    }
}

/// The flag of a memory's or table's limits that says that it is shared; the lowest says that there is a maximum.
const SHARED: u8 = 2;
const HAS_MAXIMUM: u8 = 1;

fn read_memories(module: &mut Reader<'_>, memories: &mut Memories) -> Option<()> {
    const IMPORTS: u8 = 2;
    const MEMORIES: u8 = 5;
    module.take(8)?; // magic and version
    while !module.0.is_empty() {
        let id = module.byte()?;
        let length = module.number()?;
        let mut section = Reader(module.take(usize::try_from(length).ok()?)?);
        if id == IMPORTS {
            for _ in 0..section.number()? {
                read_import(&mut section, memories)?;
            }
        } else if id == MEMORIES {
            for _ in 0..section.number()? {
                memories.add(section.limits()?);
            }
        }
    }
    Some(())
}

fn read_import(section: &mut Reader<'_>, memories: &mut Memories) -> Option<()> {
    section.name()?;
    section.name()?;
    match section.byte()? {
        0 => drop(section.number()?), // a function's type
        1 => {
            section.value_type()?;
            section.limits()?;
        }
        2 => memories.add(section.limits()?),
        3 => {
            section.value_type()?;
            section.byte()?; // mutability
        }
        4 => {
            section.byte()?; // attribute
            section.number()?; // type
        }
        _ => return None,
    }
    Some(())
}

/// Reads a module's binary format; what ends too early gives `None`.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// LEB128. Of a signed number, the sign is lost.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn name(&mut self) -> Option<()> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?).map(drop)
    }

    fn value_type(&mut self) -> Option<()> {
        const REF_NULL: u8 = 0x63;
        const REF: u8 = 0x64;
        if matches!(self.byte()?, REF_NULL | REF) {
            self.number()?; // heap type
        }
        Some(())
    }

    /// Gives the flags.
    fn limits(&mut self) -> Option<u8> {
        let flags = self.byte()?;
        self.number()?;
        if flags & HAS_MAXIMUM != 0 {
            self.number()?;
        }
        Some(flags)
    }
}
