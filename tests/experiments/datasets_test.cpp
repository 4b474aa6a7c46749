// Data sets: records of CIFAR-10, and folders from which sets are put together, or refused with the command that helps.
#include "experiments/support/datasets.h"

#include <doctest/doctest.h>

#include "experiments/support/gzip.h"
#include "tests/experiments/temporary_folder.h"
#include "tests/support/message_of.h"

using namespace brenier;
using namespace brenier::experiments;
using brenier::testing::lacks;
using brenier::testing::message_of;
using brenier::testing::TemporaryFolder;

namespace {

// A record whose pixels all have one value.
std::string record(int label, int value) {
  return static_cast<char>(label) + std::string(3072, static_cast<char>(value));
}

// Two pictures with labels 3 and 1; the first pixel tells the sets apart.
void write_digits(const Path& folder, std::uint8_t first, const char* ending) {
  for (const char* part : {"train", "t10k"}) {
    ByteArray images{{2, 28, 28}, std::vector<std::uint8_t>(2 * 784, 0)};
    images.values[0] = first;
    const std::string pictures = to_idx(images), labels = to_idx({{2}, {3, 1}});
    const bool packed = std::string(ending) == ".gz";
    write_file(folder / (std::string(part) + "-images-idx3-ubyte" + ending), packed ? gzip(pictures) : pictures);
    write_file(folder / (std::string(part) + "-labels-idx1-ubyte" + ending), packed ? gzip(labels) : labels);
  }
}

std::string refusal(const std::string& bytes) {
  return message_of([&] { from_cifar(bytes, "x.bin"); });
}

}  // namespace

TEST_CASE("CIFAR-10 records are labels and planes") {
  const std::string bytes = record(7, 200) + record(0, 9);
  const CifarRecords records = from_cifar(bytes, "test");
  CHECK(records.labels.values == std::vector<std::uint8_t>{7, 0});
  CHECK(records.images.shape == std::vector<std::int64_t>{2, 3072});
  CHECK(records.images.values[0] == 200);
  CHECK(records.images.values[3072] == 9);
  CHECK(to_cifar(records) == bytes);
  const CifarRecords both = joined(records, from_cifar(record(4, 1), "test"));
  CHECK(both.labels.values == std::vector<std::uint8_t>{7, 0, 4});
  CHECK(both.images.rows() == 3);
  CHECK(both.images.values.back() == 1);
}

TEST_CASE("a length that is no multiple and a label that is none are refused") {
  const std::string bytes = record(1, 2) + record(3, 4);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    if (length == 3073) continue;
    CAPTURE(length);
    CHECK(lacks(refusal(bytes.substr(0, length)), {"x.bin: ", "are not a number of records of 3073 bytes"}) == "");
  }
  CHECK(lacks(refusal(record(1, 2) + record(10, 4)), {"x.bin: record 1: label 10"}) == "");
  CHECK(lacks(refusal(record(255, 2)), {"x.bin: record 0: label 255"}) == "");
}

TEST_CASE("sets are halved in both their parts, planes apart") {
  CifarRecords records = from_cifar(record(7, 200) + record(0, 9), "test");
  std::fill_n(records.images.values.begin(), 1024, std::uint8_t{100});
  const Cifar cifar = halved(Cifar{records, records, ""}, 1);
  CHECK(cifar.test.images.values == cifar.train.images.values);
  CHECK(cifar.train.images.row_size() == 768);
  CHECK(cifar.train.images.values[255] == 100);
  CHECK(cifar.train.images.values[256] == 200);
  const ByteArray pictures{{1, 28, 28}, std::vector<std::uint8_t>(784, 50)}, labels{{1}, {3}};
  const Digits digits = halved(Digits{"MNIST", pictures, labels, pictures, labels}, 2);
  CHECK(digits.train_images.row_size() == 49);
  CHECK(digits.test_images.values == std::vector<std::uint8_t>(49, 50));
  CHECK(halved(digits, 0).test_images.shape == digits.test_images.shape);
}

