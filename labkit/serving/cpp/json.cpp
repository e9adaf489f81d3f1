#include "json.h"

#include <boost/json/src.hpp>
#include <charconv>
#include <cmath>

#include "refusal.h"

namespace labkit::json {

constexpr std::size_t longest_quote = 60;
constexpr std::size_t deepest = 64;

Value parse(std::string_view text, boost::json::storage_ptr storage) {
  boost::json::parse_options options;
  options.max_depth = deepest;
  boost::system::error_code error;
  Value value = boost::json::parse(text, error, std::move(storage), options);
  if (!error) return value;
  if (error == boost::json::error::too_deep) throw Refusal("the request is nested too deeply");
  options.allow_infinity_and_nan = true;  // which Python's json writes, and JSON does not know
  error = {};
  boost::json::parse(text, error, {}, options);
  if (!error) throw Refusal("the request holds NaN or Infinity, which is neither JSON nor a number to compute with");
  throw Refusal("the request is not JSON: " + error.message());
}

const Value* find(const Value& object, std::string_view key) {
  const auto* members = object.if_object();
  return members ? members->if_contains(key) : nullptr;
}

std::string text(const Value& object, std::string_view key) { return std::string(object.at(key).as_string()); }

const boost::json::array& array(const Value& object, std::string_view key) { return object.at(key).as_array(); }

std::int64_t whole(const Value& number) { return number.to_number<std::int64_t>(); }

std::string escaped(std::string_view utf8) { return boost::json::serialize(boost::json::string_view(utf8)); }

// 1.0 and 1e+39, where Boost would write 1E0 and 1E39.
std::string plain(double number) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  const std::string text(digits, end);
  return text.find_first_of(".en") == text.npos ? text + ".0" : text;
}

std::string cut(std::string text) {
  if (text.size() <= longest_quote) return text;
  std::size_t end = longest_quote;
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;  // not in the middle of a character
  return text.substr(0, end) + "...";
}

std::string quoted(const Value& value) {
  if (value.is_double()) return plain(value.get_double());
  // The serializer is asked for no more than is shown.
  boost::json::serializer serializer;
  serializer.reset(&value);
  char buffer[longest_quote + 8];
  return cut(std::string(serializer.read(buffer, sizeof buffer)));
}

std::string quoted(std::string_view header) {
  std::string latin1;  // what headers are in, by the letter of the standard; JSON is UTF-8
  for (unsigned char letter : header.substr(0, longest_quote + 8)) {
    if (letter < 0x80) {
      latin1 += static_cast<char>(letter);
    } else {
      latin1 += static_cast<char>(0xC0 | letter >> 6);
      latin1 += static_cast<char>(0x80 | (letter & 0x3F));
    }
  }
  return cut(escaped(latin1));
}

}  // namespace labkit::json
