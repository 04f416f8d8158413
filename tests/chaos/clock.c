/* A wall clock that jumps: preloaded, it adds the seconds found in the file named by CHAOS_CLOCK (8 bytes,
 * mapped, so that a test can change them at any time). Monotonic clocks stay as they are, and so do
 * waits: the deadline of a wait by the wall clock is taken back to the real one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long long* seconds;

__attribute__((constructor)) static void open_file(void) {
  const char* path = getenv("CHAOS_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void* at = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (at != MAP_FAILED) seconds = at;
}

static volatile long long last_jump; /* the last one that was not 0 */

static long long jump(void) {
  long long now = seconds ? *seconds : 0;
  if (now != 0) last_jump = now;
  return now;
}

/* A deadline by this clock, taken back to the real one. When the clock has come back since the deadline was made, it
 * seems to lie hours or days ahead: then it is the former jump's. */
static struct timespec real_deadline(const struct timespec* until) {
  const long long furthest = 600;
  struct timespec then = *until;
  struct timespec now;
  then.tv_sec -= jump();
  if (syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0 && then.tv_sec - now.tv_sec > furthest)
    then.tv_sec = until->tv_sec - last_jump;
  return then;
}

int clock_gettime(clockid_t id, struct timespec* out) {
  long result = syscall(SYS_clock_gettime, id, out);
  if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) out->tv_sec += jump();
  return (int)result;
}

int gettimeofday(struct timeval* out, void* zone) {
  (void)zone;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

int timespec_get(struct timespec* out, int base) {
  if (base != TIME_UTC) return 0;
  clock_gettime(CLOCK_REALTIME, out);
  return base;
}

int pthread_cond_timedwait(pthread_cond_t* cond, pthread_mutex_t* mutex, const struct timespec* until) {
  static int (*real)(pthread_cond_t*, pthread_mutex_t*, const struct timespec*);
  if (!real) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  struct timespec then = real_deadline(until);
  return real(cond, mutex, &then);
}

int cnd_timedwait(void* cond, void* mutex, const struct timespec* until) {
  static int (*real)(void*, void*, const struct timespec*);
  if (!real) real = dlsym(RTLD_NEXT, "cnd_timedwait");
  struct timespec then = real_deadline(until);
  return real(cond, mutex, &then);
}

int pthread_cond_clockwait(pthread_cond_t* cond, pthread_mutex_t* mutex, clockid_t id,
                           const struct timespec* until) {
  static int (*real)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);
  if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
  struct timespec then = id == CLOCK_REALTIME ? real_deadline(until) : *until;
  return real(cond, mutex, id, &then);
}
