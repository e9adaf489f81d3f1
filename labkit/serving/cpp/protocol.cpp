#include "protocol.h"

#include <algorithm>
#include <array>
#include <boost/json/monotonic_resource.hpp>
#include <charconv>
#include <utility>

#include "json.h"
#include "numbers.h"
#include "refusal.h"

namespace labkit {

using boost::json::kind;
using json::Value;

// --- one field of a request, which must be exactly of its kind

constexpr const char* kind_name(kind wanted) {
  switch (wanted) {
    case kind::object: return "an object";
    case kind::array: return "an array";
    case kind::string: return "a string";
    case kind::bool_: return "true or false";
    default: return "an integer";
  }
}

const Value* field(const Value& owner, std::string_view key, kind wanted, const std::string& where) {
  const Value* value = json::find(owner, key);
  if (value && value->kind() != wanted && !(wanted == kind::int64 && value->is_uint64()))
    throw Refusal("'" + std::string(key) + "' of " + where + " must be " + kind_name(wanted) + ", not " +
                  json::quoted(*value));
  return value;
}

const Value& needed(const Value& owner, std::string_view key, kind wanted, const std::string& where) {
  const Value* value = field(owner, key, wanted, where);
  if (!value) throw Refusal(where + " has no '" + std::string(key) + "'");
  return *value;
}

const Value& parameters_of(const Value& owner, const std::string& where) {
  static const Value none = boost::json::object{};
  // Parameters of extensions that change what the answer means: to ignore them would be to answer another question.
  constexpr std::array<std::pair<const char*, const char*>, 2> unsupported{
      {{"shared_memory_region", "shared memory"}, {"classification", "classification"}}};
  const Value* parameters = field(owner, "parameters", kind::object, where);
  if (!parameters) return none;
  for (const auto& [key, extension] : unsupported)
    if (json::find(*parameters, key))
      throw Refusal(where + " asks for the " + extension + " extension, which this server does not speak");
  return *parameters;
}

// --- the request

// The JSON text of a body, and the raw tensors behind it.
std::pair<std::string_view, std::string_view> split(std::string_view body,
                                                    std::optional<std::string_view> header_length) {
  if (!header_length) return {body, {}};
  std::size_t end = 0;
  const char* last = header_length->data() + header_length->size();
  const auto [stop, error] = std::from_chars(header_length->data(), last, end);
  if (error != std::errc() || stop != last)
    throw Refusal(std::string(header_length_name) + " is " + json::quoted(*header_length) +
                  "; it must be a number of bytes");
  if (end > body.size())
    throw Refusal(std::string(header_length_name) + " is " + std::to_string(end) + ", but the body has " +
                  std::to_string(body.size()) + " bytes");
  return {body.substr(0, end), body.substr(end)};
}

// The place in `known` of the entry's name; an entry must be an object, and its name known and not yet in `seen`.
std::size_t place_of(const Value& entry, const std::string& what, const std::vector<Tensor>& known,
                     std::vector<bool>& seen) {
  if (!entry.is_object()) throw Refusal("each of '" + what + "s' must be an object, not " + json::quoted(entry));
  const Value& name = needed(entry, "name", kind::string, "an " + what);
  const auto found = std::find_if(known.begin(), known.end(), [&](const Tensor& tensor) {
    return name.get_string() == tensor.name;
  });
  if (found == known.end())
    throw Refusal("there is no " + what + " " + json::quoted(name) + "; this model has " + names_of(known));
  const auto place = static_cast<std::size_t>(found - known.begin());
  if (seen[place]) throw Refusal(what + " '" + found->name + "' is given twice");
  seen[place] = true;
  return place;
}

// The shape that the client states, refused before any memory is taken for it.
std::vector<std::int64_t> read_shape(const Value& entry, const Tensor& tensor) {
  const std::string where = "input '" + tensor.name + "'";
  const Value& stated = needed(entry, "shape", kind::array, where);
  std::vector<std::int64_t> shape;
  for (const Value& size : stated.get_array()) {
    if (!size.is_int64() || size.get_int64() < 1) {
      if (size.is_uint64()) throw Refusal(where + " has a dimension of " + json::quoted(size) + ", which is too large");
      throw Refusal(where + " has a dimension of " + json::quoted(size) + "; each is an integer above 0");
    }
    shape.push_back(size.get_int64());
  }
  const bool fits = shape.size() == tensor.shape.size() &&
                    std::equal(shape.begin() + 1, shape.end(), tensor.shape.begin() + 1);
  if (!fits)
    throw Refusal(where + " has shape " + json::quoted(stated) + "; this model takes " + as_list(tensor.shape));
  if (shape[0] > max_rows)
    throw Refusal(where + " has shape " + json::quoted(stated) + "; at most " + std::to_string(max_rows) +
                  " rows go in one request");
  return shape;
}

Bytes raw_tensor(std::string_view& binary, std::int64_t size, const Tensor& tensor,
                 const std::vector<std::int64_t>& shape) {
  const std::string where = "input '" + tensor.name + "'";
  if (size < 0 || static_cast<std::uint64_t>(size) > binary.size())
    throw Refusal("'binary_data_size' of " + where + " is " + std::to_string(size) + ", but " +
                  std::to_string(binary.size()) + " bytes are left in the body");
  const std::size_t expected = static_cast<std::size_t>(shape[0]) * tensor.row_bytes();
  if (static_cast<std::size_t>(size) != expected)
    throw Refusal(where + " has " + std::to_string(size) + " bytes of binary data; " +
                  std::string(tensor.datatype->name) + " of shape " + as_list(shape) + " has " +
                  std::to_string(expected));
  const auto* bytes = reinterpret_cast<const std::byte*>(binary.data());
  binary.remove_prefix(expected);
  return {bytes, bytes + expected};
}

void read_input(const Value& entry, const Tensor& tensor, std::string_view& binary, Question& question, Bytes& into) {
  const std::string where = "input '" + tensor.name + "'";
  const Value& datatype = needed(entry, "datatype", kind::string, where);
  if (datatype.get_string() != tensor.datatype->name)
    throw Refusal(where + " has datatype " + json::quoted(datatype) + "; this model takes " +
                  std::string(tensor.datatype->name));
  const auto shape = read_shape(entry, tensor);
  if (question.rows && question.rows != shape[0]) throw Refusal("the inputs have different numbers of rows");
  question.rows = shape[0];
  const Value* size = field(parameters_of(entry, where), "binary_data_size", kind::int64, where);
  if (!size) {
    into = from_json(needed(entry, "data", kind::array, where), tensor, shape);
  } else {
    if (json::find(entry, "data")) throw Refusal(where + " has both 'data' and 'binary_data_size'; send one");
    into = raw_tensor(binary, size->is_uint64() ? INT64_MAX : size->get_int64(), tensor, shape);
  }
  check_values(into, tensor);
}

void read_inputs(const Value& message, std::string_view binary, const Manifest& manifest, Question& question) {
  question.inputs.resize(manifest.inputs.size());
  std::vector<bool> seen(manifest.inputs.size());
  // In the order of the request, which is the order of the raw tensors.
  for (const Value& entry : needed(message, "inputs", kind::array, "the request").get_array()) {
    const std::size_t place = place_of(entry, "input", manifest.inputs, seen);
    read_input(entry, manifest.inputs[place], binary, question, question.inputs[place]);
  }
  std::vector<Tensor> missing;
  for (std::size_t place = 0; place < seen.size(); ++place)
    if (!seen[place]) missing.push_back(manifest.inputs[place]);
  if (!missing.empty()) throw Refusal("the request lacks input " + names_of(missing));
  if (!binary.empty())
    throw Refusal(std::to_string(binary.size()) + " bytes follow the last input's binary data");
}

// Which outputs are wanted, all where none is named, and whether each as raw bytes.
void read_outputs(const Value& message, const Manifest& manifest, Question& question) {
  const std::string where = "the request";
  const Value& general = parameters_of(message, where);
  const Value* flag = field(general, "binary_data_output", kind::bool_, where);
  const Wanted usual = flag && flag->get_bool() ? Wanted::as_bytes : Wanted::as_json;
  const Value* named = field(message, "outputs", kind::array, where);
  const bool all = !named || named->get_array().empty();
  question.outputs.assign(manifest.outputs.size(), all ? usual : Wanted::no);
  if (all) return;
  std::vector<bool> seen(manifest.outputs.size());
  for (const Value& entry : named->get_array()) {
    const std::size_t place = place_of(entry, "output", manifest.outputs, seen);
    const std::string output = "output '" + manifest.outputs[place].name + "'";
    const Value* own = field(parameters_of(entry, output), "binary_data", kind::bool_, output);
    question.outputs[place] = !own ? usual : own->get_bool() ? Wanted::as_bytes : Wanted::as_json;
  }
}

void read_timeout(const Value& message, Question& question) {
  const Value* timeout = field(parameters_of(message, "the request"), "timeout", kind::int64, "the request");
  if (!timeout || timeout->is_uint64()) return;
  if (timeout->get_int64() < 0) throw Refusal("'timeout' of the request is below 0; it is a number of microseconds");
  if (timeout->get_int64() > 0) question.timeout = std::chrono::microseconds(timeout->get_int64());
}

Question decode(std::string_view body, std::optional<std::string_view> header_length, const Manifest& manifest) {
  const auto [text, binary] = split(body, header_length);
  boost::json::monotonic_resource memory(std::clamp<std::size_t>(8 * text.size(), 4096, 1 << 22));
  const Value message = json::parse(text, &memory);
  if (!message.is_object()) throw Refusal("the request is not a JSON object");
  Question question;
  if (const Value* id = field(message, "id", kind::string, "the request")) question.id = id->get_string();
  read_inputs(message, binary, manifest, question);
  read_outputs(message, manifest, question);
  read_timeout(message, question);
  return question;
}

// --- the answer

Encoded encode(const Question& question, const std::vector<Bytes>& outputs, const Manifest& manifest) {
  std::string text = "{\"model_name\":" + json::escaped(manifest.name) +
                     ",\"model_version\":" + json::escaped(manifest.version);
  if (question.id) text += ",\"id\":" + json::escaped(*question.id);
  text += ",\"outputs\":[";
  std::string raw;
  bool first = true;
  for (std::size_t place = 0; place < outputs.size(); ++place) {
    if (question.outputs[place] == Wanted::no) continue;
    const Tensor& tensor = manifest.outputs[place];
    const Bytes& elements = outputs[place];
    const std::size_t count = elements.size() / tensor.datatype->bytes;
    if (!is_finite(elements.data(), count, *tensor.datatype))
      throw Refusal("the model answered with NaN or infinity in '" + tensor.name + "'", 500);
    text += std::exchange(first, false) ? "{\"name\":" : ",{\"name\":";
    text += json::escaped(tensor.name) + ",\"datatype\":\"" + std::string(tensor.datatype->name) + "\",\"shape\":[" +
            std::to_string(question.rows);
    for (std::size_t axis = 1; axis < tensor.shape.size(); ++axis) text += "," + std::to_string(tensor.shape[axis]);
    if (question.outputs[place] == Wanted::as_bytes) {
      text += "],\"parameters\":{\"binary_data_size\":" + std::to_string(elements.size()) + "}}";
      raw.append(reinterpret_cast<const char*>(elements.data()), elements.size());
    } else {
      text += "],\"data\":";
      append_json(text, elements.data(), count, *tensor.datatype);
      text += "}";
    }
  }
  text += "]}";
  const bool any_raw = std::find(question.outputs.begin(), question.outputs.end(), Wanted::as_bytes) != question.outputs.end();
  if (!any_raw) return {std::move(text), std::nullopt};
  const std::size_t length = text.size();
  return {std::move(text) + raw, length};
}

std::string error_body(std::string_view sentence) { return "{\"error\":" + json::escaped(sentence) + "}"; }

}  // namespace labkit
