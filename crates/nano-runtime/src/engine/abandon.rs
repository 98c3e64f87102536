//! Leaving V8 without its consent: the way out of an out-of-memory handler, which must not return.
//!
//! [`run`] calls a function and marks the stack; [`leave`] drops every frame above the innermost mark and lets that
//! `run` return an error. No destructor of those frames runs. What they own is leaked, like what a thread parked for
//! good would own, but the thread and the callers of `run` live on: the connection that brought the request among
//! them. It is a `longjmp` whose other end returns only once, as a Rust function may.

use std::any::Any;
use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{self, AssertUnwindSafe};
use std::ptr;

/// The frames above the mark are gone.
#[derive(Debug)]
pub(super) struct Abandoned;

thread_local! {
    /// Points into the innermost [`run`]'s frame, to where its registers are saved.
    static INNERMOST: Cell<*const *mut c_void> = const { Cell::new(ptr::null()) };
}

struct Job<F, R> {
    f: Option<F>,
    result: Option<Result<R, Box<dyn Any + Send>>>,
}

/// Calls `f` so that [`leave`] can end it.
pub(super) fn run<R>(f: impl FnOnce() -> R) -> Result<R, Abandoned> {
    fn call<F: FnOnce() -> R, R>(_like: &F) -> unsafe extern "C" fn(*mut c_void) {
        call_job::<F, R>
    }
    let entry = call(&f);
    let mut job = Job { f: Some(f), result: None };
    let outer = INNERMOST.get();
    let mut registers: *mut c_void = ptr::null_mut();
    INNERMOST.set(&raw const registers);
    // SAFETY: `entry` is `call_job` for the type of `job`; `job` and `registers` outlive the call.
    let left = unsafe { call_marked(entry, (&raw mut job).cast(), &raw mut registers) };
    INNERMOST.set(outer);
    if left != 0 {
        return Err(Abandoned);
    }
    match job.result.take() {
        Some(Ok(result)) => Ok(result),
        Some(Err(panic)) => panic::resume_unwind(panic),
        None => unreachable!("the function ran to its end"),
    }
}

unsafe extern "C" fn call_job<F: FnOnce() -> R, R>(job: *mut c_void) {
    // SAFETY: `run` passes its own `Job` of these types and does not touch it during the call.
    let job = unsafe { &mut *job.cast::<Job<F, R>>() };
    if let Some(f) = job.f.take() {
        // No panic may cross the assembly; `run` lets it go on.
        job.result = Some(panic::catch_unwind(AssertUnwindSafe(f)));
    }
}

/// Ends the innermost [`run`] of this thread. Returns when there is none.
///
/// # Safety
/// Nothing may ever refer to the frames above that `run` again, and none of them may have a destructor that soundness
/// depends on.
pub(super) unsafe fn leave() {
    let mark = INNERMOST.get();
    if !mark.is_null() {
        // SAFETY: the `run` that set the mark has not returned, or it would have set another; so its frame lives, and
        // `call_marked` wrote the place of its registers there.
        let registers = unsafe { *mark };
        // SAFETY: these are the registers of that `call_marked`, and the caller answers for the frames in between.
        unsafe { return_to_mark(registers) }
    }
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use std::ffi::c_void;

    /// Takes the saved registers off the stack and returns.
    macro_rules! restore {
        () => {
            concat!(
                "add rsp, 8\n",
                "pop r15\n",
                "pop r14\n",
                "pop r13\n",
                "pop r12\n",
                "pop rbx\n",
                "pop rbp\n",
                "ret\n",
            )
        };
    }

    /// Calls `f(data)` with the registers that a callee keeps saved at `*mark`. 0: `f` returned.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn call_marked(
        f: unsafe extern "C" fn(*mut c_void),
        data: *mut c_void,
        mark: *mut *mut c_void,
    ) -> usize {
        // Six registers, the two control words and the return address: the stack is aligned again.
        std::arch::naked_asm!(
            "push rbp",
            "push rbx",
            "push r12",
            "push r13",
            "push r14",
            "push r15",
            "sub rsp, 8",
            "stmxcsr [rsp]",
            "fnstcw [rsp + 4]",
            "mov [rdx], rsp",
            "mov rax, rdi",
            "mov rdi, rsi",
            "call rax",
            "xor eax, eax",
            restore!(),
        )
    }

    /// Returns 1 from the [`call_marked`] that saved its registers there.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn return_to_mark(registers: *mut c_void) -> ! {
        std::arch::naked_asm!(
            "mov rsp, rdi",
            "mov eax, 1",
            "ldmxcsr [rsp]",
            "fldcw [rsp + 4]",
            "cld",
            restore!(),
        )
    }
}

