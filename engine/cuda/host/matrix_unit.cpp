// Products under way, warp by warp. Source of the layouts and the rules: PTX ISA, "Asynchronous Warpgroup Level Matrix
// Multiply-Accumulate Operation", and there "Matrix Descriptor Format" and "Shared Memory Matrix Layout".
#include "engine/cuda/host/matrix_unit.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include "engine/cuda/wgmma.h"

namespace brenier::cuda_on_host {

namespace shim {

namespace {

constexpr std::uint32_t kPoison = 0xffffffffu;

float toward_zero(double x) {
  const float nearest = static_cast<float>(x);
  return std::fabs(double{nearest}) > std::fabs(x) ? std::nextafter(nearest, 0.0f) : nearest;
}

std::uint32_t word_at(const std::byte* data) {
  std::uint32_t word;
  std::memcpy(&word, data, sizeof word);
  return word;
}

}  // namespace

double tf32_value(std::uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000u); }

// -- shared memory --

SharedMatrix::SharedMatrix(std::uint64_t descriptor)
    : start((descriptor & 0x3fff) << 4),
      leading((descriptor >> 16 & 0x3fff) << 4),
      stride((descriptor >> 32 & 0x3fff) << 4),
      swizzle(static_cast<unsigned>(descriptor >> 62)),
      base_offset(static_cast<unsigned>(descriptor >> 49 & 7)) {}

// Lines of K-major matrices come in groups of eight; swizzle modes 1, 2 and 3 have lines of 128, 64 and 32 bytes.
std::size_t SharedMatrix::address(std::size_t line, std::size_t k) const {
  const std::size_t pitch = swizzle == 0 ? 16 : std::size_t{256} >> swizzle;
  const std::size_t chunk = swizzle == 0 ? leading : 16;
  const std::size_t plain = start + line / 8 * stride + line % 8 * pitch + k / 4 * chunk + k % 4 * 4;
  return plain ^ (plain >> 7 & (pitch / 16 - 1)) << 4;
}

void AsyncView::begin(const void* memory, std::size_t bytes) {
  memory_ = static_cast<const std::byte*>(memory);
  bytes_ = bytes;
  seen_.clear();
}
void AsyncView::publish() { seen_.assign(memory_, memory_ + bytes_); }
std::uint32_t AsyncView::seen(std::size_t address) const {
  return seen_.empty() ? kPoison : word_at(seen_.data() + address);
}
std::uint32_t AsyncView::present(std::size_t address) const { return word_at(memory_ + address); }
std::size_t AsyncView::offset_of(const void* data) const {
  const std::size_t offset = reinterpret_cast<std::uintptr_t>(data) - reinterpret_cast<std::uintptr_t>(memory_);
  return std::min(offset, bytes_);
}

// -- products --

void WarpProducts::clear() {
  pending_.clear();
  hidden_.clear();
  groups_.clear();
  fenced_ = false;
  started_ = 0;
}

const char* WarpProducts::start(const WarpProduct& product, const AsyncView& view) {
  const LaneProduct& first = product[0];
  for (const LaneProduct& lane : product)
    if (lane.b != first.b || lane.add != first.add) return "wgmma with another descriptor in another lane";
  if (!fenced_) return "wgmma after its registers were touched, without wgmma_fence";
  Pending pending{product, SharedMatrix(first.b), {}, {}, false};
  if (pending.matrix.base_offset != 0) return "wgmma with a base offset, which the shim does not know";
  for (std::size_t column = 0; column < kWgmmaColumns; ++column) {
    for (std::size_t k = 0; k < kWgmmaTerms; ++k) {
      const std::size_t address = pending.matrix.address(column, k);
      if (address + 4 > view.bytes()) return "wgmma beyond the end of shared memory";
      pending.b.push_back(view.seen(address));
    }
  }
  for (std::size_t lane = 0; lane < 32; ++lane) std::copy_n(product[lane].a, 4, pending.a[lane].begin());
  ++hide(product).pending;
  ++started_;
  pending_.push_back(std::move(pending));
  return nullptr;
}

WarpProducts::Hidden& WarpProducts::hide(const WarpProduct& product) {
  for (Hidden& hidden : hidden_)
    if (hidden.lanes[0].d == product[0].d) return hidden;
  Hidden& hidden = hidden_.emplace_back(Hidden{product, {}, 0});
  for (std::size_t lane = 0; lane < 32; ++lane) {
    std::copy_n(product[lane].d, kWgmmaSums, hidden.sums[lane].begin());
    std::memset(product[lane].d, 0xff, sizeof(Sums));
  }
  return hidden;
}

void WarpProducts::commit() {
  std::size_t size = 0;
  for (Pending& product : pending_) {
    size += !product.committed;
    product.committed = true;
  }
  groups_.push_back(size);
}

const char* WarpProducts::wait(std::size_t groups_left, const AsyncView& view) {
  const char* problem = nullptr;
  while (groups_.size() > groups_left) {
    for (std::size_t i = 0; i < groups_.front(); ++i) {
      const char* its_problem = finish(pending_.front(), view);
      problem = problem ? problem : its_problem;
      pending_.pop_front();
    }
    groups_.erase(groups_.begin());
  }
  fenced_ = false;
  return problem;
}

// Registers show their sums when no product of theirs is left.
const char* WarpProducts::finish(const Pending& product, const AsyncView& view) {
  const auto is_it = [&](const Hidden& hidden) { return hidden.lanes[0].d == product.lanes[0].d; };
  const auto hidden = std::find_if(hidden_.begin(), hidden_.end(), is_it);
  multiply(product, hidden->sums);
  for (std::size_t i = 0; i < product.b.size(); ++i)
    if (view.present(product.matrix.address(i / kWgmmaTerms, i % kWgmmaTerms)) != product.b[i] &&
        product.b[i] != kPoison)
      return "shared memory that a wgmma reads was changed before a wait";
  for (std::size_t lane = 0; lane < 32; ++lane) {
    if (!std::equal(product.a[lane].begin(), product.a[lane].end(), product.lanes[lane].a))
      return "a register that a wgmma reads was changed before a wait";
    const auto hides = [](float sum) { return std::bit_cast<std::uint32_t>(sum) == kPoison; };
    if (!std::all_of(product.lanes[lane].d, product.lanes[lane].d + kWgmmaSums, hides))
      return "a register that a wgmma writes was changed before a wait";
  }
  if (--hidden->pending > 0) return nullptr;
  for (std::size_t lane = 0; lane < 32; ++lane)
    std::copy(hidden->sums[lane].begin(), hidden->sums[lane].end(), hidden->lanes[lane].d);
  hidden_.erase(hidden);
  return nullptr;
}

void WarpProducts::multiply(const Pending& product, std::array<Sums, 32>& sums) {
  double rows[16][kWgmmaTerms];
  for (std::size_t lane = 0; lane < 32; ++lane)
    for (std::size_t i = 0; i < 4; ++i)
      rows[lane / 4 + i % 2 * 8][lane % 4 + i / 2 * 4] = tf32_value(product.a[lane][i]);
  for (std::size_t lane = 0; lane < 32; ++lane) {
    for (std::size_t i = 0; i < kWgmmaSums; ++i) {
      const std::size_t row = lane / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      double sum = product.lanes[0].add ? sums[lane][i] : 0.0;
      for (std::size_t k = 0; k < kWgmmaTerms; ++k)
        sum += rows[row][k] * tf32_value(product.b[column * kWgmmaTerms + k]);
      sums[lane][i] = toward_zero(sum);
    }
  }
}

// -- what kernels call --

namespace {

enum class Step { Product, Fence, Commit, Wait };
struct WarpStep {
  Step step;
  LaneProduct product;
  std::size_t groups_left;
  const char* problem;

