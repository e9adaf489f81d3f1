// A tensor as a model promises it: name, datatype and shape, in the words of the Open Inference Protocol.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace labkit {

enum class Kind { unsigned_integer, signed_integer, floating };

struct Datatype {
  std::string_view name;  // as in FP32, UINT8, INT64
  Kind kind;
  std::size_t bytes;
};

// nullptr where the protocol has no such datatype, or this server does not speak it (BOOL, BYTES).
const Datatype* datatype_named(std::string_view name);

constexpr std::int64_t any_size = -1;  // the size of a dimension that is free: the batch

using Bytes = std::vector<std::byte>;  // a tensor's elements, row-major and little-endian, as on the wire

struct Tensor {
  std::string name;
  const Datatype* datatype;
  std::vector<std::int64_t> shape;                             // (any_size, ...): the batch comes first
  std::optional<std::pair<std::int64_t, std::int64_t>> range;  // of an integer input, where it is narrower than its type

  std::size_t row_elements() const;  // elements of one row: the product of every dimension but the first
  std::size_t row_bytes() const { return row_elements() * datatype->bytes; }
};

std::string described(const Tensor& tensor);                   // "image FP32 [-1, 1, 28, 28]"
std::string as_list(const std::vector<std::int64_t>& shape);   // "[-1, 1, 28, 28]"
std::string names_of(const std::vector<Tensor>& tensors);      // "'image', 'mask'"

}  // namespace labkit