TEST_CASE("MNIST comes first, Fashion-MNIST where it is absent") {
  const TemporaryFolder folder;
  const Path data = folder / "data", debian = folder / "debian";
  const auto name_and_first = [&](DigitSet set) {
    const Digits digits = load_digits(data, set, debian);
    CHECK(digits.test_labels.values == std::vector<std::uint8_t>{3, 1});
    return digits.name + " " + std::to_string(digits.train_images.values[0]);
  };
  CHECK(lacks(message_of([&] { load_digits(data, DigitSet::Any, debian); }),
              {(data / "mnist").string(), "MNIST is not there; ./run data mnist gets it"}) == "");
  write_digits(debian, 3, ".gz");
  CHECK(name_and_first(DigitSet::Any) == "Fashion-MNIST 3");
  write_digits(data / "fashion-mnist", 2, "");
  CHECK(name_and_first(DigitSet::Any) == "Fashion-MNIST 2");
  CHECK(lacks(message_of([&] { load_digits(data, DigitSet::Mnist, debian); }), {(data / "mnist").string()}) == "");
  write_digits(data / "mnist", 1, ".gz");
  CHECK(name_and_first(DigitSet::Any) == "MNIST 1");
  CHECK(name_and_first(DigitSet::FashionMnist) == "Fashion-MNIST 2");
}

TEST_CASE("incomplete and ill-formed digits are refused") {
  const TemporaryFolder folder;
  const Path data = folder.path(), mnist = data / "mnist";
  const auto message = [&] { return message_of([&] { load_digits(data, DigitSet::Mnist); }); };
  write_digits(mnist, 1, "");
  write_file(mnist / "train-labels-idx1-ubyte", to_idx({{3}, {1, 2, 3}}));
  CHECK(lacks(message(), {mnist.string(), "the training set is not of pictures of 28 x 28 with one label each"}) == "");
  write_file(mnist / "train-labels-idx1-ubyte", to_idx({{2}, {1, 10}}));
  CHECK(lacks(message(), {mnist.string(), "the training set has a label 10"}) == "");
  std::filesystem::remove(mnist / "t10k-images-idx3-ubyte");
  CHECK(lacks(message(), {(mnist / "t10k-images-idx3-ubyte.gz").string() + ": no such file"}) == "");
}

TEST_CASE("the official CIFAR-10 files come before the partial copy, which says what is lossy") {
  const TemporaryFolder folder;
  const Path data = folder.path(), partial = data / "cifar10", official = partial / "cifar-10-batches-bin";
  CHECK(lacks(message_of([&] { load_cifar10(data); }),
              {partial.string(), "CIFAR-10 is not there; ./run data cifar10 gets it"}) == "");
  write_file(partial / "jpeg_train_first20000.bin.gz", gzip(record(1, 10) + record(2, 20)));
  write_file(partial / "jpeg_test_byclass.bin.gz", gzip(record(3, 30)));
  write_file(partial / "train_first4000.bin.gz", gzip(record(1, 11)));
  const Cifar copy = load_cifar10(data);
  CHECK(copy.train.images.values[0] == 11);
  CHECK(copy.train.images.values[3072] == 20);
  CHECK(copy.test.labels.values == std::vector<std::uint8_t>{3});
  CHECK(copy.note.find("lossy JPEG copy") != std::string::npos);
  write_file(partial / "train_first4000.bin.gz", gzip(record(9, 11)));
  CHECK(lacks(message_of([&] { load_cifar10(data); }), {partial.string(), "are not the first ones"}) == "");
  for (const char* name : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                           "data_batch_5.bin", "test_batch.bin"})
    write_file(official / name, record(5, 50));
  const Cifar exact = load_cifar10(data);
  CHECK(exact.train.labels.rows() == 5);
  CHECK(exact.test.labels.rows() == 1);
  CHECK(exact.note.find("exact") != std::string::npos);
}

TEST_CASE("photographs are found by name") {
  const TemporaryFolder folder;
  write_png(folder / "photos" / "grey.png", {1, 1, 1, {77}});
  CHECK(load_photo(folder.path(), "grey").values == std::vector<std::uint8_t>{77});
  CHECK(lacks(message_of([&] { load_photo(folder.path(), "sea"); }),
              {(folder / "photos").string(), "the photograph 'sea' is not there; ./run data photos gets it"}) == "");
}
