// NumPy's .npz files: zip archives of .npy members, stored (numpy.savez) or deflated (numpy.savez_compressed).
//
//   const NpzFile file = read_npz("omniglot28.npz");
//   const Tensor images = file.at("background_x");
//
// The directory at the end of the file is what counts; an array is unpacked, checked and read when it is asked for.
// Encryption, other compression and the 64-bit extension (above 4 GiB) are refused by name. Damage is an InputError
// "FILE: …", inside an array "FILE: NAME.npy: …".
// Reference: PKWARE, .ZIP file format specification (APPNOTE), sections 4.3 and 4.4.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/support/npy.h"

namespace brenier::experiments {

class NpzFile {
 public:
  // Reads the directory. `limit`: of the unpacked bytes of one array.
  NpzFile(std::string bytes, std::string source, std::uint64_t limit = std::uint64_t{1} << 34);

  std::vector<std::string> names() const;  // without .npy, sorted
  // Throws InputError for an array that is damaged or not there; the message then lists those that are.
  Tensor at(const std::string& name) const;

 private:
  struct Member {
    std::size_t header = 0;  // where its local header begins
    std::uint64_t packed = 0, unpacked = 0;
    std::uint32_t checksum = 0;
    bool deflated = false;
  };
  void read_directory(std::size_t begin, std::size_t entries);
  std::size_t read_entry(std::size_t offset);
  std::string_view data_of(const Member& member, const std::string& where) const;

  std::string bytes_, source_;
  std::uint64_t limit_;
  std::map<std::string, Member> members_;
};

NpzFile read_npz(const Path& path);

}  // namespace brenier::experiments