  static void combine(Payloads payloads) {
    auto& self = *static_cast<WarpStep*>(payloads[0]);
    self.problem = nullptr;
    if (self.step == Step::Fence) warp_products().fence();
    if (self.step == Step::Commit) warp_products().commit();
    if (self.step == Step::Wait) self.problem = warp_products().wait(self.groups_left, async_view());
    if (self.step == Step::Product) {
      WarpProduct product;
      for (std::size_t lane = 0; lane < 32; ++lane)
        product[lane] = static_cast<const WarpStep*>(payloads[lane])->product;
      self.problem = warp_products().start(product, async_view());
    }
    for (void* payload : payloads) static_cast<WarpStep*>(payload)->problem = self.problem;
  }
};

void together(const char* name, WarpStep step) {
  if (block_size.x * block_size.y * block_size.z % 128 != 0) fail(std::string(name) + " needs whole warpgroups");
  exchange(name, 0xffffffffu, &step, &WarpStep::combine);
  if (step.problem) fail(step.problem);
}

}  // namespace

}  // namespace shim

unsigned shared_address(const void* shared) {
  const std::size_t offset = shim::async_view().offset_of(shared);
  if (offset == shim::async_view().bytes()) shim::fail("a descriptor of what is not dynamic shared memory");
  return static_cast<unsigned>(offset);
}

void wgmma_tf32(float (&d)[64], const std::uint32_t (&a)[4], std::uint64_t b, bool add) {
  shim::together("wgmma_tf32", {shim::Step::Product, {d, a, b, add}, 0, nullptr});
}
void wgmma_fence() { shim::together("wgmma_fence", {shim::Step::Fence, {}, 0, nullptr}); }
void wgmma_commit() { shim::together("wgmma_commit", {shim::Step::Commit, {}, 0, nullptr}); }
void wgmma_wait_for_all_but(unsigned groups) { shim::together("wgmma_wait", {shim::Step::Wait, {}, groups, nullptr}); }
void fence_proxy_async() { shim::fence_proxy(); }

}  // namespace brenier::cuda_on_host
