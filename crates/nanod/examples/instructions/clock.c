// Goes into a nanod that valgrind runs. There all takes fifty times as long, so that each collection of the heap would
// look like a turn that was long, and its app would lose its place on the thread that serves. To nanod's eyes CPU time
// therefore passes a thousandth as fast. The clocks that it waits by are the real ones.

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  // The clocks of other threads have negative numbers.
  if (result == 0 && (clock < 0 || clock == CLOCK_THREAD_CPUTIME_ID || clock == CLOCK_PROCESS_CPUTIME_ID)) {
    long long ns = (time->tv_sec * 1000000000LL + time->tv_nsec) / 1000;
    time->tv_sec = ns / 1000000000;
    time->tv_nsec = ns % 1000000000;
  }
  return result;
}
