/*
 * The front of the self-extracting executable.
 *
 * The file that bears this code ends with a payload: the Deno binary, the bundled program and the shim, one after
 * another. A start does this:
 *
 *   1. find a directory that only the calling user can write, or make it;
 *   2. hash what was extracted there before, and compare it with the digests compiled into this file;
 *   3. where something is missing or differs: extract all of it anew, hashing on the way;
 *   4. replace this process by Deno, with exactly the permissions the program needs.
 *
 * Step 4 names files by path, after they were hashed. What happens in between needs no guard: every directory on the
 * way is writable only by the user who runs this, by root, or by nobody, and those could change this file as well.
 *
 * `payload.h` is written by build.ts: the table of files, of which the first is run, its arguments and environment, and
 * the preset commands. "@DIR@" in them stands for the directory that the files were extracted to.
 */

#define _GNU_SOURCE
#define OPENSSL_API_COMPAT 0x10100000L /* the plain SHA256_ functions: no provider is loaded, nothing is allocated */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file of the payload; they lie in the order of the table, without gaps, at the end of the executable. */
struct payload_file {
  const char *name; /* below the extraction directory, with at least one component */
  uint64_t size;    /* octets */
  bool executable;
  unsigned char sha256[SHA256_DIGEST_LENGTH];
};

/* What a program name stands for: `etherguard-edge` is `etherguard edge`. */
struct preset {
  const char *name;
  const char *command;
};

/* A variable set for the program, whatever the caller's environment says. */
struct variable {
  const char *name;
  const char *value;
};

#include "payload.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static const char *program = "etherguard";
static unsigned char chunk[1 << 20];

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
  va_list arguments;
  fprintf(stderr, "%s: ", program);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  exit(1);
}

__attribute__((format(printf, 1, 2))) static char *format_text(const char *format, ...) {
  char *text = NULL;
  va_list arguments;
  va_start(arguments, format);
  int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  if (length < 0) fail("out of memory");
  return text;
}

/* ---- The directory ---- */

