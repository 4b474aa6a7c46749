#include "bench/cuda/report.h"

#include <cmath>
#include <cstdio>

namespace brenier::bench {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + '"';
}

std::string formatted(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

// `, "key": value`, or nothing for what was not measured.
std::string field(const char* key, double value) {
  if (!std::isfinite(value) || value == 0) return "";
  return ", " + quoted(key) + ": " + formatted("%.6g", value);
}

std::string cell(const char* format, double value, int width) {
  const bool measured = std::isfinite(value) && value != 0;
  const std::string text = measured ? formatted(format, value) : "-";
  const auto size = static_cast<int>(text.size());
  return std::string(static_cast<std::size_t>(size < width ? width - size : 1), ' ') + text;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

constexpr std::size_t kNameWidth = 46;

}  // namespace

std::string to_json(const GpuRow& row, const std::string& device) {
  std::string json = "{\"name\": " + quoted(row.name) + ", \"device\": " + quoted(device);
  json += field("us", row.us) + field("spread", row.spread) + field("tflops", row.tflops) + field("gbps", row.gbps);
  json += field("fraction_of_ceiling", row.fraction_of_ceiling());
  if (!row.peer.empty()) {
    json += ", \"peer\": " + quoted(row.peer) + field("peer_us", row.peer_us) + field("ratio", row.ratio());
    json += field("peer_error", row.peer_error);
  }
  // An error of zero is a result.
  if (row.error == 0) return json + ", \"error\": 0}";
  return json + field("error", row.error) + "}";
}

std::string table_header() {
  return padded("name", kNameWidth) + "          us  spread  TFLOP/s    GB/s  ceiling     ratio     error  peer";
}

std::string table_line(const GpuRow& row) {
  return padded(row.name, kNameWidth) + cell("%.2f", row.us, 12) + cell("%.0f %%", 100 * row.spread, 8) +
         cell("%.2f", row.tflops, 9) + cell("%.0f", row.gbps, 8) + cell("%.0f %%", 100 * row.fraction_of_ceiling(), 9) +
         cell("%.2fx", row.ratio(), 10) + cell("%.1e", row.error, 10) + (row.peer.empty() ? "" : "  " + row.peer);
}

}  // namespace brenier::bench
