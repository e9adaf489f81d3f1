// JSON, read with Boost.JSON: a few words to say what is expected, and how a value is quoted in a sentence.
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace labkit::json {

using Value = boost::json::value;

// Throws Refusal where the text is not JSON, or is nested more than 64 deep.
// The memory of small documents comes from `storage` where that is given.
Value parse(std::string_view text, boost::json::storage_ptr storage = {});

const Value* find(const Value& object, std::string_view key);  // nullptr where there is none

// What must be there and of this kind; std::exception where it is not.
std::string text(const Value& object, std::string_view key);
const boost::json::array& array(const Value& object, std::string_view key);
std::int64_t whole(const Value& number);

// A value as a refusal quotes it: what a client sent may be megabytes long.
std::string quoted(const Value& value);
std::string quoted(std::string_view header);

std::string escaped(std::string_view utf8);  // a JSON string, its quotation marks included

}  // namespace labkit::json