/* Only the calling user (or root) can change it: ours, and closed to the group and to others. */
static bool is_private(const struct stat *status) {
  return status->st_uid == geteuid() && (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/*
 * Fails if someone else could put another directory into the place of `path`, or of one above it.
 *
 * A sticky directory such as /tmp lets nobody rename what isn't theirs. Writing by the group is left to the site:
 * a group of one's own is common. The owner of "/" stands for root, which has another number in a user namespace.
 */
static void check_ancestors(const char *path) {
  struct stat root;
  if (stat("/", &root) != 0) fail("stat /: %s", strerror(errno));
  char *ancestor = format_text("%s", path);
  for (char *slash; (slash = strrchr(ancestor, '/')) != NULL && ancestor[1] != '\0';) {
    slash[slash == ancestor ? 1 : 0] = '\0';
    struct stat status;
    if (lstat(ancestor, &status) != 0) fail("stat %s: %s", ancestor, strerror(errno));
    bool trusted_owner = status.st_uid == geteuid() || status.st_uid == 0 || status.st_uid == root.st_uid;
    bool open_to_all = (status.st_mode & S_IWOTH) != 0 && (status.st_mode & S_ISVTX) == 0;
    if (!trusted_owner) fail("%s belongs to another user: won't run programs from below it", ancestor);
    if (open_to_all) fail("%s is writable by everyone: won't run programs from below it", ancestor);
  }
  free(ancestor);
}

/* Makes `path` and what is missing above it, each 0700. Returns false with errno. */
static bool make_directories(const char *path) {
  char *partial = format_text("%s", path);
  for (char *at = partial + 1;; at++) {
    if (*at != '/' && *at != '\0') continue;
    char end = *at;
    *at = '\0';
    if (mkdir(partial, 0700) != 0 && errno != EEXIST) {
      int error = errno;
      struct stat status;
      if (stat(partial, &status) != 0) {
        free(partial);
        errno = error;
        return false;
      }
    }
    if (end == '\0') break;
    *at = end;
  }
  free(partial);
  return true;
}

/*
 * Opens the cache directory, and stores its canonical path.
 *
 * $XDG_CACHE_HOME/etherguard if that is set; else for root /var/cache/etherguard; else, or where /var/cache can't be
 * written (the root of a user namespace), ~/.cache/etherguard.
 */
static int open_cache(char **path) {
  const char *xdg = getenv("XDG_CACHE_HOME");
  const char *home = getenv("HOME");
  char *candidates[3] = {NULL};
  size_t count = 0;
  if (xdg != NULL && xdg[0] == '/') {
    candidates[count++] = format_text("%s/etherguard", xdg);
  } else {
    if (geteuid() == 0) candidates[count++] = format_text("/var/cache/etherguard");
    if (home != NULL && home[0] == '/') candidates[count++] = format_text("%s/.cache/etherguard", home);
  }
  if (count == 0) fail("no place to extract to: set XDG_CACHE_HOME to a directory that only you can write");

  for (size_t index = 0; index < count; index++) {
    const char *candidate = candidates[index];
    int directory = make_directories(candidate) ? open(candidate, DIRECTORY_FLAGS) : -1;
    if (directory < 0) {
      bool last = index + 1 == count;
      if (!last && (errno == EACCES || errno == EPERM || errno == EROFS || errno == ENOENT)) continue;
      fail("can't make or open the directory %s: %s; XDG_CACHE_HOME names another place", candidate, strerror(errno));
    }
    struct stat status;
    if (fstat(directory, &status) != 0) fail("stat %s: %s", candidate, strerror(errno));
    if (!is_private(&status)) {
      fail("%s isn't yours alone (owner %u, mode %04o): won't run programs from it; remove it or chmod 0700 it",
           candidate, (unsigned)status.st_uid, (unsigned)status.st_mode & 07777);
    }
    char *canonical = realpath(candidate, NULL);
    if (canonical == NULL) fail("realpath %s: %s", candidate, strerror(errno));
    check_ancestors(canonical);
    *path = canonical;
    return directory;
  }
  fail("unreachable");
}

/* Opens the directory that holds `name` below `directory`, making it if asked; it is the caller's to close. */
static int open_parent(int directory, const char *name, bool make, const char **base) {
  int parent = dup(directory);
  const char *rest = name;
  for (const char *slash; parent >= 0 && (slash = strchr(rest, '/')) != NULL; rest = slash + 1) {
    char *component = format_text("%.*s", (int)(slash - rest), rest);
    if (make) (void)mkdirat(parent, component, 0700);
    int child = openat(parent, component, DIRECTORY_FLAGS);
    close(parent);
    parent = child;
    free(component);
    struct stat status;
    if (parent >= 0 && (fstat(parent, &status) != 0 || !is_private(&status))) {
      close(parent);
      return -1;
    }
  }
  *base = rest;
  return parent;
}

/* Removes `name` below `directory`, with everything in it. What can't be removed stays. */
static void remove_tree(int directory, const char *name) {
  if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return;
  int tree = openat(directory, name, DIRECTORY_FLAGS);
  DIR *entries = tree < 0 ? NULL : fdopendir(tree);
  if (entries == NULL) return;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) remove_tree(tree, entry->d_name);
  }
  closedir(entries);
  (void)unlinkat(directory, name, AT_REMOVEDIR);
}

/* ---- The payload ---- */

