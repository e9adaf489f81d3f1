#include "tensor.h"

#include <array>

namespace labkit {

constexpr std::array<Datatype, 11> datatypes{{
    {"UINT8", Kind::unsigned_integer, 1},
    {"UINT16", Kind::unsigned_integer, 2},
    {"UINT32", Kind::unsigned_integer, 4},
    {"UINT64", Kind::unsigned_integer, 8},
    {"INT8", Kind::signed_integer, 1},
    {"INT16", Kind::signed_integer, 2},
    {"INT32", Kind::signed_integer, 4},
    {"INT64", Kind::signed_integer, 8},
    {"FP16", Kind::floating, 2},
    {"FP32", Kind::floating, 4},
    {"FP64", Kind::floating, 8},
}};

const Datatype* datatype_named(std::string_view name) {
  for (const Datatype& datatype : datatypes)
    if (datatype.name == name) return &datatype;
  return nullptr;
}

std::size_t Tensor::row_elements() const {
  std::size_t elements = 1;
  for (std::size_t axis = 1; axis < shape.size(); ++axis) elements *= static_cast<std::size_t>(shape[axis]);
  return elements;
}

std::string as_list(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

std::string described(const Tensor& tensor) {
  return tensor.name + " " + std::string(tensor.datatype->name) + " " + as_list(tensor.shape);
}

std::string names_of(const std::vector<Tensor>& tensors) {
  std::string text;
  for (const Tensor& tensor : tensors) text += (text.empty() ? "'" : ", '") + tensor.name + "'";
  return text;
}

}  // namespace labkit
