// The Open Inference Protocol v2 over REST: bytes to tensors, and tensors to bytes. No network in sight.
//
// A request is a JSON object. With the binary tensor data extension, raw tensors follow it in the same body, in the order
// of the inputs, and the header Inference-Header-Content-Length says where the JSON ends:
//
//   {"inputs": [{"name": "image", "shape": [1, 1, 28, 28], "datatype": "FP32",
//                "parameters": {"binary_data_size": 3136}}]} <3136 bytes>
//
// github.com/kserve/open-inference-protocol; Triton's extension_binary_data.md for the extension.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manifest.h"
#include "options.h"

namespace labkit {

constexpr std::string_view header_length_name = "Inference-Header-Content-Length";
constexpr std::size_t max_body = 16 << 20;  // bytes: 256 photos as binary data
constexpr std::int64_t max_rows = 256;      // a request's memory is its rows times the widest activation

enum class Wanted { no, as_json, as_bytes };

// A request understood.
struct Question {
  std::optional<std::string> id;
  std::int64_t rows = 0;
  std::vector<Bytes> inputs;       // in the order of the manifest
  std::vector<Wanted> outputs;     // in the order of the manifest
  std::optional<Seconds> timeout;  // the client's own deadline (Triton's parameter `timeout`, in microseconds)
};

// Read a request for this model. Throws Refusal for whatever does not fit.
Question decode(std::string_view body, std::optional<std::string_view> header_length, const Manifest& manifest);

struct Encoded {
  std::string body;
  std::optional<std::size_t> json_length;  // where raw tensors follow the JSON
};

// The body of the answer. Throws Refusal (500) where the model answered with NaN.
Encoded encode(const Question& question, const std::vector<Bytes>& outputs, const Manifest& manifest);

std::string error_body(std::string_view sentence);  // {"error": sentence}

}  // namespace labkit
