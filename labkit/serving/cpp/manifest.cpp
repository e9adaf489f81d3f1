#include "manifest.h"

#include <boost/hash2/sha2.hpp>
#include <fstream>
#include <sstream>

#include "json.h"
#include "refusal.h"

namespace labkit {

namespace fs = std::filesystem;
using json::Value;

Tensor read_tensor(const Value& entry) {
  Tensor tensor;
  tensor.name = json::text(entry, "name");
  tensor.datatype = datatype_named(json::text(entry, "datatype"));
  if (!tensor.datatype) throw std::runtime_error("the datatype of '" + tensor.name + "' is not known");
  for (const Value& size : json::array(entry, "shape")) tensor.shape.push_back(json::whole(size));
  if (tensor.shape.empty() || tensor.shape[0] != any_size)
    throw std::runtime_error("this server needs the batch, -1, as the first dimension of '" + tensor.name + "'");
  for (std::size_t axis = 1; axis < tensor.shape.size(); ++axis)
    if (tensor.shape[axis] < 1 || tensor.shape[axis] > 1 << 30)
      throw std::runtime_error("this server needs fixed dimensions behind the first of '" + tensor.name + "'");
  if (const Value* range = json::find(entry, "range"); range && !range->is_null()) {
    const auto& ends = range->as_array();
    tensor.range = {json::whole(ends.at(0)), json::whole(ends.at(1))};
  }
  return tensor;
}

File read_file(const Value& entry, const fs::path& folder) {
  const std::string name = json::text(entry, "name");
  // A manifest comes with the model, from wherever that came: it must not point outside of its own folder.
  if (name.empty() || fs::path(name).filename() != name || name == "..")
    throw std::runtime_error("the file '" + name + "' is not a name in the same folder");
  const Value* max_rows = json::find(entry, "max_rows");
  return {folder / name, json::text(entry, "sha256"), static_cast<std::uintmax_t>(json::whole(entry.at("bytes"))),
          max_rows ? json::whole(*max_rows) : 0};
}

Manifest from_json(const Value& content, const fs::path& folder) {
  Manifest manifest;
  manifest.name = json::text(content, "name");
  manifest.version = json::text(content, "version");
  for (const Value& entry : json::array(content, "inputs")) manifest.inputs.push_back(read_tensor(entry));
  for (const Value& entry : json::array(content, "outputs")) manifest.outputs.push_back(read_tensor(entry));
  for (const Value& label : json::array(content, "labels")) manifest.labels.emplace_back(label.as_string());
  for (const auto& [format, entry] : content.at("files").as_object())
    manifest.files.emplace(std::string(format), read_file(entry, folder));
  return manifest;
}

Manifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / "manifest.json";
  std::ifstream file(path);
  std::stringstream content;
  if (!file || !(content << file.rdbuf()))
    throw WrongUse(path.string() + " cannot be read. A model is a folder with its manifest. " + export_again);
  Manifest manifest;
  try {
    manifest = from_json(json::parse(content.str()), folder);
  } catch (const std::exception& error) {
    throw WrongUse(path.string() + " is not a manifest: " + error.what() + ". " + export_again);
  }
  if (manifest.name != fs::canonical(folder).filename())
    throw WrongUse("The folder " + folder.string() + " holds the manifest of '" + manifest.name +
                   "'. Give both the same name.");
  return manifest;
}

std::string sha256_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  boost::hash2::sha2_256 hash;
  std::vector<char> block(1 << 16);
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0)
    hash.update(block.data(), static_cast<std::size_t>(file.gcount()));
  return to_string(hash.result());
}

void check_file(const File& file) {
  const std::string path = file.path.string();
  if (!fs::is_regular_file(file.path))
    throw WrongUse(path + " is missing, and the manifest names it. " + export_again);
  if (const auto size = fs::file_size(file.path); size != file.bytes)
    throw WrongUse(path + " has " + std::to_string(size) + " bytes and should have " + std::to_string(file.bytes) +
                   ": it is not whole. " + export_again);
  if (sha256_of(file.path) != file.sha256)
    throw WrongUse(path + " is not the file that was exported: its SHA-256 differs. " + export_again);
}

}  // namespace labkit
