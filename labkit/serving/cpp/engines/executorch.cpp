// ExecuTorch: torch's own runtime for small devices, with XNNPACK's kernels. It takes the least memory.
//
// Its threads cannot be set: the wheel has the headers that would pause its pool, and XNNPACK uses the pool all the same.
// Nor does its file know the names of its tensors: the order of the manifest counts.
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>
#include <executorch/runtime/platform/platform.h>

#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "engine.h"

namespace labkit {

namespace et = executorch::extension;
namespace aten = executorch::aten;
using executorch::runtime::Error;

const char* const engine_name = "executorch";
const char* const engine_format = "executorch";

// Its remarks on the processor are left out; its errors are told.
void log(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, std::size_t, const char* message, std::size_t) {
  if (level == et_pal_log_level_t::kError || level == et_pal_log_level_t::kFatal) std::fprintf(stderr, "%s\n", message);
}
const bool quiet = executorch::runtime::register_pal(executorch::runtime::PalImpl::create(log, __FILE__));

const std::vector<std::pair<aten::ScalarType, const char*>> types{
    {aten::ScalarType::Byte, "UINT8"}, {aten::ScalarType::Char, "INT8"},  {aten::ScalarType::Short, "INT16"},
    {aten::ScalarType::Int, "INT32"},  {aten::ScalarType::Long, "INT64"}, {aten::ScalarType::Half, "FP16"},
    {aten::ScalarType::Float, "FP32"}, {aten::ScalarType::Double, "FP64"},
};

aten::ScalarType type_of(const Tensor& tensor) {
  for (const auto& [type, name] : types)
    if (tensor.datatype->name == name) return type;
  throw std::runtime_error("ExecuTorch has no " + std::string(tensor.datatype->name));
}

template <class Info>
Tensor described(const Info& info, const Tensor& promised) {
  Tensor tensor{promised.name, nullptr, {}, {}};
  for (const auto& [type, name] : types)
    if (type == info.scalar_type()) tensor.datatype = datatype_named(name);
  if (!tensor.datatype) throw std::runtime_error("'" + tensor.name + "' has a type that the protocol does not know");
  for (const auto size : info.sizes()) tensor.shape.push_back(size);
  if (!tensor.shape.empty()) tensor.shape[0] = any_size;  // the file has the largest batch there
  return tensor;
}

class ExecuTorch : public Engine {
 public:
  ExecuTorch(const File& file, const Manifest& manifest) : manifest_(manifest), module_(file.path.string()) {
    if (const auto error = module_.load_forward(); error != Error::Ok)
      throw std::runtime_error("error " + std::to_string(static_cast<int>(error)));
    auto meta = module_.method_meta("forward");
    if (!meta.ok()) throw std::runtime_error("it has no method 'forward'");
    if (meta->num_inputs() != manifest.inputs.size() || meta->num_outputs() != manifest.outputs.size())
      throw std::runtime_error("it has another number of inputs or outputs than the manifest");
    for (std::size_t place = 0; place < manifest.inputs.size(); ++place)
      inputs_.push_back(labkit::described(*meta->input_tensor_meta(place), manifest.inputs[place]));
    for (std::size_t place = 0; place < manifest.outputs.size(); ++place)
      outputs_.push_back(labkit::described(*meta->output_tensor_meta(place), manifest.outputs[place]));
  }

  std::vector<Tensor> inputs() const override { return inputs_; }
  std::vector<Tensor> outputs() const override { return outputs_; }

  void infer(std::int64_t rows, const std::vector<const std::byte*>& inputs,
             const std::vector<std::byte*>& outputs) override {
    std::vector<et::TensorPtr> tensors;
    std::vector<executorch::runtime::EValue> values;
    for (std::size_t place = 0; place < inputs.size(); ++place) {
      std::vector<aten::SizesType> shape(inputs_[place].shape.begin(), inputs_[place].shape.end());
      shape[0] = static_cast<aten::SizesType>(rows);
      tensors.push_back(et::from_blob(const_cast<std::byte*>(inputs[place]), shape, type_of(inputs_[place])));
      values.emplace_back(tensors.back());
    }
    const auto result = module_.forward(values);
    if (!result.ok()) throw std::runtime_error("error " + std::to_string(static_cast<int>(result.error())));
    for (std::size_t place = 0; place < outputs.size(); ++place) {
      const auto answer = result->at(place).toTensor();
      if (answer.nbytes() != static_cast<std::size_t>(rows) * outputs_[place].row_bytes())
        throw std::runtime_error("the output '" + outputs_[place].name + "' has another size than promised");
      std::memcpy(outputs[place], answer.const_data_ptr(), answer.nbytes());
    }
  }

 private:
  Manifest manifest_;
  et::Module module_;
  std::vector<Tensor> inputs_, outputs_;
};

std::unique_ptr<Engine> open_engine(const Manifest& manifest, const Options&) {
  return std::make_unique<ExecuTorch>(manifest.files.at(engine_format), manifest);
}

}  // namespace labkit
