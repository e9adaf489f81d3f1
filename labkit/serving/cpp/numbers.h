// Numbers between their two encodings on the wire: JSON text, and raw little-endian bytes.
#pragma once
#include <cstddef>
#include <string>

#include "json.h"
#include "tensor.h"

namespace labkit {

// The elements of `tensor` from JSON numbers, nested like `shape` or flat.
// Throws Refusal for another shape, for what is not a number, and for numbers that do not fit.
Bytes from_json(const json::Value& data, const Tensor& tensor, const std::vector<std::int64_t>& shape);

// Throws Refusal for NaN and infinity, and for integers out of the tensor's range.
void check_values(const Bytes& elements, const Tensor& tensor);

bool is_finite(const std::byte* elements, std::size_t count, const Datatype& datatype);

// Appends "[0.1,0.9]" to `text`: each number in as few digits as say exactly which it is.
void append_json(std::string& text, const std::byte* elements, std::size_t count, const Datatype& datatype);

// Element `index` of an integer tensor.
std::int64_t integer_at(const std::byte* elements, std::size_t index, const Datatype& datatype);

// The first element of `from` as one element of `to`'s datatype.
Bytes converted(const std::byte* elements, const Tensor& from, const Tensor& to);

}  // namespace labkit
