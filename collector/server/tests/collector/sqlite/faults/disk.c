/* Simulates a failing disk. While the file that HEADGATE_TEST_DISK names contains an error number, every change of a regular
 * file fails with it; while it contains another word, changes hang. Mounts cannot simulate a disk that breaks, hangs or turns
 * read-only under an open file. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int fault(int fd) {
  struct stat at;
  char text[8] = {0};
  int file = open(getenv("HEADGATE_TEST_DISK"), O_RDONLY);
  if (file < 0) return 0;
  ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  if (got <= 0 || fd <= 2 || fstat(fd, &at) != 0 || !S_ISREG(at.st_mode)) return 0;
  int error = atoi(text);
  while (error == 0 && access(getenv("HEADGATE_TEST_DISK"), F_OK) == 0) usleep(10000);
  errno = error;
  return error;
}

#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void *data, size_t size) {
  return fault(fd) ? -1 : REAL(ssize_t, "write", int, const void *, size_t)(fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  return fault(fd) ? -1 : REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  return fault(fd) ? -1 : REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t)(fd, data, size, at);
}
int fsync(int fd) { return fault(fd) ? -1 : REAL(int, "fsync", int)(fd); }
int fdatasync(int fd) { return fault(fd) ? -1 : REAL(int, "fdatasync", int)(fd); }