#[cfg(target_arch = "aarch64")]
mod arch {
    use std::ffi::c_void;

    /// Takes the saved registers off the stack and returns.
    macro_rules! restore {
        () => {
            concat!(
                "ldp x19, x20, [sp, #16]\n",
                "ldp x21, x22, [sp, #32]\n",
                "ldp x23, x24, [sp, #48]\n",
                "ldp x25, x26, [sp, #64]\n",
                "ldp x27, x28, [sp, #80]\n",
                "ldp d8, d9, [sp, #96]\n",
                "ldp d10, d11, [sp, #112]\n",
                "ldp d12, d13, [sp, #128]\n",
                "ldp d14, d15, [sp, #144]\n",
                "ldp x29, x30, [sp], #160\n",
                "ret\n",
            )
        };
    }

    /// Calls `f(data)` with the registers that a callee keeps saved at `*mark`. 0: `f` returned.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn call_marked(
        f: unsafe extern "C" fn(*mut c_void),
        data: *mut c_void,
        mark: *mut *mut c_void,
    ) -> usize {
        std::arch::naked_asm!(
            "stp x29, x30, [sp, #-160]!",
            "stp x19, x20, [sp, #16]",
            "stp x21, x22, [sp, #32]",
            "stp x23, x24, [sp, #48]",
            "stp x25, x26, [sp, #64]",
            "stp x27, x28, [sp, #80]",
            "stp d8, d9, [sp, #96]",
            "stp d10, d11, [sp, #112]",
            "stp d12, d13, [sp, #128]",
            "stp d14, d15, [sp, #144]",
            "mov x9, sp",
            "str x9, [x2]",
            "mov x9, x0",
            "mov x0, x1",
            "blr x9",
            "mov x0, #0",
            restore!(),
        )
    }

    /// Returns 1 from the [`call_marked`] that saved its registers there.
    #[unsafe(naked)]
    pub(super) unsafe extern "C" fn return_to_mark(registers: *mut c_void) -> ! {
        std::arch::naked_asm!("mov sp, x0", "mov x0, #1", restore!(),)
    }
}

use arch::{call_marked, return_to_mark};

#[cfg(test)]
mod tests {
    use super::{leave, run};

    #[test]
    fn a_function_that_returns_gives_its_result() {
        assert_eq!(run(|| 7 + 35).ok(), Some(42));
    }

    #[test]
    fn leaving_ends_the_innermost_run_and_no_other() {
        let mut steps = Vec::new();
        let outer = run(|| {
            steps.push("outer");
            let inner = run(|| {
                deep(40);
                unreachable!("it was left")
            });
            steps.push(if inner.is_err() { "left" } else { "returned" });
            1.5_f64.sqrt()
        });
        assert_eq!(outer.ok(), Some(1.5_f64.sqrt()));
        assert_eq!(steps, ["outer", "left"]);
    }

    #[test]
    fn without_a_run_nothing_is_left() {
        let left = run(|| deep(3));
        assert!(left.is_err());
        // SAFETY: there is no `run` to be left, which is what is tested.
        unsafe { leave() };
    }

    #[test]
    fn a_panic_goes_through() {
        let caught = std::panic::catch_unwind(|| run(|| panic!("as it was")).is_ok());
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"as it was"));
        assert!(run(|| ()).is_ok());
    }

    /// Leaves from `depth` frames further up.
    fn deep(depth: u32) -> u32 {
        if depth == 0 {
            // SAFETY: the frames up to `run` own nothing.
            unsafe { leave() };
            return 0;
        }
        deep(depth - 1) + std::hint::black_box(1)
    }
}
