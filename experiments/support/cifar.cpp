#include "experiments/support/cifar.h"

#include "engine/str.h"
#include "experiments/support/gzip.h"
#include "experiments/support/input_error.h"

namespace brenier::experiments {
namespace {

constexpr std::size_t kImage = 3072, kRecord = kImage + 1;
constexpr int kClasses = 10;

void append(std::vector<std::uint8_t>& to, const std::vector<std::uint8_t>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

CifarRecords from_cifar(std::string_view bytes, const std::string& source) {
  if (bytes.empty() || bytes.size() % kRecord != 0)
    throw InputError(str(source, ": ", bytes.size(), " bytes are not a number of records of ", kRecord, " bytes"));
  CifarRecords records;
  const std::size_t count = bytes.size() / kRecord;
  records.labels.shape[0] = records.images.shape[0] = static_cast<std::int64_t>(count);
  records.images.values.reserve(count * kImage);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view record = bytes.substr(i * kRecord, kRecord);
    const auto label = static_cast<std::uint8_t>(record[0]);
    if (label >= kClasses) throw InputError(str(source, ": record ", i, ": label ", int{label}, "; labels go to 9"));
    records.labels.values.push_back(label);
    records.images.values.insert(records.images.values.end(), record.begin() + 1, record.end());
  }
  return records;
}

std::string to_cifar(const CifarRecords& records) {
  std::string bytes;
  for (std::size_t i = 0; i < records.labels.values.size(); ++i) {
    bytes += static_cast<char>(records.labels.values[i]);
    const auto begin = records.images.values.begin() + static_cast<std::ptrdiff_t>(i * kImage);
    bytes.append(begin, begin + kImage);
  }
  return bytes;
}

CifarRecords read_cifar(const Path& path) { return from_cifar(read_unpacked(path), path.string()); }

CifarRecords joined(CifarRecords first, const CifarRecords& second) {
  append(first.labels.values, second.labels.values);
  append(first.images.values, second.images.values);
  first.labels.shape[0] += second.labels.shape[0];
  first.images.shape[0] += second.images.shape[0];
  return first;
}

}  // namespace brenier::experiments
