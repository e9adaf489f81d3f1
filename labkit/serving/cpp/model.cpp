#include "model.h"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "json.h"
#include "refusal.h"

namespace labkit {

namespace fs = std::filesystem;

std::vector<fs::path> folders_of(const fs::path& directory) {
  if (!fs::is_directory(directory))
    throw WrongUse("There is no model directory " + directory.string() + ". `labkit serve export-example DIR` writes one.");
  if (fs::is_regular_file(directory / "manifest.json")) return {directory};
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.is_directory() && !entry.path().filename().string().starts_with(".")) folders.push_back(entry.path());
  if (folders.empty())
    throw WrongUse(directory.string() + " holds no model. `labkit serve export-example DIR` writes two.");
  std::sort(folders.begin(), folders.end());
  return folders;
}

boost::json::array listed(const std::vector<Tensor>& tensors) {
  boost::json::array list;
  for (const Tensor& tensor : tensors) {
    boost::json::object entry{{"name", tensor.name},
                              {"datatype", std::string(tensor.datatype->name)},
                              {"shape", boost::json::array(tensor.shape.begin(), tensor.shape.end())}};
    if (tensor.range) entry["range"] = {tensor.range->first, tensor.range->second};
    list.push_back(std::move(entry));
  }
  return list;
}

// `labels` is ours: the protocol has no place for the names of the classes.
std::string metadata_of(const Manifest& manifest) {
  const std::string format = engine_format;
  return boost::json::serialize(boost::json::object{
      {"name", manifest.name},
      {"versions", boost::json::array{manifest.version}},
      {"platform", format.empty() ? engine_name : engine_name + ("_" + format)},
      {"inputs", listed(manifest.inputs)},
      {"outputs", listed(manifest.outputs)},
      {"labels", boost::json::array(manifest.labels.begin(), manifest.labels.end())},
  });
}

std::string all(const std::vector<Tensor>& tensors) {
  std::vector<std::string> texts;
  for (const Tensor& tensor : tensors) texts.push_back(described(tensor));
  std::sort(texts.begin(), texts.end());
  std::string text;
  for (const std::string& one : texts) text += (text.empty() ? "" : "; ") + one;
  return text.empty() ? "none" : text;
}

void check_agreement(const char* direction, const std::vector<Tensor>& actual, const std::vector<Tensor>& promised,
                     const fs::path& folder) {
  if (all(actual) != all(promised))
    throw WrongUse("The manifest in " + folder.string() + " promises " + direction + " " + all(promised) +
                   ", but the graph has " + all(actual) + ". " + export_again);
}

// OpenVINO says first where in its own sources something went wrong, and last what.
std::string last_line(std::string text) {
  text.erase(text.find_last_not_of(" .\n") + 1);
  return text.substr(text.rfind('\n') + 1);
}

std::unique_ptr<Engine> open(const Manifest& manifest, const fs::path& folder, const Options& options) {
  if (const std::string format = engine_format; !format.empty()) {
    const auto file = manifest.files.find(format);
    if (file == manifest.files.end())
      throw WrongUse(std::string(engine_name) + " reads " + format + ", and " + folder.string() +
                     " has no such file. Export the model for this engine, or choose another.");
    check_file(file->second);
  }
  std::unique_ptr<Engine> engine;
  try {
    engine = open_engine(manifest, options);
  } catch (const std::exception& error) {
    throw WrongUse(std::string(engine_name) + " cannot read the model in " + folder.string() + ": " +
                   last_line(error.what()) + ". " + export_again);
  }
  check_agreement("inputs", engine->inputs(), manifest.inputs, folder);
  check_agreement("outputs", engine->outputs(), manifest.outputs, folder);
  return engine;
}

// One answer before the first client asks: engines put off some of their work until then.
void warm_up(Engine& engine, const Manifest& manifest) {
  std::vector<Bytes> memory;
  std::vector<const std::byte*> inputs;
  std::vector<std::byte*> outputs;
  memory.reserve(manifest.inputs.size() + manifest.outputs.size());
  for (const Tensor& tensor : manifest.inputs) inputs.push_back(memory.emplace_back(tensor.row_bytes()).data());
  for (const Tensor& tensor : manifest.outputs) outputs.push_back(memory.emplace_back(tensor.row_bytes()).data());
  engine.infer(1, inputs, outputs);
}

Models load_models(asio::io_context& io, const Options& options, Metrics& metrics) {
  Models models;
  for (const fs::path& folder : folders_of(options.directory)) {
    auto model = std::make_unique<Model>();
    model->manifest = read_manifest(folder);
    auto engine = open(model->manifest, folder, options);
    warm_up(*engine, model->manifest);
    model->metadata = metadata_of(model->manifest);
    model->batcher = std::make_unique<Batcher>(io, std::move(engine), model->manifest, options, metrics);
    const std::string name = model->manifest.name;
    models.emplace(name, std::move(model));
  }
  return models;
}

}  // namespace labkit
