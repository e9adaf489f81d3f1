#include "numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "half.h"
#include "refusal.h"

namespace labkit {

// Calls `visit` with a value of the C++ type that the datatype names.
template <class Visit>
auto with_type(const Datatype& datatype, Visit visit) {
  const bool is_signed = datatype.kind == Kind::signed_integer;
  if (datatype.kind == Kind::floating)
    switch (datatype.bytes) {
      case 2: return visit(Half{});
      case 4: return visit(float{});
      default: return visit(double{});
    }
  switch (datatype.bytes) {
    case 1: return is_signed ? visit(std::int8_t{}) : visit(std::uint8_t{});
    case 2: return is_signed ? visit(std::int16_t{}) : visit(std::uint16_t{});
    case 4: return is_signed ? visit(std::int32_t{}) : visit(std::uint32_t{});
    default: return is_signed ? visit(std::int64_t{}) : visit(std::uint64_t{});
  }
}

template <class T>
T load(const std::byte* elements, std::size_t index) {
  T value;
  std::memcpy(&value, elements + index * sizeof(T), sizeof(T));  // raw bytes may lie anywhere
  return value;
}

template <class T>
std::string kind_of(const Tensor& tensor) {
  const std::string type(tensor.datatype->name);
  if constexpr (!std::is_integral_v<T>) {
    return "a number (" + type + ")";
  } else {
    const std::string low = std::to_string(tensor.range ? tensor.range->first : std::numeric_limits<T>::min());
    const std::string high = tensor.range ? std::to_string(tensor.range->second)
                                          : std::to_string(std::numeric_limits<T>::max());
    return "an integer from " + low + " to " + high + " (" + type + ")";
  }
}

template <class T>
bool in_range(T value, const Tensor& tensor) {
  return !tensor.range || (std::cmp_less_equal(tensor.range->first, value) &&
                           std::cmp_less_equal(value, tensor.range->second));
}

// --- from JSON

// One number, converted; false where it is none, or does not fit.
template <class T>
bool convert(const json::Value& number, const Tensor& tensor, T& into) {
  if constexpr (std::is_integral_v<T>) {
    // 1.0 is not a whole number here: who sends it for a pixel has scaled what should not be scaled.
    if (const auto* whole = number.if_int64()) {
      into = static_cast<T>(*whole);
      return std::in_range<T>(*whole) && in_range(into, tensor);
    }
    const auto* large = number.if_uint64();
    into = large ? static_cast<T>(*large) : T{};
    return large && std::in_range<T>(*large) && in_range(into, tensor);
  } else {
    if (const auto* real = number.if_double()) return into = T(*real), true;
    if (const auto* whole = number.if_int64()) return into = T(static_cast<double>(*whole)), true;
    if (const auto* large = number.if_uint64()) return into = T(static_cast<double>(*large)), true;
    return false;
  }
}

template <class T>
class Reader {
 public:
  Reader(const Tensor& tensor, const std::vector<std::int64_t>& shape, Bytes& into)
      : tensor_(tensor), shape_(shape), into_(into) {}

  void read(const json::Value& data) {
    const auto& list = data.get_array();
    if (!list.empty() && list[0].is_array()) return nested(data, 0);
    if (list.size() * sizeof(T) != into_.size()) wrong_shape();
    for (const json::Value& number : list) put(number);
  }

 private:
  void nested(const json::Value& data, std::size_t axis) {
    if (axis == shape_.size()) return put(data);
    const auto* list = data.if_array();
    if (!list || list->size() != static_cast<std::size_t>(shape_[axis])) wrong_shape();
    for (const json::Value& part : *list) nested(part, axis + 1);
  }

  void put(const json::Value& number) {
    T value;
    if (!convert(number, tensor_, value))
      throw Refusal("input '" + tensor_.name + "' holds " + json::quoted(number) + ", which is not " +
                    kind_of<T>(tensor_));
    std::memcpy(into_.data() + sizeof(T) * next_++, &value, sizeof(T));
  }

  [[noreturn]] void wrong_shape() const {
    throw Refusal("the data of input '" + tensor_.name + "' does not have the shape " + as_list(shape_));
  }

  const Tensor& tensor_;
  const std::vector<std::int64_t>& shape_;
  Bytes& into_;
  std::size_t next_ = 0;
};

Bytes from_json(const json::Value& data, const Tensor& tensor, const std::vector<std::int64_t>& shape) {
  Bytes elements(static_cast<std::size_t>(shape[0]) * tensor.row_bytes());
  with_type(*tensor.datatype, [&]<class T>(T) { Reader<T>(tensor, shape, elements).read(data); });
  return elements;
}

// --- checks

bool is_finite(const std::byte* elements, std::size_t count, const Datatype& datatype) {
  return with_type(datatype, [&]<class T>(T) {
    if constexpr (!std::is_integral_v<T>)
      for (std::size_t index = 0; index < count; ++index)
        if (!std::isfinite(load<T>(elements, index))) return false;
    return true;
  });
}

void check_values(const Bytes& elements, const Tensor& tensor) {
  const std::size_t count = elements.size() / tensor.datatype->bytes;
  // NaN passes through every layer and comes out as a confident label: it is stopped at the door.
  if (!is_finite(elements.data(), count, *tensor.datatype))
    throw Refusal("input '" + tensor.name + "' holds NaN, infinity, or a number too large for " +
                  std::string(tensor.datatype->name));
  // A token outside of the vocabulary would be looked up in foreign memory.
  with_type(*tensor.datatype, [&]<class T>(T) {
    if constexpr (std::is_integral_v<T>)
      for (std::size_t index = 0; tensor.range && index < count; ++index)
        if (const T value = load<T>(elements.data(), index); !in_range(value, tensor))
          throw Refusal("input '" + tensor.name + "' holds " + std::to_string(value) + ", which is not " +
                        kind_of<T>(tensor));
  });
}

// --- to JSON

void append_json(std::string& text, const std::byte* elements, std::size_t count, const Datatype& datatype) {
  with_type(datatype, [&]<class T>(T) {
    char digits[32];
    text += '[';
    for (std::size_t index = 0; index < count; ++index) {
      if (index) text += ',';
      const T value = load<T>(elements, index);
      if constexpr (std::is_same_v<T, Half>)
        text.append(digits, std::to_chars(digits, digits + sizeof digits, static_cast<float>(value)).ptr);
      else
        text.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    }
    text += ']';
  });
}

std::int64_t integer_at(const std::byte* elements, std::size_t index, const Datatype& datatype) {
  return with_type(datatype, [&]<class T>(T) { return static_cast<std::int64_t>(load<T>(elements, index)); });
}

Bytes converted(const std::byte* elements, const Tensor& from, const Tensor& to) {
  const double value = with_type(*from.datatype, [&]<class T>(T) { return static_cast<double>(load<T>(elements, 0)); });
  Bytes element(to.datatype->bytes);
  with_type(*to.datatype, [&]<class T>(T) {
    T converted;
    if constexpr (std::is_integral_v<T>)
      converted = static_cast<T>(static_cast<std::int64_t>(std::clamp(value, -9e18, 9e18)));
    else
      converted = T(value);
    std::memcpy(element.data(), &converted, sizeof(T));
  });
  return element;
}

}  // namespace labkit
