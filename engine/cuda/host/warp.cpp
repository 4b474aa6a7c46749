// Votes and matrix products of a warp, computed for all lanes at once from what each handed in.
#include <cmath>

#include "engine/cuda/host/device.h"
#include "engine/cuda/host/matrix_unit.h"

namespace brenier::cuda_on_host {

namespace {

struct Vote {
  bool value;
  unsigned result;
  static void combine(shim::Payloads payloads) {
    unsigned votes = 0;
    for (unsigned lane = 0; lane < 32; ++lane) {
      const auto* self = static_cast<const Vote*>(payloads[lane]);
      if (self && self->value) votes |= 1u << lane;
    }
    for (void* payload : payloads) {
      if (payload) static_cast<Vote*>(payload)->result = votes;
    }
  }
};

struct ProductTf32 {
  const std::uint32_t* a;
  const std::uint32_t* b;
  float* d;

  static void combine(shim::Payloads payloads) {
    double left[16][8], right[8][8];
    for (unsigned lane = 0; lane < 32; ++lane) {
      const auto& self = *static_cast<const ProductTf32*>(payloads[lane]);
      const unsigned g = lane / 4, t = lane % 4;
      for (unsigned i = 0; i < 4; ++i) left[g + i % 2 * 8][t + i / 2 * 4] = shim::tf32_value(self.a[i]);
      for (unsigned i = 0; i < 2; ++i) right[t + i * 4][g] = shim::tf32_value(self.b[i]);
    }
    for (unsigned lane = 0; lane < 32; ++lane) {
      const auto& self = *static_cast<const ProductTf32*>(payloads[lane]);
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        double sum = self.d[i];
        for (unsigned k = 0; k < 8; ++k) sum += left[row][k] * right[k][column];
        self.d[i] = static_cast<float>(sum);
      }
    }
  }
};

struct ProductF64 {
  double a, b;
  double* d;

  static void combine(shim::Payloads payloads) {
    for (unsigned lane = 0; lane < 32; ++lane) {
      const auto& self = *static_cast<const ProductF64*>(payloads[lane]);
      for (unsigned i = 0; i < 2; ++i) {
        const unsigned row = lane / 4, column = lane % 4 * 2 + i;
        for (unsigned k = 0; k < 4; ++k) {
          const auto* left = static_cast<const ProductF64*>(payloads[row * 4 + k]);
          const auto* right = static_cast<const ProductF64*>(payloads[column * 4 + k]);
          self.d[i] = std::fma(left->a, right->b, self.d[i]);
        }
      }
    }
  }
};

// The matrix instructions are for whole warps.
template <class Product>
void multiply(const char* name, Product product) {
  if (block_size.x * block_size.y * block_size.z % 32 != 0) shim::fail(std::string(name) + " needs whole warps");
  shim::exchange(name, 0xffffffffu, &product, &Product::combine);
}

}  // namespace

unsigned shim::ballot(const char* name, unsigned mask, bool vote) {
  Vote payload{vote, 0};
  exchange(name, mask, &payload, &Vote::combine);
  return payload.result;
}

std::uint32_t to_tf32(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return 0x7fffffffu;
  // Adding half of the last kept bit rounds ties away from zero, and may carry into the exponent, as it should.
  return std::isinf(x) ? bits : (bits + 0x1000u) & 0xffffe000u;
}

void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  multiply("mma_tf32", ProductTf32{a, b, d});
}

void mma_f64(double (&d)[2], double a, double b) { multiply("mma_f64", ProductF64{a, b, d}); }

}  // namespace brenier::cuda_on_host
