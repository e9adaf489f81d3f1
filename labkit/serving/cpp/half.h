// FP16, which C++ does not compute with: to float and back (IEEE 754 binary16, rounded to the nearest, ties to even).
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace labkit {

struct Half {
  std::uint16_t bits = 0;

  Half() = default;
  explicit Half(double value) {
    const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    const double size = std::fabs(value);
    if (!(size < 65520)) {  // halfway to what would follow the largest, 65504; or NaN
      bits = sign | (std::isnan(value) ? 0x7E00 : 0x7C00);
      return;
    }
    int exponent = -14;  // of the smallest normal number; below it the steps stay as wide
    if (size >= 0x1p-14) exponent = std::ilogb(size);
    const double steps = std::nearbyint(std::ldexp(size, 10 - exponent));  // of 2^(exponent - 10)
    // A normal number has 1024 steps or more, of which the exponent's field counts the first 1024.
    bits = sign | static_cast<std::uint16_t>((exponent + 14) * 1024 + static_cast<int>(steps));
  }

  operator float() const {
    const int exponent = bits >> 10 & 0x1F, fraction = bits & 0x3FF;
    float size = std::ldexp(static_cast<float>(exponent ? fraction + 1024 : fraction), (exponent ? exponent : 1) - 25);
    if (exponent == 0x1F) size = fraction ? NAN : INFINITY;
    return bits & 0x8000 ? -size : size;
  }
};

}  // namespace labkit
