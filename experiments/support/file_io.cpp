// Reading through standard streams; writing through POSIX calls, because only they can flush to disk.
#include "experiments/support/file_io.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "engine/str.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

[[noreturn]] void fail(const Path& path, const char* action) {
  const int code = errno;
  throw std::runtime_error(str("cannot ", action, " ", path.string(), ": ", std::strerror(code)));
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

// The name a file has until it is complete; removed if that never happens.
class TemporaryName {
 public:
  explicit TemporaryName(const Path& target) : name_(str(target.string(), ".", ::getpid(), ".tmp")) {}
  ~TemporaryName() {
    if (!renamed_) ::unlink(name_.c_str());
  }
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;
  const char* c_str() const { return name_.c_str(); }
  void become(const Path& target) {
    if (::rename(name_.c_str(), target.c_str()) != 0) fail(target, "rename a temporary file to");
    renamed_ = true;
  }

 private:
  std::string name_;
  bool renamed_ = false;
};

void write_all(int file, std::string_view bytes, const Path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) fail(path, "write");
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

std::string read_file(const Path& path, std::uint64_t limit) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw InputError(str(path.string(), ": no such file"));
  if (std::filesystem::is_directory(status)) throw InputError(str(path.string(), ": is a folder, not a file"));
  std::ifstream in(path, std::ios::binary);
  if (!in) throw InputError(str(path.string(), ": cannot be opened for reading"));
  // Read in pieces: a pipe has no size to ask for, and a file may grow meanwhile.
  std::string bytes;
  std::string piece(1 << 20, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0) {
    bytes.append(piece.data(), static_cast<std::size_t>(in.gcount()));
    if (bytes.size() > limit) throw InputError(str(path.string(), ": larger than the allowed ", limit, " bytes"));
  }
  if (in.bad()) throw InputError(str(path.string(), ": reading failed"));
  return bytes;
}

void write_file(const Path& path, std::string_view bytes) {
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  TemporaryName temporary(path);
  {
    const Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.number() < 0) fail(path, "write");
    write_all(file.number(), bytes, path);
    // EINVAL: the file system or device has nothing to flush.
    if (::fsync(file.number()) != 0 && errno != EINVAL) fail(path, "flush");
  }
  temporary.become(path);
}

}  // namespace brenier::experiments