/* Is the file there, private, and exactly what was packed? */
static bool is_intact(int directory, const struct payload_file *file) {
  const char *base;
  int parent = open_parent(directory, file->name, false, &base);
  if (parent < 0) return false;
  int input = openat(parent, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  close(parent);
  if (input < 0) return false;
  struct stat status;
  bool plausible = fstat(input, &status) == 0 && S_ISREG(status.st_mode) && is_private(&status) &&
                   (uint64_t)status.st_size == file->size && (!file->executable || (status.st_mode & S_IXUSR) != 0);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  if (plausible) {
    SHA256_CTX context;
    SHA256_Init(&context);
    ssize_t length;
    while ((length = read(input, chunk, sizeof chunk)) > 0) SHA256_Update(&context, chunk, (size_t)length);
    SHA256_Final(digest, &context);
    plausible = length == 0;
  }
  close(input);
  return plausible && memcmp(digest, file->sha256, sizeof digest) == 0;
}

/*
 * Opens `id` below the cache if all of it is intact; else returns -1.
 *
 * The descriptor carries a shared lock and stays open across exec: as long as the program runs, no other start
 * removes its files (see remove_unused).
 */
static int open_intact(int cache, const char *id) {
  int directory = openat(cache, id, DIRECTORY_FLAGS & ~O_CLOEXEC);
  if (directory < 0) return -1;
  struct stat status;
  bool intact = fstat(directory, &status) == 0 && is_private(&status) && flock(directory, LOCK_SH | LOCK_NB) == 0;
  for (size_t index = 0; intact && index < COUNT_OF(PAYLOAD); index++) intact = is_intact(directory, &PAYLOAD[index]);
  if (intact) return directory;
  close(directory);
  return -1;
}

static off_t payload_size(void) {
  off_t size = 0;
  for (size_t index = 0; index < COUNT_OF(PAYLOAD); index++) size += (off_t)PAYLOAD[index].size;
  return size;
}

/* Explains why writing failed. */
static const char *describe_write_error(void) {
  if (errno != ENOSPC && errno != EDQUOT) return strerror(errno);
  return format_text("%s: %jd MB are needed; XDG_CACHE_HOME names another place", strerror(errno),
                     (intmax_t)(payload_size() / 1000000 + 1));
}

/* Copies one file out of the executable. Returns a text that says what went wrong, or NULL. */
static const char *extract_file(int executable, off_t offset, int directory, const struct payload_file *file) {
  const char *base;
  int parent = open_parent(directory, file->name, true, &base);
  if (parent < 0) return strerror(errno);
  int output = openat(parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  close(parent);
  if (output < 0) return describe_write_error();

  const char *problem = NULL;
  SHA256_CTX context;
  SHA256_Init(&context);
  for (uint64_t done = 0; problem == NULL && done < file->size;) {
    uint64_t left = file->size - done;
    ssize_t length = pread(executable, chunk, left < sizeof chunk ? left : sizeof chunk, offset + (off_t)done);
    if (length <= 0) {
      problem = length == 0 ? "the executable is cut short" : strerror(errno);
      break;
    }
    SHA256_Update(&context, chunk, (size_t)length);
    for (ssize_t at = 0; at < length;) {
      ssize_t written = write(output, chunk + at, (size_t)(length - at));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) {
        problem = describe_write_error();
        break;
      }
      at += written;
    }
    done += (uint64_t)length;
  }
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, &context);
  if (problem == NULL && memcmp(digest, file->sha256, sizeof digest) != 0) {
    problem = "its content isn't what was packed: this executable is damaged; get it anew";
  }
  if (problem == NULL && fchmod(output, file->executable ? 0500 : 0400) != 0) problem = strerror(errno);
  if (close(output) != 0 && problem == NULL) problem = describe_write_error();
  return problem;
}

/* Extracts everything into `<id>.part` and renames it. The caller holds the lock. */
static void extract(int cache, const char *path, const char *id) {
  int executable = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (executable < 0 || fstat(executable, &status) != 0) fail("open /proc/self/exe: %s", strerror(errno));
  off_t offset = status.st_size - payload_size();
  if (offset < 0) fail("this executable is cut short; get it anew");

  char *part = format_text("%s.part", id);
  remove_tree(cache, part);
  if (mkdirat(cache, part, 0700) != 0) fail("mkdir %s/%s: %s", path, part, strerror(errno));
  int directory = openat(cache, part, DIRECTORY_FLAGS);
  if (directory < 0) fail("open %s/%s: %s", path, part, strerror(errno));
  for (size_t index = 0; index < COUNT_OF(PAYLOAD); index++) {
    const char *problem = extract_file(executable, offset, directory, &PAYLOAD[index]);
    if (problem != NULL) {
      remove_tree(cache, part);
      fail("can't extract %s to %s: %s", PAYLOAD[index].name, path, problem);
    }
    offset += (off_t)PAYLOAD[index].size;
  }
  remove_tree(cache, id);
  if (renameat(cache, part, cache, id) != 0) fail("rename %s/%s: %s", path, part, strerror(errno));
  close(directory);
  close(executable);
  free(part);
}

