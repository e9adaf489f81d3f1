// An engine computes answers from a model's file. It is small enough to be exchanged: all that the server knows of it is
// this page, and each program has exactly one (engines/).
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "manifest.h"
#include "options.h"
#include "tensor.h"

namespace labkit {

class Engine {
 public:
  virtual ~Engine() = default;

  // What the graph itself takes and gives, in the order of `infer`; the manifest's promise is compared with it.
  virtual std::vector<Tensor> inputs() const = 0;
  virtual std::vector<Tensor> outputs() const = 0;

  // Compute `rows` rows. `inputs` and `outputs` point at row-major memory of that many rows, one for each tensor.
  // Called by one thread, one call at a time. Throws std::exception where the engine fails.
  virtual void infer(std::int64_t rows, const std::vector<const std::byte*>& inputs,
                     const std::vector<std::byte*>& outputs) = 0;
};

extern const char* const engine_name;    // "openvino"
extern const char* const engine_format;  // which of the manifest's files it reads; "" if it reads none

// Opens the model's file. Throws std::exception with the engine's own words where it cannot read it.
std::unique_ptr<Engine> open_engine(const Manifest& manifest, const Options& options);

}  // namespace labkit
