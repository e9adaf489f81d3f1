// OpenVINO: reads the ONNX file. Good on every size of model; its libraries take some 50 MB of memory.
#include <openvino/openvino.hpp>

#include <cstring>
#include <stdexcept>

#include "engine.h"

namespace labkit {

const char* const engine_name = "openvino";
const char* const engine_format = "onnx";

const std::vector<std::pair<ov::element::Type, const char*>> types{
    {ov::element::u8, "UINT8"},  {ov::element::u16, "UINT16"}, {ov::element::u32, "UINT32"}, {ov::element::u64, "UINT64"},
    {ov::element::i8, "INT8"},   {ov::element::i16, "INT16"},  {ov::element::i32, "INT32"},  {ov::element::i64, "INT64"},
    {ov::element::f16, "FP16"},  {ov::element::f32, "FP32"},   {ov::element::f64, "FP64"},
};

Tensor described(const ov::Output<const ov::Node>& port) {
  Tensor tensor;
  tensor.name = port.get_any_name();
  for (const auto& [type, name] : types)
    if (type == port.get_element_type()) tensor.datatype = datatype_named(name);
  if (!tensor.datatype) throw std::runtime_error("'" + tensor.name + "' has a type that the protocol does not know");
  for (const ov::Dimension& size : port.get_partial_shape())
    tensor.shape.push_back(size.is_static() ? size.get_length() : any_size);
  return tensor;
}

class OpenVino : public Engine {
 public:
  OpenVino(const std::string& path, const Manifest& manifest, int threads) : manifest_(manifest) {
    compiled_ = core_.compile_model(path, "CPU", ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                                    ov::inference_num_threads(threads), ov::hint::enable_cpu_pinning(false),
                                    // else a processor with BF16 would compute with 8 bits, and answer otherwise
                                    ov::hint::inference_precision(ov::element::f32));
    request_ = compiled_.create_infer_request();
  }

  std::vector<Tensor> inputs() const override { return described_all(compiled_.inputs()); }
  std::vector<Tensor> outputs() const override { return described_all(compiled_.outputs()); }

  void infer(std::int64_t rows, const std::vector<const std::byte*>& inputs,
             const std::vector<std::byte*>& outputs) override {
    for (std::size_t place = 0; place < inputs.size(); ++place) {
      const auto port = compiled_.input(manifest_.inputs[place].name);
      ov::Shape shape(manifest_.inputs[place].shape.begin(), manifest_.inputs[place].shape.end());
      shape[0] = static_cast<std::size_t>(rows);
      // OpenVINO has no tensor that cannot be written; this one is only read.
      request_.set_tensor(port, ov::Tensor(port.get_element_type(), shape, const_cast<std::byte*>(inputs[place])));
    }
    request_.infer();
    for (std::size_t place = 0; place < outputs.size(); ++place) {
      const ov::Tensor answer = request_.get_tensor(compiled_.output(manifest_.outputs[place].name));
      if (answer.get_byte_size() != static_cast<std::size_t>(rows) * manifest_.outputs[place].row_bytes())
        throw std::runtime_error("the output '" + manifest_.outputs[place].name + "' has another size than promised");
      std::memcpy(outputs[place], answer.data(), answer.get_byte_size());
    }
  }

 private:
  static std::vector<Tensor> described_all(const std::vector<ov::Output<const ov::Node>>& ports) {
    std::vector<Tensor> tensors;
    for (const auto& port : ports) tensors.push_back(labkit::described(port));
    return tensors;
  }

  Manifest manifest_;
  ov::Core core_;
  ov::CompiledModel compiled_;
  ov::InferRequest request_;
};

std::unique_ptr<Engine> open_engine(const Manifest& manifest, const Options& options) {
  return std::make_unique<OpenVino>(manifest.files.at(engine_format).path.string(), manifest, options.threads);
}

}  // namespace labkit
