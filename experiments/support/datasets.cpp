#include "experiments/support/datasets.h"

#include <initializer_list>

#include "engine/str.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

constexpr std::int64_t kSide = 28, kPixels = kSide * kSide;

bool is_file(const Path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

// FOLDER/NAME.gz or FOLDER/NAME; empty if there is neither.
Path packed_or_not(const Path& folder, const std::string& name) {
  for (const char* ending : {".gz", ""}) {
    if (const Path path = folder / (name + ending); is_file(path)) return path;
  }
  return {};
}

bool has_digits(const Path& folder) { return !packed_or_not(folder, "train-images-idx3-ubyte").empty(); }

ByteArray read_part(const Path& folder, const std::string& name) {
  const Path path = packed_or_not(folder, name);
  if (path.empty()) throw InputError(str((folder / name).string(), ".gz: no such file"));
  return read_idx(path);
}

void check_pair(const ByteArray& images, const ByteArray& labels, const Path& folder, const char* part) {
  if (images.shape.size() != 3 || images.row_size() != kPixels || labels.shape.size() != 1 ||
      images.rows() != labels.rows() || images.rows() == 0)
    throw InputError(str(folder.string(), ": the ", part, " set is not of pictures of 28 x 28 with one label each"));
  for (const std::uint8_t label : labels.values) {
    if (label > 9) throw InputError(str(folder.string(), ": the ", part, " set has a label ", int{label}));
  }
}

Digits read_digits(const Path& folder, const char* name) {
  Digits digits{name, read_part(folder, "train-images-idx3-ubyte"), read_part(folder, "train-labels-idx1-ubyte"),
                read_part(folder, "t10k-images-idx3-ubyte"), read_part(folder, "t10k-labels-idx1-ubyte")};
  check_pair(digits.train_images, digits.train_labels, folder, "training");
  check_pair(digits.test_images, digits.test_labels, folder, "test");
  return digits;
}

[[noreturn]] void missing(const Path& folder, const std::string& what, const std::string& name) {
  throw InputError(str(folder.string(), ": ", what, " is not there; ./run data ", name, " gets it"));
}

CifarRecords read_batches(const Path& folder, std::initializer_list<const char*> names) {
  CifarRecords records;
  for (const char* name : names) records = joined(std::move(records), read_cifar(folder / name));
  return records;
}

Cifar read_partial_cifar(const Path& folder) {
  Cifar cifar{read_cifar(folder / "jpeg_train_first20000.bin.gz"), read_cifar(folder / "jpeg_test_byclass.bin.gz"),
              "20,000 of the 50,000 training pictures, 4,000 of them exact; the others and all test pictures come from "
              "a lossy JPEG copy"};
  const CifarRecords exact = read_cifar(folder / "train_first4000.bin.gz");
  if (exact.labels.rows() > cifar.train.labels.rows() ||
      !std::equal(exact.labels.values.begin(), exact.labels.values.end(), cifar.train.labels.values.begin()))
    throw InputError(str(folder.string(), ": the exact pictures are not the first ones of the training set"));
  std::copy(exact.images.values.begin(), exact.images.values.end(), cifar.train.images.values.begin());
  return cifar;
}

}  // namespace

Digits load_digits(const Path& data, DigitSet set, const Path& debian) {
  if (set != DigitSet::FashionMnist && has_digits(data / "mnist")) return read_digits(data / "mnist", "MNIST");
  if (set == DigitSet::Mnist) missing(data / "mnist", "MNIST", "mnist");
  for (const Path& folder : {data / "fashion-mnist", debian}) {
    if (has_digits(folder)) return read_digits(folder, "Fashion-MNIST");
  }
  if (set == DigitSet::Any) missing(data / "mnist", "MNIST", "mnist");
  missing(data / "fashion-mnist", "Fashion-MNIST", "fashion-mnist");
}

Cifar load_cifar10(const Path& data) {
  for (const Path& folder : {data / "cifar10" / "cifar-10-batches-bin", data / "cifar-10-batches-bin"}) {
    if (is_file(folder / "data_batch_1.bin"))
      return {read_batches(folder, {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                                    "data_batch_5.bin"}),
              read_batches(folder, {"test_batch.bin"}), "the official files, exact"};
  }
  if (!is_file(data / "cifar10" / "jpeg_train_first20000.bin.gz")) missing(data / "cifar10", "CIFAR-10", "cifar10");
  return read_partial_cifar(data / "cifar10");
}

Digits halved(Digits digits, std::int64_t times) {
  for (std::int64_t i = 0, side = kSide; i < times; ++i, side /= 2)
    for (ByteArray* images : {&digits.train_images, &digits.test_images}) *images = halved(*images, side);
  return digits;
}

Cifar halved(Cifar cifar, std::int64_t times) {
  for (std::int64_t i = 0, side = kCifarSide; i < times; ++i, side /= 2)
    for (ByteArray* images : {&cifar.train.images, &cifar.test.images}) *images = halved(*images, side);
  return cifar;
}

Image load_photo(const Path& data, const std::string& name) {
  for (const char* ending : {".jpg", ".png"}) {
    if (const Path path = data / "photos" / (name + ending); is_file(path)) return read_image(path);
  }
  missing(data / "photos", str("the photograph '", name, "'"), "photos");
}

}  // namespace brenier::experiments