/* Removes what other versions extracted, except what still runs: that holds a shared lock. */
static void remove_unused(int cache, const char *id) {
  int again = openat(cache, ".", DIRECTORY_FLAGS);
  DIR *entries = again < 0 ? NULL : fdopendir(again);
  if (entries == NULL) return;
  for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
    bool is_ours = strspn(entry->d_name, "0123456789abcdef") == strlen(PAYLOAD_ID);
    if (!is_ours || strcmp(entry->d_name, id) == 0) continue;
    int other = openat(cache, entry->d_name, DIRECTORY_FLAGS);
    if (other >= 0 && flock(other, LOCK_EX | LOCK_NB) == 0) remove_tree(cache, entry->d_name);
    if (other >= 0) close(other);
  }
  closedir(entries);
}

/* Returns the directory of the intact files, extracting them first where need be. */
static char *provide_files(void) {
  char *path = NULL;
  int cache = open_cache(&path);
  /* Deno separates the paths of a permission by commas and has no way to quote one. */
  if (strchr(path, ',') != NULL) fail("%s has a comma in its name; XDG_CACHE_HOME names another place", path);
  if (open_intact(cache, PAYLOAD_ID) < 0) {
    int lock = openat(cache, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock < 0 || flock(lock, LOCK_EX) != 0) fail("lock %s/lock: %s", path, strerror(errno));
    /* Another start may have extracted while this one waited. */
    if (open_intact(cache, PAYLOAD_ID) < 0) {
      struct stat status;
      if (fstatat(cache, PAYLOAD_ID, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        fprintf(stderr, "%s: files in %s/%s were changed: extracting them anew\n", program, path, PAYLOAD_ID);
      }
      extract(cache, path, PAYLOAD_ID);
      if (open_intact(cache, PAYLOAD_ID) < 0) fail("files in %s/%s change while they are read", path, PAYLOAD_ID);
      remove_unused(cache, PAYLOAD_ID);
    }
    close(lock);
  }
  close(cache);
  return format_text("%s/%s", path, PAYLOAD_ID);
}

/* ---- The start ---- */

/* Returns `text` with each "@DIR@" replaced by `directory`. */
static char *expand(const char *text, const char *directory) {
  const char *mark = strstr(text, "@DIR@");
  if (mark == NULL) return format_text("%s", text);
  char *rest = expand(mark + strlen("@DIR@"), directory);
  char *expanded = format_text("%.*s%s%s", (int)(mark - text), text, directory, rest);
  free(rest);
  return expanded;
}

int main(int argument_count, char **arguments) {
  if (argument_count > 0) {
    const char *slash = strrchr(arguments[0], '/');
    program = slash == NULL ? arguments[0] : slash + 1;
  }
  /* With more rights than its caller, this process would run files that its caller can change. */
  if (getauxval(AT_SECURE) != 0) {
    fail("has set-user-ID or file capabilities, which can't be handed on safely; remove them (setcap -r) and run it as "
         "root, or with ambient capabilities (systemd: AmbientCapabilities=CAP_NET_ADMIN)");
  }

  char *directory = provide_files();
  char **run = calloc(COUNT_OF(RUN_ARGUMENTS) + (size_t)argument_count + 3, sizeof *run);
  if (run == NULL) fail("out of memory");
  size_t count = 0;
  run[count++] = format_text("%s", program);
  for (size_t index = 0; index < COUNT_OF(RUN_ARGUMENTS); index++) run[count++] = expand(RUN_ARGUMENTS[index], directory);
  for (size_t index = 0; index < COUNT_OF(PRESETS); index++) {
    if (strcmp(program, PRESETS[index].name) == 0) run[count++] = format_text("%s", PRESETS[index].command);
  }
  for (int index = 1; index < argument_count; index++) run[count++] = arguments[index];

  for (size_t index = 0; index < COUNT_OF(ENVIRONMENT); index++) {
    if (setenv(ENVIRONMENT[index].name, expand(ENVIRONMENT[index].value, directory), 1) != 0) fail("out of memory");
  }
  execv(format_text("%s/%s", directory, PAYLOAD[0].name), run);
  fail("exec %s/%s: %s", directory, PAYLOAD[0].name, strerror(errno));
}
