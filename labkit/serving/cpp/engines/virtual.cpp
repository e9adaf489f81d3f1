// The virtual engine: it computes nothing and sleeps for the service time that it is told, as a process does whose
// accelerator is elsewhere. For experiments with queues, and for tests whose findings must be the server's own.
//
// Every element of an answer's row is the first element of the question's row, so that a mix-up of rows would show.
#include <cmath>
#include <cstring>
#include <random>
#include <thread>

#include "engine.h"
#include "numbers.h"

namespace labkit {

const char* const engine_name = "virtual";
const char* const engine_format = "";

class Virtual : public Engine {
 public:
  Virtual(const Manifest& manifest, const Options& options)
      : manifest_(manifest), options_(options), dice_(options.seed) {}

  std::vector<Tensor> inputs() const override { return manifest_.inputs; }
  std::vector<Tensor> outputs() const override { return manifest_.outputs; }

  void infer(std::int64_t rows, const std::vector<const std::byte*>& inputs,
             const std::vector<std::byte*>& outputs) override {
    std::this_thread::sleep_for(service_time(rows));
    for (std::size_t place = 0; place < outputs.size(); ++place)
      for (std::int64_t row = 0; row < rows; ++row) echo(row, inputs[0], manifest_.outputs[place], outputs[place]);
  }

 private:
  Seconds service_time(std::int64_t rows) {
    const Seconds mean = options_.service_base + static_cast<double>(rows) * options_.service_per_row;
    if (!options_.exponential_service || mean.count() == 0) return mean;
    return Seconds(std::exponential_distribution<double>(1 / mean.count())(dice_));
  }

  void echo(std::int64_t row, const std::byte* questions, const Tensor& output, std::byte* answers) const {
    const Tensor& input = manifest_.inputs[0];
    const Bytes first = converted(questions + static_cast<std::size_t>(row) * input.row_bytes(), input, output);
    std::byte* answer = answers + static_cast<std::size_t>(row) * output.row_bytes();
    for (std::size_t element = 0; element < output.row_elements(); ++element)
      std::memcpy(answer + element * first.size(), first.data(), first.size());
  }

  Manifest manifest_;
  Options options_;
  std::mt19937_64 dice_;
};

std::unique_ptr<Engine> open_engine(const Manifest& manifest, const Options& options) {
  if (manifest.inputs.empty()) throw std::runtime_error("a model without an input has no rows");
  return std::make_unique<Virtual>(manifest, options);
}

}  // namespace labkit
